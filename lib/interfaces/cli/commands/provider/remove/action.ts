/**
 * `mcp-auth provider remove`: the action.
 *
 * @module
 */
import type { Action, CommonFlags } from "../../../command.ts";

/** Forgets a provider. */
export const action: Action<CommonFlags, [string]> = async (context, flags, name) => {
  const services = context.services(flags);
  await (await services.providers()).remove(name);
  const users = (await services.store.servers()).filter(({ record }) => record.options.provider === name);
  const { BUILT_IN } = await import("../../../../../services/providers/mod.ts");
  if (users.length > 0 && !BUILT_IN.some((template) => template.name === name)) {
    const names = users.map(({ record }) => record.name).join(", ");
    context.say(
      `Note: ${names} can sign in again only once there is a provider "${name}", or another is set`,
    );
  }
  context.print(flags, { name, removed: true }, `✓ Removed provider ${name}`);
};

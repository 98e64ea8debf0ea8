/**
 * `mcp-auth provider show`: the action.
 *
 * @module
 */
import type { Action, CommonFlags } from "../../../command.ts";
import { providerJson, providerText } from "../view.ts";

/** Shows a provider. */
export const action: Action<CommonFlags, [string]> = async (context, flags, name) => {
  const template = await (await context.services(flags).providers()).named(name);
  context.print(flags, providerJson(template), providerText(template));
};

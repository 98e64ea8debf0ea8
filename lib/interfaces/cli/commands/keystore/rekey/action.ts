/**
 * `mcp-auth keystore rekey`: the action.
 *
 * @module
 */
import type { Action, CommonFlags } from "../../../command.ts";
import { advise, changeJson } from "../change.ts";

/** Renews the key. */
export const action: Action<CommonFlags, []> = async (context, flags) => {
  const change = await context.services(flags).changeKeystore(undefined);
  context.print(
    flags,
    changeJson(change),
    `✓ Renewed the key of the store in the keystore "${change.to}"`,
  );
  advise(context, flags, change);
};

/**
 * `mcp-auth keystore use`: the action.
 *
 * @module
 */
import type { Action, CommonFlags } from "../../../command.ts";
import { advise, changeJson } from "../change.ts";
import type { LastingKind } from "./grammar.ts";

/** Moves the key. */
export const action: Action<CommonFlags, [LastingKind]> = async (context, flags, kind) => {
  const change = await context.services(flags).changeKeystore(kind);
  context.print(
    flags,
    changeJson(change),
    change.changed
      ? `✓ Moved the key of the store from the keystore "${change.from}" to "${change.to}"`
      : `The store is sealed by the keystore "${change.to}" already`,
  );
  advise(context, flags, change);
};

/**
 * `mcp-auth logout`: the action.
 *
 * @module
 */
import type { Action, CommonFlags } from "../../command.ts";
import { requireEntry } from "../../entry.ts";
import { describeRevocations } from "../../output/revocations.ts";

/** The flags of the command. */
export type LogoutFlags = CommonFlags & { readonly localOnly?: boolean | undefined };

/** Signs out. */
export const action: Action<LogoutFlags, [string]> = async (context, flags, name) => {
  const { record } = await requireEntry(context, flags, name);
  const revocations = await context.services(flags).signOut(record, flags.localOnly === true);
  if (revocations === undefined) {
    return context.print(flags, { name, signed_out: false, revocations: [] }, `"${name}" was not signed in`);
  }
  context.print(
    flags,
    { name, signed_out: true, revocations },
    `✓ Signed out of ${name}${describeRevocations(revocations, flags.localOnly === true)}`,
  );
};

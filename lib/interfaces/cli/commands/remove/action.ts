/**
 * `mcp-auth remove`: the action. An entry whose record is damaged can be removed, too.
 *
 * @module
 */
import { asMcpAuthError } from "../../../../primitives/errors.ts";
import { noSuchEntry } from "../../../../services/tokens/mod.ts";
import type { Revocation } from "../../../../services/signin/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import { warningText } from "../../context.ts";
import { requireEntry } from "../../entry.ts";
import { describeRevocations } from "../../output/revocations.ts";

/** The flags of the command. */
export type RemoveFlags = CommonFlags & { readonly localOnly?: boolean | undefined };

/** Removes an entry. */
export const action: Action<RemoveFlags, [string]> = async (context, flags, name) => {
  let revocations: readonly Revocation[] | undefined;
  let removed: boolean;
  try {
    const { record } = await requireEntry(context, flags, name);
    const localOnly = flags.localOnly === true;
    const report = await context.services(flags).signOut(record, { localOnly, remove: true });
    if (report.signedOut) revocations = report.revocations;
    removed = report.removed === true;
  } catch (error) {
    const coded = asMcpAuthError(error, "STORE_UNAVAILABLE", `sign out of "${name}"`);
    if (coded.code !== "STORE_UNAVAILABLE") throw coded;
    context.say(warningText(coded));
    removed = await context.store(flags).removeEntry(name);
  }
  if (!removed) throw noSuchEntry(name);
  context.services(flags).audit.record({ event: "entry_removed", name, outcome: "done" });
  const words = revocations === undefined ? "" : describeRevocations(revocations, flags.localOnly === true);
  context.print(flags, { name, removed: true, revocations: revocations ?? [] }, `✓ Removed ${name}${words}`);
};

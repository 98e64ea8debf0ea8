/**
 * `mcp-auth refresh`: the action.
 *
 * @module
 */
import { signInNeeded } from "../../../../services/tokens/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import { requireEntry } from "../../entry.ts";
import { isoTime, relativeTime } from "../../output/time.ts";

/** Refreshes. */
export const action: Action<CommonFlags, [string]> = async (context, flags, name) => {
  const { record } = await requireEntry(context, flags, name);
  const before = await context.store(flags).credential(name);
  if (before === undefined) throw signInNeeded(record, "nobody is signed in");
  const { expiresAt, grantedScopes } = await context.services(flags).authority.refresh(
    name,
    before.record.accessToken,
  );
  context.print(
    flags,
    { name, expires_at: isoTime(expiresAt), scope: grantedScopes.join(" ") },
    `✓ Refreshed ${name}${
      expiresAt === undefined ? "" : `: expires ${relativeTime(expiresAt, context.clock.now())}`
    }`,
  );
};

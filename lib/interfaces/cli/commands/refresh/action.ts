/**
 * `mcp-auth refresh`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { signInNeeded } from "../../../../services/tokens/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import { requireEntry } from "../../entry.ts";
import { isoTime, relativeTime } from "../../output/time.ts";
import { refreshAll } from "./all.ts";

/** The flags of the command. */
export type RefreshFlags = CommonFlags & { readonly all?: boolean | undefined };

/** Refreshes. */
export const action: Action<RefreshFlags, [string?]> = async (context, flags, name) => {
  if (flags.all ? name !== undefined : name === undefined) {
    throw new McpAuthError(
      "USAGE",
      flags.all ? "Cannot use --all with the name of an entry" : "Cannot refresh: no entry is named",
      { hint: "Run: mcp-auth refresh <name>, or: mcp-auth refresh --all" },
    );
  }
  if (name === undefined) return await refreshAll(context, flags);
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
  return 0;
};

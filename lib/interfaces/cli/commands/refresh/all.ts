/**
 * `mcp-auth refresh --all`: a few entries at once, each whatever becomes of the others. A signal starts no further ones.
 *
 * @module
 */
import { asMcpAuthError, type McpAuthError } from "../../../../primitives/errors.ts";
import { REFRESHES_AT_ONCE_MAX } from "../../../../primitives/limits.ts";
import type { CredentialRecord } from "../../../../services/credentials/mod.ts";
import { isRenewable } from "../../../../services/tokens/mod.ts";
import type { CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { worstExitCode } from "../../entry.ts";
import { exitCodeOf } from "../../exit_code.ts";
import { errorText } from "../../output/error.ts";
import { table } from "../../output/table.ts";
import { isoTime, relativeTime } from "../../output/time.ts";

type Outcome =
  | { readonly name: string; readonly credential: CredentialRecord }
  | { readonly name: string; readonly error: McpAuthError };

/**
 * Renews the tokens of every entry that has a refresh token, or a grant that needs no person.
 *
 * @returns The exit code of the worst outcome.
 */
export async function refreshAll(context: CliContext, flags: CommonFlags): Promise<number> {
  const { signal } = await context.services(flags).interruption();
  const credentials = (await context.store(flags).credentials()).map(({ record }) => record);
  const refreshable = credentials.filter(isRenewable);
  const { authority } = context.services(flags);
  const outcomes = await eachOf(refreshable, async ({ name, accessToken }): Promise<Outcome> => {
    try {
      signal.throwIfAborted();
      return { name, credential: await authority.refresh(name, accessToken) };
    } catch (error) {
      return { name, error: asMcpAuthError(error, "TOKEN_REFRESH_FAILED", `refresh "${name}"`) };
    }
  });
  report(context, flags, outcomes);
  return worstExitCode(outcomes.flatMap((each) => "error" in each ? [exitCodeOf(each.error.code)] : []));
}

function report(context: CliContext, flags: CommonFlags, outcomes: readonly Outcome[]): void {
  if (flags.json) return context.print(flags, outcomes.map(toJson), "");
  if (outcomes.length === 0) return context.say("No entry can be refreshed. See: mcp-auth list");
  const now = context.clock.now();
  context.print(flags, undefined, table([["NAME", "OUTCOME", "TOKEN EXPIRES"], ...outcomes.map(toRow)]));
  const errors = outcomes.flatMap((each) => "error" in each ? [errorText(each.error, flags.verbose)] : []);
  // That it was cancelled is the same for all.
  for (const text of new Set(errors)) context.terminal.err(text);

  function toRow(outcome: Outcome): readonly string[] {
    if ("error" in outcome) return [outcome.name, outcome.error.code, "-"];
    const { expiresAt } = outcome.credential;
    return [outcome.name, "refreshed", expiresAt === undefined ? "-" : relativeTime(expiresAt, now)];
  }
}

function toJson(outcome: Outcome): unknown {
  const { name } = outcome;
  if ("error" in outcome) return { name, refreshed: false, error: outcome.error.toJSON() };
  const { expiresAt, grantedScopes } = outcome.credential;
  return { name, refreshed: true, expires_at: isoTime(expiresAt), scope: grantedScopes.join(" ") };
}

/** Works through items, a few at once, and returns the results in their order. */
async function eachOf<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: REFRESHES_AT_ONCE_MAX }, worker));
  return results;
}

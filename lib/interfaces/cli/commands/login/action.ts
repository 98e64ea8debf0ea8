/**
 * `mcp-auth login`: the action.
 *
 * @module
 */
import { type ChallengeSummary, summarizeChallenges } from "../../../../primitives/oauth/challenge.ts";
import { expandHeaders } from "../../../../services/config/mod.ts";
import type { ServerRecord } from "../../../../services/credentials/mod.ts";
import { probeChallenge } from "../../../../services/signin/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { requireEntry, type SignInFlags, signInWithBrowser } from "../../entry.ts";
import { type ClientFlags, givenClient, signInOptions } from "../../entry_flags.ts";
import { isoTime } from "../../output/time.ts";

/** The flags of the command. */
export type LoginFlags = CommonFlags & SignInFlags & ClientFlags & {
  readonly scope?: readonly string[] | undefined;
  readonly clientSecretFile?: string | undefined;
};

/** Signs in again. */
export const action: Action<LoginFlags, [string]> = async (context, flags, name) => {
  const { record, version } = await requireEntry(context, flags, name);
  const given = await givenClient(context, flags, record.options.clientId);
  const server: ServerRecord = {
    ...record,
    options: {
      ...record.options,
      ...signInOptions(context, { scope: flags.scope }),
      ...(given === undefined ? {} : { clientId: given.clientId }),
    },
  };
  const challenge = await challengeOf(context, flags, server);
  const credential = await signInWithBrowser(context, flags, { server, expected: version, challenge }, given);
  context.print(flags, {
    name,
    issuer: credential.issuer,
    scope: credential.grantedScopes.join(" "),
    expires_at: isoTime(credential.expiresAt),
    can_refresh: credential.refreshToken !== undefined,
  }, `✓ Signed in to ${name}`);
};

/** What the server says to a request without a token. */
async function challengeOf(
  context: CliContext,
  flags: CommonFlags,
  server: ServerRecord,
): Promise<ChallengeSummary> {
  const services = context.services(flags);
  const { signal } = await services.interruption();
  return summarizeChallenges(
    await probeChallenge(services.http(server), server.url, {
      headers: expandHeaders(server.options.headers, (variable) => context.env.get(variable)),
      signal,
    }),
  );
}

/**
 * `mcp-auth login`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { type ChallengeSummary, summarizeChallenges } from "../../../../primitives/oauth/challenge.ts";
import { expandHeaders } from "../../../../services/config/mod.ts";
import type { ServerRecord } from "../../../../services/credentials/mod.ts";
import { probeChallenge } from "../../../../services/signin/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { requireEntry, type SignInFlags, signInWithBrowser } from "../../entry.ts";
import { type ClientFlags, type EntryFlags, givenClient, signInOptions } from "../../entry_flags.ts";
import { isoTime } from "../../output/time.ts";

/** The flags of the command. */
export type LoginFlags =
  & CommonFlags
  & SignInFlags
  & ClientFlags
  & Pick<EntryFlags, "scope" | "authorizeParam" | "clientName">
  & { readonly clientSecretFile?: string | undefined; readonly reRegister?: boolean | undefined };

/** Signs in again. */
export const action: Action<LoginFlags, [string]> = async (context, flags, name) => {
  if (flags.reRegister && (flags.clientId ?? flags.clientSecretFile) !== undefined) {
    throw new McpAuthError(
      "USAGE",
      "Cannot use --re-register with a client of your own: that one is not registered",
      {
        hint: "Leave out one of them",
      },
    );
  }
  const { record, version } = await requireEntry(context, flags, name);
  const given = await givenClient(context, flags, record.options.clientId);
  const server: ServerRecord = {
    ...record,
    options: {
      ...record.options,
      ...signInOptions(context, {
        scope: flags.scope,
        authorizeParam: flags.authorizeParam,
        clientName: flags.clientName,
      }),
      ...(given === undefined ? {} : { clientId: given.clientId }),
    },
  };
  const challenge = await challengeOf(context, flags, server);
  const credential = await signInWithBrowser(context, flags, { server, expected: version, challenge }, given);
  context.print(flags, {
    name,
    issuer: credential.issuer,
    account: credential.account ?? null,
    scope: credential.grantedScopes.join(" "),
    expires_at: isoTime(credential.expiresAt),
    can_refresh: credential.refreshToken !== undefined,
  }, `✓ Signed in to ${name}${credential.account === undefined ? "" : ` as ${credential.account}`}`);
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

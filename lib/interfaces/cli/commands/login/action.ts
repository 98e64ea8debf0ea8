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
import { isRenewable } from "../../../../services/tokens/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { type CallbackFlags, withOptions } from "../../callback_flags.ts";
import type { DiscoveryFlags } from "../../discovery_flags.ts";
import type { DpopFlags } from "../../dpop_flags.ts";
import { requireEntry, type SignInFlags, signInWithBrowser } from "../../entry.ts";
import { type ClientFlags, type EntryFlags, givenClient, signInOptions } from "../../entry_flags.ts";
import type { KeyFlags } from "../../grant_flags.ts";
import { commandAgain, type HandTokenFlags } from "../../client_flags.ts";
import { givenToken, loginWithToken, refuseSignIn } from "../../hand_token.ts";
import { isoTime } from "../../output/time.ts";
import type { ProviderFlags, SiteFlags } from "../../provider_flags.ts";

/** The flags of the command. */
export type LoginFlags =
  & CommonFlags
  & SignInFlags
  & HandTokenFlags
  & ClientFlags
  & KeyFlags
  & CallbackFlags
  & DiscoveryFlags
  & DpopFlags
  & ProviderFlags
  & SiteFlags
  & Pick<EntryFlags, "scope" | "authorizeParam" | "clientName">
  & { readonly clientSecretFile?: string | undefined; readonly reRegister?: boolean | undefined };

/** Signs in again. */
export const action: Action<LoginFlags, [string]> = async (context, flags, name) => {
  if (flags.reRegister && (flags.clientId ?? flags.clientSecretFile ?? flags.privateKey) !== undefined) {
    throw new McpAuthError(
      "USAGE",
      "Cannot use --re-register with a client of your own: that one is not registered",
      {
        hint: "Leave out one of them",
      },
    );
  }
  const found = await requireEntry(context, flags, name);
  const { record, version } = found;
  const token = await givenToken(context, flags, { fromEnvironment: false });
  if (token !== undefined) return await loginWithToken(context, flags, found, token);
  refuseSignIn(record);
  const given = await givenClient(context, flags, record.options.clientId);
  const server: ServerRecord = {
    ...record,
    options: withOptions(record.options, {
      ...await signInOptions(context, {
        scope: flags.scope,
        authorizeParam: flags.authorizeParam,
        clientName: flags.clientName,
        callbackPort: flags.callbackPort,
        callbackHost: flags.callbackHost,
        redirectUri: flags.redirectUri,
        listen: flags.listen,
        allowMetadataOrigin: flags.allowMetadataOrigin,
        provider: flags.provider,
        providerParam: flags.providerParam,
        authorizationServer: flags.authorizationServer,
        quirk: flags.quirk,
        dpop: flags.dpop,
      }),
      ...(given === undefined ? {} : { clientId: given.clientId }),
    }),
  };
  const challenge = await challengeOf(context, flags, server);
  const signIn = { ...flags, command: commandAgain(["login", name], flags) };
  const credential = await signInWithBrowser(
    context,
    signIn,
    { server, expected: version, challenge },
    given,
  );
  context.print(flags, {
    name,
    issuer: credential.issuer,
    account: credential.account ?? null,
    scope: credential.grantedScopes.join(" "),
    expires_at: isoTime(credential.expiresAt),
    can_refresh: isRenewable(credential),
  }, `✓ Signed in to ${name}${credential.account === undefined ? "" : ` as ${credential.account}`}`);
};

/** What the server says to a request without a token. */
async function challengeOf(
  context: CliContext,
  flags: CommonFlags,
  server: ServerRecord,
): Promise<ChallengeSummary> {
  if (server.kind === "api") return {};
  const services = context.services(flags);
  const { signal } = await services.interruption();
  return summarizeChallenges(
    await probeChallenge(services.http(server), server.url, {
      headers: expandHeaders(server.options.headers, (variable) => context.env.get(variable)),
      signal,
    }),
  );
}

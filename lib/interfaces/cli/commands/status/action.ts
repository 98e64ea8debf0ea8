/**
 * `mcp-auth status`: the action.
 *
 * @module
 */
import { safeText, safeUrl } from "../../../../primitives/untrusted_text.ts";
import type { CredentialRecord } from "../../../../services/credentials/mod.ts";
import { noSuchEntry } from "../../../../services/tokens/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import { requireEntry } from "../../entry.ts";
import { entryState, STATE_WORDS } from "../../output/entry_state.ts";
import { isoTime, relativeTime } from "../../output/time.ts";

/** Shows the state of an entry. */
export const action: Action<CommonFlags, [string]> = async (context, flags, name) => {
  await requireEntry(context, flags, name);
  const found = await context.store(flags).serverWithCredential(name);
  if (found === undefined) throw noSuchEntry(name);
  const server = found.server.record;
  const credential = found.credential?.record;
  const state = entryState(server, credential, context.clock);
  const keystore = await context.store(flags).keystoreKind();
  const now = context.clock.now();
  const rows: (readonly [string, string])[] = [
    ["Name", name],
    ["URL", safeUrl(server.url)],
    ["State", STATE_WORDS[state]],
    ...(credential === undefined ? [] : credentialRows(credential, now)),
    ["Keystore", keystore ?? "-"],
  ];
  if (state === "not-signed-in" || state === "expired" || state === "refresh-failed") {
    rows.push(["Next", `mcp-auth login ${name}`]);
  }
  context.print(flags, {
    name,
    url: server.url,
    state,
    issuer: credential?.issuer ?? null,
    resource: credential?.resource ?? null,
    client_id: credential?.client.clientId ?? null,
    client_source: credential?.client.source ?? null,
    scope: credential?.grantedScopes.join(" ") ?? null,
    obtained_at: isoTime(credential?.obtainedAt),
    expires_at: isoTime(credential?.expiresAt),
    can_refresh: credential?.refreshToken !== undefined,
    keystore: keystore ?? null,
    last_error: credential?.lastError === undefined
      ? null
      : { ...credential.lastError, at: isoTime(credential.lastError.at) },
  }, rows.map(([label, value]) => `${`${label}:`.padEnd(12)}${value}`).join("\n"));
};

function credentialRows(credential: CredentialRecord, now: number): (readonly [string, string])[] {
  const { expiresAt, lastError } = credential;
  const expiry = expiresAt === undefined
    ? "not known; used until the server refuses it"
    : relativeTime(expiresAt, now);
  return [
    ["Issuer", safeUrl(credential.issuer)],
    ["Resource", credential.resource === undefined ? "-" : safeUrl(credential.resource)],
    ["Client", `${safeText(credential.client.clientId, 100)} (${credential.client.source})`],
    ["Scopes", credential.grantedScopes.length === 0 ? "-" : safeText(credential.grantedScopes.join(" "))],
    ["Expires", expiry],
    [
      "Refresh",
      credential.refreshToken === undefined ? "no refresh token: the sign-in ends with this token" : "yes",
    ],
    ...(lastError === undefined ? [] : [["Last error", `${lastError.message} [${lastError.code}]`] as const]),
  ];
}

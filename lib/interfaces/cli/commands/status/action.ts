/**
 * `mcp-auth status`: the action.
 *
 * @module
 */
import { ACCOUNT_MAX_CHARS } from "../../../../primitives/limits.ts";
import { safeText, safeUrl } from "../../../../primitives/untrusted_text.ts";
import type { CredentialRecord, ServerRecord } from "../../../../services/credentials/mod.ts";
import { noSuchEntry } from "../../../../services/tokens/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { requireEntry } from "../../entry.ts";
import { entryState } from "../../../composition/entry_state.ts";
import { STATE_WORDS } from "../../output/state_words.ts";
import { isoTime, relativeTime } from "../../output/time.ts";

/** The state of an entry, for scripts and for a person. */
interface Status {
  readonly json: unknown;
  readonly text: string;
}

/** Shows the state of an entry, or of all. */
export const action: Action<CommonFlags, [string?]> = async (context, flags, name) => {
  const store = context.store(flags);
  if (name !== undefined) {
    await requireEntry(context, flags, name);
    const found = await store.serverWithCredential(name);
    if (found === undefined) throw noSuchEntry(name);
    const keystore = await store.keystoreKind();
    const { json, text } = statusOf(context, found.server.record, found.credential?.record, keystore);
    return context.print(flags, json, text);
  }
  const servers = await store.servers();
  const credentials = await store.credentials();
  const keystore = await store.keystoreKind();
  if (servers.length === 0 && !flags.json) {
    return context.say("No entries yet. Add one with: mcp-auth add <name> <url>");
  }
  const all = servers.map(({ record: server }) =>
    statusOf(context, server, credentials.find(({ record }) => record.name === server.name)?.record, keystore)
  );
  context.print(flags, all.map(({ json }) => json), all.map(({ text }) => text).join("\n\n"));
};

function statusOf(
  { clock }: CliContext,
  server: ServerRecord,
  credential: CredentialRecord | undefined,
  keystore: string | undefined,
): Status {
  const { name } = server;
  const state = entryState(server, credential, clock);
  const rows: (readonly [string, string])[] = [
    ["Name", name],
    ["URL", safeUrl(server.url)],
    ["State", STATE_WORDS[state]],
    ...(credential === undefined ? [] : credentialRows(credential, clock.now())),
    ["Keystore", keystore ?? "-"],
  ];
  if (state === "not-signed-in" || state === "expired" || state === "refresh-failed") {
    rows.push(["Next", `mcp-auth login ${name}`]);
  }
  return {
    text: rows.map(([label, value]) => `${`${label}:`.padEnd(12)}${value}`).join("\n"),
    json: {
      name,
      url: server.url,
      state,
      account: credential?.account ?? null,
      issuer: credential?.issuer ?? null,
      resource: credential?.resource ?? null,
      client_id: credential?.client.clientId ?? null,
      client_source: credential?.client.source ?? null,
      scope: credential?.grantedScopes.join(" ") ?? null,
      obtained_at: isoTime(credential?.obtainedAt),
      expires_at: isoTime(credential?.expiresAt),
      can_refresh: credential?.refreshToken !== undefined,
      keystore: keystore ?? null,
      pending_refresh: pendingJson(credential),
      last_error: lastErrorJson(credential),
    },
  };
}

function credentialRows(credential: CredentialRecord, now: number): (readonly [string, string])[] {
  const { account, expiresAt, lastError, pendingRefresh } = credential;
  return [
    ...(account === undefined ? [] : [["Account", safeText(account, ACCOUNT_MAX_CHARS)] as const]),
    ["Issuer", safeUrl(credential.issuer)],
    ["Resource", credential.resource === undefined ? "-" : safeUrl(credential.resource)],
    ["Client", `${safeText(credential.client.clientId, 100)} (${credential.client.source})`],
    ["Scopes", credential.grantedScopes.length === 0 ? "-" : safeText(credential.grantedScopes.join(" "))],
    [
      "Expires",
      expiresAt === undefined ? "not known; used until the server refuses it" : relativeTime(expiresAt, now),
    ],
    ["Refresh", credential.refreshToken === undefined ? withoutRefresh(expiresAt, now) : "yes"],
    ...(pendingRefresh === undefined ? [] : [
      ["Pending", `a refresh begun ${ago(pendingRefresh.at, now)} got no answer`] as const,
    ]),
    ...(lastError === undefined ? [] : [
      ["Last error", `${lastError.message} [${lastError.code}], ${ago(lastError.at, now)}`] as const,
    ]),
  ];
}

/** How long ago; something that was noted just now, or before the clock was set back, is not to come. */
function ago(at: number, now: number): string {
  return relativeTime(Math.min(at, now - 1), now);
}

/** Without a refresh token the sign-in is over when the access token is (behaviours row 8). */
function withoutRefresh(expiresAt: number | undefined, now: number): string {
  if (expiresAt === undefined) return "no refresh token: the sign-in ends with this token";
  return now < expiresAt
    ? `no refresh token: the sign-in ends ${relativeTime(expiresAt, now)}`
    : "no refresh token: the sign-in has ended";
}

function pendingJson(credential: CredentialRecord | undefined): unknown {
  const pending = credential?.pendingRefresh;
  return pending === undefined ? null : { at: isoTime(pending.at), state: pending.state };
}

function lastErrorJson(credential: CredentialRecord | undefined): unknown {
  const error = credential?.lastError;
  if (error === undefined) return null;
  const { code, message, at, retryAt } = error;
  return { code, message, at: isoTime(at), retry_at: isoTime(retryAt) };
}

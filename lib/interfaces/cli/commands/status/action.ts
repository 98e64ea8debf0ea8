/**
 * `mcp-auth status`: the action.
 *
 * @module
 */
import { ACCOUNT_MAX_CHARS } from "../../../../primitives/limits.ts";
import { safeText, safeUrl } from "../../../../primitives/untrusted_text.ts";
import type { CredentialRecord, ServerRecord, Site } from "../../../../services/credentials/mod.ts";
import {
  NO_PROVIDER,
  providerOf,
  type ProviderRegistry,
  type ProviderTemplate,
  quirksOf,
} from "../../../../services/providers/mod.ts";
import { isBound, isRenewable, noSuchEntry } from "../../../../services/tokens/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { loginCommand } from "../../client_flags.ts";
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
  const providers = await context.services(flags).providers();
  if (name !== undefined) {
    await requireEntry(context, flags, name);
    const found = await store.serverWithCredential(name);
    if (found === undefined) throw noSuchEntry(name);
    const keystore = await store.keystoreKind();
    const provider = await knownProvider(providers, found.server.record);
    const { json, text } = statusOf(
      context,
      found.server.record,
      found.credential?.record,
      keystore,
      provider,
    );
    return context.print(flags, json, text);
  }
  const servers = await store.servers();
  const credentials = await store.credentials();
  const keystore = await store.keystoreKind();
  if (servers.length === 0 && !flags.json) {
    return context.say("No entries yet. Add one with: mcp-auth add <name> <url>");
  }
  const all = await Promise.all(servers.map(async ({ record: server }) => {
    const credential = credentials.find(({ record }) => record.name === server.name)?.record;
    return statusOf(context, server, credential, keystore, await knownProvider(providers, server));
  }));
  context.print(flags, all.map(({ json }) => json), all.map(({ text }) => text).join("\n\n"));
};

/** The provider of an entry; undefined also where it is not there any more, which the next sign-in says. */
async function knownProvider(
  providers: ProviderRegistry,
  server: ServerRecord,
): Promise<ProviderTemplate | undefined> {
  try {
    return await providerOf(providers, server);
  } catch {
    return undefined;
  }
}

function statusOf(
  { clock }: CliContext,
  server: ServerRecord,
  credential: CredentialRecord | undefined,
  keystore: string | undefined,
  template: ProviderTemplate | undefined,
): Status {
  const { name } = server;
  const { site, transport } = server.options;
  const provider = template?.name ?? server.options.provider;
  const quirks = quirksOf(server, template, credential);
  const state = entryState(server, credential, clock);
  const rows: (readonly [string, string])[] = [
    ["Name", name],
    [server.kind === "api" ? "API" : "URL", safeUrl(server.url)],
    ...(provider === undefined || provider === NO_PROVIDER ? [] : [["Provider", provider] as const]),
    ...(site === undefined ? [] : [["Site", siteText(site)] as const]),
    ...(quirks.length === 0 ? [] : [["Quirks", quirks.join(" ")] as const]),
    ...(transport === undefined ? [] : [["Transport", transport] as const]),
    ["State", STATE_WORDS[state]],
    ...(credential === undefined ? [] : credentialRows(credential, clock.now())),
    ["Keystore", keystore ?? "-"],
  ];
  if (state === "not-signed-in" || state === "expired" || state === "refresh-failed") {
    rows.push(["Next", loginCommand(server)]);
  }
  return {
    text: rows.map(([label, value]) => `${`${label}:`.padEnd(12)}${value}`).join("\n"),
    json: {
      name,
      url: server.url,
      kind: server.kind ?? "mcp",
      transport: server.kind === "api" ? null : transport ?? "auto",
      provider: provider ?? null,
      site: site ?? null,
      quirks,
      state,
      account: credential?.account ?? null,
      issuer: isGiven(credential) ? null : credential?.issuer ?? null,
      resource: credential?.resource ?? null,
      client_id: isGiven(credential) ? null : credential?.client.clientId ?? null,
      client_source: isGiven(credential) ? null : credential?.client.source ?? null,
      scope: credential?.grantedScopes.join(" ") ?? null,
      obtained_at: isoTime(credential?.obtainedAt),
      expires_at: isoTime(credential?.expiresAt),
      can_refresh: credential !== undefined && isRenewable(credential),
      grant: credential?.grant ?? null,
      bound_to_key: credential === undefined ? null : isBound(credential),
      keystore: keystore ?? null,
      pending_refresh: pendingJson(credential),
      last_error: lastErrorJson(credential),
    },
  };
}

function siteText({ id, name, url }: Site): string {
  return `${safeText(name)} (${safeText(id)})${url === undefined ? "" : `, ${safeUrl(url)}`}`;
}

function credentialRows(credential: CredentialRecord, now: number): (readonly [string, string])[] {
  const { account, expiresAt, lastError, pendingRefresh } = credential;
  return [
    ...(account === undefined ? [] : [["Account", safeText(account, ACCOUNT_MAX_CHARS)] as const]),
    ...(isGiven(credential) ? [] : [["Issuer", safeUrl(credential.issuer)] as const]),
    ["Resource", credential.resource === undefined ? "-" : safeUrl(credential.resource)],
    ["Client", clientWords(credential)],
    ["Scopes", credential.grantedScopes.length === 0 ? "-" : safeText(credential.grantedScopes.join(" "))],
    [
      "Expires",
      expiresAt === undefined ? "not known; used until the server refuses it" : relativeTime(expiresAt, now),
    ],
    ...(isBound(credential) ? [["Token", "bound to a key of this entry (DPoP)"] as const] : []),
    ["Refresh", refreshWords(credential, now)],
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

/** A token that was given by hand is of no client and no issuer that are known. */
function isGiven(credential: CredentialRecord | undefined): boolean {
  return credential?.client.source === "none" && credential.grant === undefined;
}

function clientWords(credential: CredentialRecord): string {
  const { client } = credential;
  if (isGiven(credential)) return "not known: the token was given by hand";
  if (client.source === "none") return "none: an assertion says who asks";
  const how = client.tokenEndpointAuthMethod === "private_key_jwt" ? `, ${client.signingAlgorithm} key` : "";
  return `${safeText(client.clientId, 100)} (${client.source}${how})`;
}

function refreshWords(credential: CredentialRecord, now: number): string {
  if (credential.grant !== undefined) return `yes, without a person: ${credential.grant}`;
  if (isGiven(credential)) return "no: give it another token with --token-stdin";
  return credential.refreshToken === undefined ? withoutRefresh(credential.expiresAt, now) : "yes";
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

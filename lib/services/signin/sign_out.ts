/**
 * Ends a sign-in at the server: the refresh token first, because many servers end the access token with it, then the
 * access token, then, where that is asked for, the client registration. What was and was not ended is reported for each;
 * a server that cannot be reached is no reason to keep the local copy, and is said.
 *
 * @see RFC 7009, RFC 7592; behaviours rows 9 and 46
 * @module
 */
import { asMcpAuthError, type ErrorJson } from "../../primitives/errors.ts";
import { STORE_CHANGE_TRIES_MAX } from "../../primitives/limits.ts";
import type { Http } from "../../primitives/http/http.ts";
import { deleteRegistration } from "../../primitives/oauth/registration.ts";
import { type RevocableToken, revokeToken } from "../../primitives/oauth/revocation.ts";
import { OAuthResponseError } from "../../primitives/oauth/response_error.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { Audit } from "../audit/mod.ts";
import type { CredentialRecord, CredentialStore, ServerRecord } from "../credentials/mod.ts";

/** What became of one token. */
export interface Revocation {
  /** Which of the two. */
  readonly token: "refresh_token" | "access_token";
  /** `unsupported`: the server does not revoke such tokens (RFC 7009 section 2.2.1); it lives on until it expires. */
  readonly outcome: "revoked" | "unsupported" | "failed";
  /** Why it failed. */
  readonly error?: ErrorJson;
}

/** What became of a client registration; it is forgotten here in every case but `unknown`. */
export interface ClientRemoval {
  /**
   * `deleted` at the server, too; `forgotten` here alone, since that was asked for or nothing is registered at a server;
   * `unsupported`: the server gave no way to delete it, or takes none; `in-use`: other entries are signed in with it, and
   * would be signed out; `unknown`: nobody is signed in, and so there is no telling which client it is.
   */
  readonly outcome: "deleted" | "forgotten" | "unsupported" | "in-use" | "failed" | "unknown";
  /** The other entries that are signed in with it. */
  readonly usedBy?: readonly string[];
  /** Why it failed. */
  readonly error?: ErrorJson;
}

/** What a sign-out came to. */
export interface SignOutReport {
  /** Whether anybody was signed in. */
  readonly signedOut: boolean;
  /** What became of the tokens at the server. */
  readonly revocations: readonly Revocation[];
  /** What became of the client registration; only where that was asked for. */
  readonly client?: ClientRemoval;
  /** Whether the entry was removed; only where that was asked for. */
  readonly removed?: boolean;
}

/** How to sign out. */
export interface SignOutOptions {
  /** Forget what there is without telling the server. */
  readonly localOnly: boolean;
  /** Forget the client registration, too. */
  readonly client?: boolean | undefined;
  /** Remove the entry, too, with all that is its own. */
  readonly remove?: boolean | undefined;
  /** Ends the wait for the server; what there is here is forgotten all the same, since the server may have ended it. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@linkcode signOut} runs on. */
export interface SignOutPorts {
  readonly store: CredentialStore;
  readonly http: Http;
  readonly audit: Audit;
}

/**
 * Signs out of an entry; the caller sees to it that nobody refreshes it meanwhile.
 *
 * @param ports The store and the network.
 * @param server The entry.
 * @param options How.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` and the like; never for what a server does or does not do.
 */
export async function signOut(
  ports: SignOutPorts,
  server: ServerRecord,
  options: SignOutOptions,
): Promise<SignOutReport> {
  const report = await endSignIn(ports, server, options);
  return options.remove ? { ...report, removed: await ports.store.removeEntry(server.name) } : report;
}

async function endSignIn(
  ports: SignOutPorts,
  server: ServerRecord,
  options: SignOutOptions,
): Promise<SignOutReport> {
  const { store, audit } = ports;
  const { name } = server;
  const found = await store.credential(name);
  if (found === undefined) {
    return {
      signedOut: false,
      revocations: [],
      ...(options.client ? { client: { outcome: "unknown" } } : {}),
    };
  }
  const credential = found.record;
  const { issuer } = credential;
  const revocations = options.localOnly ? [] : await revokeCredential(ports.http, credential, options.signal);
  for (const { token, outcome, error } of revocations) {
    audit.record({
      event: "token_revoked",
      name,
      issuer,
      outcome: outcome === "revoked" ? "done" : "failed",
      code: error?.code,
      detail: outcome === "unsupported" ? "not supported by the server" : undefined,
      secrets: token === "refresh_token"
        ? { refresh_token: credential.refreshToken }
        : { access_token: credential.accessToken },
    });
  }
  const client = options.client ? await endClient(ports, credential, options.localOnly) : undefined;
  await forgetTokens(store, credential);
  audit.record({
    event: "signed_out",
    name,
    issuer,
    outcome: "done",
    detail: options.localOnly ? "here only" : undefined,
  });
  if (client === undefined) return { signedOut: true, revocations };
  await forgetClient(ports, credential, client);
  return { signedOut: true, revocations, client };
}

/** Those of another sign-in, by somebody who had the entry by then, stay. */
async function forgetTokens(store: CredentialStore, { name, accessToken }: CredentialRecord): Promise<void> {
  for (let tries = 0; tries < STORE_CHANGE_TRIES_MAX; tries++) {
    const found = await store.credential(name);
    if (found?.record.accessToken !== accessToken) return;
    if (await store.changeCredential(name, found.version, undefined) !== undefined) return;
  }
}

/**
 * Revokes the tokens of a credential; never throws.
 *
 * @param http The one fetch.
 * @param credential Whose tokens.
 * @param signal Ends the wait.
 */
export async function revokeCredential(
  http: Http,
  credential: CredentialRecord,
  signal?: AbortSignal,
): Promise<readonly Revocation[]> {
  const server = credential.authorizationServer as ServerMetadata;
  const tokens: readonly (readonly [RevocableToken, string | undefined])[] = [
    ["refresh_token", credential.refreshToken],
    ["access_token", credential.accessToken],
  ];
  const revocations: Revocation[] = [];
  for (const [token, value] of tokens) {
    if (value === undefined) continue;
    if (server.revocation_endpoint === undefined) {
      revocations.push({ token, outcome: "unsupported" });
      continue;
    }
    try {
      await revokeToken(http, server, credential.client, value, token, signal);
      revocations.push({ token, outcome: "revoked" });
    } catch (error) {
      const coded = asMcpAuthError(error, "SERVER_ERROR", `revoke the ${token}`);
      if (coded instanceof OAuthResponseError && coded.oauthError === "unsupported_token_type") {
        revocations.push({ token, outcome: "unsupported" });
        continue;
      }
      revocations.push({ token, outcome: "failed", error: coded.toJSON() });
    }
  }
  return revocations;
}

/** Deletes the client of a credential at its server, where it was registered there and nobody else needs it. */
async function endClient(
  { store, http }: SignOutPorts,
  { client, issuer, name }: CredentialRecord,
  localOnly: boolean,
): Promise<ClientRemoval> {
  if (client.source !== "dynamic" || localOnly) return { outcome: "forgotten" };
  try {
    const usedBy = (await store.credentials())
      .map(({ record }) => record)
      .filter((other) => other.name !== name)
      .filter((other) => other.issuer === issuer && other.client.clientId === client.clientId)
      .map((other) => other.name);
    if (usedBy.length > 0) return { outcome: "in-use", usedBy };
    return { outcome: await deleteRegistration(http, issuer, client) };
  } catch (error) {
    const coded = asMcpAuthError(error, "SERVER_ERROR", "delete the client registration");
    return { outcome: "failed", error: coded.toJSON() };
  }
}

async function forgetClient(
  { store, audit }: SignOutPorts,
  credential: CredentialRecord,
  { outcome, error }: ClientRemoval,
): Promise<void> {
  const { client, issuer, name } = credential;
  if (client.source === "dynamic") await store.forgetClient(client);
  else await forgetOwnClient(store, credential);
  audit.record({
    event: "client_forgotten",
    name,
    issuer,
    outcome: outcome === "failed" ? "failed" : "done",
    code: error?.code,
    detail: outcome,
    secrets: { client_id: client.clientId },
  });
}

/**
 * Forgets a client that the entry has for itself. One that was registered by hand is among its options, too; a metadata
 * document stays there: nothing is registered for it anywhere.
 */
async function forgetOwnClient(store: CredentialStore, { client, name }: CredentialRecord): Promise<void> {
  const stored = await store.client(client.issuer, client.redirectShape);
  if (stored?.clientId === client.clientId) await store.deleteClient(client.issuer, client.redirectShape);
  for (let tries = 0; tries < STORE_CHANGE_TRIES_MAX; tries++) {
    const found = await store.server(name);
    if (found === undefined) return;
    const { clientId, ...options } = found.record.options;
    if (clientId !== client.clientId) return;
    if (await store.putServer({ ...found.record, options }, found.version) !== undefined) return;
  }
}

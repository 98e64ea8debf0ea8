/**
 * The one token authority: nothing else touches a refresh token. A refresh is a transaction under a lock that all
 * processes share: read, lock, read again, POST, persist, unlock. Whoever comes second finds the first one's tokens and
 * takes them, so that one refresh token is never sent twice: a server with reuse detection would end the session.
 *
 * @see RFC 6749 section 6, RFC 9700 section 4.14; behaviours rows 1-4
 * @module
 */
import { asMcpAuthError, type ErrorCode, McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { LOCK_WAIT_MS, REFRESH_PAUSE_MS } from "../../primitives/limits.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { TokenSet } from "../../primitives/oauth/token.ts";
import { type Clock, waitFor } from "../../primitives/system/clock.ts";
import type { Locks } from "../../primitives/system/lock.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type {
  CredentialRecord,
  CredentialStore,
  ServerRecord,
  ServerWithCredential,
  Versioned,
} from "../credentials/mod.ts";
import { freshnessOf } from "./expiry.ts";

/** What the authority runs on. */
export interface TokenPorts {
  readonly store: CredentialStore;
  readonly clock: Clock;
  /** The one fetch of an entry. */
  readonly http: (server: ServerRecord) => Http;
  /** The lock that all processes with this store share; asked for when needed. */
  readonly locks: () => Promise<Locks>;
  /** Runs what no signal may cut short. */
  readonly shield: <T>(operation: () => Promise<T>) => Promise<T>;
}

/** Failures of a refresh after which not even a token that still works is served. */
const NOT_SERVED: ReadonlySet<ErrorCode> = new Set(["AUTH_REQUIRED", "NOT_FOUND", "AUTH_CANCELLED"]);

/** Hands out access tokens. */
export class TokenAuthority {
  readonly #ports: TokenPorts;
  #locks: Promise<Locks> | undefined;
  readonly #running = new Map<string, Promise<CredentialRecord>>();
  /** When the next refresh ahead of time may be tried, after one that failed. */
  readonly #pausedUntil = new Map<string, number>();
  /** Tokens that came and could not be stored: what they came from must not be sent again. */
  readonly #unsaved = new Map<string, { readonly version: string; readonly record: CredentialRecord }>();

  constructor(ports: TokenPorts) {
    this.#ports = ports;
  }

  /**
   * The credential of an entry with an access token that is worth sending, refreshed first where that is due.
   *
   * @param name The entry.
   * @param signal Ends the wait; a refresh under way goes on.
   * @throws {McpAuthError} `NOT_FOUND`, `AUTH_REQUIRED`, `TOKEN_EXPIRED` (no refresh token), `TOKEN_REFRESH_FAILED`,
   *   or what the refresh met while the token was expired already.
   */
  async current(name: string, signal?: AbortSignal): Promise<CredentialRecord> {
    const { server, credential } = await this.#read(name, signal);
    if (credential === undefined) throw notSignedIn(server.record);
    const { record } = credential;
    const now = this.#ports.clock.now();
    const freshness = freshnessOf(record, now);
    if (freshness === "fresh") return record;
    const refreshable = record.refreshToken !== undefined;
    if (freshness === "due" && (!refreshable || now < (this.#pausedUntil.get(name) ?? 0))) return record;
    if (!refreshable) throw notRefreshable(record);
    try {
      return await this.refresh(name, record.accessToken, signal);
    } catch (error) {
      const coded = asMcpAuthError(error, "TOKEN_REFRESH_FAILED", "refresh the access token");
      // A sign-in that still works is served whatever became of its refresh, unless it is gone or nobody waits.
      const final = NOT_SERVED.has(coded.code) || signal?.aborted;
      if (freshness !== "due" || final) throw coded;
      const after = this.#ports.clock.now();
      if (after >= (record.expiresAt ?? Infinity)) throw coded;
      this.#pausedUntil.set(name, after + REFRESH_PAUSE_MS);
      return record;
    }
  }

  /**
   * Gets a new access token, once: callers in this process share one refresh, and other processes' results are adopted.
   *
   * @param name The entry.
   * @param rejected The access token that is not wanted any more: where the store has another by now, that one is it.
   * @param signal Ends the wait; the refresh goes on.
   * @throws {McpAuthError} `AUTH_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_REFRESH_FAILED`, `NETWORK_ERROR`, `TIMEOUT`, ...
   */
  refresh(name: string, rejected: string, signal?: AbortSignal): Promise<CredentialRecord> {
    const running = this.#running.get(name);
    if (running !== undefined) return waitFor(running, signal);
    const started = this.exclusive(name, () => this.#refreshExclusively(name, rejected))
      .finally(() => this.#running.delete(name));
    this.#running.set(name, started);
    return waitFor(started, signal);
  }

  /**
   * Runs an operation that changes an entry as a whole, while nobody refreshes it: whoever signs out, renames or removes
   * does so here.
   *
   * @param name The entry.
   * @param operation Must not call {@linkcode refresh}.
   * @param signal Ends the wait for whoever holds the entry.
   * @throws {McpAuthError} `TIMEOUT` when another process held the entry all the time, and what the operation throws.
   */
  async exclusive<T>(name: string, operation: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    this.#locks ??= this.#ports.locks().catch((error) => {
      this.#locks = undefined;
      throw error;
    });
    const locks = await this.#locks;
    using _lock = await locks.acquire(await lockName(name), LOCK_WAIT_MS, signal);
    return await operation();
  }

  async #refreshExclusively(name: string, rejected: string): Promise<CredentialRecord> {
    const { server, credential } = await this.#read(name);
    if (credential === undefined) throw notSignedIn(server.record);
    const { record } = credential;
    const unsaved = this.#unsaved.get(name);
    if (unsaved?.version === credential.version) {
      return await this.#ports.shield(() => this.#persist(name, credential, unsaved.record));
    }
    if (record.accessToken !== rejected && freshnessOf(record, this.#ports.clock.now()) !== "expired") {
      return record;
    }
    const { refreshToken } = record;
    if (refreshToken === undefined) throw notRefreshable(record);
    return await this.#ports.shield(() => this.#spend(server.record, credential, refreshToken));
  }

  /** Sends the refresh token and stores what comes back: from the one to the other nothing may interrupt. */
  async #spend(
    server: ServerRecord,
    credential: Versioned<CredentialRecord>,
    refreshToken: string,
  ): Promise<CredentialRecord> {
    const { record } = credential;
    const { endsCredential, refreshTokens } = await import("../../primitives/oauth/token.ts");
    let tokens: TokenSet;
    try {
      tokens = await refreshTokens({
        http: this.#ports.http(server),
        server: record.authorizationServer as ServerMetadata,
        client: record.client,
        resource: record.resource,
      }, refreshToken);
    } catch (error) {
      const coded = asMcpAuthError(error, "NETWORK_ERROR", "refresh the access token");
      if (endsCredential(coded)) return await this.#end(server.name, credential, coded);
      throw coded;
    }
    return await this.#persist(server.name, credential, merged(record, tokens, this.#ports.clock.now()));
  }

  /** Stores fresh tokens over those they came from. */
  async #persist(
    name: string,
    { version }: Versioned<CredentialRecord>,
    next: CredentialRecord,
  ): Promise<CredentialRecord> {
    this.#unsaved.set(name, { version, record: next });
    const stored = await this.#ports.store.changeCredential(name, version, next);
    this.#unsaved.delete(name);
    if (stored !== undefined) return next;
    // Somebody signed in or out meanwhile: theirs is newer than ours.
    const { server, credential } = await this.#read(name);
    if (credential === undefined) throw signInNeeded(server.record, "it was signed out meanwhile");
    return credential.record;
  }

  /**
   * Records that the refresh token is dead, unless a sibling has stored another pair meanwhile: then that one is served
   * (behaviours row 4).
   */
  async #end(
    name: string,
    { record, version }: Versioned<CredentialRecord>,
    error: McpAuthError,
  ): Promise<CredentialRecord> {
    const { refreshToken: _dead, ...rest } = record;
    const ended: CredentialRecord = {
      ...rest,
      lastError: { code: "TOKEN_REFRESH_FAILED", message: error.message, at: this.#ports.clock.now() },
    };
    if (await this.#ports.store.changeCredential(name, version, ended) !== undefined) {
      throw signInEnded(name, error.message, error);
    }
    const { server, credential } = await this.#read(name);
    if (credential === undefined) throw signInNeeded(server.record, "it was signed out meanwhile");
    if (credential.record.accessToken === record.accessToken) throw signInEnded(name, error.message, error);
    return credential.record;
  }

  async #read(name: string, signal?: AbortSignal): Promise<ServerWithCredential> {
    const found = await this.#ports.store.serverWithCredential(name, signal);
    if (found !== undefined) return found;
    throw noSuchEntry(name);
  }
}

/** The credential with fresh tokens; what the response left out stays (behaviours row 6). */
function merged(record: CredentialRecord, tokens: TokenSet, now: number): CredentialRecord {
  const { expiresAt: _old, lastError: _error, ...kept } = record;
  return {
    ...kept,
    accessToken: tokens.accessToken,
    tokenType: tokens.tokenType,
    obtainedAt: now,
    ...(tokens.expiresIn === undefined ? {} : { expiresAt: now + tokens.expiresIn * 1000 }),
    ...(tokens.refreshToken === undefined ? {} : { refreshToken: tokens.refreshToken }),
    ...(tokens.idToken === undefined ? {} : { idToken: tokens.idToken }),
    ...(tokens.scopes === undefined ? {} : { grantedScopes: tokens.scopes }),
  };
}

/** The error for a name that the store does not know. */
export function noSuchEntry(name: string): McpAuthError {
  return new McpAuthError("NOT_FOUND", `Cannot find "${safeText(name, 80)}": there is no such entry`, {
    hint: "See all entries with: mcp-auth list",
  });
}

/**
 * The error for an entry that nobody is signed in to.
 *
 * @param server The entry.
 * @param why In a few words.
 */
export function signInNeeded(server: Pick<ServerRecord, "name">, why: string): McpAuthError {
  return new McpAuthError("AUTH_REQUIRED", `Cannot use "${server.name}": ${why}`, {
    hint: `Run: mcp-auth login ${server.name}`,
  });
}

function notSignedIn(server: ServerRecord): McpAuthError {
  return signInNeeded(
    server,
    server.signIn === "none"
      ? "there is no token, since its server asked for no sign-in"
      : "nobody is signed in",
  );
}

function notRefreshable({ name, lastError }: CredentialRecord): McpAuthError {
  if (lastError !== undefined) return signInEnded(name, lastError.message);
  return new McpAuthError(
    "TOKEN_EXPIRED",
    `Cannot refresh "${name}": the server gave no refresh token`,
    { hint: `Run: mcp-auth login ${name}` },
  );
}

function signInEnded(name: string, why: string, cause?: McpAuthError): McpAuthError {
  return new McpAuthError(
    "TOKEN_REFRESH_FAILED",
    `Cannot refresh "${name}": the server ended the sign-in: ${why}`,
    { hint: `Run: mcp-auth login ${name}`, cause },
  );
}

async function lockName(name: string): Promise<string> {
  const { sha256Hex } = await import("../../primitives/crypto/digest.ts");
  return await sha256Hex(name);
}

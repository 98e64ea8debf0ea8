/**
 * The one token authority: nothing else touches a refresh token. A refresh is a transaction under a lock that all
 * processes share: read, lock, read again, POST, persist, unlock. Whoever comes second finds the first one's tokens and
 * takes them, so that one refresh token is never sent twice: a server with reuse detection would end the session.
 *
 * @see RFC 6749 section 6, RFC 9700 section 4.14; behaviours rows 1-4
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { LOCK_WAIT_MS } from "../../primitives/limits.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { TokenSet } from "../../primitives/oauth/token.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import type { Locks } from "../../primitives/system/lock.ts";
import type { CredentialRecord, CredentialStore, ServerRecord, Versioned } from "../credentials/mod.ts";
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

/** Hands out access tokens. */
export class TokenAuthority {
  readonly #ports: TokenPorts;
  #locks: Promise<Locks> | undefined;
  readonly #running = new Map<string, Promise<CredentialRecord>>();

  constructor(ports: TokenPorts) {
    this.#ports = ports;
  }

  /**
   * The credential of an entry with an access token that is worth sending, refreshed first where that is due.
   *
   * @param name The entry.
   * @throws {McpAuthError} `NOT_FOUND`, `AUTH_REQUIRED`, `TOKEN_EXPIRED` (no refresh token), `TOKEN_REFRESH_FAILED`,
   *   or what the refresh met while the token was expired already.
   */
  async current(name: string): Promise<CredentialRecord> {
    const { server, credential } = await this.#read(name);
    if (credential === undefined) throw signInNeeded(server.record, "nobody is signed in");
    const { record } = credential;
    const freshness = freshnessOf(record, this.#ports.clock.now());
    if (freshness === "fresh") return record;
    if (record.refreshToken === undefined) {
      if (freshness === "due") return record;
      throw new McpAuthError(
        "TOKEN_EXPIRED",
        `Cannot use "${name}": its token has expired and the server gave no refresh token`,
        { hint: `Run: mcp-auth login ${name}` },
      );
    }
    try {
      return await this.refresh(name, record.accessToken);
    } catch (error) {
      const coded = asMcpAuthError(error, "TOKEN_REFRESH_FAILED", "refresh the access token");
      // A sign-in that still works is served whatever became of its refresh.
      if (freshness === "due" && this.#ports.clock.now() < (record.expiresAt ?? Infinity)) return record;
      throw coded;
    }
  }

  /**
   * Gets a new access token, once: callers in this process share one refresh, and other processes' results are adopted.
   *
   * @param name The entry.
   * @param rejected The access token that is not wanted any more: where the store has another by now, that one is it.
   * @throws {McpAuthError} `AUTH_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_REFRESH_FAILED`, `NETWORK_ERROR`, `TIMEOUT`, ...
   */
  refresh(name: string, rejected: string): Promise<CredentialRecord> {
    const running = this.#running.get(name);
    if (running !== undefined) return running;
    const started = this.#ports.shield(() =>
      this.exclusive(name, () => this.#refreshExclusively(name, rejected))
    )
      .finally(() => this.#running.delete(name));
    this.#running.set(name, started);
    return started;
  }

  /**
   * Runs an operation that changes an entry as a whole, while nobody refreshes it: whoever signs out, renames or removes
   * does so here.
   *
   * @param name The entry.
   * @param operation Must not call {@linkcode refresh}.
   * @throws {McpAuthError} `TIMEOUT` when another process held the entry all the time, and what the operation throws.
   */
  async exclusive<T>(name: string, operation: () => Promise<T>): Promise<T> {
    const locks = await (this.#locks ??= this.#ports.locks());
    using _lock = await locks.acquire(await lockName(name), LOCK_WAIT_MS);
    return await operation();
  }

  async #refreshExclusively(name: string, rejected: string): Promise<CredentialRecord> {
    const { server, credential } = await this.#read(name);
    if (credential === undefined) throw signInNeeded(server.record, "nobody is signed in");
    const { record } = credential;
    if (record.accessToken !== rejected && freshnessOf(record, this.#ports.clock.now()) !== "expired") {
      return record;
    }
    if (record.refreshToken === undefined) {
      throw new McpAuthError("TOKEN_EXPIRED", `Cannot refresh "${name}": the server gave no refresh token`, {
        hint: `Run: mcp-auth login ${name}`,
      });
    }
    const { endsCredential, refreshTokens } = await import("../../primitives/oauth/token.ts");
    let tokens: TokenSet;
    try {
      tokens = await refreshTokens({
        http: this.#ports.http(server.record),
        server: record.authorizationServer as ServerMetadata,
        client: record.client,
        resource: record.resource,
      }, record.refreshToken);
    } catch (error) {
      const coded = asMcpAuthError(error, "NETWORK_ERROR", "refresh the access token");
      if (endsCredential(coded)) throw await this.#end(name, credential, coded);
      throw coded;
    }
    return await this.#persist(name, credential, tokens);
  }

  /** Stores fresh tokens over those they came from; what the response left out stays (behaviours row 6). */
  async #persist(
    name: string,
    { record, version }: Versioned<CredentialRecord>,
    tokens: TokenSet,
  ): Promise<CredentialRecord> {
    const now = this.#ports.clock.now();
    const { expiresAt: _old, lastError: _error, ...kept } = record;
    const next: CredentialRecord = {
      ...kept,
      accessToken: tokens.accessToken,
      tokenType: tokens.tokenType,
      obtainedAt: now,
      ...(tokens.expiresIn === undefined ? {} : { expiresAt: now + tokens.expiresIn * 1000 }),
      ...(tokens.refreshToken === undefined ? {} : { refreshToken: tokens.refreshToken }),
      ...(tokens.idToken === undefined ? {} : { idToken: tokens.idToken }),
      ...(tokens.scopes === undefined ? {} : { grantedScopes: tokens.scopes }),
    };
    if (await this.#ports.store.changeCredential(name, version, next) !== undefined) return next;
    // Somebody signed in or out meanwhile: theirs is newer than ours.
    const { server, credential } = await this.#read(name);
    if (credential === undefined) throw signInNeeded(server.record, "it was signed out meanwhile");
    return credential.record;
  }

  /** Records that the refresh token is dead, unless a sibling has stored another pair meanwhile (behaviours row 4). */
  async #end(
    name: string,
    { record, version }: Versioned<CredentialRecord>,
    error: McpAuthError,
  ): Promise<McpAuthError> {
    const { refreshToken: _dead, ...rest } = record;
    const now = this.#ports.clock.now();
    await this.#ports.store.changeCredential(name, version, {
      ...rest,
      lastError: { code: "TOKEN_REFRESH_FAILED", message: error.message, at: now },
    });
    return new McpAuthError(
      "TOKEN_REFRESH_FAILED",
      `Cannot refresh "${name}": the server ended the sign-in: ${error.message}`,
      {
        hint: `Run: mcp-auth login ${name}`,
        cause: error,
      },
    );
  }

  async #read(name: string) {
    const found = await this.#ports.store.serverWithCredential(name);
    if (found !== undefined) return found;
    throw noSuchEntry(name);
  }
}

/** The error for a name that the store does not know. */
export function noSuchEntry(name: string): McpAuthError {
  return new McpAuthError("NOT_FOUND", `Cannot find "${name}": there is no such entry`, {
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

async function lockName(name: string): Promise<string> {
  const { sha256Hex } = await import("../../primitives/crypto/digest.ts");
  return await sha256Hex(name);
}

/**
 * The one token authority: who may have which token. Nothing else touches a refresh token. A refresh is a transaction
 * under a lock that all processes share: whoever comes second finds the first one's tokens and takes them, so that one
 * refresh token is never sent twice: a server with reuse detection would end the session.
 *
 * What a refresh needs is loaded when there is one: most callers get a token that is fresh.
 *
 * @see RFC 6749 section 6, RFC 9700 section 4.14; behaviours rows 1-4
 * @module
 */
import { asMcpAuthError, type ErrorCode, McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import type { DpopProver } from "../../primitives/oauth/dpop.ts";
import { LOCK_WAIT_MS, REFRESH_AHEAD_WAIT_MS, REFRESH_PAUSE_MS } from "../../primitives/limits.ts";
import { type Clock, waitFor } from "../../primitives/system/clock.ts";
import type { Lock, Locks } from "../../primitives/system/lock.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { Audit } from "../audit/mod.ts";
import type { CredentialRecord, CredentialStore, ServerRecord } from "../credentials/mod.ts";
import type { GrantPorts } from "../grants/mod.ts";
import { isBound, type Presented } from "./authorizer.ts";
import type { BoundTokens } from "./bound_tokens.ts";
import { freshnessOf } from "./expiry.ts";
import type { KeepFreshOptions } from "./keep_fresh.ts";
import type { RefreshReason, RefreshWish } from "./refresh_policy.ts";
import type { Refreshed, UnsavedTokens } from "./refresh_transaction.ts";

/** What the authority runs on. */
export interface TokenPorts {
  readonly store: CredentialStore;
  readonly clock: Clock;
  /** The one fetch of an entry. */
  readonly http: (server: ServerRecord) => Http;
  /** The lock that all processes with this store share; asked for when needed. */
  readonly locks: () => Promise<Locks>;
  /** Holds room in the store for new tokens, by the name of the lock that is held; its disposal makes way for them. */
  readonly room: (lockName: string) => Promise<Disposable>;
  /** Runs what no signal may cut short. */
  readonly shield: <T>(operation: () => Promise<T>) => Promise<T>;
  /** What the grant of an entry runs on. */
  readonly grants: (server: ServerRecord) => Promise<GrantPorts>;
  /** Where refreshes are noted, and the ends of sign-ins. */
  readonly audit: Audit;
}

/** Who asks for a token. */
export interface TokenOptions {
  /** Ends the wait; a refresh under way goes on. */
  readonly signal?: AbortSignal | undefined;
  /** The server that the token will be sent to: an entry that has become another server's is not served. */
  readonly url?: string | undefined;
}

/** How a refresh is asked for. */
export interface RefreshRequestOptions extends TokenOptions {
  /**
   * Whether a person asks, or the server has refused the token. A person's request goes before the end of our own pause
   * after a failure, though not of one that the server asked for.
   * @default {"asked"}
   */
  readonly because?: Extract<RefreshReason, "asked" | "refused"> | undefined;
}

/** Failures of a refresh after which not even a token that still works is served. */
const NOT_SERVED: ReadonlySet<ErrorCode> = new Set(["AUTH_REQUIRED", "NOT_FOUND", "AUTH_CANCELLED"]);

/** Hands out access tokens. */
export class TokenAuthority {
  readonly #ports: TokenPorts;
  #locks: Promise<Locks> | undefined;
  /** The refreshes under way, by what they are for. */
  readonly #running = new Map<string, Promise<Refreshed>>();
  /** When the next refresh ahead of time may be tried, after one that failed. */
  readonly #pausedUntil = new Map<string, number>();
  readonly #unsaved = new Map<string, UnsavedTokens>();
  #bound: Promise<BoundTokens> | undefined;

  /** What has been begun and must be brought to its end: from the note of a refresh to the write of its answer. */
  readonly #shielded = new Set<Promise<unknown>>();

  constructor(ports: TokenPorts) {
    const shield = <T>(operation: () => Promise<T>): Promise<T> => {
      const work = ports.shield(operation).finally(() => this.#shielded.delete(work));
      this.#shielded.add(work);
      return work;
    };
    this.#ports = { ...ports, shield };
  }

  /**
   * The credential of an entry with an access token that is worth sending, refreshed first where that is due.
   *
   * @param name The entry.
   * @param options Who asks.
   * @throws {McpAuthError} `NOT_FOUND`, `AUTH_REQUIRED`, `TOKEN_EXPIRED` (no refresh token), `TOKEN_REFRESH_FAILED`,
   *   `CONFIG_INVALID` (the entry is for another server), or what the refresh met while the token was expired already.
   */
  async current(name: string, options: TokenOptions = {}): Promise<CredentialRecord> {
    const found = await this.#ports.store.serverWithCredential(name, options.signal);
    if (found === undefined) throw noSuchEntry(name);
    const server = found.server.record;
    checkServer(server, options.url);
    if (found.credential === undefined) throw notSignedIn(server);
    const { record } = found.credential;
    if (freshnessOf(record, this.#ports.clock.now()) === "fresh") return record;
    return await this.#renewed(record, options);
  }

  /**
   * Gets a new access token, once: callers in this process share one refresh, and other processes' results are adopted.
   *
   * @param name The entry.
   * @param rejected The access token that is not wanted any more: where the store has another by now, that one is it.
   * @param options Who asks, and why.
   * @throws {McpAuthError} `AUTH_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_REFRESH_FAILED`, `NETWORK_ERROR`, `TIMEOUT`,
   *   `RATE_LIMITED`, ...; before the pause after a failure is over, the code of that failure.
   */
  async refresh(
    name: string,
    rejected: string,
    options: RefreshRequestOptions = {},
  ): Promise<CredentialRecord> {
    return await this.#refreshed(name, rejected, options.because ?? "asked", options);
  }

  /**
   * The tokens of an entry with an ID token that has not expired, refreshed first where it has.
   *
   * @param name The entry: one that a person is signed in to.
   * @param signal Ends the wait.
   * @throws {McpAuthError} As {@linkcode refresh}; `AUTH_REQUIRED` or `TOKEN_EXPIRED` where there is no such ID token.
   */
  async identity(name: string, signal?: AbortSignal): Promise<CredentialRecord> {
    const { freshIdentity } = await import("./identity.ts");
    return await freshIdentity(this, this.#ports, name, signal);
  }

  /**
   * What proves the possession of the key that a credential is bound to.
   *
   * @param credential Whose token.
   * @returns Undefined for a bearer token.
   * @throws {McpAuthError} `AUTH_REQUIRED` where key and token do not belong together.
   */
  async prover(credential: Presented): Promise<DpopProver | undefined> {
    if (!isBound(credential)) return undefined;
    this.#bound ??= import("./bound_tokens.ts").then(({ BoundTokens }) => new BoundTokens(this.#ports.clock));
    return await (await this.#bound).prover(credential);
  }

  /**
   * Runs an operation that changes an entry as a whole, while nobody refreshes it: whoever signs out, renames or removes
   * does so here.
   *
   * @param name The entry.
   * @param operation Must not call {@linkcode refresh}; awaits the lock's `assertHeld` before what must not happen twice.
   * @param signal Ends the wait for whoever holds the entry.
   * @throws {McpAuthError} `TIMEOUT` when another process held the entry all the time, and what the operation throws.
   */
  async exclusive<T>(name: string, operation: (lock: Lock) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return await this.#locked(name, LOCK_WAIT_MS, operation, signal);
  }

  /**
   * Refreshes tokens ahead of time, for as long as a command runs. It does not keep the process alive.
   *
   * @param names The entries; one that nobody is signed in to is looked at again later.
   * @param options When to stop, and where to say what fails.
   */
  async keepFresh(names: readonly string[], options: KeepFreshOptions): Promise<void> {
    const { keepFresh } = await import("./keep_fresh.ts");
    await keepFresh(this, this.#ports.clock, names, options);
  }

  /** Whether nothing is under way of which the store must learn the end. */
  get idle(): boolean {
    return this.#shielded.size === 0;
  }

  /** Resolves once it is so: whoever ends the process or closes the store waits for it. */
  async settled(): Promise<void> {
    while (!this.idle) await Promise.allSettled(this.#shielded);
  }

  /** A token that is due or expired, in fresh. */
  async #renewed(record: CredentialRecord, options: TokenOptions): Promise<CredentialRecord> {
    const { name, accessToken, expiresAt = Infinity } = record;
    const { clock } = this.#ports;
    const now = clock.now();
    const stillWorks = () => clock.now() < expiresAt;
    // With hardly any life left, it would expire on its way: what a sibling is about to bring is waited for.
    const reason = expiresAt - now > 2 * REFRESH_AHEAD_WAIT_MS ? "ahead" : "needed";
    if (!this.#unsaved.has(name)) {
      const pauseMs = (this.#pausedUntil.get(name) ?? 0) - now;
      if (stillWorks() && pauseMs > 0 && pauseMs <= REFRESH_PAUSE_MS) return record;
      const { judge } = await import("./refresh_policy.ts");
      const verdict = judge(record, { name, rejected: accessToken, reason, since: now }, now);
      if (verdict.kind === "serve") return record;
      if (verdict.kind === "fail") throw verdict.error;
    }
    try {
      return await this.#refreshed(name, accessToken, reason, options);
    } catch (error) {
      const coded = asMcpAuthError(error, "TOKEN_REFRESH_FAILED", "refresh the access token");
      // A sign-in that still works is served whatever became of its refresh, unless it is gone or nobody waits.
      if (NOT_SERVED.has(coded.code) || options.signal?.aborted || !stillWorks()) throw coded;
      this.#pausedUntil.set(name, clock.now() + REFRESH_PAUSE_MS);
      return record;
    }
  }

  async #refreshed(
    name: string,
    rejected: string,
    reason: RefreshReason,
    { signal, url }: TokenOptions,
  ): Promise<CredentialRecord> {
    const key = JSON.stringify([name, reason, rejected]);
    let running = this.#running.get(key);
    if (running === undefined) {
      const wish = { name, rejected, reason, since: this.#ports.clock.now() };
      running = this.#fulfil(wish).finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    const { server, credential } = await waitFor(running, signal);
    checkServer(server, url);
    return credential;
  }

  async #fulfil(wish: RefreshWish): Promise<Refreshed> {
    const { refreshLocked } = await import("./refresh_transaction.ts");
    // While the token in hand works, there is no need to wait for a sibling whose server is slow.
    const waitMs = wish.reason === "ahead" ? REFRESH_AHEAD_WAIT_MS : LOCK_WAIT_MS;
    const room = async () => await this.#ports.room(await lockName(wish.name));
    return await this.#locked(
      wish.name,
      waitMs,
      (lock) =>
        refreshLocked({
          ports: this.#ports,
          lock,
          room,
          unsaved: this.#unsaved,
          wish,
          prover: (credential) => this.prover(credential),
        }),
    );
  }

  async #locked<T>(
    name: string,
    waitMs: number,
    operation: (lock: Lock) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    this.#locks ??= this.#ports.locks().catch((error) => {
      this.#locks = undefined;
      throw error;
    });
    const locks = await this.#locks;
    await using lock = await locks.acquire(await lockName(name), waitMs, signal);
    return await operation(lock);
  }
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

/** The error for an entry that has no tokens. */
export function notSignedIn(server: ServerRecord): McpAuthError {
  return signInNeeded(
    server,
    server.signIn === "none"
      ? "there is no token, since its server asked for no sign-in"
      : "nobody is signed in",
  );
}

/** Refuses a token that is not for the server that it would be sent to: a name may be another entry's by now. */
function checkServer(server: ServerRecord, url: string | undefined): void {
  if (url === undefined || server.url === url) return;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot use "${server.name}" for "${safeUrl(url)}": it is an entry for another URL by now`,
    { hint: "Start the command again" },
  );
}

async function lockName(name: string): Promise<string> {
  const { sha256Hex } = await import("../../primitives/crypto/digest.ts");
  return await sha256Hex(name);
}

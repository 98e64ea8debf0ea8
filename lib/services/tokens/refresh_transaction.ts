/**
 * One refresh, under the lock of its entry: read, note that it is begun, send, store, and only then let go. The note
 * goes to the store before the request goes out, and room is held for the answer; where there is none, neither could the
 * answer be stored, and nothing is sent. Whoever finds a note knows that a refresh was begun and its answer never
 * stored: its process was killed, or no answer came.
 *
 * Loaded when a token has to be refreshed: whoever gets a fresh one does not pay for it.
 *
 * @see RFC 6749 section 6, RFC 9700 section 4.14; behaviours rows 1, 3, 4, 6, 9 and 33
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { UnsentError } from "../../primitives/http/http.ts";
import { REFRESH_TIMEOUT_MS, STORE_CHANGE_TRIES_MAX } from "../../primitives/limits.ts";
import type { DpopProver } from "../../primitives/oauth/dpop.ts";
import type { RefreshKnowledge } from "../../primitives/oauth/quirks/refresh.ts";
import type { QuirkName } from "../../primitives/oauth/quirks/table.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { TokenSet } from "../../primitives/oauth/token.ts";
import { pause } from "../../primitives/system/clock.ts";
import type { Lock } from "../../primitives/system/lock.ts";
import type { AuditEvent } from "../audit/mod.ts";
import type { CredentialRecord, ServerRecord, ServerWithCredential, Versioned } from "../credentials/mod.ts";
import { noSuchEntry, notSignedIn, signInNeeded, type TokenPorts } from "./authority.ts";
import {
  endOf,
  failureAfter,
  isClientLost,
  judge,
  outcomeOf,
  type RefreshWish,
  retryPause,
  signInEnded,
  withTokenResponse,
} from "./refresh_policy.ts";

/** Tokens that came and could not be stored yet: what they came from must not be sent again. */
export interface UnsavedTokens {
  /** What they came from, and belong over. */
  readonly spent: CredentialRecord;
  readonly tokens: TokenSet;
  /** When they came, in ms since the epoch. */
  readonly at: number;
  /** The quirks that the server has turned out to have. */
  readonly learned?: readonly QuirkName[];
}

/** A credential, and the server that it is for. */
export interface Refreshed {
  readonly server: ServerRecord;
  readonly credential: CredentialRecord;
}

/** What {@linkcode refreshLocked} takes. */
export interface RefreshOptions {
  readonly ports: TokenPorts;
  /** The lock of the entry; held until the end. */
  readonly lock: Lock;
  /** Holds room in the store for the answer. */
  readonly room: () => Promise<Disposable>;
  /** The unsaved tokens of this process, by entry. */
  readonly unsaved: Map<string, UnsavedTokens>;
  readonly wish: RefreshWish;
  /** What proves the possession of the key that a credential is bound to; undefined for a bearer token. */
  readonly prover: (credential: CredentialRecord) => Promise<DpopProver | undefined>;
}

/**
 * Fulfils a wish for a new access token, by a sibling's where there is one.
 *
 * @throws {McpAuthError} As `TokenAuthority.refresh`.
 */
export async function refreshLocked(options: RefreshOptions): Promise<Refreshed> {
  return await new RefreshTransaction(options).run();
}

/** A record that others may change meanwhile; as long as it has these tokens, their refresh is ours. */
type Held = Versioned<CredentialRecord>;

class RefreshTransaction {
  readonly #ports: TokenPorts;
  readonly #lock: Lock;
  readonly #room: () => Promise<Disposable>;
  readonly #unsaved: Map<string, UnsavedTokens>;
  readonly #wish: RefreshWish;
  readonly #prover: RefreshOptions["prover"];
  /** What the last request taught about the server. */
  #learned: readonly QuirkName[] = [];

  constructor({ ports, lock, room, unsaved, wish, prover }: RefreshOptions) {
    this.#ports = ports;
    this.#lock = lock;
    this.#room = room;
    this.#unsaved = unsaved;
    this.#wish = wish;
    this.#prover = prover;
  }

  /** Looks again whenever somebody has signed in or out between a look and a write. */
  async run(): Promise<Refreshed> {
    const { name } = this.#wish;
    for (let looks = 0; looks < STORE_CHANGE_TRIES_MAX; looks++) {
      const { server, credential } = await this.#read();
      if (credential === undefined) {
        throw looks === 0
          ? notSignedIn(server.record)
          : signInNeeded(server.record, "it was signed out meanwhile");
      }
      const refreshed = await this.#fulfil(server.record, credential);
      if (refreshed !== undefined) return { server: server.record, credential: refreshed };
    }
    throw othersChangeIt(name);
  }

  /** Undefined asks for another look. */
  async #fulfil(server: ServerRecord, held: Held): Promise<CredentialRecord | undefined> {
    const { shield, clock } = this.#ports;
    const { record } = held;
    const unsaved = this.#unsaved.get(server.name);
    if (unsaved !== undefined && hasSameTokens(unsaved.spent, record)) {
      await shield(() => this.#persist(held, unsaved));
      return undefined;
    }
    this.#unsaved.delete(server.name);
    const verdict = judge(record, this.#wish, clock.now());
    if (verdict.kind === "serve") return record;
    if (verdict.kind === "fail") throw verdict.error;
    if (record.grant !== undefined) return await this.#renew(server, held);
    return await shield(() => this.#spend(server, held));
  }

  /** By the grant of the entry: nothing is spent, so that nothing is noted beforehand, and a signal may end the request. */
  async #renew(server: ServerRecord, held: Held): Promise<CredentialRecord | undefined> {
    const { record } = held;
    const { shield, clock } = this.#ports;
    const { checkGrant, renewByGrant } = await import("./grant_renewal.ts");
    checkGrant(server, record);
    const prover = () => this.#prover(record);
    const answer = await renewByGrant({ ports: this.#ports, server, record, prover }).catch((error) =>
      asMcpAuthError(error, "NETWORK_ERROR", "refresh the access token")
    );
    return await shield(async () =>
      answer instanceof McpAuthError
        ? await this.#fail(record, held, answer)
        : await this.#persist(held, { spent: record, tokens: answer, at: clock.now() })
    );
  }

  /** From the note to the write of the answer nothing may interrupt. */
  async #spend(
    server: ServerRecord,
    { record: before, version }: Held,
  ): Promise<CredentialRecord | undefined> {
    const { clock, store } = this.#ports;
    if (before.refreshToken === undefined) return undefined;
    // A disk that gets full meanwhile has still got room for the answer.
    using room = await this.#room();
    const record: CredentialRecord = { ...before, pendingRefresh: { at: clock.now(), state: "sent" } };
    const noted = await store.changeCredential(server.name, version, record);
    if (noted === undefined) return undefined;
    const held = { record, version: noted };
    const answer = await this.#send(server, before, before.refreshToken).catch((error) =>
      asMcpAuthError(error, "NETWORK_ERROR", "refresh the access token")
    );
    room[Symbol.dispose]();
    if (!(answer instanceof McpAuthError)) {
      return await this.#persist(held, {
        spent: before,
        tokens: answer,
        at: clock.now(),
        learned: this.#learned,
      }, before);
    }
    return outcomeOf(answer) === "ended"
      ? await this.#end(before, held, answer)
      : await this.#fail(before, held, answer);
  }

  /** Sends the refresh token; again only where it is certain that it was not taken. */
  async #send(server: ServerRecord, record: CredentialRecord, refreshToken: string): Promise<TokenSet> {
    const http = this.#ports.http(server);
    const started = performance.now();
    const leftMs = () => REFRESH_TIMEOUT_MS - (performance.now() - started);
    for (let retries = 0;; retries++) {
      let called = false;
      try {
        const { refreshTolerantly } = await import("../../primitives/oauth/quirks/refresh.ts");
        const proof = await this.#prover(record);
        const { tokens, learned } = await refreshTolerantly(
          {
            // Before each time that it goes out: a server that wants another proof has it sent again.
            http: async (url, request) => {
              await this.#lock.assertHeld();
              called = true;
              return await http(url, request);
            },
            proof,
            server: record.authorizationServer as ServerMetadata,
            client: record.client,
            resource: record.resource,
            timeoutMs: Math.ceil(leftMs() / 1000) * 1000,
          },
          refreshToken,
          knowledgeOf(server, record),
        );
        this.#learned = learned;
        return tokens;
      } catch (error) {
        const coded = asMcpAuthError(error, "NETWORK_ERROR", "refresh the access token");
        const pauseMs = retryPause(coded, retries, Math.random());
        if (pauseMs === undefined || pauseMs >= leftMs()) throw called ? coded : new UnsentError(coded);
        await pause(pauseMs);
      }
    }
  }

  /**
   * Stores fresh tokens over those they came from.
   *
   * @param before The record before the note.
   */
  async #persist(
    held: Held,
    unsaved: UnsavedTokens,
    before = held.record,
  ): Promise<CredentialRecord | undefined> {
    const { name, issuer } = held.record;
    this.#unsaved.set(name, unsaved);
    const stored = await this.#change(held, (record) => merged(record, unsaved));
    this.#unsaved.delete(name);
    if (stored === undefined) return undefined;
    const { accessToken: access_token, refreshToken: refresh_token } = stored;
    this.#note({
      event: "token_refreshed",
      name,
      issuer,
      outcome: "done",
      detail: before.pendingRefresh === undefined ? undefined : "recovered",
      secrets: { access_token, refresh_token },
    });
    return stored;
  }

  /** Stores what the failure means, and throws it. */
  async #fail(before: CredentialRecord, held: Held, error: McpAuthError): Promise<undefined> {
    const { name, issuer, lastError } = before;
    const outcome = outcomeOf(error);
    const byGrant = before.grant !== undefined;
    this.#note({
      event: "refresh_failed",
      name,
      issuer,
      outcome: "failed",
      code: error.code,
      detail: byGrant && outcome !== "unanswered" ? `refused ${before.grant}` : outcome,
    });
    const now = this.#ports.clock.now();
    const failure = failureAfter(error, lastError, now, Math.random());
    const pending = outcome === "unanswered" && !byGrant
      ? { at: held.record.pendingRefresh?.at ?? now, state: "unanswered" as const }
      : before.pendingRefresh;
    await this.#concede(held, error, ({ pendingRefresh: _sent, ...kept }) => ({
      ...kept,
      ...(pending === undefined ? {} : { pendingRefresh: pending }),
      lastError: failure,
    }));
  }

  /**
   * Stores that the refresh token is dead, unless somebody has stored another pair meanwhile: then that one is looked at
   * (behaviours row 4).
   */
  async #end(before: CredentialRecord, held: Held, error: McpAuthError): Promise<undefined> {
    const { name, issuer, client, pendingRefresh } = before;
    const why = endOf(error, before);
    const at = this.#ports.clock.now();
    await this.#concede(
      held,
      signInEnded(name, why, error),
      ({ refreshToken: _dead, pendingRefresh: _sent, ...kept }) => ({
        ...kept,
        lastError: { code: "TOKEN_REFRESH_FAILED", message: why, at },
      }),
      async () => {
        const detail = pendingRefresh && `after a refresh that was left ${pendingRefresh.state}`;
        const code = "TOKEN_REFRESH_FAILED";
        this.#note({ event: "sign_in_ended", name, issuer, outcome: "failed", code, detail });
        // Should it stay, the next sign-in finds out by itself (behaviours row 9).
        if (!isClientLost(error) || !await this.#ports.store.forgetClient(client)) return;
        const secrets = { client_id: client.clientId };
        this.#note({ event: "client_forgotten", name, issuer, outcome: "done", secrets });
      },
    );
  }

  /** Stores a failure and throws it, also where it cannot be stored; not where another pair is there by now. */
  async #concede(
    held: Held,
    error: McpAuthError,
    next: (record: CredentialRecord) => CredentialRecord,
    then?: () => Promise<void>,
  ): Promise<undefined> {
    try {
      if (await this.#change(held, next) === undefined) return undefined;
      await then?.();
    } catch {
      // The first error is the one to tell.
    }
    throw error;
  }

  /**
   * Changes the record for as long as it has the same tokens: whatever else of it was changed meanwhile stays so.
   *
   * @returns The record as it was stored; undefined where it is another's by now, or gone.
   */
  async #change(
    held: Held,
    next: (record: CredentialRecord) => CredentialRecord,
  ): Promise<CredentialRecord | undefined> {
    const { store } = this.#ports;
    const { name } = held.record;
    let found: Held | undefined = held;
    for (let tries = 0; tries < STORE_CHANGE_TRIES_MAX; tries++) {
      if (found === undefined || !hasSameTokens(found.record, held.record)) return undefined;
      const record = next(found.record);
      if (await store.changeCredential(name, found.version, record) !== undefined) return record;
      found = await store.credential(name);
    }
    throw othersChangeIt(name);
  }

  #note(event: AuditEvent): void {
    this.#ports.audit.record(event);
  }

  async #read(): Promise<ServerWithCredential> {
    const { name } = this.#wish;
    const found = await this.#ports.store.serverWithCredential(name);
    if (found === undefined) throw noSuchEntry(name);
    return found;
  }
}

function hasSameTokens(one: CredentialRecord, other: CredentialRecord): boolean {
  return one.refreshToken === other.refreshToken && one.accessToken === other.accessToken &&
    one.issuer === other.issuer;
}

function othersChangeIt(name: string): McpAuthError {
  return new McpAuthError("STORE_UNAVAILABLE", `Cannot refresh "${name}": others keep changing it`, {
    hint: "Try again",
  });
}

/** What is known of the server that a refresh goes to. */
function knowledgeOf({ options }: ServerRecord, record: CredentialRecord): RefreshKnowledge {
  // Servers grant these without saying so, and give no refresh token where they are left out.
  const silent = record.requestedScopes.filter((scope) => scope === "offline_access" || scope === "openid");
  return {
    quirks: [...record.quirks ?? [], ...options.quirks ?? []],
    scopes: [...new Set([...record.grantedScopes, ...silent])],
    resourceNamed: options.resource !== undefined,
  };
}

/** The credential with fresh tokens; what the response left out stays (behaviours row 6). */
function merged(record: CredentialRecord, { tokens, at, learned = [] }: UnsavedTokens): CredentialRecord {
  const { expiresAt: _old, lastError: _error, pendingRefresh: _pending, resource, ...kept } = record;
  const omits = resource === undefined || learned.includes("omit-resource");
  return {
    ...kept,
    ...(omits ? {} : { resource }),
    ...(learned.length === 0 ? {} : { quirks: [...new Set([...record.quirks ?? [], ...learned])] }),
    accessToken: tokens.accessToken,
    tokenType: tokens.tokenType,
    obtainedAt: at,
    ...(tokens.expiresIn === undefined ? {} : { expiresAt: at + tokens.expiresIn * 1000 }),
    ...(tokens.refreshToken === undefined ? {} : { refreshToken: tokens.refreshToken }),
    ...(tokens.idToken === undefined ? {} : { idToken: tokens.idToken }),
    ...(tokens.scopes === undefined ? {} : { grantedScopes: tokens.scopes }),
    tokenResponses: withTokenResponse(record.tokenResponses, at),
  };
}

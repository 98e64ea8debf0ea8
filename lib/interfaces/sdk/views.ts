/**
 * What callers of the library see of an entry and its tokens: the records of the store without what is no business of
 * theirs, the refresh token above all.
 *
 * @module
 */
import type { Clock } from "../../primitives/system/clock.ts";
import type { CredentialRecord, RefreshFailure, ServerRecord, Site } from "../../services/credentials/mod.ts";
import { isBound, isRenewable } from "../../services/tokens/mod.ts";
import { type EntryState, entryState } from "../composition/entry_state.ts";

/** An access token and what is known of it. */
export interface Tokens {
  /** The token itself: a secret. */
  readonly accessToken: string;
  /** Whether it is bound to a key of the entry, so that it can be used with `authorizedFetch` alone (RFC 9449). */
  readonly isBound: boolean;
  /** Milliseconds since the epoch; undefined where the server did not say. */
  readonly expiresAt: number | undefined;
  /** The scopes that were granted. */
  readonly scopes: readonly string[];
  /** The issuer that issued it. */
  readonly issuer: string;
  /** The resource it is for, verbatim; undefined for servers without resource indicators. */
  readonly resource: string | undefined;
  /**
   * Whether it is renewed without a person: by a refresh token, or by the entry's grant. Otherwise the sign-in ends with it.
   */
  readonly canRefresh: boolean;
}

/** The state of an entry. */
export interface Status {
  /** The entry. */
  readonly name: string;
  /** URL of the MCP server or the API, as given. */
  readonly url: string;
  /** An expired token that can be refreshed counts as signed in. */
  readonly state: EntryState;
  /** Undefined where nobody is signed in. */
  readonly tokens: Tokens | undefined;
  /** How the MCP server is reached; `auto` where that is found out each time. */
  readonly transport: "auto" | "http" | "sse" | "websocket";
  /** The provider that the entry names; undefined where it names none. */
  readonly provider: string | undefined;
  /** Which of the account's sites it is for; undefined where there is one, or none was chosen. */
  readonly site: Site | undefined;
  /** Who signed in, as the server calls them; for showing only. Undefined where it does not say. */
  readonly account: string | undefined;
  /** Why the last refresh failed; undefined where it did not. */
  readonly lastError: {
    /** How it ended. */
    readonly code: string;
    /** What happened. */
    readonly message: string;
    /** Milliseconds since the epoch. */
    readonly at: number;
    /** No refresh is tried by itself before this time, in milliseconds since the epoch; undefined where one may be. */
    readonly retryAt: number | undefined;
  } | undefined;
}

/** What a caller sees of a credential. */
export function toTokens(credential: CredentialRecord): Tokens {
  const { accessToken, expiresAt, grantedScopes, issuer, resource } = credential;
  return {
    accessToken,
    isBound: isBound(credential),
    expiresAt,
    scopes: grantedScopes,
    issuer,
    resource,
    canRefresh: isRenewable(credential),
  };
}

/** What a caller sees of an entry. */
export function toStatus(
  server: ServerRecord,
  credential: CredentialRecord | undefined,
  clock: Clock,
): Status {
  return {
    name: server.name,
    url: server.url,
    state: entryState(server, credential, clock),
    tokens: credential === undefined ? undefined : toTokens(credential),
    transport: server.options.transport ?? "auto",
    provider: server.options.provider,
    site: server.options.site,
    account: credential?.account,
    lastError: toLastError(credential?.lastError),
  };
}

function toLastError(failure: RefreshFailure | undefined): Status["lastError"] {
  if (failure === undefined) return undefined;
  const { code, message, at, retryAt } = failure;
  return { code, message, at, retryAt };
}

/**
 * The port between whoever sends MCP requests and the token authority: it hands out headers and decides what a refusal
 * means, so that no transport ever sees a refresh token or parses a challenge. What decides is loaded at the first
 * request: whoever only hands out a token does not pay for it.
 *
 * @module
 */
import type { CredentialRecord } from "../credentials/mod.ts";
import type { EntryAuthorizerOptions } from "./entry_authorizer.ts";

/** A refused request, as the transport saw it. */
export interface Refusal {
  /** 401 or 403. */
  readonly status: number;
  /** Every `WWW-Authenticate` field of the response, joined by ", " as `Headers.get` does; null when there was none. */
  readonly wwwAuthenticate: string | null;
  /** Its `DPoP-Nonce` field (RFC 9449 section 9); null when there was none. */
  readonly dpopNonce: string | null;
  /** The headers that {@linkcode Authorizer.headers} gave for the refused request: the retry is keyed to them. */
  readonly sent: Readonly<Record<string, string>>;
  /** What was attempted, such as `tools/call write_note`: step-up tries are counted for each. */
  readonly operation: string;
  /** How often this very request has been refused before: 0 the first time. */
  readonly attempt: number;
}

/** A request that credentials are wanted for: where they are bound to a key, each request gets a proof of its own. */
export interface RequestTarget {
  /** Such as `POST`. */
  readonly method: string;
  /** The URL, with its query. */
  readonly url: string;
}

/** Gives requests their credentials. */
export interface Authorizer {
  /**
   * The headers to add to one request, good for that one alone; empty where no sign-in is needed.
   *
   * Throws `McpAuthError` with `AUTH_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_REFRESH_FAILED`, `NETWORK_ERROR`, ...
   */
  headers(target: RequestTarget, signal?: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /** Takes the `DPoP-Nonce` of a response that was no refusal: the next proofs carry it (RFC 9449 section 8.2). */
  noteNonce(nonce: string): void;
  /**
   * Looks at a 401 or 403. Resolves when the request is worth sending once more with fresh {@linkcode headers}.
   *
   * Throws `McpAuthError` with `AUTH_REQUIRED`, `TOKEN_REFRESH_FAILED`, `INSUFFICIENT_SCOPE`, ... when it is not.
   */
  refused(refusal: Refusal, signal?: AbortSignal): Promise<void>;
}

/** Makes the authorizer of an entry. */
export function entryAuthorizer(options: EntryAuthorizerOptions): Authorizer {
  let made: Promise<Authorizer> | undefined;
  const load = async () => {
    const { EntryAuthorizer } = await import("./entry_authorizer.ts");
    return new EntryAuthorizer(options);
  };
  return {
    headers: async (target, signal) => await (await (made ??= load())).headers(target, signal),
    noteNonce: (nonce) => void made?.then((authorizer) => authorizer.noteNonce(nonce)),
    refused: async (refusal, signal) => await (await (made ??= load())).refused(refusal, signal),
  };
}

/** The header of a credential. */
export function bearer(
  credential: Pick<CredentialRecord, "accessToken">,
): { readonly authorization: string } {
  return { authorization: `Bearer ${credential.accessToken}` };
}

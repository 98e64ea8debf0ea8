/**
 * The port between whoever sends MCP requests and the token authority: it hands out headers and decides what a refusal
 * means, so that no transport ever sees a refresh token or parses a challenge. What decides is loaded at the first
 * request: whoever only hands out a token does not pay for it.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
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
  /** How often this very request has been refused before, its proofs apart: 0 the first time. */
  readonly attempt: number;
  /** What the proof was for, where the request carried one, and when it was refused by the server's `Date`. */
  readonly proof?: { readonly target: RequestTarget; readonly date: string | null };
}

/** A request whose proof alone was refused: the next one is to be made for it in particular. */
export interface ProofWanted {
  /** The nonce that the server gave for it; undefined where it is not about that. */
  readonly nonce?: string | undefined;
}

/** A request that credentials are wanted for: where they are bound to a key, each request gets a proof of its own. */
export interface RequestTarget {
  /** Such as `POST`. */
  readonly method: string;
  /** The URL, with its query. */
  readonly url: string;
  /** As {@linkcode ProofWanted} said, where this is a request sent again. */
  readonly nonce?: string | undefined;
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
  noteNonce(nonce: string, target: RequestTarget): void;
  /**
   * Looks at a 401 or 403. Resolves when the request is worth sending once more with fresh {@linkcode headers}: with what
   * is to be asked of the next proof, where nothing else was refused, so that this was no attempt.
   *
   * Throws `McpAuthError` with `AUTH_REQUIRED`, `TOKEN_REFRESH_FAILED`, `INSUFFICIENT_SCOPE`, ... when it is not.
   */
  refused(refusal: Refusal, signal?: AbortSignal): Promise<ProofWanted | void>;
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
    noteNonce: (nonce, target) => void made?.then((authorizer) => authorizer.noteNonce(nonce, target)),
    refused: async (refusal, signal) => await (await (made ??= load())).refused(refusal, signal),
  };
}

/** The part of a credential that says how its token is sent. */
export type Presented = Pick<CredentialRecord, "name" | "accessToken" | "tokenType" | "dpopKey">;

/**
 * Whether a token is bound to a key, so that it is of no use without a proof for each request (RFC 9449).
 *
 * @param credential Whose token.
 */
export function isBound({ tokenType, dpopKey }: Pick<Presented, "tokenType" | "dpopKey">): boolean {
  return dpopKey !== undefined || tokenType === "dpop";
}

/**
 * The header of a bearer token.
 *
 * @param credential Whose token.
 * @throws {McpAuthError} `CONFIG_INVALID` for a token that is bound to a key: it must never go out so.
 */
export function bearer(credential: Presented): { readonly authorization: string } {
  if (!isBound(credential)) return { authorization: `Bearer ${credential.accessToken}` };
  const { name } = credential;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot hand out the token of "${name}" for use elsewhere: it is bound to a key that mcp-auth keeps (DPoP)`,
    {
      hint:
        `Use it through mcp-auth bridge ${name}, mcp-auth call ${name}, or authorizedFetch of the library`,
    },
  );
}

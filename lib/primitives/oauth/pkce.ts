/**
 * Proof Key for Code Exchange. Always S256, always 43 characters of verifier; a server that does not say that it
 * supports S256 is refused, because the alternative is a code that anyone can redeem.
 *
 * @see RFC 7636
 * @see MCP 2026-07-28 authorization, Authorization Code Protection (C23, C38, C39)
 * @module
 */
import * as oauth from "oauth4webapi";
import { McpAuthError } from "../errors.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";

/** One request's verifier and its challenge. */
export interface Pkce {
  /** 43 characters; sent with the code. */
  readonly codeVerifier: string;
  /** base64url(SHA-256(verifier)); sent with the authorization request. */
  readonly codeChallenge: string;
}

/** Makes a fresh pair. */
export async function createPkce(): Promise<Pkce> {
  const codeVerifier = oauth.generateRandomCodeVerifier();
  return { codeVerifier, codeChallenge: await codeChallengeOf(codeVerifier) };
}

/**
 * The S256 challenge of a verifier.
 *
 * @see RFC 7636 section 4.2
 */
export function codeChallengeOf(codeVerifier: string): Promise<string> {
  return oauth.calculatePKCECodeChallenge(codeVerifier);
}

/**
 * Refuses a server that does not offer S256.
 *
 * @param methods `code_challenge_methods_supported` of its metadata.
 * @param issuer For the message.
 * @throws {McpAuthError} `DISCOVERY_FAILED`.
 */
export function requireS256(methods: readonly string[] | undefined, issuer: string): void {
  if (methods?.includes("S256")) return;
  throw new McpAuthError(
    "DISCOVERY_FAILED",
    `Cannot sign in at "${safeUrl(issuer)}": its metadata does not list PKCE method "S256"${
      methods === undefined ? "" : ` (it lists ${safeText(methods.slice(0, 5), 80)})`
    }`,
    { hint: "If you know that it supports S256, repeat the command with --assume-pkce" },
  );
}

/**
 * Ends a sign-in at the server: the refresh token first, because many servers end the access token with it, then the
 * access token. What was and was not revoked is reported for each; a server that cannot be reached is no reason to keep
 * the local copy, and is said.
 *
 * @see RFC 7009; behaviours row 46
 * @module
 */
import { asMcpAuthError, type ErrorJson } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { type RevocableToken, revokeToken } from "../../primitives/oauth/revocation.ts";
import { OAuthResponseError } from "../../primitives/oauth/response_error.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { CredentialRecord } from "../credentials/mod.ts";

/** What became of one token. */
export interface Revocation {
  /** Which of the two. */
  readonly token: "refresh_token" | "access_token";
  /** `unsupported`: the server does not revoke such tokens (RFC 7009 section 2.2.1); it lives on until it expires. */
  readonly outcome: "revoked" | "unsupported" | "failed";
  /** Why it failed. */
  readonly error?: ErrorJson;
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

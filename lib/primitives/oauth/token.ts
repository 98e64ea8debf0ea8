/**
 * The token endpoint: exchange of a code, and refresh. What servers write that is nearly right is put right before the
 * strict check.
 *
 * @see RFC 6749 sections 4.1.3, 5 and 6
 * @see MCP 2026-07-28 authorization (C40, C54, C66); behaviours rows 3, 6 and 7
 * @module
 */
import * as oauth from "oauth4webapi";
import type { Http } from "../http/http.ts";
import { REFRESH_TIMEOUT_MS } from "../limits.ts";
import { clientAuthentication, type ClientIdentity, toOAuthClient } from "./client_auth.ts";
import { overHttp } from "./fetch_adapter.ts";
import { type EndpointFailure, endsCredential, OAuthResponseError } from "./response_error.ts";
import type { ServerMetadata } from "./server_metadata.ts";
import { readTokenResponse, type TokenSet } from "./token_response.ts";

export type { TokenSet };

/** Who asks whom, and for which resource. */
export interface TokenRequest {
  readonly http: Http;
  readonly server: ServerMetadata;
  readonly client: ClientIdentity;
  /** The resource indicator, verbatim; undefined for servers that predate it. */
  readonly resource?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for a refresh; {@linkcode REFRESH_TIMEOUT_MS} when left out. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Exchanges an authorization code.
 *
 * @param request Who asks whom.
 * @param grant The validated authorization response, the redirect URI it came to, and the PKCE verifier.
 * @throws {McpAuthError} `AUTH_FAILED`, or what the fetch throws; {@linkcode OAuthResponseError} for a refusal.
 */
export async function exchangeCode(
  request: TokenRequest,
  grant: { readonly response: URLSearchParams; readonly redirectUri: string; readonly codeVerifier: string },
): Promise<TokenSet> {
  const { http, server, client, signal } = request;
  const failure: EndpointFailure = {
    code: "AUTH_FAILED",
    action: "exchange the authorization code",
    endpoint: server.token_endpoint,
    hint: "Start the sign-in again",
    secrets: [grant.response.get("code"), grant.codeVerifier, client.clientSecret],
  };
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    toOAuthClient(client),
    clientAuthentication(client),
    grant.response,
    grant.redirectUri,
    grant.codeVerifier,
    { ...overHttp(http, signal), additionalParameters: resourceParameter(request.resource) },
  );
  return await readTokenResponse(
    response,
    failure,
    (strict) => oauth.processAuthorizationCodeResponse(server, toOAuthClient(client), strict),
  );
}

/**
 * Spends a refresh token. Only the token authority calls this.
 *
 * @param request Who asks whom.
 * @param refreshToken The refresh token; it may be dead afterwards, whatever the outcome.
 * @throws {McpAuthError} `TOKEN_REFRESH_FAILED` where the credential is dead ({@linkcode endsCredential}); `SERVER_ERROR`
 *   for every other answer that is no token, since a proxy or a portal may have given it; or what the fetch throws.
 */
export async function refreshTokens(request: TokenRequest, refreshToken: string): Promise<TokenSet> {
  const { http, server, client, signal } = request;
  const failure: EndpointFailure = {
    code: "SERVER_ERROR",
    action: "refresh the access token",
    endpoint: server.token_endpoint,
    hint: "Try again later; if it stays so, sign in again",
    secrets: [refreshToken, client.clientSecret],
  };
  const response = await oauth.refreshTokenGrantRequest(
    server,
    toOAuthClient(client),
    clientAuthentication(client),
    refreshToken,
    {
      ...overHttp(http, signal, request.timeoutMs ?? REFRESH_TIMEOUT_MS),
      additionalParameters: resourceParameter(request.resource),
    },
  );
  try {
    return await readTokenResponse(
      response,
      failure,
      (strict) => oauth.processRefreshTokenResponse(server, toOAuthClient(client), strict),
    );
  } catch (error) {
    if (!(error instanceof OAuthResponseError && endsCredential(error))) throw error;
    throw new OAuthResponseError("TOKEN_REFRESH_FAILED", error.message, error, { hint: "Sign in again" });
  }
}

function resourceParameter(resource: string | undefined): Record<string, string> {
  return resource === undefined ? {} : { resource };
}

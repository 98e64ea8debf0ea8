/**
 * The token endpoint: exchange of a code, and refresh. What servers write that is nearly right is put right before the
 * strict check. A request with a prover gets its proof, and what it brings is bound to the prover's key.
 *
 * @see RFC 6749 sections 4.1.3, 5 and 6; RFC 9449 section 5 (X15)
 * @see MCP 2026-07-28 authorization (C40, C54, C66); behaviours rows 3, 6 and 7
 * @module
 */
import * as oauth from "oauth4webapi";
import type { Http } from "../http/http.ts";
import { REFRESH_TIMEOUT_MS } from "../limits.ts";
import {
  clientAuthentication,
  type ClientIdentity,
  toOAuthClient,
  withFreshAssertions,
} from "./client_auth.ts";
import type { DpopProver } from "./dpop.ts";
import { overHttp, type TransportOptions } from "./fetch_adapter.ts";
import { provenHttp } from "./proven_http.ts";
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
  /** Scopes to name in a refresh, for servers that want them again (quirk `repeat-scope`). */
  readonly scopes?: readonly string[] | undefined;
  /** Proves the possession of the key that the tokens are to be bound to; undefined for bearer tokens. */
  readonly proof?: DpopProver | undefined;
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
  const { server, client } = request;
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
    {
      ...tokenTransport(request),
      additionalParameters: resourceParameter(request.resource),
    },
  );
  return await readTokenResponse(
    response,
    failure,
    (strict) => oauth.processAuthorizationCodeResponse(server, toOAuthClient(client), strict),
    tokenTypeOf(request),
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
  const { server, client } = request;
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
      ...tokenTransport(request, request.timeoutMs ?? REFRESH_TIMEOUT_MS),
      additionalParameters: {
        ...resourceParameter(request.resource),
        ...(request.scopes === undefined ? {} : { scope: request.scopes.join(" ") }),
      },
    },
  );
  try {
    return await readTokenResponse(
      response,
      failure,
      (strict) => oauth.processRefreshTokenResponse(server, toOAuthClient(client), strict),
      tokenTypeOf(request),
    );
  } catch (error) {
    if (!(error instanceof OAuthResponseError && endsCredential(error))) throw error;
    throw new OAuthResponseError("TOKEN_REFRESH_FAILED", error.message, error, { hint: "Sign in again" });
  }
}

function resourceParameter(resource: string | undefined): Record<string, string> {
  return resource === undefined ? {} : { resource };
}

/**
 * How a request goes to the token endpoint: with a proof of its own where tokens are to be bound to a key, and again where
 * the server wants another proof.
 *
 * @param request Who asks whom.
 * @param timeoutMs Milliseconds for all of it; the one fetch's default when left out.
 * @see RFC 9449 sections 5 and 8 (X15, X17)
 */
export function tokenTransport(
  { http, server, client, proof, signal }: Omit<TokenRequest, "timeoutMs">,
  timeoutMs?: number,
): TransportOptions {
  return overHttp(provenHttp(withFreshAssertions(http, server, client), proof), signal, timeoutMs);
}

/**
 * The type of token that a request asks for: `dpop` where it proves the possession of a key. A server may give bearer
 * tokens all the same, and whoever wanted others has to look.
 *
 * @see RFC 9449 section 5
 */
export function tokenTypeOf({ proof }: Pick<TokenRequest, "proof">): "bearer" | "dpop" {
  return proof === undefined ? "bearer" : "dpop";
}

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
import { readJson } from "../http/body.ts";
import { ID_TOKEN_MAX_CHARS, REFRESH_TIMEOUT_MS } from "../limits.ts";
import { clientAuthentication, type ClientIdentity, toOAuthClient } from "./client_auth.ts";
import { overHttp } from "./fetch_adapter.ts";
import { isObject } from "./json.ts";
import {
  endpointError,
  type EndpointFailure,
  endsCredential,
  malformedAnswer,
  OAuthResponseError,
} from "./response_error.ts";
import { splitScope } from "./scope.ts";
import type { ServerMetadata } from "./server_metadata.ts";

/** What a token response says. Members that it omits are absent. */
export interface TokenSet {
  readonly accessToken: string;
  /** In lower case, such as `bearer`. */
  readonly tokenType: string;
  /** Seconds of life from now; absent where unknown. */
  readonly expiresIn?: number;
  readonly refreshToken?: string;
  /** Kept for showing who signed in; never used to decide anything. Absent where it is too long to be kept. */
  readonly idToken?: string;
  /** What was granted, where the response says so. */
  readonly scopes?: readonly string[];
}

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

/** RFC 6749 appendix A.12: anything else would end the header that carries it. */
const PRINTABLE = /^[\x20-\x7e]*$/;

async function readTokenResponse(
  response: Response,
  failure: EndpointFailure,
  check: (strict: Response) => Promise<oauth.TokenEndpointResponse>,
): Promise<TokenSet> {
  if (response.status !== 200) throw await endpointError(response, failure);
  const body = await readTokenBody(response);
  if (typeof body?.error === "string") {
    throw await endpointError(Response.json(body, { status: 400 }), failure);
  }
  try {
    const { id_token: idToken, ...rest } = body ?? {};
    const checked = await check(Response.json(rest));
    // RFC 6749 section 7.1: a token of a kind that we cannot present is of no use.
    if (checked.token_type !== "bearer") throw new Error(`token_type is ${checked.token_type}, not Bearer`);
    for (const name of ["access_token", "refresh_token"] as const) {
      if (!PRINTABLE.test(checked[name] ?? "")) {
        throw new Error(`${name} has characters that no token may have`);
      }
    }
    return {
      accessToken: checked.access_token,
      tokenType: checked.token_type,
      ...(checked.expires_in === undefined ? {} : { expiresIn: checked.expires_in }),
      ...(checked.refresh_token === undefined ? {} : { refreshToken: checked.refresh_token }),
      ...(typeof idToken === "string" && idToken.length <= ID_TOKEN_MAX_CHARS ? { idToken } : {}),
      ...(checked.scope === undefined ? {} : { scopes: splitScope(checked.scope) }),
    };
  } catch (error) {
    throw malformedAnswer(error, failure);
  }
}

/** The members of a token response, with what servers write for "none" taken out. */
async function readTokenBody(response: Response): Promise<Record<string, unknown> | undefined> {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(response.headers.get("content-type") ?? "");
  const json = isForm
    ? Object.fromEntries(new URLSearchParams(await response.text()))
    : await readJson(response);
  if (!isObject(json)) return undefined;
  const body = Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null && value !== ""));
  if (body.access_token !== undefined) body.token_type ??= "Bearer";
  const expiresIn = Number(body.expires_in);
  // A life past the year 9999 is no time that can be written down; it counts as unknown, like 0 and "soon".
  if (expiresIn > 0 && expiresIn * 1000 < Date.UTC(9999)) body.expires_in = expiresIn;
  else delete body.expires_in;
  if (Array.isArray(body.scope)) body.scope = body.scope.join(" ");
  return body;
}

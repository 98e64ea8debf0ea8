/**
 * The grants of machines at the token endpoint: a client's own credentials, and an assertion of somebody whom the server
 * trusts. They spend nothing that has to be kept: what is lost on the way is asked for again. A refresh token that comes
 * with the answer is left there, since the grant itself brings the next token.
 *
 * @see RFC 6749 section 4.4, RFC 7523 section 2.1 (X2, X3, X11, X21)
 * @module
 */
import * as oauth from "oauth4webapi";
import { REFRESH_TIMEOUT_MS } from "../limits.ts";
import {
  clientAuthentication,
  type ClientIdentity,
  toOAuthClient,
  withFreshAssertions,
} from "./client_auth.ts";
import { provenHttp } from "./proven_http.ts";
import { overHttp } from "./fetch_adapter.ts";
import { type EndpointFailure, OAuthResponseError } from "./response_error.ts";
import { type TokenRequest, tokenTypeOf } from "./token.ts";
import { readTokenResponse, type TokenSet } from "./token_response.ts";

/** Who asks whom for a token, and for what. */
export interface MachineGrantRequest extends TokenRequest {
  /** The scopes to ask for; none are named where it is empty. */
  readonly scopes: readonly string[];
}

/** RFC 7523 section 2.1. */
export const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/**
 * Gets a token by the client's own credentials. Beside a client assertion the client's id is left out of the request, as
 * the extension wants it; to a server that asks for it, it is sent.
 *
 * @param request Who asks whom.
 * @throws {McpAuthError} `AUTH_FAILED`, or what the fetch throws; {@linkcode OAuthResponseError} for a refusal.
 * @see RFC 6749 section 4.4 (X3)
 */
export async function byClientCredentials(request: MachineGrantRequest): Promise<TokenSet> {
  const ask = (withClientId: boolean) =>
    redeem(request, "client_credentials", {}, { action: "get a token by client credentials", withClientId });
  try {
    return await ask(false);
  } catch (error) {
    if (!missesClientId(error, request.client)) throw error;
    return await ask(true);
  }
}

/**
 * Gets a token by an assertion, in one request that is never repeated here: what a server has refused once it refuses
 * again, and some take an assertion only once.
 *
 * @param request Who asks whom; a client without an id is not named.
 * @param assertion The assertion: a secret as long as it lives.
 * @throws {McpAuthError} `AUTH_FAILED`, or what the fetch throws; {@linkcode OAuthResponseError} for a refusal.
 * @see RFC 7523 section 2.1 (X11, X21, X24)
 */
export async function byAssertion(request: MachineGrantRequest, assertion: string): Promise<TokenSet> {
  const action = "get a token by an assertion";
  return await redeem(request, JWT_BEARER, { assertion }, { action, withClientId: true });
}

async function redeem(
  request: MachineGrantRequest,
  grantType: string,
  credentials: Readonly<Record<string, string>>,
  { action, withClientId }: { readonly action: string; readonly withClientId: boolean },
): Promise<TokenSet> {
  const { http, server, client, resource, scopes, proof, signal } = request;
  const secrets: (string | null | undefined)[] = [...Object.values(credentials), client.clientSecret];
  const failure: EndpointFailure = { code: "AUTH_FAILED", action, endpoint: server.token_endpoint, secrets };
  const authenticate = clientAuthentication(client, { withClientId });
  const response = await oauth.genericTokenEndpointRequest(
    server,
    toOAuthClient(client),
    async (server, identity, body, headers) => {
      await authenticate(server, identity, body, headers);
      secrets.push(body.get("client_assertion"));
    },
    grantType,
    {
      ...credentials,
      ...(resource === undefined ? {} : { resource }),
      ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
    },
    overHttp(
      provenHttp(withFreshAssertions(http, server, client), proof),
      signal,
      request.timeoutMs ?? REFRESH_TIMEOUT_MS,
    ),
  );
  const { refreshToken: _refreshToken, idToken: _idToken, ...tokens } = await readTokenResponse(
    response,
    failure,
    (strict) => oauth.processGenericTokenEndpointResponse(server, toOAuthClient(client), strict),
    tokenTypeOf(request),
  );
  return tokens;
}

/** Whether a server wants the client's id beside its assertion, such as Entra ID ("AADSTS900144"). */
function missesClientId(error: unknown, { tokenEndpointAuthMethod }: ClientIdentity): boolean {
  return tokenEndpointAuthMethod === "private_key_jwt" && error instanceof OAuthResponseError &&
    (error.oauthError === "invalid_request" || error.oauthError === "invalid_client") &&
    /\bclient_id\b/i.test(error.words);
}

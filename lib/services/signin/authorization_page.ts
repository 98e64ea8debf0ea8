/**
 * The page that an authorization sends the person to. Where the server wants authorization requests pushed, the request
 * goes there first, by the client itself, and the page's URL only names it.
 *
 * @see RFC 6749 section 4.1.1, RFC 9126; behaviours row 22
 * @module
 */
import {
  authorizationParameters,
  type AuthorizationRequest,
  authorizationUrl,
  pushedAuthorizationUrl,
} from "../../primitives/oauth/authorization.ts";
import { otherAuthMethod } from "../../primitives/oauth/client_auth.ts";
import type { Pkce } from "../../primitives/oauth/pkce.ts";
import { pushAuthorization } from "../../primitives/oauth/pushed_authorization.ts";
import { OAuthResponseError } from "../../primitives/oauth/response_error.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { ClientRecord } from "../credentials/mod.ts";
import type { Round } from "./authorization_round.ts";
import type { SignInPorts } from "./sign_in.ts";

/** Where to send a person. */
export interface AuthorizationPage {
  readonly url: string;
  /** The client, with the way to authenticate that worked, where it had to. */
  readonly client: ClientRecord;
  /** Seconds that the URL is good for; undefined where it has no end. */
  readonly expiresInS?: number;
}

/**
 * Whether authorization requests of a client have to be pushed.
 *
 * @param server The metadata of the server.
 * @param client The client: its registration may ask for it, too.
 * @see RFC 9126 sections 5 and 6
 */
export function wantsPush(
  server: Pick<ServerMetadata, "require_pushed_authorization_requests">,
  client: Pick<ClientRecord, "requiresPushedRequests">,
): boolean {
  return server.require_pushed_authorization_requests === true || client.requiresPushedRequests === true;
}

/**
 * The page of a round.
 *
 * @throws {McpAuthError} where the request cannot be pushed: {@linkcode OAuthResponseError} for a refusal.
 */
export async function authorizationPage(
  ports: Pick<SignInPorts, "http">,
  round: Round,
  pkce: Pkce,
  state: string,
): Promise<AuthorizationPage> {
  const { discovery: { server }, client, proof, signal } = round;
  const request = requestOf(round, pkce, state);
  if (!wantsPush(server, client)) return { url: authorizationUrl(server, request), client };
  const parameters = authorizationParameters(request);
  const pushAs = async (client: ClientRecord): Promise<AuthorizationPage> => {
    const push = { http: ports.http, server, client, proof, signal };
    const { requestUri, expiresIn } = await pushAuthorization(push, parameters);
    return {
      url: pushedAuthorizationUrl(server, client.clientId, requestUri),
      client,
      expiresInS: expiresIn,
    };
  };
  try {
    return await pushAs(client);
  } catch (error) {
    // As at the token endpoint: a registration that was good for a sign-in before was good with its method, too.
    const method = round.isReused ? undefined : otherAuthMethod(client);
    if (method === undefined || !isInvalidClient(error)) throw error;
    return await pushAs({ ...client, tokenEndpointAuthMethod: method }).catch(() => {
      throw error;
    });
  }
}

function requestOf(round: Round, pkce: Pkce, state: string): AuthorizationRequest {
  const { entry, callback, client, scopes, resource, proof } = round;
  return {
    clientId: client.clientId,
    redirectUri: callback.redirectUri,
    codeChallenge: pkce.codeChallenge,
    state,
    scopes,
    resource,
    promptConsent: scopes.includes("offline_access"),
    dpopJkt: proof?.thumbprint,
    parameters: entry.options.authorizeParameters,
  };
}

function isInvalidClient(error: unknown): boolean {
  return error instanceof OAuthResponseError && error.oauthError === "invalid_client";
}

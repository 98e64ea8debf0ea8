/**
 * Pushed authorization requests: the parameters go to the server itself, which authenticates the client and gives a name
 * for them; the browser then carries that name and nothing that could be read or changed on the way. Used where the
 * server asks for it: a push costs a request, and its name is good for a minute or so.
 *
 * @see RFC 9126
 * @module
 */
import * as oauth from "oauth4webapi";
import { McpAuthError } from "../errors.ts";
import type { Http } from "../http/http.ts";
import { REQUEST_URI_MAX_CHARS } from "../limits.ts";
import { safeUrl } from "../untrusted_text.ts";
import {
  clientAuthentication,
  type ClientIdentity,
  toOAuthClient,
  withFreshAssertions,
} from "./client_auth.ts";
import type { DpopProver } from "./dpop.ts";
import { overHttp } from "./fetch_adapter.ts";
import { provenHttp } from "./proven_http.ts";
import { endpointError, type EndpointFailure, malformedAnswer } from "./response_error.ts";
import type { ServerMetadata } from "./server_metadata.ts";

/** Who pushes, and where. */
export interface PushRequest {
  readonly http: Http;
  readonly server: ServerMetadata;
  readonly client: ClientIdentity;
  /** Proves the possession of the key that the tokens are to be bound to; undefined for bearer tokens. */
  readonly proof?: DpopProver | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the server calls a request that was pushed. */
export interface PushedRequest {
  /** The name, for the authorization URL; it is good once. */
  readonly requestUri: string;
  /** Seconds that it is good for. */
  readonly expiresIn: number;
}

/**
 * The error for a server that wants requests pushed and has nowhere to push them to.
 *
 * @param server Its metadata.
 */
export function noPushEndpoint({ issuer }: Pick<ServerMetadata, "issuer">): McpAuthError {
  return new McpAuthError(
    "DISCOVERY_FAILED",
    `Cannot sign in at "${
      safeUrl(issuer)
    }": it wants authorization requests pushed, and "pushed_authorization_request_endpoint" of its metadata is missing or cannot be used`,
    { hint: "The server's operator has to correct the metadata" },
  );
}

/** What a URI consists of, from a scheme on (RFC 3986 section 2). */
const URI = /^[a-z][a-z0-9+.-]*:[\w.~:/?#[\]@!$&'()*+,;=%-]+$/i;

/**
 * Pushes an authorization request.
 *
 * @param request Who pushes.
 * @param parameters The parameters of the authorization request.
 * @throws {McpAuthError} `AUTH_FAILED`; {@linkcode OAuthResponseError} for a refusal, of the client (`invalid_client`)
 *   among others; `DISCOVERY_FAILED` where the server has no endpoint for it; or what the fetch throws.
 * @see RFC 9126 sections 2.1 and 2.2, RFC 9449 section 10.1
 */
export async function pushAuthorization(
  { http, server, client, proof, signal }: PushRequest,
  parameters: Readonly<Record<string, string>>,
): Promise<PushedRequest> {
  const endpoint = server.pushed_authorization_request_endpoint;
  if (endpoint === undefined) throw noPushEndpoint(server);
  const failure: EndpointFailure = {
    code: "AUTH_FAILED",
    action: "push the authorization request",
    endpoint,
    hint: "Start the sign-in again",
    secrets: [client.clientSecret, parameters.state, parameters.code_challenge],
  };
  const response = await oauth.pushedAuthorizationRequest(
    server,
    toOAuthClient(client),
    clientAuthentication(client),
    new URLSearchParams(parameters),
    overHttp(provenHttp(withFreshAssertions(http, server, client), proof), signal),
  );
  // RFC 9126 asks for 201; servers that answer 200 mean the same.
  if (response.status !== 201 && response.status !== 200) throw await endpointError(response, failure);
  try {
    const answer = Response.json(await response.json(), { status: 201 });
    const { request_uri: requestUri, expires_in: expiresIn } = await oauth
      .processPushedAuthorizationResponse(server, toOAuthClient(client), answer);
    if (requestUri.length > REQUEST_URI_MAX_CHARS || !URI.test(requestUri)) {
      throw new Error("request_uri is no URI");
    }
    return { requestUri, expiresIn };
  } catch (error) {
    throw malformedAnswer(error, failure);
  }
}

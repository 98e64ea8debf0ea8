/**
 * The device authorization grant: a code that a person types, or scans, at a page on any device of theirs, while this
 * one asks the token endpoint now and then whether they have. The two addresses come from the server and are shown to
 * the person, so they are judged as any that a browser is sent to.
 *
 * @see RFC 8628; MCP security best practices (C73)
 * @module
 */
import * as oauth from "oauth4webapi";
import { readJson } from "../http/body.ts";
import {
  DEVICE_CODE_MAX_S,
  DEVICE_INTERVAL_MAX_S,
  DEVICE_INTERVAL_MIN_S,
  DEVICE_INTERVAL_S,
  SHOWN_URL_MAX_CHARS,
  USER_CODE_MAX_CHARS,
} from "../limits.ts";
import { safeText } from "../untrusted_text.ts";
import { clientAuthentication, toOAuthClient } from "./client_auth.ts";
import { provenHttp } from "./proven_http.ts";
import { overHttp } from "./fetch_adapter.ts";
import { isObject } from "./json.ts";
import { endpointError, type EndpointFailure, malformedAnswer } from "./response_error.ts";
import { checkEndpoint, type ServerMetadata } from "./server_metadata.ts";
import { type TokenRequest, type TokenSet, tokenTypeOf } from "./token.ts";
import { readTokenResponse } from "./token_response.ts";

/** The grant type, for registrations and metadata. */
export const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/** What a server said to a request for a device code. */
export interface DeviceAuthorization {
  /** The secret half. */
  readonly deviceCode: string;
  /** What the person types. */
  readonly userCode: string;
  /** Where they type it. */
  readonly verificationUri: string;
  /** The same with the code in it, for scanning. */
  readonly verificationUriComplete?: string;
  /** Seconds that the codes live. */
  readonly expiresInS: number;
  /** Seconds between two questions. */
  readonly intervalS: number;
}

/**
 * Whether a server offers the device flow: it has the endpoint, and its list of grant types, where it has one, does not
 * leave it out.
 *
 * @see RFC 8628 section 4
 */
export function offersDeviceFlow(server: ServerMetadata): boolean {
  return server.device_authorization_endpoint !== undefined &&
    (server.grant_types_supported === undefined || server.grant_types_supported.includes(DEVICE_GRANT));
}

/**
 * Asks for a device code.
 *
 * @param request Who asks whom, and for which resource.
 * @param scopes The scopes to ask for; none sends no `scope`.
 * @throws {McpAuthError} `AUTH_FAILED`, `UNSAFE_URL` for an address that nobody should be sent to, or what the fetch
 *   throws; `OAuthResponseError` for a refusal.
 * @see RFC 8628 sections 3.1 and 3.2
 */
export async function requestDeviceCode(
  request: TokenRequest,
  scopes: readonly string[],
): Promise<DeviceAuthorization> {
  const { http, server, client, resource, signal } = request;
  const failure: EndpointFailure = {
    code: "AUTH_FAILED",
    action: "ask for a device code",
    endpoint: server.device_authorization_endpoint ?? "",
    hint: "Sign in through the browser: leave out --device, or add --browser",
    secrets: [client.clientSecret],
  };
  const response = await oauth.deviceAuthorizationRequest(
    server,
    toOAuthClient(client),
    clientAuthentication(client),
    {
      ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
      ...(resource === undefined ? {} : { resource }),
    },
    overHttp(http, signal),
  );
  if (response.status !== 200) throw await endpointError(response, failure);
  const body = await readJson(response);
  if (isObject(body) && typeof body.error === "string") {
    throw await endpointError(Response.json(body, { status: 400 }), failure);
  }
  try {
    const answer = await oauth.processDeviceAuthorizationResponse(
      server,
      toOAuthClient(client),
      Response.json(isObject(body) ? straightened(body) : body),
    );
    return toAuthorization(answer, server.issuer);
  } catch (error) {
    throw malformedAnswer(error, failure);
  }
}

/** Google calls the address `verification_url`; numbers come as strings from several. */
function straightened(body: Record<string, unknown>): Record<string, unknown> {
  const { interval, ...rest } = body;
  const seconds = Number(interval);
  return {
    verification_uri: body.verification_url,
    ...rest,
    ...(seconds > 0 && seconds < Infinity ? { interval: seconds } : {}),
  };
}

function toAuthorization(answer: oauth.DeviceAuthorizationResponse, issuer: string): DeviceAuthorization {
  const { device_code, user_code, verification_uri, verification_uri_complete, expires_in, interval } =
    answer;
  if (user_code.length > USER_CODE_MAX_CHARS || safeText(user_code) !== user_code) {
    throw new Error("user_code cannot be shown");
  }
  checkAddress(verification_uri, "verification_uri", issuer);
  // An ornament: without it the code is typed.
  const complete = isAddress(verification_uri_complete, issuer) ? verification_uri_complete : undefined;
  return {
    deviceCode: device_code,
    userCode: user_code,
    verificationUri: verification_uri,
    ...(complete === undefined ? {} : { verificationUriComplete: complete }),
    expiresInS: Math.min(expires_in, DEVICE_CODE_MAX_S),
    intervalS: Math.min(
      Math.max(interval ?? DEVICE_INTERVAL_S, DEVICE_INTERVAL_MIN_S),
      DEVICE_INTERVAL_MAX_S,
    ),
  };
}

function checkAddress(url: string, name: string, issuer: string): void {
  checkEndpoint(url, name, issuer);
  if (url.length > SHOWN_URL_MAX_CHARS || safeText(url, SHOWN_URL_MAX_CHARS) !== url) {
    throw new Error(`${name} cannot be shown`);
  }
}

function isAddress(url: string | undefined, issuer: string): url is string {
  try {
    if (url === undefined) return false;
    checkAddress(url, "verification_uri_complete", issuer);
    return true;
  } catch {
    return false;
  }
}

/**
 * Asks whether the person has approved.
 *
 * @param request Who asks whom, and for which resource.
 * @param deviceCode The device code.
 * @throws {McpAuthError} `AUTH_FAILED`, or what the fetch throws; `OAuthResponseError` for `authorization_pending`,
 *   `slow_down`, `access_denied`, `expired_token` and every other refusal.
 * @see RFC 8628 sections 3.4 and 3.5
 */
export async function redeemDeviceCode(request: TokenRequest, deviceCode: string): Promise<TokenSet> {
  const { http, server, client, proof, resource, signal } = request;
  const failure: EndpointFailure = {
    code: "AUTH_FAILED",
    action: "exchange the device code",
    endpoint: server.token_endpoint,
    hint: "Start the sign-in again",
    secrets: [deviceCode, client.clientSecret],
  };
  const response = await oauth.deviceCodeGrantRequest(
    server,
    toOAuthClient(client),
    clientAuthentication(client),
    deviceCode,
    {
      ...overHttp(provenHttp(http, proof), signal),
      additionalParameters: resource === undefined ? {} : { resource },
    },
  );
  return await readTokenResponse(
    response,
    failure,
    (strict) => oauth.processDeviceCodeResponse(server, toOAuthClient(client), strict),
    tokenTypeOf(request),
  );
}

/**
 * The authorization request, and the judgement of what came back. The order of checks is fixed: `state` proves that the
 * response belongs to this request, `iss` that it comes from the server that was asked, and only then is `code` or
 * `error` looked at, so that nobody without the state can even end a sign-in.
 *
 * @see RFC 6749 section 4.1, RFC 9207 section 2.4, RFC 8707
 * @see MCP 2026-07-28 authorization, Authorization Response Validation (C40, C47, C50-C53)
 * @module
 */
import * as oauth from "oauth4webapi";
import { type ErrorCode, McpAuthError, type McpAuthErrorOptions } from "../errors.ts";
import { parseWebUrl } from "../web_url.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { permitted } from "./authorize_parameters.ts";
import { requireAuthorizationEndpoint, type ServerMetadata } from "./server_metadata.ts";

/** The parts of an authorization request. */
export interface AuthorizationRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly codeChallenge: string;
  readonly state: string;
  /** Empty: no `scope` parameter. */
  readonly scopes: readonly string[];
  /** The resource indicator, verbatim; undefined for servers that predate it. */
  readonly resource?: string | undefined;
  /** Ask for consent again, so that a refresh token is issued with `offline_access`. */
  readonly promptConsent?: boolean | undefined;
  /** The thumbprint of the key that the tokens are to be bound to (RFC 9449 section 10). */
  readonly dpopJkt?: string | undefined;
  /** What a server wants beside the standard; see `parseAuthorizeParameter`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
}

/** A server's refusal that came back by the redirect. */
export class AuthorizationRefusal extends McpAuthError {
  /** The OAuth error code, such as `access_denied`. */
  readonly oauthError: string;

  /**
   * @param code Our code.
   * @param message As for `McpAuthError`.
   * @param oauthError The OAuth error code.
   * @param options As for `McpAuthError`.
   */
  constructor(code: ErrorCode, message: string, oauthError: string, options: McpAuthErrorOptions = {}) {
    super(code, message, options);
    this.oauthError = oauthError;
  }
}

/** A random `state`: 43 characters, used once. */
export function createState(): string {
  return oauth.generateRandomState();
}

/**
 * The parameters of an authorization request, by their names. An additional one never takes the place of one that we set,
 * except `prompt`.
 *
 * @see RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8707 section 2.1, RFC 9449 section 10
 */
export function authorizationParameters(request: AuthorizationRequest): Readonly<Record<string, string>> {
  const parameters: Record<string, string | undefined> = {
    response_type: "code",
    client_id: request.clientId,
    redirect_uri: request.redirectUri,
    code_challenge: request.codeChallenge,
    code_challenge_method: "S256",
    state: request.state,
    scope: request.scopes.length === 0 ? undefined : request.scopes.join(" "),
    resource: request.resource,
    prompt: request.promptConsent ? "consent" : undefined,
    dpop_jkt: request.dpopJkt,
    ...permitted(request.parameters ?? {}),
  };
  return Object.fromEntries(
    Object.entries(parameters).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]),
  );
}

/**
 * Builds the URL to open in the browser. A query that the endpoint has already is kept.
 *
 * @throws {McpAuthError} `UNSAFE_URL` when the endpoint is not https (or http on loopback), `DISCOVERY_FAILED` when there
 *   is none.
 * @see RFC 6749 sections 3.1 and 4.1.1
 */
export function authorizationUrl(server: ServerMetadata, request: AuthorizationRequest): string {
  return urlWith(server, authorizationParameters(request));
}

/**
 * Builds the URL to open in the browser for a request that was pushed: it names the client and the request, and nothing
 * else.
 *
 * @param server The server that it was pushed to.
 * @param clientId Who pushed it.
 * @param requestUri What the server calls it.
 * @throws {McpAuthError} As {@linkcode authorizationUrl} does.
 * @see RFC 9126 section 4
 */
export function pushedAuthorizationUrl(server: ServerMetadata, clientId: string, requestUri: string): string {
  return urlWith(server, { client_id: clientId, request_uri: requestUri });
}

function urlWith(server: ServerMetadata, parameters: Readonly<Record<string, string>>): string {
  const url = parseWebUrl(requireAuthorizationEndpoint(server), "authorization_endpoint");
  url.hash = "";
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** What the response is judged against; recorded before the redirect. */
export interface AuthorizationExpectation {
  /** The metadata of the server that was asked. */
  readonly server: ServerMetadata;
  readonly clientId: string;
  readonly state: string;
  /** The issuer is a guess (MCP 2025-03-26 without metadata): `iss` cannot be compared. */
  readonly issuerUnknown?: boolean | undefined;
}

/**
 * Says whether a response carries the `state` of the request, in constant time. A response without it is somebody
 * else's and must not end the wait.
 */
export function hasState(parameters: URLSearchParams, state: string): boolean {
  const given = parameters.getAll("state");
  if (given.length !== 1) return false;
  const a = new TextEncoder().encode(given[0]);
  const b = new TextEncoder().encode(state);
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/**
 * Validates an authorization response.
 *
 * @param parameters The query of the redirect.
 * @returns The parameters in the form that the token request takes.
 * @throws {McpAuthError} `STATE_MISMATCH`, `ISSUER_MISMATCH`, `AUTH_CANCELLED` (`access_denied`), `AUTH_FAILED`; a
 *   server's refusal as {@linkcode AuthorizationRefusal}.
 */
export function validateAuthorizationResponse(
  parameters: URLSearchParams,
  expectation: AuthorizationExpectation,
): URLSearchParams {
  const { server, state } = expectation;
  if (!hasState(parameters, state)) {
    throw new McpAuthError(
      "STATE_MISMATCH",
      'Cannot accept the authorization response: its "state" is not ours',
      {
        hint: "Start the sign-in again",
      },
    );
  }
  const known = new URLSearchParams(parameters);
  if (expectation.issuerUnknown) known.delete("iss");
  const issuers = known.getAll("iss");
  const missing = issuers.length === 0 && server.authorization_response_iss_parameter_supported === true;
  if (missing || issuers.some((issuer) => issuer !== server.issuer)) {
    throw new McpAuthError(
      "ISSUER_MISMATCH",
      `Cannot accept the authorization response: ${
        missing
          ? 'it has no "iss"'
          : `it comes from "${safeUrl(issuers.find((issuer) => issuer !== server.issuer))}"`
      }, expected "${safeUrl(server.issuer)}"`,
      { hint: "Do not approve again; the answer may come from another authorization server" },
    );
  }
  const error = known.get("error");
  if (error !== null) throw refusal(error, known.get("error_description"));
  try {
    const validated = oauth.validateAuthResponse(server, { client_id: expectation.clientId }, known, state);
    const codes = validated.getAll("code");
    if (codes.length === 1 && codes[0] !== "") return validated;
    throw new Error(`"code" is ${codes.length > 1 ? "there more than once" : "missing"}`);
  } catch (thrown) {
    // Not kept as the cause: it holds the parameters, and with them the code.
    throw new McpAuthError(
      "AUTH_FAILED",
      `Cannot accept the authorization response: ${
        safeText(thrown instanceof Error ? thrown.message : thrown)
      }`,
      { hint: "Start the sign-in again" },
    );
  }
}

function refusal(error: string, description: string | null): AuthorizationRefusal {
  const words = description === null || description === "" ? "" : `: ${safeText(description)}`;
  if (error === "access_denied") {
    return new AuthorizationRefusal(
      "AUTH_CANCELLED",
      `Sign-in was refused at the server: access_denied${words}`,
      error,
      { hint: "Start the sign-in again to approve it" },
    );
  }
  return new AuthorizationRefusal(
    "AUTH_FAILED",
    `Cannot sign in: the server answered "${safeText(error, 80)}"${words}`,
    error,
    {
      hint: error === "invalid_scope"
        ? "Repeat the command with --scope and the scopes that the server knows"
        : undefined,
    },
  );
}

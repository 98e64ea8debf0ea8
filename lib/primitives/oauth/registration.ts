/**
 * Dynamic client registration, and its end. The request says what a native client is and nothing more: no keys, and no
 * `scope` unless a person asks for it, since servers pin it and then refuse a later step-up. What refuses a client that
 * it does not know, or its redirect URI, is told apart from what merely fails: a person can do something about it.
 *
 * @see RFC 7591, RFC 7592 section 2.3
 * @see MCP 2026-07-28 client registration (C26, C33, C34, C60)
 * @module
 */
import * as oauth from "oauth4webapi";
import { McpAuthError, type McpAuthErrorOptions } from "../errors.ts";
import { isLoopbackHost } from "../web_url.ts";
import type { Http } from "../http/http.ts";
import { REFRESH_TIMEOUT_MS } from "../limits.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { chooseAuthMethod, type ClientAuthMethod, type ClientIdentity, isAuthMethod } from "./client_auth.ts";
import { overHttp } from "./fetch_adapter.ts";
import { optionalString } from "./json.ts";
import { registrationAnswer } from "./quirks/registration_answer.ts";
import {
  endpointError,
  type EndpointFailure,
  malformedAnswer,
  type OAuthResponseError,
} from "./response_error.ts";
import { checkEndpoint, type ServerMetadata } from "./server_metadata.ts";

/** What to register, and with which rights. */
export interface RegistrationRequest {
  /** Shown to the user by the server. */
  readonly clientName: string;
  /** The redirect URIs, verbatim; at least one. */
  readonly redirectUris: readonly string[];
  /** How the client is to authenticate; what suits the server when left out. */
  readonly authMethod?: ClientAuthMethod | undefined;
  /** Whether its tokens are always to be bound to a key: the server then gives it no others (RFC 9449 section 5.2). */
  readonly dpopBoundTokens?: boolean | undefined;
  /** The scopes to register it for; none are named when left out. */
  readonly scopes?: readonly string[] | undefined;
  /** The token that the server wants of who registers clients (RFC 7591 section 3): a secret. */
  readonly initialAccessToken?: string | undefined;
  /** Headers to send along, such as the cookie of a session at the server: secrets. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A server that registers no client that it does not know. */
export class UnknownClientError extends McpAuthError {
  /** 401 or 403. */
  readonly status: number;

  /**
   * @param status What the server answered.
   * @param message As for `McpAuthError`.
   * @param options As for `McpAuthError`.
   */
  constructor(status: number, message: string, options: McpAuthErrorOptions) {
    super("REGISTRATION_FAILED", message, options);
    this.status = status;
  }
}

/** A registered client. */
export interface Registration extends ClientIdentity {
  /** Milliseconds since the epoch; undefined where the secret does not expire. */
  readonly clientSecretExpiresAt?: number;
  readonly registrationClientUri?: string;
  readonly registrationAccessToken?: string;
  /** Its authorization requests have to be pushed (RFC 9126 section 6). */
  readonly requiresPushedRequests?: boolean;
}

/** The grant of devices (RFC 8628 section 3.4). */
const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/**
 * Registers a client.
 *
 * @param http The one fetch.
 * @param server Metadata with a `registration_endpoint`.
 * @param request What to register.
 * @param signal Ends the wait.
 * @throws {McpAuthError} `REGISTRATION_FAILED`, an {@linkcode UnknownClientError} where the server refuses whom it does
 *   not know; or what the fetch throws.
 * @see RFC 7591 section 3 (C26, C33, C34, C60)
 */
export async function registerClient(
  http: Http,
  server: ServerMetadata,
  request: RegistrationRequest,
  signal?: AbortSignal,
): Promise<Registration> {
  const { redirectUris, scopes, initialAccessToken, headers = {} } = request;
  const failure = {
    code: "REGISTRATION_FAILED",
    action: "register a client",
    endpoint: server.registration_endpoint ?? "",
    hint: "Register a client by hand and repeat the command with --client-id",
    secrets: [initialAccessToken, ...Object.values(headers)],
  } as const;
  const sending: Http = (url, sent) => http(url, { ...sent, headers: { ...sent?.headers, ...headers } });
  const response = await oauth.dynamicClientRegistrationRequest(server, {
    client_name: request.clientName,
    redirect_uris: [...redirectUris],
    grant_types: [
      "authorization_code",
      "refresh_token",
      ...(offersDeviceGrant(server) ? [DEVICE_GRANT] : []),
    ],
    response_types: ["code"],
    application_type: redirectUris.some(isLocal) ? "native" : "web",
    token_endpoint_auth_method: request.authMethod ??
      preferredMethod(server.token_endpoint_auth_methods_supported),
    ...(request.dpopBoundTokens ? { dpop_bound_access_tokens: true } : {}),
    ...(scopes === undefined ? {} : { scope: scopes.join(" ") }),
  }, {
    ...overHttp(sending, signal),
    ...(initialAccessToken === undefined ? {} : { initialAccessToken }),
  });
  if (response.status === 401 || response.status === 403) throw await unknownClient(response, failure);
  if (response.status !== 200 && response.status !== 201) {
    throw redirectRefusal(await endpointError(response, failure), redirectUris);
  }
  try {
    const client = await oauth.processDynamicClientRegistrationResponse(
      registrationAnswer(await response.text()),
    );
    return toRegistration(client, server);
  } catch (error) {
    throw malformedAnswer(error, failure);
  }
}

/**
 * A server that lets in clients of a list alone (quirk `client-allow-list`); it may say so in plain text, which is
 * quoted. Another's name is never taken: the way out is a client of one's own, or a name that the user gives.
 *
 * @see behaviours row 20
 */
async function unknownClient(response: Response, failure: EndpointFailure): Promise<McpAuthError> {
  const { status } = response;
  const cause = await endpointError(response, failure);
  const { oauthError, words } = cause;
  const said = words === "" ? "" : `: ${oauthError === undefined ? `"${words}"` : words}`;
  return new UnknownClientError(
    status,
    `Cannot ${failure.action} at "${
      safeUrl(failure.endpoint)
    }": the server refuses unknown clients (${status})${said}`,
    {
      hint: "Register a client by hand and repeat the command with --client-id <id>; " +
        "where the server knows clients by their names, yours is set with --client-name <name>",
      cause,
    },
  );
}

/**
 * A refusal in words that lead on, where it is about the redirect URI: OpenID servers have rules for them (C34).
 *
 * @see OpenID Connect Dynamic Client Registration 1.0 section 2 (`application_type`)
 */
function redirectRefusal(cause: OAuthResponseError, redirectUris: readonly string[]): McpAuthError {
  const { oauthError, words } = cause;
  const isAboutIt = oauthError === "invalid_redirect_uri" ||
    (oauthError === "invalid_client_metadata" && /redirect/i.test(words));
  if (!isAboutIt) return cause;
  const hosts = redirectUris.map((uri) => URL.parse(uri)?.hostname);
  const other = hosts.includes("127.0.0.1")
    ? "localhost"
    : hosts.includes("localhost")
    ? "127.0.0.1"
    : undefined;
  return new McpAuthError(
    "REGISTRATION_FAILED",
    `Cannot register a client: the server does not accept the redirect URI ${
      redirectUris.map((uri) => `"${safeUrl(uri)}"`).join(" or ")
    }: ${words}`,
    {
      hint: `${
        other === undefined
          ? "Give another with --redirect-uri"
          : `Repeat the command with --callback-host ${other}`
      }, or register a client by hand and repeat it with --client-id <id>`,
      cause,
    },
  );
}

function isLocal(redirectUri: string): boolean {
  return isLoopbackHost(new URL(redirectUri).hostname);
}

function offersDeviceGrant(server: ServerMetadata): boolean {
  return server.device_authorization_endpoint !== undefined &&
    (server.grant_types_supported?.includes(DEVICE_GRANT) ?? true);
}

/** What became of a registration at its server: `unsupported` where the server does not delete them. */
export type RegistrationDeletion = "deleted" | "unsupported";

/**
 * Deletes a client at its server; its tokens end with it.
 *
 * @param http The one fetch.
 * @param issuer The issuer of the registration.
 * @param registration The client, with the means that its server gave to delete it; `unsupported` without them.
 * @param signal Ends the wait.
 * @throws {McpAuthError} `SERVER_ERROR` when the server does not delete it, `UNSAFE_URL` for a place that is no endpoint
 *   of this issuer, or what the fetch throws.
 * @see RFC 7592 section 2.3
 */
export async function deleteRegistration(
  http: Http,
  issuer: string,
  registration: Pick<Registration, "registrationClientUri" | "registrationAccessToken">,
  signal?: AbortSignal,
): Promise<RegistrationDeletion> {
  const { registrationClientUri: uri, registrationAccessToken: token } = registration;
  if (uri === undefined || token === undefined) return "unsupported";
  checkEndpoint(uri, "registration_client_uri", issuer);
  const response = await http(uri, {
    method: "DELETE",
    headers: { accept: "application/json", authorization: `Bearer ${token}` },
    timeoutMs: REFRESH_TIMEOUT_MS,
    signal,
  });
  if (response.status >= 200 && response.status < 300) return "deleted";
  if (response.status === 405 || response.status === 501) return "unsupported";
  throw await endpointError(response, {
    code: "SERVER_ERROR",
    action: "delete the client registration",
    endpoint: uri,
    secrets: [token],
  });
}

/**
 * Reads what a server says of a client.
 *
 * @param client Its answer, checked for the members that every one has.
 * @param server The server, for what its metadata says of authentication.
 * @throws {Error} where a member is of the wrong kind, or asks for what is not supported.
 */
export function toRegistration(
  client: oauth.OmitSymbolProperties<oauth.Client>,
  server: Pick<ServerMetadata, "token_endpoint_auth_methods_supported">,
): Registration {
  const json: Record<string, unknown> = { ...client };
  const invalid = (why: string) => new Error(why);
  if (/\p{Cc}/u.test(client.client_id)) throw invalid("client_id has control characters");
  const clientSecret = optionalString(json, "client_secret", invalid);
  const registered = optionalString(json, "token_endpoint_auth_method", invalid);
  if (registered !== undefined && !isAuthMethod(registered)) {
    throw new Error(`it wants client authentication "${safeText(registered, 80)}", which is not supported`);
  }
  const expiresAt = Number(json.client_secret_expires_at);
  const uri = optionalString(json, "registration_client_uri", invalid);
  const token = optionalString(json, "registration_access_token", invalid);
  return {
    clientId: client.client_id,
    ...(clientSecret === undefined ? {} : { clientSecret }),
    tokenEndpointAuthMethod: chooseAuthMethod(
      clientSecret !== undefined,
      registered,
      server.token_endpoint_auth_methods_supported,
    ),
    ...(clientSecret !== undefined && expiresAt > 0 ? { clientSecretExpiresAt: expiresAt * 1000 } : {}),
    ...(uri === undefined ? {} : { registrationClientUri: uri }),
    ...(token === undefined ? {} : { registrationAccessToken: token }),
    ...(json.require_pushed_authorization_requests === true ? { requiresPushedRequests: true } : {}),
  };
}

/** A public client where the server allows one; else the method that it lists first of those that we can do. */
function preferredMethod(supported: readonly string[] | undefined): ClientAuthMethod {
  if (supported === undefined || supported.includes("none")) return "none";
  return supported.find(isAuthMethod) ?? "none";
}

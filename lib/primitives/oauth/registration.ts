/**
 * Dynamic client registration, and its end. The request says what a native client is and nothing more: no `scope`, which
 * servers would pin and then refuse a later step-up, and the one redirect URI that is bound already.
 *
 * @see RFC 7591, RFC 7592 section 2.3
 * @see MCP 2026-07-28 client registration (C26, C33, C34, C60)
 * @module
 */
import * as oauth from "oauth4webapi";
import { McpAuthError } from "../errors.ts";
import { isLoopbackHost } from "../web_url.ts";
import type { Http } from "../http/http.ts";
import { redact } from "../http/redaction.ts";
import { REFRESH_TIMEOUT_MS } from "../limits.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { chooseAuthMethod, type ClientAuthMethod, type ClientIdentity, isAuthMethod } from "./client_auth.ts";
import { overHttp } from "./fetch_adapter.ts";
import { isObject, optionalString } from "./json.ts";
import { endpointError, type EndpointFailure, malformedAnswer } from "./response_error.ts";
import { checkEndpoint, type ServerMetadata } from "./server_metadata.ts";

/** What to register. */
export interface RegistrationRequest {
  /** Shown to the user by the server. */
  readonly clientName: string;
  /** The bound redirect URI, verbatim. */
  readonly redirectUri: string;
}

/** A registered client. */
export interface Registration extends ClientIdentity {
  /** Milliseconds since the epoch; undefined where the secret does not expire. */
  readonly clientSecretExpiresAt?: number;
  readonly registrationClientUri?: string;
  readonly registrationAccessToken?: string;
}

/**
 * Registers a client.
 *
 * @param http The one fetch.
 * @param server Metadata with a `registration_endpoint`.
 * @param request What to register.
 * @param signal Ends the wait.
 * @throws {McpAuthError} `REGISTRATION_FAILED`, or what the fetch throws.
 */
export async function registerClient(
  http: Http,
  server: ServerMetadata,
  request: RegistrationRequest,
  signal?: AbortSignal,
): Promise<Registration> {
  const endpoint = server.registration_endpoint ?? "";
  const failure = {
    code: "REGISTRATION_FAILED",
    action: "register a client",
    endpoint,
    hint: "Register a client by hand and repeat the command with --client-id",
  } as const;
  const response = await oauth.dynamicClientRegistrationRequest(server, {
    client_name: request.clientName,
    redirect_uris: [request.redirectUri],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    application_type: isLoopbackHost(new URL(request.redirectUri).hostname) ? "native" : "web",
    token_endpoint_auth_method: preferredMethod(server.token_endpoint_auth_methods_supported),
  }, overHttp(http, signal));
  if (response.status === 401 || response.status === 403) throw await unknownClient(response, failure);
  if (response.status !== 200 && response.status !== 201) throw await endpointError(response, failure);
  try {
    // RFC 7591 asks for 201; servers that answer 200 mean the same.
    const client = await oauth.processDynamicClientRegistrationResponse(
      Response.json(readRegistration(await response.text()), { status: 201 }),
    );
    return toRegistration(client, server);
  } catch (error) {
    throw malformedAnswer(error, failure);
  }
}

/**
 * A server that lets in clients of a list alone; it may say so in plain text, which is quoted.
 *
 * @see behaviours row 20
 */
async function unknownClient(response: Response, failure: EndpointFailure): Promise<McpAuthError> {
  const { status } = response;
  const text = await response.text();
  const cause = await endpointError(new Response(text, { status }), failure);
  const words = cause.oauthError !== undefined || /^\s*(<|$)/.test(text)
    ? cause.message
    : `Cannot ${failure.action}: "${safeUrl(failure.endpoint)}" answered ${status}: "${
      redact(safeText(text))
    }"`;
  return new McpAuthError(failure.code, `${words}; the server refuses clients that it does not know`, {
    hint: "Register a client by hand and repeat the command with --client-id <id>; " +
      "where the server knows clients by their names, yours is set with --client-name <name>",
    cause,
  });
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

/** The answer with what servers write for "none" taken out, and the expiry that some leave out put in (0: never). */
function readRegistration(text: string): unknown {
  const json: unknown = JSON.parse(text);
  if (!isObject(json)) return json;
  const members = Object.fromEntries(
    Object.entries(json).filter(([, value]) => value !== null && value !== ""),
  );
  const expiresAt = Number(members.client_secret_expires_at);
  return { ...members, client_secret_expires_at: expiresAt > 0 && expiresAt < Infinity ? expiresAt : 0 };
}

function toRegistration(
  client: oauth.OmitSymbolProperties<oauth.Client>,
  server: ServerMetadata,
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
  };
}

/** A public client where the server allows one; else the method that it lists first of those that we can do. */
function preferredMethod(supported: readonly string[] | undefined): ClientAuthMethod {
  if (supported === undefined || supported.includes("none")) return "none";
  return supported.find(isAuthMethod) ?? "none";
}

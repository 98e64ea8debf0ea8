/**
 * What a server says of a client that was registered there. The answer may carry another registration token and another
 * secret than the request's: from then on the former are dead, so whoever asks stores what came before anything else.
 *
 * @see RFC 7592 sections 2.1 and 3
 * @module
 */
import type { Http } from "../http/http.ts";
import { REFRESH_TIMEOUT_MS } from "../limits.ts";
import { safeText } from "../untrusted_text.ts";
import { isObject } from "./json.ts";
import { type Registration, toRegistration } from "./registration.ts";
import { endpointError, malformedAnswer } from "./response_error.ts";
import { checkEndpoint } from "./server_metadata.ts";

/** What came of the question. */
export type RegistrationReading =
  | {
    /** The registration came without the means to read it, or the server does not have it read. */
    readonly kind: "unsupported";
  }
  | {
    /** The server knows neither the client nor its token any more (RFC 7592 section 2.1). */
    readonly kind: "gone";
    readonly status: number;
  }
  | {
    readonly kind: "read";
    /** The client with its means as they are from now on. */
    readonly registration: Registration;
    /** What may be shown of the answer, in its own words: no secrets. */
    readonly members: Readonly<Record<string, unknown>>;
  };

/** The members that are no secrets, and that say something to a person. */
const SHOWN = [
  "client_id",
  "client_name",
  "client_uri",
  "redirect_uris",
  "grant_types",
  "response_types",
  "application_type",
  "token_endpoint_auth_method",
  "scope",
  "client_id_issued_at",
  "client_secret_expires_at",
] as const;

/**
 * Asks a server about a client.
 *
 * @param http The one fetch.
 * @param issuer The issuer of the registration.
 * @param client The client, with the means that its server gave.
 * @param signal Ends the wait.
 * @throws {McpAuthError} `SERVER_ERROR` or `RATE_LIMITED` when the server fails, or answers about something else;
 *   `UNSAFE_URL` for a place that is no endpoint of this issuer, or what the fetch throws.
 */
export async function readRegistration(
  http: Http,
  issuer: string,
  client: Registration,
  signal?: AbortSignal,
): Promise<RegistrationReading> {
  const { registrationClientUri: uri, registrationAccessToken: token } = client;
  if (uri === undefined || token === undefined) return { kind: "unsupported" };
  checkEndpoint(uri, "registration_client_uri", issuer);
  const response = await http(uri, {
    headers: { accept: "application/json", authorization: `Bearer ${token}` },
    timeoutMs: REFRESH_TIMEOUT_MS,
    signal,
    once: true,
  });
  const { status } = response;
  if (status === 401 || status === 403 || status === 404) return { kind: "gone", status };
  if (status === 405 || status === 501) return { kind: "unsupported" };
  const failure = {
    code: "SERVER_ERROR",
    action: "read the client registration",
    endpoint: uri,
    secrets: [token, client.clientSecret],
  } as const;
  if (status !== 200) throw await endpointError(response, failure);
  try {
    const json: unknown = JSON.parse(await response.text());
    if (!isObject(json)) throw new Error("it is not a JSON object");
    if (json.client_id !== client.clientId) {
      throw new Error(`it is about client ${safeText(json.client_id, 100)}`);
    }
    const registration = merged(client, toRegistration({ ...json, client_id: client.clientId }, {}));
    checkEndpoint(registration.registrationClientUri ?? uri, "registration_client_uri", issuer);
    const members = SHOWN.filter((name) => json[name] !== undefined && json[name] !== null);
    return {
      kind: "read",
      registration,
      members: Object.fromEntries(members.map((name) => [name, json[name]])),
    };
  } catch (error) {
    throw malformedAnswer(error, failure);
  }
}

/**
 * What came, and what was there where nothing came in its place; a secret without an expiry has none from now on. The way
 * to authenticate stays: a sign-in may have found out that the server wants another than it says (behaviours row 22).
 */
function merged(before: Registration, now: Registration): Registration {
  const { clientSecretExpiresAt, ...rest } = before;
  const { tokenEndpointAuthMethod } = before;
  if (now.clientSecret !== undefined) return { ...rest, ...now, tokenEndpointAuthMethod };
  return {
    ...rest,
    ...(clientSecretExpiresAt === undefined ? {} : { clientSecretExpiresAt }),
    ...(now.registrationClientUri === undefined ? {} : { registrationClientUri: now.registrationClientUri }),
    ...(now.registrationAccessToken === undefined
      ? {}
      : { registrationAccessToken: now.registrationAccessToken }),
  };
}

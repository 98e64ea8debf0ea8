/**
 * Authorization server metadata: every place it may be found at, and the exact issuer check without which a document
 * must not be used.
 *
 * @see RFC 8414
 * @see OpenID Connect Discovery 1.0 section 4
 * @see MCP 2026-07-28 authorization, Authorization Server Metadata Discovery (C15-C21)
 * @module
 */
import type { AuthorizationServer } from "oauth4webapi";
import { McpAuthError } from "../errors.ts";
import { parseWebUrl } from "../web_url.ts";
import { safeUrl } from "../untrusted_text.ts";
import { isObject, optionalString, optionalStrings } from "./json.ts";

/**
 * The validated metadata, in the members' own names; only members that the product uses are kept. What a person's
 * sign-in needs beyond the token endpoint is asked for where it is used ({@linkcode requireAuthorizationEndpoint}):
 * machines sign in at servers that have no page for people.
 */
export type ServerMetadata = AuthorizationServer & {
  readonly token_endpoint: string;
  /** What the token endpoint's grants are used for, such as `urn:ietf:params:oauth:grant-profile:id-jag`. */
  readonly authorization_grant_profiles_supported?: string[];
};

/** The endpoints that receive secrets or people: one that cannot be used is a reason to refuse the document. */
const ENDPOINTS = [
  "authorization_endpoint",
  "token_endpoint",
  "registration_endpoint",
  "revocation_endpoint",
] as const;
/** One of these that cannot be used is left out: whoever needs it misses it by name. */
const OPTIONAL_ENDPOINTS = [
  "device_authorization_endpoint",
  "pushed_authorization_request_endpoint",
  "introspection_endpoint",
  "userinfo_endpoint",
] as const;
/** Left out where it is no list of strings: no sign-in depends on it alone. */
const OPTIONAL_LISTS = [
  "scopes_supported",
  "response_types_supported",
  "grant_types_supported",
  "token_endpoint_auth_methods_supported",
  "token_endpoint_auth_signing_alg_values_supported",
  "dpop_signing_alg_values_supported",
  "authorization_grant_profiles_supported",
] as const;
const PKCE_METHODS = "code_challenge_methods_supported";
const FLAGS = [
  "authorization_response_iss_parameter_supported",
  "client_id_metadata_document_supported",
  "require_pushed_authorization_requests",
  "tls_client_certificate_bound_access_tokens",
] as const;

/**
 * The well-known URLs of an issuer, in probing order; with a path its own tenant's documents only, never the root's.
 *
 * @param issuer The issuer identifier.
 * @see MCP 2026-07-28 authorization (C16, C17)
 */
export function serverMetadataUrls(issuer: string): readonly string[] {
  const url = new URL(issuer);
  const path = withoutFinalSlashes(url.pathname);
  const oauth = `${url.origin}/.well-known/oauth-authorization-server${path}`;
  const openid = `${url.origin}/.well-known/openid-configuration${path}`;
  return path === ""
    ? [oauth, openid]
    : [oauth, openid, `${url.origin}${path}/.well-known/openid-configuration`];
}

/** By hand: a regular expression takes minutes for a path of 500,000 slashes. */
function withoutFinalSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === "/") end--;
  return path.slice(0, end);
}

/**
 * Checks a document and keeps what the product uses of it.
 *
 * @param json What the server sent.
 * @param issuer The issuer identifier that the URL was built from.
 * @param url Where it came from, for messages.
 * @throws {McpAuthError} `DISCOVERY_FAILED` for a document of the wrong shape, `ISSUER_MISMATCH` for one of another
 *   issuer, `UNSAFE_URL` for an endpoint that is not a web URL, or that is http where the issuer is https.
 * @see RFC 8414 sections 2 and 3.3 (C19)
 */
export function parseServerMetadata(json: unknown, issuer: string, url: string): ServerMetadata {
  const invalid = (why: string) =>
    new McpAuthError(
      "DISCOVERY_FAILED",
      `Cannot use the authorization server metadata at "${safeUrl(url)}": ${why}`,
    );
  if (!isObject(json)) throw invalid("it is not a JSON object");
  const documentIssuer = optionalString(json, "issuer", invalid);
  if (documentIssuer === undefined) throw invalid('"issuer" is missing');
  checkIssuer(documentIssuer, issuer, url);
  const metadata: Record<string, unknown> = { issuer: documentIssuer };
  for (const name of ENDPOINTS) {
    const endpoint = optionalString(json, name, invalid);
    if (endpoint === undefined) continue;
    checkEndpoint(endpoint, name, issuer);
    metadata[name] = endpoint;
  }
  const methods = optionalStrings(json, PKCE_METHODS, invalid);
  if (methods !== undefined) metadata[PKCE_METHODS] = methods;
  for (const name of OPTIONAL_ENDPOINTS) {
    if (endpointFault(json[name], name, issuer) === undefined) metadata[name] = json[name];
  }
  for (const name of OPTIONAL_LISTS) if (isStrings(json[name])) metadata[name] = json[name];
  for (const name of FLAGS) if (json[name] === true) metadata[name] = true;
  if (metadata.token_endpoint === undefined) throw invalid('"token_endpoint" is missing');
  return metadata as unknown as ServerMetadata;
}

/**
 * The optional members that a document has and that cannot be used, each with the reason: what
 * {@linkcode parseServerMetadata} left out.
 *
 * @param json The document.
 * @param issuer Its issuer.
 */
export function unusableMembers(json: Record<string, unknown>, issuer: string): readonly string[] {
  const isThere = (name: string) => json[name] !== undefined && json[name] !== null && json[name] !== "";
  return [
    ...OPTIONAL_ENDPOINTS.filter(isThere).flatMap((name) => endpointFault(json[name], name, issuer) ?? []),
    ...OPTIONAL_LISTS.filter((name) => isThere(name) && !isStrings(json[name], 0)).map((name) =>
      `"${name}" is not a list of strings`
    ),
  ];
}

function isStrings(value: unknown, min = 1): value is readonly string[] {
  return Array.isArray(value) && value.length >= min && value.every((each) => typeof each === "string");
}

/** Why an endpoint cannot be used; undefined where it can. */
function endpointFault(endpoint: unknown, name: string, issuer: string): string | undefined {
  if (typeof endpoint !== "string") return `"${name}" is not a string`;
  try {
    checkEndpoint(endpoint, name, issuer);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : `"${name}" cannot be used`;
  }
}

/**
 * The endpoint that a person's browser is sent to.
 *
 * @param server The validated metadata.
 * @throws {McpAuthError} `DISCOVERY_FAILED` where the server has none: it serves machines, or devices, alone.
 * @see RFC 8414 section 2
 */
export function requireAuthorizationEndpoint(server: ServerMetadata): string {
  if (server.authorization_endpoint !== undefined) return server.authorization_endpoint;
  throw new McpAuthError(
    "DISCOVERY_FAILED",
    `Cannot sign in through the browser at "${
      safeUrl(server.issuer)
    }": "authorization_endpoint" is missing from its metadata`,
    { hint: "The server's operator has to publish it; a server for machines takes --client-credentials" },
  );
}

/**
 * Refuses an endpoint of a server that cannot be one: a server on the web has no endpoint on this machine's loopback, the
 * only place where http is allowed.
 *
 * @param endpoint Its URL, as the server named it.
 * @param name What it is, for the message.
 * @param issuer The server's issuer.
 * @throws {McpAuthError} `UNSAFE_URL`.
 */
export function checkEndpoint(endpoint: string, name: string, issuer: string): void {
  const { protocol } = parseWebUrl(endpoint, name);
  if (/\p{Cc}/u.test(endpoint)) {
    throw new McpAuthError(
      "UNSAFE_URL",
      `Cannot use ${name} "${safeUrl(endpoint)}": it has control characters`,
    );
  }
  if (protocol === "https:" || URL.parse(issuer)?.protocol === "http:") return;
  throw new McpAuthError(
    "UNSAFE_URL",
    `Cannot use ${name} "${safeUrl(endpoint)}": the issuer "${safeUrl(issuer)}" is https`,
  );
}

/**
 * Compares the document's issuer with the expected one, byte for byte. One tolerance: an issuer without a path may be
 * written with or without its final slash; the document's own form is the one used from then on.
 *
 * @throws {McpAuthError} `ISSUER_MISMATCH`.
 * @see RFC 8414 section 3.3; behaviours row 25
 */
export function checkIssuer(documentIssuer: string, expected: string, url: string): void {
  if (isSameIssuer(documentIssuer, expected)) return;
  throw new McpAuthError(
    "ISSUER_MISMATCH",
    `Cannot use the authorization server metadata at "${safeUrl(url)}": its issuer is "${
      safeUrl(documentIssuer)
    }", expected "${safeUrl(expected)}"`,
    { hint: "The server's operator has to correct the metadata; do not sign in until then" },
  );
}

/**
 * Says whether two issuer identifiers are one: equal byte for byte, but for quirk `issuer-slash`.
 *
 * @param issuer One.
 * @param other The other.
 * @see RFC 3986 section 6.2.1; behaviours row 25
 */
export function isSameIssuer(issuer: string, other: string): boolean {
  if (issuer === other) return true;
  const withoutSlash = (text: string) => text.endsWith("/") ? text.slice(0, -1) : text;
  return withoutSlash(issuer) === withoutSlash(other) && URL.parse(other)?.pathname === "/";
}

/**
 * The part of the metadata that refresh and revocation need: what is kept with the tokens.
 *
 * @param server The validated metadata.
 */
export function tokenServerMetadata(server: ServerMetadata): ServerMetadata {
  const { issuer, authorization_endpoint, token_endpoint, revocation_endpoint } = server;
  return {
    issuer,
    ...(authorization_endpoint === undefined ? {} : { authorization_endpoint }),
    token_endpoint,
    ...(revocation_endpoint === undefined ? {} : { revocation_endpoint }),
  };
}

/**
 * The endpoints of a server of MCP 2025-03-26 that publishes no metadata at all.
 *
 * @param origin The MCP server's origin.
 * @see MCP 2025-03-26 authorization, Fallbacks for Servers without Metadata Discovery (C21)
 */
export function fallbackServerMetadata(origin: string): ServerMetadata {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
  };
}

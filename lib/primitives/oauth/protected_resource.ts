/**
 * Protected resource metadata: where it may be found, and whether it may be used. Identifiers are kept byte for byte:
 * `new URL(x).href` appends slashes that servers then refuse.
 *
 * @see RFC 9728
 * @see MCP 2026-07-28 authorization, Protected Resource Metadata Discovery (C7-C12)
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { AUTHORIZATION_SERVERS_MAX } from "../limits.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { isObject, optionalStrings } from "./json.ts";

/** The members of the document that this product uses. */
export interface ProtectedResource {
  /** The resource identifier, verbatim: it is sent as `resource`. */
  readonly resource: string;
  /** Issuer identifiers, verbatim; empty where the document names none. */
  readonly authorizationServers: readonly string[];
  readonly scopesSupported?: readonly string[];
  /** The server's name for people; untrusted. */
  readonly resourceName?: string;
  /** Every token for it has to be bound to a key (RFC 9728 section 2, RFC 9449). */
  readonly dpopBoundAccessTokensRequired?: true;
  /** The JWS algorithms that it takes in DPoP proofs. */
  readonly dpopSigningAlgValuesSupported?: readonly string[];
}

const SUFFIX = "/.well-known/oauth-protected-resource";

/**
 * The well-known URLs of a server, in order: with its path (and query), the same without a final slash, which many
 * servers leave out, then at the root.
 *
 * @param serverUrl The MCP server's URL.
 * @see RFC 9728 section 3.1 (C9, C10)
 */
export function protectedResourceUrls(serverUrl: string): readonly string[] {
  const url = new URL(serverUrl);
  const path = url.pathname === "/" ? "" : url.pathname;
  const root = `${url.origin}${SUFFIX}`;
  const withPath = `${url.origin}${SUFFIX}${path}${url.search}`;
  const withoutSlash = `${url.origin}${SUFFIX}${path.replace(/\/$/, "")}${url.search}`;
  return [...new Set([withPath, withoutSlash, root])];
}

/**
 * Checks the shape of a document.
 *
 * @param json What the server sent.
 * @param url Where it came from, for messages.
 * @throws {McpAuthError} `DISCOVERY_FAILED` when it is not such a document.
 * @see RFC 9728 section 2
 */
export function parseProtectedResource(json: unknown, url: string): ProtectedResource {
  const invalid = (why: string) =>
    new McpAuthError(
      "DISCOVERY_FAILED",
      `Cannot use the protected resource metadata at "${safeUrl(url)}": ${why}`,
    );
  if (!isObject(json)) throw invalid("it is not a JSON object");
  const { resource, resource_name: name } = json;
  if (typeof resource !== "string" || resource === "") throw invalid('"resource" is not a string');
  const servers = optionalStrings(json, "authorization_servers", invalid) ?? [];
  const scopes = optionalStrings(json, "scopes_supported", invalid);
  const algorithms = json.dpop_signing_alg_values_supported;
  return {
    resource,
    authorizationServers: servers.slice(0, AUTHORIZATION_SERVERS_MAX),
    ...(scopes === undefined ? {} : { scopesSupported: scopes }),
    ...(typeof name === "string" ? { resourceName: safeText(name, 100) } : {}),
    ...(json.dpop_bound_access_tokens_required === true ? { dpopBoundAccessTokensRequired: true } : {}),
    // Without the flag above it only advises: a list of the wrong shape is no reason to refuse the document.
    ...(isStrings(algorithms) ? { dpopSigningAlgValuesSupported: algorithms } : {}),
  };
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string");
}

/**
 * Refuses metadata that speaks of another resource. RFC 9728 wants the identifiers equal; real servers advertise their
 * origin or a parent path, so a `resource` of the same origin whose path is a segment prefix is accepted too.
 *
 * @param resource The advertised identifier.
 * @param serverUrl The MCP server's URL.
 * @throws {McpAuthError} `RESOURCE_MISMATCH`.
 * @see RFC 9728 section 3.3 (C11, C11a)
 */
export function checkResource(resource: string, serverUrl: string): void {
  if (resource === serverUrl) return;
  const advertised = URL.parse(resource);
  const server = new URL(serverUrl);
  const segments = (path: string) => path.endsWith("/") ? path : `${path}/`;
  // What is sent verbatim has to be a URI as it stands: the parser forgives blanks, control characters and backslashes.
  const isUri = /^[\x21-\x5b\x5d-\x7e]+$/.test(resource) && !resource.includes("#");
  const accepted = advertised !== null && isUri && advertised.origin === server.origin &&
    advertised.username === "" && advertised.password === "" &&
    (advertised.search === "" || advertised.search === server.search) &&
    segments(server.pathname).startsWith(segments(advertised.pathname));
  if (accepted) return;
  throw new McpAuthError(
    "RESOURCE_MISMATCH",
    `Cannot use the protected resource metadata: it is for "${safeUrl(resource)}", not for "${
      safeUrl(serverUrl)
    }"`,
    { hint: "Check the server's URL; the server's operator has to correct the metadata" },
  );
}

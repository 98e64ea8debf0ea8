/**
 * Finds out who authorizes access to an MCP server: protected resource metadata, then the authorization server's, in
 * every order that a revision of MCP names, down to servers of 2025-03-26 that publish nothing. What a URL answered is
 * recorded, so that a failure can say what was tried. A failure of the network never turns into "this is an old
 * server", and a document that is there but wrong ends the discovery: only an absent one leads to the next place.
 *
 * A challenge may name the server's metadata at its own origin, and elsewhere only where the user allows that origin:
 * the server could otherwise choose any address for this machine to ask (CVE-2026-51994). What is refused so stays the
 * first cause where the well-known places have nothing either.
 *
 * @see MCP 2026-07-28 authorization, Authorization Server Discovery (C7-C23)
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import type { ChallengeSummary } from "../../primitives/oauth/challenge.ts";
import {
  checkResource,
  parseProtectedResource,
  type ProtectedResource,
  protectedResourceUrls,
} from "../../primitives/oauth/protected_resource.ts";
import {
  fallbackServerMetadata,
  isSameIssuer,
  parseServerMetadata,
  type ServerMetadata,
  serverMetadataUrls,
} from "../../primitives/oauth/server_metadata.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import {
  describeSteps,
  type DiscoveryStep,
  firstDocument,
  type FoundDocument,
  type MetadataPlace,
} from "./metadata_search.ts";

export { describeSteps, type DiscoveryStep } from "./metadata_search.ts";

/** Who authorizes access to a server, and how. */
export interface Discovery {
  /**
   * `resource`: found by protected resource metadata. `legacy`: MCP 2025-03-26, the server's own origin. `given`: named by
   * the user.
   */
  readonly kind: "resource" | "legacy" | "given";
  /** The resource indicator to send, verbatim; undefined for legacy servers. */
  readonly resource: string | undefined;
  readonly resourceScopes: readonly string[] | undefined;
  /** The protected resource metadata, where there is one. */
  readonly protectedResource?: ProtectedResource | undefined;
  readonly server: ServerMetadata;
  /** There is no metadata document: endpoints are the defaults of 2025-03-26 and the issuer is a guess. */
  readonly withoutMetadata: boolean;
  /** The issuer is a guess, and an `iss` cannot be compared with it; as `withoutMetadata` when left out. */
  readonly issuerUnknown?: boolean;
  readonly steps: readonly DiscoveryStep[];
}

/** What {@linkcode discover} takes. */
export interface DiscoveryOptions {
  readonly http: Http;
  /** The MCP server's URL, as the user gave it. */
  readonly serverUrl: string;
  /** What the 401 or 403 said. */
  readonly challenge: ChallengeSummary;
  /** Other origins that the challenge may name its metadata at (`--allow-metadata-origin`). */
  readonly allowMetadataOrigins?: readonly string[] | undefined;
  /** Choose this one where the resource lists several authorization servers. */
  readonly preferredIssuer?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs the discovery.
 *
 * @throws {McpAuthError} `DISCOVERY_FAILED`, `RESOURCE_MISMATCH`, `ISSUER_MISMATCH`, `UNSAFE_URL`, `RATE_LIMITED`, or what
 *   the fetch throws.
 */
export async function discover(options: DiscoveryOptions): Promise<Discovery> {
  const steps: DiscoveryStep[] = [];
  const found = await findResourceDocument(options, steps);
  const resource = found === undefined ? undefined : parseProtectedResource(found.json, found.url);
  if (resource !== undefined) checkResource(resource.resource, options.serverUrl);
  const issuer = resource === undefined ? undefined : chooseIssuer(resource, options.preferredIssuer);
  const server = await findServerDocument(options, issuer, steps);
  const expected = issuer ?? new URL(options.serverUrl).origin;
  if (server === undefined && issuer !== undefined) throw noServerMetadata(issuer, steps);
  if (server === undefined && options.challenge.otherSchemes !== undefined) {
    throw noOAuth(options.serverUrl, options.challenge.otherSchemes);
  }
  return {
    kind: issuer === undefined ? "legacy" : "resource",
    resource: resource?.resource,
    resourceScopes: resource?.scopesSupported,
    protectedResource: resource,
    server: server === undefined
      ? fallbackServerMetadata(expected)
      : parseServerMetadata(server.json, expected, server.url),
    withoutMetadata: server === undefined,
    steps,
  };
}

/**
 * Looks for the protected resource metadata: where the challenge says, then in the well-known places.
 *
 * @param options What is looked for.
 * @param steps Grows by what each place answered.
 * @returns The document, not judged yet; undefined where no place has one.
 * @throws {McpAuthError} `UNSAFE_URL` where the challenge names a URL that may not be followed and no other place has it,
 *   or what the search throws.
 * @see RFC 9728 sections 3 and 5.1 (C9, C10); CVE-2026-51994
 */
export async function findResourceDocument(
  options: DiscoveryOptions,
  steps: DiscoveryStep[],
): Promise<FoundDocument | undefined> {
  const { challenge: { resourceMetadata }, serverUrl } = options;
  const search = { http: options.http, signal: options.signal, steps };
  const wellKnown = protectedResourceUrls(serverUrl).map((url) => ({
    url,
    rule: "C9 and C10, RFC 9728 section 3.1",
  }));
  if (resourceMetadata === undefined) return await firstDocument(search, wellKnown);
  const { url, refusal } = advertisedUrl(resourceMetadata, options);
  const named: MetadataPlace = { url, rule: "C9, RFC 9728 section 5.1" };
  if (refusal === undefined) {
    return await firstDocument(search, [named, ...wellKnown.filter((place) => place.url !== url)]);
  }
  steps.push({ ...named, outcome: "refused", verdict: "not followed: another origin" });
  // The first cause is told where the other places do not help (design rule: first error wins).
  const found = await firstDocument(search, wellKnown).catch((cause) => {
    throw new McpAuthError(refusal.code, refusal.message, { hint: refusal.hint, cause });
  });
  if (found === undefined) throw refusal;
  return found;
}

/**
 * Looks for the metadata of an authorization server, in all places of its issuer.
 *
 * @param options What is looked for.
 * @param issuer The issuer that the resource names; undefined for a server of 2025-03-26, which is its own.
 * @param steps Grows by what each place answered.
 * @returns The document, not judged yet; undefined where no place has one.
 * @throws {McpAuthError} `UNSAFE_URL` for an issuer that is no web URL, or what the search throws.
 * @see RFC 8414 section 3.1, OpenID Connect Discovery 1.0 section 4 (C16, C17, C20)
 */
export async function findServerDocument(
  options: DiscoveryOptions,
  issuer: string | undefined,
  steps: DiscoveryStep[],
): Promise<FoundDocument | undefined> {
  if (issuer !== undefined) parseWebUrl(issuer, "authorization server");
  const base = issuer ?? new URL(options.serverUrl).origin;
  const rule = issuer === undefined
    ? "C20, MCP 2025-03-26"
    : new URL(issuer).pathname === "/"
    ? "C17, RFC 8414 section 3.1"
    : "C16, RFC 8414 section 3.1";
  const places = serverMetadataUrls(base).map((url) => ({ url, rule }));
  return await firstDocument({ http: options.http, signal: options.signal, steps }, places);
}

/**
 * The authorization server to sign in at: the one of the sign-in before where it is listed, else the first.
 *
 * @returns Undefined where the document lists none: the MCP server is its own then.
 * @see RFC 9728 section 7.6 (C12)
 */
export function chooseIssuer(
  { authorizationServers }: ProtectedResource,
  preferred: string | undefined,
): string | undefined {
  // The preferred one is as its own document writes it: quirk `issuer-slash`.
  const isPreferred = (issuer: string) => preferred !== undefined && isSameIssuer(preferred, issuer);
  return authorizationServers.find(isPreferred) ?? authorizationServers[0];
}

/**
 * The error for a server that asks for another kind of sign-in than OAuth, and publishes nothing of OAuth.
 *
 * @param serverUrl The MCP server's URL.
 * @param schemes What it asks for, such as `basic`; untrusted.
 */
export function noOAuth(serverUrl: string, schemes: readonly string[]): McpAuthError {
  return new McpAuthError(
    "DISCOVERY_FAILED",
    `Cannot sign in to "${safeUrl(serverUrl)}": it asks for a sign-in by ${
      schemes.slice(0, 5).map((scheme) => safeText(scheme, 30)).join(", ")
    } and publishes nothing of OAuth`,
    {
      hint:
        "Check the URL: its documentation may name another one for OAuth, or a header for a key (--header)",
    },
  );
}

/**
 * The first cause, where a server publishes nothing and cannot be registered at in the place that one of 2025-03-26 has for
 * that: most such servers are none of OAuth at all.
 *
 * @param error What a sign-in ended with.
 * @param discovery What it went by.
 * @param serverUrl The MCP server's URL.
 * @returns The error to report.
 */
export function withFirstCause(
  error: unknown,
  { kind, withoutMetadata, steps }: Pick<Discovery, "kind" | "withoutMetadata" | "steps">,
  serverUrl: string,
): unknown {
  const isAtDefaults = kind === "legacy" && withoutMetadata;
  if (!isAtDefaults || !(error instanceof McpAuthError) || error.code !== "REGISTRATION_FAILED") return error;
  return new McpAuthError(
    "DISCOVERY_FAILED",
    `Cannot find out where to sign in to "${safeUrl(serverUrl)}": it publishes nothing of OAuth: ${
      describeSteps(steps)
    }; and it registers no client by itself`,
    {
      hint: `See each step with: mcp-auth doctor ${
        safeUrl(serverUrl)
      }; where you know its authorization server, name it with --authorization-server <issuer>, and where you have a client, with --client-id <id>`,
      cause: error,
    },
  );
}

/**
 * The error for an authorization server whose metadata is nowhere.
 *
 * @param issuer Its issuer.
 * @param steps What was tried; left out where they are shown beside it.
 */
export function noServerMetadata(issuer: string, steps: readonly DiscoveryStep[] = []): McpAuthError {
  return new McpAuthError(
    "DISCOVERY_FAILED",
    `Cannot find the metadata of authorization server "${safeUrl(issuer)}"${
      steps.length === 0 ? "" : `: ${describeSteps(steps)}`
    }`,
    { hint: "The server's operator has to publish it (RFC 8414)" },
  );
}

/**
 * The URL that a challenge names, and why it may not be followed. RFC 9728 section 5.1 lets it be a relative reference.
 *
 * @throws {McpAuthError} `UNSAFE_URL` for one that can be no metadata's at all.
 */
function advertisedUrl(
  advertised: string,
  { serverUrl, allowMetadataOrigins }: DiscoveryOptions,
): { readonly url: string; readonly refusal: McpAuthError | undefined } {
  const url = URL.canParse(advertised) ? advertised : URL.parse(advertised, serverUrl)?.href ?? advertised;
  const server = new URL(serverUrl);
  // Servers behind a proxy that ends TLS call themselves http: that is not followed, and no reason to give up.
  const target = isDowngrade(url, server) ? new URL(url) : parseWebUrl(url, "resource_metadata");
  if (target.origin === server.origin) return { url, refusal: undefined };
  if (target.protocol === "https:" || server.protocol === "http:") {
    if (allowMetadataOrigins?.includes(target.origin)) return { url, refusal: undefined };
  }
  return {
    url,
    refusal: new McpAuthError(
      "UNSAFE_URL",
      `Cannot follow resource_metadata "${safeUrl(url)}": it is of another origin than the server, "${
        safeUrl(server.origin)
      }"`,
      {
        hint: target.protocol === "http:" && server.protocol === "https:"
          ? "The server's operator has to name it with https"
          : `If you trust it, repeat the command with --allow-metadata-origin ${safeText(target.origin)}`,
      },
    ),
  };
}

function isDowngrade(url: string, server: URL): boolean {
  const target = URL.parse(url);
  return target !== null && target.protocol === "http:" && server.protocol === "https:" &&
    target.hostname === server.hostname && target.username === "" && target.password === "";
}

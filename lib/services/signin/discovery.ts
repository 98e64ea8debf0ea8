/**
 * Finds out who authorizes access to an MCP server: protected resource metadata, then the authorization server's, in
 * every order that a revision of MCP names, down to servers of 2025-03-26 that publish nothing. What a URL answered is
 * recorded, so that a failure can say what was tried. A failure of the network never turns into "this is an old
 * server", and a document that is there but wrong ends the discovery: only an absent one leads to the next place.
 *
 * @see MCP 2026-07-28 authorization, Authorization Server Discovery (C7-C23)
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { readJson } from "../../primitives/http/body.ts";
import type { Http } from "../../primitives/http/http.ts";
import { DISCOVERY_RETRIES, RETRY_PAUSE_MS } from "../../primitives/limits.ts";
import { LATEST_STATEFUL } from "../../primitives/mcp/revisions.ts";
import type { ChallengeSummary } from "../../primitives/oauth/challenge.ts";
import {
  checkResource,
  parseProtectedResource,
  type ProtectedResource,
  protectedResourceUrls,
} from "../../primitives/oauth/protected_resource.ts";
import {
  fallbackServerMetadata,
  parseServerMetadata,
  type ServerMetadata,
  serverMetadataUrls,
} from "../../primitives/oauth/server_metadata.ts";
import { isObject } from "../../primitives/oauth/json.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import { pause } from "../../primitives/system/clock.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";

/** What one URL answered. */
export interface DiscoveryStep {
  readonly url: string;
  /** In a few words, such as `used`, `404`, `not JSON`. */
  readonly verdict: string;
}

/** Who authorizes access to a server, and how. */
export interface Discovery {
  /** `resource`: found by protected resource metadata. `legacy`: MCP 2025-03-26, the server's own origin. */
  readonly kind: "resource" | "legacy";
  /** The resource indicator to send, verbatim; undefined for legacy servers. */
  readonly resource: string | undefined;
  readonly resourceScopes: readonly string[] | undefined;
  readonly server: ServerMetadata;
  /** There is no metadata document: endpoints are the defaults of 2025-03-26 and the issuer is a guess. */
  readonly withoutMetadata: boolean;
  readonly steps: readonly DiscoveryStep[];
}

/** What {@linkcode discover} takes. */
export interface DiscoveryOptions {
  readonly http: Http;
  /** The MCP server's URL, as the user gave it. */
  readonly serverUrl: string;
  /** What the 401 or 403 said. */
  readonly challenge: ChallengeSummary;
  /** Choose this one where the resource lists several authorization servers. */
  readonly preferredIssuer?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A fetched document, or why there is none. */
type Found = { readonly url: string; readonly json: Record<string, unknown> } | undefined;

/**
 * Runs the discovery.
 *
 * @throws {McpAuthError} `DISCOVERY_FAILED`, `RESOURCE_MISMATCH`, `ISSUER_MISMATCH`, `RATE_LIMITED`, or what the fetch
 *   throws.
 */
export async function discover(options: DiscoveryOptions): Promise<Discovery> {
  const steps: DiscoveryStep[] = [];
  const probe = (urls: readonly string[]) => firstDocument(options, urls, steps);
  const resource = await findResource(options, probe);
  if (resource === undefined || resource.authorizationServers.length === 0) {
    const origin = new URL(options.serverUrl).origin;
    const found = await probe(serverMetadataUrls(origin));
    return {
      kind: "legacy",
      resource: resource?.resource,
      resourceScopes: resource?.scopesSupported,
      server: found === undefined
        ? fallbackServerMetadata(origin)
        : parseServerMetadata(found.json, origin, found.url),
      withoutMetadata: found === undefined,
      steps,
    };
  }
  const issuer = chooseIssuer(resource.authorizationServers, options.preferredIssuer);
  parseWebUrl(issuer, "authorization server");
  const found = await probe(serverMetadataUrls(issuer));
  if (found === undefined) {
    throw new McpAuthError(
      "DISCOVERY_FAILED",
      `Cannot find the metadata of authorization server "${safeUrl(issuer)}": ${describeSteps(steps)}`,
      { hint: "The server's operator has to publish it (RFC 8414)" },
    );
  }
  return {
    kind: "resource",
    resource: resource.resource,
    resourceScopes: resource.scopesSupported,
    server: parseServerMetadata(found.json, issuer, found.url),
    withoutMetadata: false,
    steps,
  };
}

/** The steps in one line, for an error or a verbose log. */
export function describeSteps(steps: readonly DiscoveryStep[]): string {
  return steps.map(({ url, verdict }) => `${safeText(safeUrl(url))} (${verdict})`).join(", ");
}

async function findResource(
  options: DiscoveryOptions,
  probe: (urls: readonly string[]) => Promise<Found>,
): Promise<ProtectedResource | undefined> {
  const { challenge, serverUrl } = options;
  const advertised = challenge.resourceMetadata;
  // RFC 9728 section 5.1 lets a challenge name a relative reference.
  const named = advertised === undefined
    ? undefined
    : URL.canParse(advertised)
    ? advertised
    : URL.parse(advertised, serverUrl)?.href;
  if (advertised !== undefined) parseWebUrl(named ?? advertised, "resource_metadata");
  const urls = [...(named === undefined ? [] : [named]), ...protectedResourceUrls(serverUrl)];
  const found = await probe([...new Set(urls)]);
  if (found === undefined) return undefined;
  const resource = parseProtectedResource(found.json, found.url);
  checkResource(resource.resource, serverUrl);
  return resource;
}

function chooseIssuer(issuers: readonly string[], preferred: string | undefined): string {
  return issuers.find((issuer) => issuer === preferred) ?? issuers[0] ?? "";
}

/** The first of the URLs that answers with a JSON object; what says that it is JSON and is not ends the search. */
async function firstDocument(
  options: DiscoveryOptions,
  urls: readonly string[],
  steps: DiscoveryStep[],
): Promise<Found> {
  let failed: McpAuthError | undefined;
  for (const url of urls) {
    const response = await fetchPatiently(options, url);
    if (response.status !== 200) {
      if (response.status === 502) failed ??= serverFailure(url, response.status);
      steps.push({ url, verdict: String(response.status) });
      continue;
    }
    const json = await readJson(response);
    if (isObject(json)) {
      steps.push({ url, verdict: "used" });
      return { url, json };
    }
    const type = safeText(response.headers.get("content-type") ?? "no content type", 60);
    if (json !== undefined || /^application\/([a-z0-9.+-]+\+)?json\b/i.test(type)) {
      throw new McpAuthError(
        "DISCOVERY_FAILED",
        `Cannot use the metadata at "${safeUrl(url)}": it is not ${
          json === undefined ? "JSON" : "a JSON object"
        }`,
      );
    }
    steps.push({ url, verdict: `200, not JSON (${type})` });
  }
  if (failed !== undefined) throw failed;
  return undefined;
}

/**
 * Asks again on a network error or a 5xx; gives up with the first cause. After a 502 the next place is asked, as
 * proxies answer so for paths they do not know; where no place answers otherwise, the server is down. 429
 * says nothing of what is there, and asking again would not help.
 */
async function fetchPatiently(options: DiscoveryOptions, url: string): Promise<Response> {
  let failure: McpAuthError | undefined;
  for (let attempt = 0; attempt <= DISCOVERY_RETRIES; attempt++) {
    if (attempt > 0) await pauseBefore(attempt, options.signal);
    try {
      const response = await options.http(url, {
        headers: { accept: "application/json", "mcp-protocol-version": LATEST_STATEFUL },
        signal: options.signal,
      });
      if (response.status === 429) {
        throw new McpAuthError("RATE_LIMITED", `Cannot read "${safeUrl(url)}": the server answered 429`, {
          hint: "Try again later",
        });
      }
      if (response.status < 500 || response.status === 502) return response;
      failure ??= serverFailure(url, response.status);
    } catch (error) {
      if (!(error instanceof McpAuthError) || error.code !== "NETWORK_ERROR") throw error;
      failure ??= error;
    }
  }
  throw failure ?? new McpAuthError("NETWORK_ERROR", `Cannot read "${safeUrl(url)}"`);
}

function serverFailure(url: string, status: number): McpAuthError {
  return new McpAuthError("SERVER_ERROR", `Cannot read "${safeUrl(url)}": the server answered ${status}`, {
    hint: "Try again later",
  });
}

async function pauseBefore(attempt: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await pause(RETRY_PAUSE_MS * 2 ** (attempt - 1), signal);
  } catch (reason) {
    throw asMcpAuthError(reason, "AUTH_CANCELLED", "go on with the discovery");
  }
}

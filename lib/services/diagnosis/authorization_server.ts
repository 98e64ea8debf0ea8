/**
 * What an authorization server offers, held to what a sign-in needs of it.
 *
 * @see MCP 2026-07-28 authorization (C19-C23, C68-C73); RFC 8414 section 2
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { isAuthMethod } from "../../primitives/oauth/client_auth.ts";
import type { ChallengeSummary } from "../../primitives/oauth/challenge.ts";
import { offersDeviceFlow } from "../../primitives/oauth/device.ts";
import { noPushEndpoint } from "../../primitives/oauth/pushed_authorization.ts";
import { requireS256 } from "../../primitives/oauth/pkce.ts";
import type { ProtectedResource } from "../../primitives/oauth/protected_resource.ts";
import {
  fallbackServerMetadata,
  parseServerMetadata,
  type ServerMetadata,
  unusableMembers,
} from "../../primitives/oauth/server_metadata.ts";
import { waitFor } from "../../primitives/system/clock.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { ServerOptions } from "../credentials/mod.ts";
import { checkDpopAlgorithm, givenMetadata } from "../signin/mod.ts";
import { type Check, check, type CheckHead, checkOf, type Finding, fine, skipped, warning } from "./check.ts";
import { goTo } from "./network.ts";
import type { ServerPorts, Subject } from "./ports.ts";
import type { Discovered } from "./server_document.ts";

/** What was found of an authorization server. */
export interface JudgedServer {
  readonly checks: readonly Check[];
  /** Undefined where nothing can be signed in at. */
  readonly server: ServerMetadata | undefined;
}

const GROUP = "authorization-server" as const;
const PKCE: CheckHead = {
  id: "pkce",
  title: "PKCE",
  group: GROUP,
  rule: "C23 and C39, RFC 7636 section 4.2",
};
const ENDPOINTS: CheckHead = {
  id: "endpoints",
  title: "Endpoints",
  group: GROUP,
  rule: "C69 and C73, RFC 8414 section 2",
};
const TOKEN_AUTH: CheckHead = {
  id: "token-auth",
  title: "Client authentication",
  group: GROUP,
  rule: "RFC 8414 section 2, RFC 6749 section 2.3",
};
const GRANTS: CheckHead = { id: "grants", title: "Grants", group: GROUP, rule: "RFC 8414 section 2" };
const EXTENSIONS: CheckHead = {
  id: "extensions",
  title: "Extensions",
  group: GROUP,
  rule: "RFC 9126, RFC 9449, RFC 9207",
};

/**
 * Judges the server that the discovery has found.
 *
 * @param ports What it runs on.
 * @param subject The MCP server.
 * @param found What the discovery came to.
 * @param challenge What the MCP server said to a request without a token.
 * @param signal Ends the waits.
 */
export async function judgeServer(
  ports: ServerPorts,
  subject: Subject,
  found: Discovered,
  challenge: ChallengeSummary,
  signal: AbortSignal,
): Promise<JudgedServer> {
  const { options } = subject;
  const raw = found.document?.json ?? {};
  const described = describe(found, options);
  if (described === undefined) {
    const because = skipped("because of: the discovery");
    const heads = [PKCE, ENDPOINTS, TOKEN_AUTH, GRANTS, EXTENSIONS];
    return { checks: heads.map((head) => checkOf(head, because)), server: undefined };
  }
  const issuer = "issuer" in described ? described.issuer : found.issuer ?? "";
  const hasDocument = found.document !== undefined;
  const pkce = await check(PKCE, () => {
    if (options.grant !== undefined) return skipped("no code is used: the entry signs in by a grant");
    if (!hasDocument) return skipped("no document says: it is sent all the same");
    return judgePkce(raw.code_challenge_methods_supported, issuer, options.allowMissingPkceMetadata === true);
  });
  if (described instanceof McpAuthError) {
    const failed = await check(ENDPOINTS, () => {
      throw described;
    });
    const because = skipped(`because of: ${ENDPOINTS.title}`);
    return {
      checks: [pkce, failed, ...[TOKEN_AUTH, GRANTS, EXTENSIONS].map((head) => checkOf(head, because))],
      server: undefined,
    };
  }
  const server = described;
  const endpoints = await check(ENDPOINTS, () => judgeEndpoints(ports, subject, server, raw, signal));
  return {
    server,
    checks: [
      pkce,
      endpoints,
      ...await waysToEndpoints(ports, subject, found, server, signal),
      await check(TOKEN_AUTH, () => judgeTokenAuth(server, subject)),
      await check(GRANTS, () => judgeGrants(server, subject)),
      await check(EXTENSIONS, () => judgeExtensions(server, subject, found.resource, challenge)),
    ],
  };
}

/** The metadata to judge by, or why there is none to use; undefined where nothing was found. */
function describe(
  found: Discovered,
  { authorizationServer: given, grant }: ServerOptions,
): ServerMetadata | McpAuthError | undefined {
  if (found.withoutMetadata && found.issuer !== undefined) return fallbackServerMetadata(found.issuer);
  try {
    const named = given === undefined ? undefined : givenMetadata(given, grant !== undefined);
    if (named?.whole !== undefined) return named.whole;
    if (found.document === undefined) return undefined;
    const { json, url } = found.document;
    const { issuer } = json;
    // The issuer has a check of its own; the rest is judged whatever it says.
    const expected = typeof issuer === "string" && issuer !== "" ? issuer : found.issuer ?? "";
    const read = parseServerMetadata({ ...json, code_challenge_methods_supported: undefined }, expected, url);
    return { ...read, ...named?.members } as ServerMetadata;
  } catch (error) {
    return asMcpAuthError(error, "DISCOVERY_FAILED", "use the metadata");
  }
}

function judgePkce(methods: unknown, issuer: string, isAssumed: boolean): Finding {
  const listed = Array.isArray(methods) && methods.every((each) => typeof each === "string")
    ? methods as readonly string[]
    : undefined;
  if (listed?.includes("S256")) return fine(`S256 is listed`);
  if (isAssumed) return fine("S256 is not listed, and taken for granted (--assume-pkce)");
  if (methods !== undefined && methods !== null && listed === undefined) {
    throw new McpAuthError(
      "DISCOVERY_FAILED",
      `Cannot use the metadata of "${
        safeUrl(issuer)
      }": "code_challenge_methods_supported" is not a list of strings`,
      { hint: "The server's operator has to correct the metadata" },
    );
  }
  requireS256(listed, issuer);
  return fine("S256");
}

/** The endpoints, and what a sign-in by this entry needs them for. */
const USED = [
  "authorization_endpoint",
  "token_endpoint",
  "registration_endpoint",
  "device_authorization_endpoint",
  "pushed_authorization_request_endpoint",
  "revocation_endpoint",
] as const;

async function judgeEndpoints(
  ports: ServerPorts,
  { options }: Subject,
  server: ServerMetadata,
  raw: Record<string, unknown>,
  signal: AbortSignal,
): Promise<Finding> {
  const isForPeople = options.grant === undefined;
  if (isForPeople && server.authorization_endpoint === undefined && !offersDeviceFlow(server)) {
    throw new McpAuthError(
      "DISCOVERY_FAILED",
      `Cannot sign in at "${safeUrl(server.issuer)}": "authorization_endpoint" is missing from its metadata`,
      { hint: "The server's operator has to publish it; a server for machines takes --client-credentials" },
    );
  }
  if (
    isForPeople && server.require_pushed_authorization_requests === true &&
    server.pushed_authorization_request_endpoint === undefined
  ) throw noPushEndpoint(server);
  const refused: string[] = [];
  for (const name of USED) {
    const endpoint = server[name];
    if (typeof endpoint !== "string") continue;
    try {
      await waitFor(ports.guard(new URL(endpoint)), signal);
    } catch (error) {
      const isNeeded = name === "token_endpoint" || (isForPeople && name === "authorization_endpoint");
      if (isNeeded || !(error instanceof McpAuthError)) throw error;
      refused.push(`${name}: ${error.message}`);
    }
  }
  const left = [...refused, ...unusableMembers(raw, server.issuer)];
  const names = USED.filter((name) => server[name] !== undefined).map((name) =>
    name.replace(/_endpoint$/, "").replaceAll("_", " ")
  ).join(", ");
  return left.length === 0
    ? fine(names)
    : warning(`${names}; cannot be used: ${left.join("; ")}`, "The server's operator has to correct these");
}

/** The ways to the endpoints that are at other origins than what was asked before. */
async function waysToEndpoints(
  ports: ServerPorts,
  subject: Subject,
  found: Discovered,
  server: ServerMetadata,
  signal: AbortSignal,
): Promise<readonly Check[]> {
  const known = new Set(
    [subject.url, found.issuer, found.document?.url].map((url) => URL.parse(url ?? "")?.origin),
  );
  const others = new Map(
    USED.slice(0, 3).flatMap((name) => {
      const url = URL.parse(server[name] as string ?? "");
      return url === null || known.has(url.origin) ? [] : [[url.origin, url] as const];
    }),
  );
  const ways = await Promise.all([...others.values()].map(async (url) => {
    const isAllowed = await waitFor(ports.guard(url), signal).then(() => true, () => false);
    return isAllowed ? (await goTo(ports, url, GROUP, signal)).checks : [];
  }));
  return ways.flat();
}

function judgeTokenAuth(server: ServerMetadata, { credential }: Subject): Finding {
  const methods = server.token_endpoint_auth_methods_supported;
  const listed = methods === undefined
    ? "not listed: client_secret_basic is the default"
    : safeText(methods.join(", "));
  const used = credential === undefined
    ? ""
    : `; the client of the sign-in uses ${safeText(credential.client.tokenEndpointAuthMethod, 60)}`;
  if (methods !== undefined && !methods.some(isAuthMethod)) {
    return warning(`${listed}: none of these is known to this program${used}`, "See: mcp-auth add --help");
  }
  return fine(`${listed}${used}`);
}

/** The grant types that each way of an entry needs. */
const GRANT_TYPES = {
  "client-credentials": "client_credentials",
  "workload-identity": "urn:ietf:params:oauth:grant-type:jwt-bearer",
  enterprise: "urn:ietf:params:oauth:grant-type:jwt-bearer",
} as const;

function judgeGrants(server: ServerMetadata, { options }: Subject): Finding {
  const listed = server.grant_types_supported;
  const wanted = options.grant === undefined ? "authorization_code" : GRANT_TYPES[options.grant.kind];
  if (listed === undefined) {
    return options.grant === undefined
      ? fine("not listed: authorization_code is the default")
      : warning(`not listed; the entry needs ${wanted}`);
  }
  const words = safeText(
    listed.map((type) => type.replace(/^urn:ietf:params:oauth:grant-type:/, "")).join(", "),
  );
  if (!listed.includes(wanted) && !(options.grant === undefined && offersDeviceFlow(server))) {
    return warning(`${words}: not ${wanted}, which a sign-in here needs`);
  }
  if (options.grant === undefined && !listed.includes("refresh_token")) {
    return warning(`${words}: no refresh_token, so a sign-in may last as long as its first token (C62)`);
  }
  return fine(words);
}

function judgeExtensions(
  server: ServerMetadata,
  { url, options }: Subject,
  resource: ProtectedResource | undefined,
  { dpop }: ChallengeSummary,
): Finding {
  const algorithms = server.dpop_signing_alg_values_supported;
  const isBoundAlone = dpop?.only === true || resource?.dpopBoundAccessTokensRequired === true;
  if (options.dpop || isBoundAlone) {
    checkDpopAlgorithm(algorithms, server.issuer);
    checkDpopAlgorithm(dpop?.algorithms ?? resource?.dpopSigningAlgValuesSupported, url);
  }
  const words = [
    ...(server.require_pushed_authorization_requests
      ? ["pushed requests required (PAR)"]
      : server.pushed_authorization_request_endpoint === undefined
      ? []
      : ["pushed requests (PAR)"]),
    ...(isBoundAlone ? ["the resource takes bound tokens alone (DPoP)"] : []),
    ...(algorithms === undefined ? [] : [`DPoP with ${safeText(algorithms.join(", "), 100)}`]),
    ...(server.authorization_response_iss_parameter_supported ? ["iss in the answer"] : []),
    ...(server.device_authorization_endpoint === undefined ? [] : ["device codes"]),
    ...(server.revocation_endpoint === undefined ? [] : ["revocation"]),
  ];
  if ((options.dpop || isBoundAlone) && algorithms === undefined) {
    return warning(
      `${
        words.length === 0 ? "none" : words.join(", ")
      }; it does not say that it binds tokens to keys (DPoP)`,
      isBoundAlone
        ? "The server's operator has to allow it there"
        : "If a sign-in fails, try it without --dpop",
    );
  }
  return fine(words.length === 0 ? "none" : words.join(", "));
}

/**
 * Which authorization server an entry signs in at: the one that its user named, else the one that is discovered. What a
 * user names wins over what the MCP server says: its metadata is still asked which resource the tokens are for, and where
 * it lists other authorization servers alone, the user is told.
 *
 * Named by an issuer, a server is described by its metadata; named by endpoints, there is no metadata to check, and an
 * `iss` in the answer can be compared only where the issuer was named too.
 *
 * @see MCP 2026-07-28 client registration (C36), RFC 8414 section 3.3, RFC 9207 section 2.4
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { checkResource, parseProtectedResource } from "../../primitives/oauth/protected_resource.ts";
import {
  checkEndpoint,
  isSameIssuer,
  parseServerMetadata,
  type ServerMetadata,
} from "../../primitives/oauth/server_metadata.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import type { GivenServer } from "../credentials/mod.ts";
import {
  describeSteps,
  discover,
  type Discovery,
  type DiscoveryOptions,
  type DiscoveryStep,
  findResourceDocument,
  findServerDocument,
} from "./discovery.ts";
import type { SignInPorts, SignInRequest } from "./sign_in.ts";

/**
 * Finds the authorization server of a sign-in.
 *
 * @throws {McpAuthError} what the discovery throws; `CONFIG_MISSING` where too little of the server was named.
 */
export async function findAuthorizationServer(
  ports: Pick<SignInPorts, "http" | "tell">,
  request: SignInRequest,
): Promise<Discovery> {
  const { entry } = request;
  const search: DiscoveryOptions = {
    http: ports.http,
    serverUrl: entry.url,
    challenge: request.challenge,
    allowMetadataOrigins: entry.options.allowMetadataOrigins,
    preferredIssuer: request.earlier?.issuer,
    signal: request.signal,
  };
  const given = entry.options.authorizationServer;
  if (given === undefined) {
    if (entry.kind !== "api") return await discover(search);
    throw new McpAuthError(
      "CONFIG_MISSING",
      `Cannot sign in to "${entry.name}": it is no MCP server, and where to sign in was not said`,
      { hint: `Run: mcp-auth set ${entry.name} --authorization-server <issuer>` },
    );
  }
  const steps: DiscoveryStep[] = [];
  const resource = entry.kind === "api" ? undefined : await resourceOf(search, steps);
  const server = await describeGiven(search, given, entry.options.grant !== undefined, steps);
  const listed = resource?.authorizationServers ?? [];
  if (listed.length > 0 && !listed.some((issuer) => isSameIssuer(issuer, server.metadata.issuer))) {
    ports.tell({ kind: "other-server", issuer: server.metadata.issuer, listed });
  }
  return {
    kind: "given",
    resource: resource?.resource,
    resourceScopes: resource?.scopesSupported,
    protectedResource: resource,
    server: server.metadata,
    withoutMetadata: server.withoutMetadata,
    issuerUnknown: server.withoutMetadata && given.issuer === undefined,
    steps,
  };
}

async function resourceOf(search: DiscoveryOptions, steps: DiscoveryStep[]) {
  const found = await findResourceDocument(search, steps);
  if (found === undefined) return undefined;
  const resource = parseProtectedResource(found.json, found.url);
  checkResource(resource.resource, search.serverUrl);
  return resource;
}

/** The members of metadata by what a user may name of a server. */
const ENDPOINTS = {
  authorizationEndpoint: "authorization_endpoint",
  tokenEndpoint: "token_endpoint",
  deviceAuthorizationEndpoint: "device_authorization_endpoint",
  revocationEndpoint: "revocation_endpoint",
  userinfoEndpoint: "userinfo_endpoint",
} as const;

/**
 * What a user named of a server, as members of its metadata.
 *
 * @param given What was named.
 * @param isForMachines Whether no person signs in there.
 * @returns The members, and the metadata that they make where they are enough.
 * @throws {McpAuthError} `UNSAFE_URL` for an endpoint that can be none.
 */
export function givenMetadata(
  given: GivenServer,
  isForMachines: boolean,
): { readonly members: Readonly<Record<string, unknown>>; readonly whole: ServerMetadata | undefined } {
  const { issuer, tokenEndpoint, authorizationEndpoint, tokenEndpointAuthMethod } = given;
  const isWhole = tokenEndpoint !== undefined && (isForMachines || authorizationEndpoint !== undefined);
  const members: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(ENDPOINTS) as [keyof typeof ENDPOINTS, string][]) {
    const endpoint = given[name];
    if (endpoint === undefined) continue;
    checkEndpoint(endpoint, member, issuer ?? tokenEndpoint ?? endpoint);
    members[member] = endpoint;
  }
  if (tokenEndpointAuthMethod !== undefined) {
    members.token_endpoint_auth_methods_supported = [tokenEndpointAuthMethod, "none"];
  }
  if (!isWhole) return { members, whole: undefined };
  const metadata = { ...members, issuer: issuer ?? parseWebUrl(tokenEndpoint, "token endpoint").origin };
  return { members, whole: metadata as unknown as ServerMetadata };
}

async function describeGiven(
  search: DiscoveryOptions,
  given: GivenServer,
  isForMachines: boolean,
  steps: DiscoveryStep[],
): Promise<{ readonly metadata: ServerMetadata; readonly withoutMetadata: boolean }> {
  const { issuer, tokenEndpoint } = given;
  const { members, whole } = givenMetadata(given, isForMachines);
  if (whole !== undefined) return { metadata: whole, withoutMetadata: true };
  if (issuer === undefined) {
    throw new McpAuthError(
      "CONFIG_MISSING",
      `Cannot sign in: of the authorization server, its ${
        tokenEndpoint === undefined ? "token" : "authorization"
      } endpoint was not named`,
      {
        hint:
          "Set both MCP_AUTH_AUTH_ENDPOINT and MCP_AUTH_TOKEN_ENDPOINT, or give --authorization-server <issuer>",
      },
    );
  }
  const found = await findServerDocument(search, issuer, steps);
  if (found === undefined) {
    throw new McpAuthError(
      "DISCOVERY_FAILED",
      `Cannot find the metadata of authorization server "${safeUrl(issuer)}": ${describeSteps(steps)}`,
      {
        hint: "Check the issuer; of a server without metadata, set MCP_AUTH_AUTH_ENDPOINT and " +
          "MCP_AUTH_TOKEN_ENDPOINT",
      },
    );
  }
  const metadata = { ...parseServerMetadata(found.json, issuer, found.url), ...members };
  return { metadata: metadata as ServerMetadata, withoutMetadata: false };
}

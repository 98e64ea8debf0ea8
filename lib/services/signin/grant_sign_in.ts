/**
 * The sign-in of a machine, by the grant that its entry names: nobody is asked, no browser opens, no client is registered,
 * and the same grant brings the next tokens when these expire.
 *
 * @see MCP extensions oauth-client-credentials, enterprise-managed-authorization and wif (X1-X14, X21-X24)
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { clientIdentity, otherAuthMethod } from "../../primitives/oauth/client_auth.ts";
import { checkClientMetadataUrl, NO_DOCUMENT } from "../../primitives/oauth/client_metadata.ts";
import { OAuthResponseError } from "../../primitives/oauth/response_error.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { type ClientRecord, entryShape, type Grant } from "../credentials/mod.ts";
import { runGrant } from "../grants/mod.ts";
import type { Discovery } from "./discovery.ts";
import type { Granted, SignInPorts, SignInRequest, Wanted } from "./sign_in.ts";

/**
 * Signs in by a grant.
 *
 * @param ports What it runs on.
 * @param request What it is for.
 * @param discovery Where to sign in.
 * @param wanted The scopes and the resource to ask for.
 * @param grant The grant of the entry.
 * @throws {McpAuthError} whatever went wrong on the way.
 */
export async function signInByGrant(
  ports: SignInPorts,
  request: SignInRequest,
  discovery: Discovery,
  wanted: Wanted,
  grant: Grant,
): Promise<Granted> {
  const { entry, signal } = request;
  const { server } = discovery;
  checkSameServer(request, discovery);
  const client = await clientFor(ports, request, discovery, grant);
  ports.tell({ kind: "registered", issuer: server.issuer, source: client.source });
  await ports.limit.count();
  const runAs = async (client: ClientRecord): Promise<Granted> => ({
    client,
    tokens: await runGrant(ports.grants, {
      ...wanted,
      name: entry.name,
      again: request.command ?? `mcp-auth login ${entry.name}`,
      grant,
      assertionAudience: entry.options.assertionAudience,
      server,
      client,
      signal,
    }),
  });
  try {
    return await runAs(client);
  } catch (error) {
    // Behaviours row 22. An assertion of a workload is presented once, whatever becomes of it (X24).
    const method = grant.kind === "workload-identity" ? undefined : otherAuthMethod(client);
    const isAboutClient = error instanceof OAuthResponseError && error.oauthError === "invalid_client";
    if (method === undefined || !isAboutClient || request.given === undefined) throw error;
    return await runAs({ ...client, tokenEndpointAuthMethod: method }).catch(() => {
      throw error;
    });
  }
}

/**
 * Where another authorization server is to get what the entry presents, a person would see it in the browser; for a
 * machine it has to be said: an MCP server that names a new one may be in other hands.
 */
function checkSameServer({ entry, earlier }: SignInRequest, { kind, server }: Discovery): void {
  if (earlier === undefined || earlier.issuer === server.issuer || kind === "given") return;
  throw new McpAuthError(
    "ISSUER_MISMATCH",
    `Cannot sign in to "${entry.name}": its server names the authorization server "${
      safeUrl(server.issuer)
    }", and not "${safeUrl(earlier.issuer)}" as at the last sign-in`,
    {
      hint: "If its operator has announced that, run: " +
        `mcp-auth login ${entry.name} --authorization-server <issuer>`,
    },
  );
}

/** The client that was given, or that the entry has at this server, else none: nothing is registered for a machine. */
async function clientFor(
  ports: SignInPorts,
  { entry, given, reRegister }: SignInRequest,
  { server }: Discovery,
  grant: Grant,
): Promise<ClientRecord> {
  const { clientId, clientMetadataUrl, assertionAudience } = entry.options;
  if (reRegister) {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot register a client for "${entry.name}" anew: it signs in by ${grant.kind}, with a client of its own`,
      { hint: "Leave out --re-register" },
    );
  }
  const record = (
    source: ClientRecord["source"],
    identity: Pick<ClientRecord, "clientId" | "tokenEndpointAuthMethod"> & Partial<ClientRecord>,
  ): ClientRecord => ({
    ...identity,
    issuer: server.issuer,
    redirectShape: entryShape(entry.name),
    source,
    redirectUris: [],
    registeredAt: ports.clock.now(),
  });
  if (given !== undefined) {
    if (given.clientId === "") {
      throw new McpAuthError("CONFIG_INVALID", "Cannot sign in: the client id is empty");
    }
    return record("pre-registered", await clientIdentity({ ...given, assertionAudience }, server));
  }
  if (clientId !== undefined) {
    const { own } = await ports.clients(server.issuer, entryShape(entry.name));
    if (own?.clientId !== clientId) throw unknownHere(entry.name, clientId, server.issuer);
    const { assertionAudience: _before, ...kept } = own;
    return assertionAudience === undefined ? kept : { ...kept, assertionAudience };
  }
  if (grant.kind === "enterprise" && clientMetadataUrl !== undefined && clientMetadataUrl !== NO_DOCUMENT) {
    return record("client-id-metadata", {
      clientId: checkClientMetadataUrl(clientMetadataUrl),
      tokenEndpointAuthMethod: "none",
    });
  }
  if (grant.kind === "workload-identity") {
    return record("none", { clientId: "", tokenEndpointAuthMethod: "none" });
  }
  throw noClient(entry.name, grant);
}

function unknownHere(name: string, clientId: string, issuer: string): McpAuthError {
  return new McpAuthError(
    "CONFIG_MISSING",
    `Cannot use client "${safeText(clientId, 200)}" at "${
      safeUrl(issuer)
    }": its secret or key for this authorization server is not there`,
    {
      hint:
        `Run: mcp-auth login ${name} --client-id <id> --client-secret-file <file>, or with --private-key <file>`,
    },
  );
}

function noClient(name: string, { kind }: Grant): McpAuthError {
  const proof = kind === "enterprise"
    ? "and its secret or key, or --client-metadata-url <url>"
    : "and --client-secret-file <file> or --private-key <file>";
  return new McpAuthError("CONFIG_MISSING", `Cannot sign in to "${name}" by ${kind}: no client is named`, {
    hint: `Name the one that is registered there with --client-id <id> ${proof}`,
  });
}

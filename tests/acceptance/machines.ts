/**
 * What machines sign in at, and what they sign in with: an authorization server that checks every secret, key and
 * assertion, an MCP server that trusts it, and keys as people have them in files.
 *
 * @module
 */
import assert from "node:assert/strict";
import { exportJWK, exportPKCS8, generateKeyPair } from "jose";
import type { KnownClient } from "../../scripts/demo/servers/client_check.ts";
import {
  type MachineAuthorizationServer,
  type MachineServerOptions,
  startMachineAuthorizationServer,
} from "../../scripts/demo/servers/machine_authorization_server.ts";
import {
  type McpServerSettings,
  type RunningMcpServer,
  startMcpServer,
} from "../../scripts/demo/servers/mcp_server.ts";
import type { Recorded } from "../../scripts/demo/servers/recorded.ts";

/** The pair of servers. */
export interface Machines extends AsyncDisposable {
  readonly as: MachineAuthorizationServer;
  readonly mcp: RunningMcpServer;
}

/** Starts both. */
export async function startMachines(
  options: { readonly as?: MachineServerOptions; readonly mcp?: McpServerSettings } = {},
): Promise<Machines> {
  const resources: string[] = [];
  const as = await startMachineAuthorizationServer({
    allowsResource: (resource) => resources.includes(resource),
    ...options.as,
  });
  const mcp = await startMcpServer({ ...options.mcp, authorizationServer: as });
  resources.push(mcp.resource);
  return {
    as,
    mcp,
    [Symbol.asyncDispose]: async () => {
      await mcp.close();
      await as.close();
    },
  };
}

/** A client with a key, and the key. */
export interface KeyedClient {
  readonly client: KnownClient;
  /** PKCS #8. */
  readonly pem: string;
  /** The private key as a JWK, with its `kid`. */
  readonly jwk: string;
}

/** Makes a client that authenticates by a key. */
export async function keyedClient(id: string, algorithm = "ES256"): Promise<KeyedClient> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const kid = crypto.randomUUID();
  return {
    client: { id, jwks: { keys: [{ ...await exportJWK(publicKey), kid }] } },
    pem: await exportPKCS8(privateKey),
    jwk: JSON.stringify({ ...await exportJWK(privateKey), kid }),
  };
}

/** The requests to the token endpoint. */
export function tokenRequests({ as }: Pick<Machines, "as">): readonly Recorded[] {
  return as.requests("POST /token");
}

/** Checks that no text has any of some secrets in it. */
export function assertSilent(texts: readonly string[], secrets: readonly string[]): void {
  for (const secret of secrets) {
    for (const text of texts) assert.ok(!text.includes(secret), `a secret is in: ${text}`);
  }
}

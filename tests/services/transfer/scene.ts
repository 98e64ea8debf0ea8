/**
 * A real sealed store with a token authority beside it, and an audit log that is kept, for moving entries in and out.
 *
 * @module
 */
import { memoryLocks } from "../../../lib/primitives/system/lock.ts";
import type { AuditEvent } from "../../../lib/services/audit/mod.ts";
import {
  type ClientRecord,
  type CredentialRecord,
  type CredentialStore,
  openStore,
  type ServerOptions,
  type ServerRecord,
  type WholeEntry,
} from "../../../lib/services/credentials/mod.ts";
import type { TransferPorts } from "../../../lib/services/transfer/mod.ts";
import { type FakeClock, fakeClock } from "../../fakes/clock.ts";
import { fakeEnv } from "../../fakes/env.ts";

/** What seals the exports of tests. */
export const PASSPHRASE = "correct horse battery";

export const NOW = Date.UTC(2026, 0, 1);
export const ISSUER = "https://issuer.example";

/** The scene. */
export interface Scene extends Disposable {
  readonly ports: TransferPorts;
  readonly store: CredentialStore;
  readonly clock: FakeClock;
  readonly events: readonly AuditEvent[];
  /** Which entries are held now. */
  readonly held: ReadonlySet<string>;
  /** Stores an entry as it is. */
  put(entry: WholeEntry): Promise<void>;
  /** All that is stored of an entry. */
  entry(name: string): Promise<WholeEntry | undefined>;
}

/** Sets the scene, over a store in memory. */
export function setScene(): Scene {
  const clock = fakeClock();
  const store = openStore({ env: fakeEnv(), keystore: "memory" });
  const events: AuditEvent[] = [];
  const held = new Set<string>();
  const locks = memoryLocks();
  return {
    clock,
    store,
    events,
    held,
    ports: {
      store,
      clock,
      audit: { record: (event) => void events.push(event) },
      authority: {
        exclusive: async (name, operation) => {
          await using lock = await locks.acquire(name, 1_000);
          held.add(name);
          try {
            return await operation(lock);
          } finally {
            held.delete(name);
          }
        },
      },
    },
    put: async (entry) => {
      const before = (await store.wholeEntry(entry.server.name))?.versions;
      const expected = before ?? { server: null, credential: null };
      const written = await store.putWholeEntries([{ entry, expected }]);
      if (written.length !== 1) throw new Error("The entry was not stored");
    },
    entry: async (name) => (await store.wholeEntry(name))?.entry,
    [Symbol.dispose]: () => store.close(),
  };
}

/** Every option that there is: a new one that is missing here does not compile. */
export const OPTIONS: Required<ServerOptions> = {
  scopes: ["files:read", "files:write"],
  resource: "https://mcp.example/mcp",
  clientId: "own-client",
  clientMetadataUrl: "https://client.example/metadata.json",
  callbackPorts: [8456, 0],
  headers: { "X-Team": "${TEAM}", "X-Empty": "" },
  allowPrivateHosts: ["10.0.0.1", "[fd00::1]"],
  allowMissingPkceMetadata: true,
  authorizeParameters: { access_type: "offline", prompt: "" },
  clientName: "My client",
  grant: {
    kind: "enterprise",
    identityProvider: {
      issuer: "https://idp.example",
      tokenEndpoint: "https://idp.example/token",
      clientId: "idp-client",
      clientSecret: "s3cret-of-the-idp-client",
      idToken: { from: "entry", name: "corp" },
    },
  },
  dpop: true,
  assertionAudience: "https://issuer.example/token",
  callbackHost: "localhost",
  redirectUri: "https://callback.example/cb",
  listen: "0.0.0.0:8456",
  provider: "okta",
  providerParameters: { domain: "example.okta.com:8443" },
  authorizationServer: {
    issuer: "https://issuer.example",
    authorizationEndpoint: "https://issuer.example/authorize",
    tokenEndpoint: "https://issuer.example/token",
    deviceAuthorizationEndpoint: "https://issuer.example/device",
    revocationEndpoint: "https://issuer.example/revoke",
    userinfoEndpoint: "https://issuer.example/userinfo",
    tokenEndpointAuthMethod: "client_secret_post",
  },
  allowMetadataOrigins: ["https://metadata.example"],
  quirks: ["omit-resource"],
  site: { id: "1", name: "Acme", url: "https://acme.example" },
  caFile: "/etc/ssl/own.pem",
  clientCertificate: { certFile: "cert.pem", keyFile: "key.pem" },
  transport: "sse",
  websocketAuth: "query",
  allowTools: ["get_*", "list?"],
  ignoreTools: ["get_secret"],
  keepAliveSeconds: 60,
};

/** Every member of a client. */
export function fullClient(entry: string): Required<ClientRecord> {
  return {
    issuer: ISSUER,
    redirectShape: `entry:${entry}`,
    source: "pre-registered",
    clientName: "My client",
    byHand: true,
    clientId: "own-client",
    clientSecret: "s3cret-of-the-client",
    clientSecretExpiresAt: NOW + 1,
    privateKey: "-----BEGIN PRIVATE KEY-----\ns3cret-of-the-key\n-----END PRIVATE KEY-----\n",
    signingAlgorithm: "ES256",
    keyId: "key-1",
    assertionAudience: "https://issuer.example/token",
    dpopBoundTokens: true,
    requiresPushedRequests: true,
    tokenEndpointAuthMethod: "client_secret_post",
    redirectUris: ["http://127.0.0.1:8456/callback"],
    registrationClientUri: "https://issuer.example/register/1",
    registrationAccessToken: "s3cret-of-the-registration",
    registeredAt: NOW,
  };
}

/** Every member of a credential but those that are about this machine's refreshes alone. */
export function fullCredential(name: string): Required<Omit<CredentialRecord, "tokenResponses">> {
  return {
    name,
    issuer: ISSUER,
    authorizationServer: {
      issuer: ISSUER,
      authorization_endpoint: "https://issuer.example/authorize",
      token_endpoint: "https://issuer.example/token",
      revocation_endpoint: "https://issuer.example/revoke",
      userinfo_endpoint: "https://issuer.example/userinfo",
    },
    client: fullClient(name),
    resource: "https://mcp.example/mcp",
    requestedScopes: ["files:read", "files:write"],
    grantedScopes: ["files:read"],
    accessToken: "s3cret-access-token",
    tokenType: "bearer",
    dpopKey: { kty: "EC", crv: "P-256", x: "s3cret-x", y: "s3cret-y", d: "s3cret-d" },
    grant: "enterprise",
    refreshToken: "s3cret-refresh-token",
    idToken: "s3cret.id.token",
    expiresAt: NOW + 3_600_000,
    obtainedAt: NOW,
    account: "alice@example.com",
    quirks: ["repeat-scope"],
    pendingRefresh: { at: NOW, state: "unanswered" },
    lastError: { code: "NETWORK_ERROR", message: "Cannot reach the server", at: NOW },
  };
}

/** An entry with all that an entry can have. */
export function fullEntry(name: string): WholeEntry {
  const server: Required<ServerRecord> = {
    name,
    url: "https://mcp.example/mcp?tenant=1",
    createdAt: NOW,
    signIn: "oauth",
    kind: "api",
    options: OPTIONS,
  };
  return { server, credential: fullCredential(name), clients: [fullClient(name)] };
}

/** An entry that nobody is signed in to, with nothing chosen. */
export function plainEntry(name: string, url = "https://mcp.example/mcp"): WholeEntry {
  return { server: { name, url, createdAt: NOW, signIn: "oauth", options: {} }, clients: [] };
}

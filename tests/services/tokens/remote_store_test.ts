/**
 * Refreshing over a store that many machines share: what becomes of fresh tokens when the store fails between the
 * answer and its write, and of a holder that slept past its lease.
 *
 * @see behaviours rows 1, 2, 33
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { LEASE_MS } from "../../../lib/primitives/limits.ts";
import { leaseLocks, type LeaseOptions } from "../../../lib/primitives/system/lease.ts";
import type { Locks } from "../../../lib/primitives/system/lock.ts";
import { type CredentialStore, openStore } from "../../../lib/services/credentials/mod.ts";
import { LEASES } from "../../../lib/services/credentials/keys.ts";
import { TokenAuthority } from "../../../lib/services/tokens/mod.ts";
import { fakeClock } from "../../fakes/clock.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { fakeGrantPorts } from "../../fakes/grant_ports.ts";
import { type KvConnectServer, READ, startKvConnectServer, WRITE } from "../../fakes/kv_connect/server.ts";
import { coded } from "../../primitives/coded_error.ts";
import { openAt } from "../../primitives/kv_connect/servers.ts";
import { startTokenEndpoint, type TokenEndpoint } from "./token_endpoint.ts";

/** A machine at the store. */
interface Machine {
  readonly store: CredentialStore;
  readonly authority: TokenAuthority;
}

interface Scene {
  readonly server: KvConnectServer;
  readonly endpoint: TokenEndpoint;
  /** Another machine. */
  machine(locks?: Locks): Machine;
}

/** Runs a test on entry `demo`, whose token is over, with the refresh token `rt-0`. */
function testScene(name: string, body: (scene: Scene) => Promise<void>): void {
  Deno.test(`remote store: ${name}`, async () => {
    await using server = await startKvConnectServer();
    await using endpoint = startTokenEndpoint();
    const clock = fakeClock();
    const env = fakeEnv({ MCP_AUTH_KEY: "5f".repeat(32), DENO_KV_ACCESS_TOKEN: server.accessToken });
    const stores: CredentialStore[] = [];
    const machine = (locks?: Locks): Machine => {
      const store = openStore({ env, home: "/nonexistent", store: server.url, http: () => createHttp() });
      stores.push(store);
      const authority = new TokenAuthority({
        store,
        clock,
        http: () => createHttp(),
        grants: () => Promise.resolve(fakeGrantPorts({ clock })),
        locks: () => locks === undefined ? store.leases() : Promise.resolve(locks),
        room: () => Promise.resolve({ [Symbol.dispose]: () => {} }),
        shield: (operation) => operation(),
        audit: { record: () => {} },
      });
      return { store, authority };
    };
    const client = {
      issuer: endpoint.issuer,
      redirectShape: "loopback",
      source: "dynamic",
      clientId: "client",
      tokenEndpointAuthMethod: "none",
      redirectUris: [],
      registeredAt: clock.now(),
    } as const;
    const saved = await machine().store.saveSignedIn({
      server: {
        name: "demo",
        url: "https://mcp.example.com/mcp",
        createdAt: clock.now(),
        signIn: "oauth",
        options: {},
      },
      credential: {
        name: "demo",
        issuer: endpoint.issuer,
        authorizationServer: { issuer: endpoint.issuer, token_endpoint: `${endpoint.issuer}/token` },
        client,
        requestedScopes: [],
        grantedScopes: [],
        accessToken: "at-0",
        tokenType: "bearer",
        refreshToken: "rt-0",
        obtainedAt: clock.now() - 10_000,
        expiresAt: clock.now() - 1,
      },
      client,
    });
    ok(saved);
    await body({ server, endpoint, machine });
    for (const store of stores) store.close();
  });
}

/** Leases as a machine with other times has them. */
function leases({ server }: Scene, options: Partial<LeaseOptions>): Locks {
  const kv = openAt(server);
  return leaseLocks({ kv: () => Promise.resolve(kv), prefix: LEASES, ...options });
}

/** Has faults begin once the token endpoint was asked, and returns what ends them. */
function failAfterRefresh({ endpoint, server }: Scene, write: "reset" | "lose-answer"): () => void {
  const orders: { end(): void }[] = [];
  endpoint.script = () => {
    orders.push(server.fail(WRITE, Infinity, write), server.fail(READ, Infinity, "reset"));
    return undefined;
  };
  return () => {
    for (const order of orders) order.end();
    endpoint.script = undefined;
  };
}

testScene(
  "tokens that were stored without anybody hearing of it are found, and nothing is sent again",
  async (scene) => {
    const { authority, store } = scene.machine();
    const recover = failAfterRefresh(scene, "lose-answer");
    await rejects(authority.current("demo"), coded("STORE_UNAVAILABLE"));
    recover();
    equal((await authority.current("demo")).accessToken, "at-1");
    equal((await scene.machine().authority.current("demo")).accessToken, "at-1");
    equal((await store.credential("demo"))?.record.refreshToken, "rt-1");
    equal(scene.endpoint.presented.length, 1);
  },
);

testScene(
  "tokens that could not be stored are stored by who has them, and nothing is sent again",
  async (scene) => {
    const { authority, store } = scene.machine(leases(scene, { leaseMs: 1_500, stepMs: 500 }));
    const recover = failAfterRefresh(scene, "reset");
    await rejects(authority.current("demo"), coded("STORE_UNAVAILABLE"));
    recover();
    equal((await store.credential("demo"))?.record.refreshToken, "rt-0");
    // The lease of the first attempt could not be given back: the next one waits for its end.
    equal((await authority.current("demo")).accessToken, "at-1");
    equal((await scene.machine().authority.current("demo")).accessToken, "at-1");
    equal(scene.endpoint.presented.length, 1);
  },
);

testScene(
  "a holder that slept past its lease does not send the refresh token that another has spent",
  async (scene) => {
    const { server, endpoint } = scene;
    let sleptMs = 0;
    const clock = { monotonic: () => performance.now(), wall: () => performance.now() + sleptMs };
    const sleeper = scene.machine(leases(scene, { clock }));
    const other = scene.machine(leases(scene, { leaseMs: 300, stepMs: 100 }));
    // It has its lease, falls asleep as it notes that it begins, and wakes when the other is done.
    server.fail(WRITE, 1, { delayMs: 0 });
    server.fail(WRITE, 1, {
      until: async () => {
        equal((await other.authority.current("demo")).accessToken, "at-1");
        sleptMs = LEASE_MS;
      },
    });
    equal((await sleeper.authority.current("demo")).accessToken, "at-1");
    deepEqual(endpoint.presented, ["rt-0"]);
  },
);

/**
 * The sealed store far away: many machines make it at once, and what lies in it is sealed.
 *
 * @see behaviours rows 43 and 44
 */
import assert from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { type CredentialStore, openStore, type StoreOptions } from "../../../lib/services/credentials/mod.ts";
import { fakeEnv } from "../../fakes/env.ts";
import {
  type KvConnectServer,
  METADATA,
  startKvConnectServer,
  WRITE,
} from "../../fakes/kv_connect/server.ts";
import { openAt } from "../../primitives/kv_connect/servers.ts";
import { credentialRecord, SECRETS, serverRecord } from "./records.ts";

const KEY = "5f".repeat(32);

/** Opens the store as a machine of its own would. */
function open(server: KvConnectServer, options: Partial<StoreOptions> = {}): CredentialStore {
  const env = fakeEnv({ MCP_AUTH_KEY: KEY, DENO_KV_ACCESS_TOKEN: server.accessToken });
  return openStore({ env, home: "/nonexistent", store: server.url, http: () => createHttp(), ...options });
}

function testStore(name: string, body: (server: KvConnectServer) => Promise<void>): void {
  Deno.test(`remote store: ${name}`, async () => {
    await using server = await startKvConnectServer();
    await body(server);
  });
}

async function signIn(store: CredentialStore, name: string): Promise<void> {
  const credential = credentialRecord(name);
  assert.ok(await store.saveSignedIn({ server: serverRecord(name), credential, client: credential.client }));
}

testStore("20 machines that make it at once agree on one key, and all their entries open", async (server) => {
  const names = Array.from({ length: 20 }, (_, index) => `entry-${String(index).padStart(2, "0")}`);
  await Promise.all(names.map(async (name) => {
    using store = open(server);
    await signIn(store, name);
  }));
  using store = open(server);
  assert.equal(store.location, "remote");
  assert.equal(store.inMemory, false);
  assert.deepEqual((await store.servers()).map(({ record }) => record.name), names);
  assert.deepEqual((await store.credentials()).map(({ record }) => record.name), names);
});

testStore("what is in it and on the way to it holds no secret in the clear", async (server) => {
  using store = open(server);
  await signIn(store, "demo");
  await store.servers();
  const sent = server.log.filter(({ path }) => path !== "/").map(({ body }) => body).join("\n");
  for (const secret of [...SECRETS, KEY, server.accessToken]) assert.ok(!sent.includes(secret), secret);
});

testStore("a lease in a store that is not made yet does not keep it from being made", async (server) => {
  using store = open(server);
  const locks = await store.leases();
  await using _lock = await locks.acquire("demo", 1_000);
  await signIn(store, "demo");
  assert.ok(await store.credential("demo"));
});

testStore("a store whose making lost its answer is made once, and opens", async (server) => {
  server.fail(WRITE, 1, "lose-answer");
  using store = open(server);
  await signIn(store, "demo");
  using other = open(server);
  assert.ok(await other.credential("demo"));
});

testStore("a change that lost its answer is not taken for another's", async (server) => {
  using store = open(server);
  await signIn(store, "demo");
  const found = await store.credential("demo");
  server.fail(WRITE, 1, "lose-answer");
  const version = await store.changeCredential("demo", found!.version, {
    ...found!.record,
    accessToken: "next",
  });
  assert.equal((await store.credential("demo"))?.version, version);
  server.fail(WRITE, 1, "lose-answer");
  assert.ok(await store.putServer(serverRecord("new"), null));
});

testStore("nothing is asked before the store is used", (server) => {
  open(server).close();
  assert.equal(server.log.length, 0);
  return Promise.resolve();
});

for (
  const [what, url] of [
    ["plain http elsewhere", "http://store.example.com/"],
    ["no URL", "store.example.com"],
    ["a file", "file:///tmp/store.db"],
    ["a password", "https://user:secret-password@store.example.com/"],
  ]
) {
  testStore(`a URL that is ${what} is CONFIG_INVALID, and shows no password`, async (server) => {
    using store = open(server, { store: url });
    const error = await store.servers().catch((error) => error);
    assert.equal(error.code, "CONFIG_INVALID");
    assert.match(error.message, /^Cannot use MCP_AUTH_STORE "/);
    assert.match(error.hint, /https URL of a KV Connect server/);
    assert.ok(!JSON.stringify(error).includes("secret-password"));
  });
}

testStore("without its token it is CONFIG_MISSING, before anything is asked", async (server) => {
  using store = open(server, { env: fakeEnv({ MCP_AUTH_KEY: KEY }) });
  await assert.rejects(store.servers(), { code: "CONFIG_MISSING", hint: /DENO_KV_ACCESS_TOKEN/ });
  assert.equal(server.requests(METADATA).length, 0);
});

testStore("the variable names it, the option goes before the variable, and memory excludes it", (server) => {
  const env = fakeEnv({ MCP_AUTH_STORE: server.url });
  const at = (options: Partial<StoreOptions>) => {
    using store = openStore({ env, home: "/nonexistent", ...options });
    return store.location;
  };
  assert.equal(at({}), "remote");
  assert.equal(at({ env: fakeEnv() }), "local");
  assert.equal(at({ keystore: "memory" }), "memory");
  for (
    const options of [
      { keystore: "memory", store: server.url },
      { env: fakeEnv({ MCP_AUTH_STORE: server.url, MCP_AUTH_KEYSTORE: "memory" }) },
    ]
  ) {
    assert.throws(() => at(options), { code: "CONFIG_INVALID", hint: /MCP_AUTH_STORE/ });
  }
  return Promise.resolve();
});

for (const keystore of ["file", "keychain", undefined]) {
  testStore(
    `it is not sealed by what one machine has alone: ${keystore ?? "the default"}`,
    async (server) => {
      const env = fakeEnv({ DENO_KV_ACCESS_TOKEN: server.accessToken });
      using store = open(server, { env, keystore });
      await assert.rejects(store.putServer(serverRecord("demo"), null), {
        code: "KEYSTORE_UNAVAILABLE",
        hint: /MCP_AUTH_KEY|env or passphrase/,
      });
      using kv = openAt(server);
      assert.deepEqual(await kv.list(["mcp-auth"]), []);
    },
  );
}

testStore(
  "many entries come and lose their tokens in changes as small as its server takes",
  async (server) => {
    using store = open(server);
    const expected = { server: null, credential: null };
    const names = Array.from({ length: 12 }, (_, index) => `entry-${String(index).padStart(2, "0")}`);
    const entries = names.map((name) => ({
      server: serverRecord(name),
      credential: credentialRecord(name),
      clients: [],
    }));
    assert.deepEqual(await store.putWholeEntries(entries.map((entry) => ({ entry, expected }))), names);
    const tokens = (await store.credentials()).map(({ record, version }) => ({ name: record.name, version }));
    await assert.rejects(store.forgetCredentials(tokens), { code: "STORE_UNAVAILABLE" });
    assert.equal(await store.forgetCredentials(tokens.slice(0, store.checksMax)), true);
    assert.equal((await store.credentials()).length, 3);
  },
);

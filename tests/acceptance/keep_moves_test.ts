/**
 * What mcp-auth keeps, the rows of moving: a new key for the store, entries from one machine to another, and one store
 * for many machines.
 *
 * @see features, "Keep"; behaviours rows 1, 2, 42 to 44
 * @module
 */
import assert from "node:assert/strict";
import { type KvConnectServer, startKvConnectServer, WRITE } from "../fakes/kv_connect/server.ts";
import { assertWithout, done, filesIn, libraryIn, modeOf, secretsOf, valueOf } from "./keeping.ts";
import { assertError } from "./outcome.ts";
import { Home, type ProgramOptions } from "./program.ts";
import { OVER_AT_ONCE, presented, type Refreshing, signIn, startRefreshing } from "./refreshing.ts";
import { startServers } from "./servers.ts";

const WORDS = "correct horse battery";
const KEY = "5f".repeat(32);

/** The one key file of a store. */
async function keyFile(home: Home): Promise<string> {
  const [file = "", ...more] = (await filesIn(home.store)).filter((file) => /\/key-/.test(file));
  assert.deepEqual(more, []);
  return file;
}

const MOVES = "Keep: rekey, export and import between machines, sealed";

Deno.test(`${MOVES}: a new key, and the old one opens nothing`, async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signIn(home, servers);
  const token = (await done(home, ["token", "demo"])).stdout;
  const file = await keyFile(home);
  const key = await Deno.readTextFile(file);
  await using client = libraryIn(home);
  assert.equal(valueOf(await client.getTokens("demo")).accessToken, token.trim());

  const { json } = await done(home, ["keystore", "rekey", "--json"]);
  assert.deepEqual([json.keystore, json.generation, json.left_in], ["file", 2, []]);
  const renewed = await keyFile(home);
  assert.notEqual(renewed, file);
  assert.equal(await modeOf(renewed), 0o600);
  const newKey = await Deno.readTextFile(renewed);
  assert.notEqual(newKey.trim(), key.trim());
  assert.equal((await done(home, ["token", "demo"])).stdout, token);
  valueOf(await client.refresh("demo"));
  const later = (await done(home, ["token", "demo"])).stdout;
  assert.notEqual(later, token);

  await Deno.writeTextFile(renewed, key);
  assertError(await home.run(["token", "demo", "--json"]), "KEYSTORE_UNAVAILABLE", 1);
  await Deno.writeTextFile(renewed, newKey);
  assert.equal((await done(home, ["token", "demo"])).stdout, later);
  const secrets = [...secretsOf(servers.as), key.trim()];
  for (const each of await filesIn(home.store)) assertWithout(await Deno.readFile(each), secrets, each);
});

Deno.test(`${MOVES}: an entry moves, and is of use there alone`, async (t) => {
  await using servers = await startServers();
  await using here = await Home.make();
  await using there = await Home.make();
  const { as, mcp } = servers;
  const words = { env: { MCP_AUTH_EXPORT_PASSPHRASE: WORDS } };
  const elsewhere: ProgramOptions = {
    env: { MCP_AUTH_EXPORT_PASSPHRASE: WORDS, MCP_AUTH_KEYSTORE: "env", MCP_AUTH_KEY: KEY },
  };
  await signIn(here, servers);
  await done(here, ["add", "stays", mcp.url], { user: "bob" });
  const token = (await done(here, ["token", "demo"])).stdout;
  const file = `${here.path}/demo.json`;

  await t.step("the file is sealed, and for its owner alone", async () => {
    assertError(
      await here.run(["export", "demo", "--out", file, "--json"]),
      "CONFIG_MISSING",
      5,
      /PASSPHRASE/,
    );
    await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
    await done(here, ["export", "demo", "--move", "--out", file], words);
    assert.equal(await modeOf(file), 0o600);
    assertWithout(await Deno.readFile(file), [...secretsOf(as), WORDS, mcp.url, as.issuer], file);
    assert.ok(!(await Deno.readTextFile(file)).includes("demo"));
    assertError(await here.run(["token", "demo", "--json"]), "AUTH_REQUIRED", 4, /mcp-auth login demo/);
    assert.equal((await done(here, ["call", "stays", "whoami"])).stdout, "bob\n");
  });

  await t.step(
    "neither a wrong passphrase nor a bent file opens it, and then nothing is stored",
    async () => {
      const wrong = { env: { ...elsewhere.env, MCP_AUTH_EXPORT_PASSPHRASE: "another passphrase" } };
      assertError(await there.run(["import", file, "--json"], wrong), "CONFIG_INVALID", 1);
      const document = JSON.parse(await Deno.readTextFile(file));
      const [longest = ""] = Object.entries(document).filter(([, value]) => typeof value === "string")
        .sort(([, a], [, b]) => String(b).length - String(a).length).map(([name]) => name);
      const sealed = String(document[longest]);
      const at = sealed.length >> 1;
      const bent = sealed.slice(0, at) + (sealed[at] === "A" ? "B" : "A") + sealed.slice(at + 1);
      const other = await there.file("bent.json", JSON.stringify({ ...document, [longest]: bent }));
      assertError(await there.run(["import", other, "--json"], elsewhere), "CONFIG_INVALID", 1);
      assert.deepEqual((await done(there, ["list", "--json"], elsewhere)).json, []);
    },
  );

  await t.step(
    "the other machine, with another keystore, uses and refreshes it without a sign-in",
    async () => {
      const before = as.requests("GET /auth").length;
      await done(there, ["import", file], elsewhere);
      assert.equal((await done(there, ["token", "demo"], elsewhere)).stdout, token);
      await done(there, ["refresh", "demo"], elsewhere);
      assert.equal((await done(there, ["call", "demo", "whoami"], elsewhere)).stdout, "alice\n");
      const { json } = await done(there, ["status", "demo", "--json"], elsewhere);
      assert.deepEqual([json.keystore, json.can_refresh, json.state], ["env", true, "signed-in"]);
      assert.equal(as.requests("GET /auth").length, before);
      assert.equal(presented(as).length, 1);
      assertError(await there.run(["import", file, "--json"], elsewhere), "CONFIG_INVALID", 1, /--force/);
      const stored = await Deno.readFile(`${there.store}/store.db`);
      assertWithout(stored, [...secretsOf(as), KEY], "the other store");
    },
  );

  await t.step("the library exports and imports the same file", async () => {
    await using from = libraryIn(here);
    const document = valueOf(await from.exportEntries(["stays"], WORDS));
    assertWithout(document, [...secretsOf(as), WORDS, mcp.url], "the document");
    const path = await there.file("stays.json", document);
    await done(there, ["import", path, "--name", "stays=came"], elsewhere);
    assert.equal((await done(there, ["call", "came", "whoami"], elsewhere)).stdout, "bob\n");
    await done(there, ["export", "demo", "--out", `${there.path}/back.json`], elsewhere);
    const back = await Deno.readTextFile(`${there.path}/back.json`);
    assert.deepEqual(valueOf(await from.importEntries(back, WORDS, { rename: { demo: "again" } })), [
      "again",
    ]);
    assert.equal((await done(here, ["call", "again", "whoami"])).stdout, "alice\n");
  });
});

const REMOTE = "Keep: remote store through KV Connect for fleets";

/** What every machine of a fleet is given. */
function fleet(store: KvConnectServer, more: Record<string, string | undefined> = {}) {
  return {
    env: {
      MCP_AUTH_KEYSTORE: undefined,
      MCP_AUTH_KEY: KEY,
      MCP_AUTH_STORE: store.url,
      DENO_KV_ACCESS_TOKEN: store.accessToken,
      ...more,
    },
  };
}

/** Checks that the store's server saw nothing, neither on the wire nor at rest. */
function assertBlind(store: KvConnectServer, { as, mcp }: Refreshing): void {
  const everything = { start: new Uint8Array(), end: new Uint8Array([255]), limit: 500, reverse: false };
  const [records = []] = store.database.read([everything]);
  assert.ok(records.length >= 4, `${records.length} records`);
  const secrets = [...secretsOf(as), KEY, mcp.url, as.issuer];
  for (const { key, value } of records) {
    assertWithout(key, secrets, "a key of the remote store");
    assertWithout(value, secrets, "a record of the remote store");
  }
  assert.ok(store.requests(WRITE).length > 0);
  for (const { body } of store.log) assertWithout(body, secrets, "a request to the remote store");
}

Deno.test(REMOTE, async (t) => {
  await using servers = await startRefreshing();
  await using store = await startKvConnectServer();
  await using one = await Home.make();
  await using two = await Home.make();
  const { as, mcp } = servers;
  const machines = fleet(store);

  await t.step("one machine signs in, and all of them use it; none keeps a copy", async () => {
    await done(one, ["add", "demo", mcp.url], machines);
    const token = (await done(one, ["token", "demo"], machines)).stdout;
    assert.equal((await done(two, ["token", "demo"], machines)).stdout, token);
    assert.equal((await done(two, ["call", "demo", "whoami"], machines)).stdout, "alice\n");
    const { json } = await done(two, ["keystore", "status", "--json"], machines);
    assert.deepEqual([json.keystore, json.store], ["env", store.url]);
    for (const { store: folder } of [one, two]) {
      const files = await filesIn(folder).catch(() => []);
      for (const file of files) {
        assert.doesNotMatch(file, /store\.db|\/key-/);
        assertWithout(await Deno.readFile(file), secretsOf(as), file);
      }
    }
    assert.equal(as.requests("GET /auth").length, 1);
  });

  await t.step("at expiry one of them refreshes for all", async () => {
    servers.life = OVER_AT_ONCE;
    await done(one, ["refresh", "demo"], machines);
    servers.life = 3600;
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, (_, index) => done(index % 2 === 0 ? one : two, ["token", "demo"], machines)),
    );
    assert.equal(new Set(outcomes.map(({ stdout }) => stdout)).size, 1);
    assert.equal(presented(as).length, 2);
    assert.equal(new Set(presented(as)).size, 2);
  });

  await t.step("the library joins in, with the URL as an option", async () => {
    const variables = { DENO_KV_ACCESS_TOKEN: store.accessToken, MCP_AUTH_KEY: KEY };
    for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
    try {
      await using third = await Home.make();
      await using client = libraryIn(third, { keystore: "env", store: store.url });
      const { accessToken } = valueOf(await client.refresh("demo"));
      assert.equal((await done(two, ["token", "demo"], machines)).stdout, `${accessToken}\n`);
      assert.equal(presented(as).length, 3);
    } finally {
      for (const name of Object.keys(variables)) Deno.env.delete(name);
    }
  });

  await t.step(
    "the server of the store sees nothing, and who lacks its token or the key gets nothing",
    async () => {
      assertBlind(store, servers);
      for (
        const [wrong, code] of [
          [{ DENO_KV_ACCESS_TOKEN: "wrong" }, "STORE_UNAVAILABLE"],
          [{ MCP_AUTH_KEY: "00".repeat(32) }, "KEYSTORE_UNAVAILABLE"],
          [{ MCP_AUTH_KEY: undefined }, "KEYSTORE_UNAVAILABLE"],
        ] as const
      ) assertError(await two.run(["token", "demo", "--json"], fleet(store, wrong)), code, 1);
      assertError(
        await two.run(["keystore", "use", "file", "--json"], machines),
        "USAGE",
        2,
        /env or passphrase/,
      );
    },
  );

  await t.step("the key is renewed for all, and a sign-out on one counts on the other", async () => {
    const next = "a7".repeat(32);
    const { json } = await done(
      one,
      ["keystore", "rekey", "--json"],
      fleet(store, { MCP_AUTH_NEW_KEY: next }),
    );
    assert.deepEqual([json.keystore, json.generation], ["env", 2]);
    assertError(await two.run(["token", "demo", "--json"], machines), "KEYSTORE_UNAVAILABLE", 1);
    const renewed = fleet(store, { MCP_AUTH_KEY: next });
    await done(two, ["token", "demo"], renewed);
    await done(two, ["logout", "demo"], renewed);
    assertError(await one.run(["token", "demo", "--json"], renewed), "AUTH_REQUIRED", 4);
    await done(one, ["remove", "demo"], renewed);
    assertError(await two.run(["status", "demo", "--json"], renewed), "NOT_FOUND", 5);
  });
});

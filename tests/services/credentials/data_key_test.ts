import assert from "node:assert/strict";
import { wrapKey } from "../../../lib/primitives/crypto/key_wrapping.ts";
import { importKey, unseal } from "../../../lib/primitives/crypto/sealing.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { assertUnusable, contents, makeStore, UNAVAILABLE, uses } from "./assertions.ts";
import { type Home, testWithHome } from "./homes.ts";
import { serverRecord } from "./records.ts";

const KEYSTORE = ["mcp-auth", 1, "keystore"];

testWithHome("another key in the key file opens nothing and changes nothing", async (home) => {
  await makeStore(home);
  const key = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await Deno.writeTextFile(`${home.path}/key`, key);
  await assertUnusable(home, { code: "KEYSTORE_UNAVAILABLE", message: /is another/, hint: /key/ });
  assert.equal(await Deno.readTextFile(`${home.path}/key`), key);
});

testWithHome("a store whose key file is gone gets no new one", async (home) => {
  await makeStore(home);
  await Deno.remove(`${home.path}/key`);
  await assertUnusable(home, {
    code: "KEYSTORE_UNAVAILABLE",
    message: /is not in the file/,
    hint: /Put back/,
  });
  await assert.rejects(Deno.stat(`${home.path}/key`), Deno.errors.NotFound);
});

testWithHome("a store sealed by MCP_AUTH_KEY needs that key, and writes no key file", async (home) => {
  const MCP_AUTH_KEY = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await makeStore(home, { env: fakeEnv({ MCP_AUTH_KEY }) });
  await assert.rejects(Deno.stat(`${home.path}/key`), Deno.errors.NotFound);
  await assertUnusable(home, { code: "KEYSTORE_UNAVAILABLE", message: /MCP_AUTH_KEY/ });
  const other = fakeEnv({ MCP_AUTH_KEY: "00".repeat(32) });
  await assertUnusable(home, { code: "KEYSTORE_UNAVAILABLE", message: /MCP_AUTH_KEY is another/ }, {
    env: other,
  });
  await assert.rejects(Deno.stat(`${home.path}/key`), Deno.errors.NotFound);
  using store = home.open({ env: fakeEnv({ MCP_AUTH_KEY }) });
  assert.ok((await store.serverWithCredential("a"))?.credential);
});

testWithHome("another keystore than the store's own is refused, by flag and by variable", async (home) => {
  await makeStore(home);
  const env = fakeEnv({ MCP_AUTH_KEY: "00".repeat(32) });
  const error = { code: "KEYSTORE_UNAVAILABLE", message: /"env".*"file"/ };
  await assertUnusable(home, error, { env, keystore: "env" });
  await assertUnusable(home, error, {
    env: fakeEnv({ MCP_AUTH_KEY: "00".repeat(32), MCP_AUTH_KEYSTORE: "env" }),
  });
  using store = home.open({ env });
  assert.ok(await store.server("a"), "a key in the environment alone asks for nothing");
});

/** Replaces fields of the keystore record. */
async function alterKeystoreRecord(home: Home, fields: Record<string, unknown>): Promise<void> {
  using kv = await home.raw();
  const { value } = await kv.get<Uint8Array>(KEYSTORE);
  const record = { ...JSON.parse(new TextDecoder().decode(value!)), ...fields };
  await kv.set(KEYSTORE, new TextEncoder().encode(JSON.stringify(record)));
}

testWithHome(
  "the keystore record says kind, generation and schema, and holds the data key wrapped",
  async (home) => {
    await makeStore(home);
    using kv = await home.raw();
    const { value } = await kv.get<Uint8Array>(KEYSTORE);
    const { wrapped, ...rest } = JSON.parse(new TextDecoder().decode(value!));
    assert.deepEqual(rest, { schema: 1, kind: "file", generation: 1 });
    assert.equal(Uint8Array.fromBase64(wrapped).length, 61);
  },
);

testWithHome("a store of a newer schema is neither read nor written", async (home) => {
  await makeStore(home);
  await alterKeystoreRecord(home, { schema: 2, kind: "hologram", wrapped: { any: "thing" } });
  await assertUnusable(home, { ...UNAVAILABLE, message: /schema is 2/, hint: /Update mcp-auth/ });
});

testWithHome(
  "a process that goes on while a newer program takes the store over writes nothing more",
  async (home) => {
    await makeStore(home);
    using store = home.open();
    const { record, version } = (await store.credential("a"))!;
    await alterKeystoreRecord(home, { schema: 2 });
    const before = await contents(home);
    const error = { ...UNAVAILABLE, message: /schema is 2/ };
    await assert.rejects(store.changeCredential("a", version, record), error);
    await assert.rejects(store.putServer(serverRecord("b"), null), error);
    await assert.rejects(store.server("a"), error);
    assert.deepEqual(await contents(home), before);
  },
);

for (
  const [damage, fields] of [
    ["another kind", { kind: "env" }],
    ["another generation", { generation: 2 }],
  ] as const
) {
  testWithHome(`a keystore record that was given ${damage} does not unlock the store`, async (home) => {
    await makeStore(home);
    await alterKeystoreRecord(home, fields);
    const key = (await Deno.readTextFile(`${home.path}/key`)).trim();
    await assertUnusable(home, { code: "KEYSTORE_UNAVAILABLE" }, { env: fakeEnv({ MCP_AUTH_KEY: key }) });
  });
}

for (
  const [damage, fields] of [
    ["no wrapped key", { wrapped: undefined }],
    ["a wrapped key of another length", { wrapped: "AAAA" }],
    ["no kind", { kind: 1 }],
    ["a schema that never was", { schema: 0 }],
    ["a schema that is no number", { schema: "1" }],
  ] as const
) {
  testWithHome(`a keystore record with ${damage} is reported as damaged`, async (home) => {
    await makeStore(home);
    await alterKeystoreRecord(home, fields);
    await assertUnusable(home, { ...UNAVAILABLE, message: /"keystore"\] is damaged/ });
  });
}

for (const text of ["", "null", "[]", '"text"', "{"]) {
  testWithHome(`a keystore record of ${JSON.stringify(text)} is reported as damaged`, async (home) => {
    await makeStore(home);
    {
      using kv = await home.raw();
      await kv.set(KEYSTORE, new TextEncoder().encode(text));
    }
    await assertUnusable(home, { ...UNAVAILABLE, message: /"keystore"\] is damaged/ });
  });
}

testWithHome("records without their keystore record get no new key over them", async (home) => {
  await makeStore(home);
  {
    using kv = await home.raw();
    await kv.delete(KEYSTORE);
  }
  const before = await contents(home);
  using store = home.open();
  for (const [name, use] of Object.entries(uses(store))) await assert.rejects(use(), UNAVAILABLE, name);
  assert.deepEqual(await contents(home), before);
});

testWithHome("a process goes on over a store whose data key was wrapped anew", async (home) => {
  await makeStore(home);
  using store = home.open();
  const { record, version } = (await store.credential("a"))!;
  const key = Uint8Array.fromBase64((await Deno.readTextFile(`${home.path}/key`)).trim(), {
    alphabet: "base64url",
  });
  {
    using kv = await home.raw();
    const stored = JSON.parse(new TextDecoder().decode((await kv.get<Uint8Array>(KEYSTORE)).value!));
    const place = (generation: number) =>
      new TextEncoder().encode(JSON.stringify([...KEYSTORE, 1, "file", generation]));
    const raw = await unseal(await importKey(key), Uint8Array.fromBase64(stored.wrapped), place(1));
    const wrapped = (await wrapKey(key, raw!, place(2))).toBase64();
    await kv.set(KEYSTORE, new TextEncoder().encode(JSON.stringify({ ...stored, generation: 2, wrapped })));
  }
  assert.ok(await store.changeCredential("a", version, { ...record, accessToken: "next" }));
  assert.equal((await store.credential("a"))?.record.accessToken, "next");
});

testWithHome("a key file that was there before the store becomes its key", async (home) => {
  const key = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await Deno.mkdir(home.path);
  await Deno.writeTextFile(`${home.path}/key`, key);
  await makeStore(home);
  assert.equal(await Deno.readTextFile(`${home.path}/key`), key);
  using store = home.open({ env: fakeEnv() });
  assert.ok(await store.server("a"));
});

import assert from "node:assert/strict";
import {
  encodeKeystoreRecord,
  parseKeystoreRecord,
  unwrapDataKey,
} from "../../../lib/services/credentials/keystore_record.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { assertUnusable, contents, makeStore, UNAVAILABLE, uses } from "./assertions.ts";
import { type Home, testWithHome } from "./homes.ts";
import { serverRecord } from "./records.ts";

const KEYSTORE = ["mcp-auth", 1, "keystore"];

testWithHome("another key in the key file opens nothing and changes nothing", async (home) => {
  await makeStore(home);
  const key = crypto.getRandomValues(new Uint8Array(32)).toHex();
  const file = await home.keyFile();
  await Deno.writeTextFile(file, key);
  await assertUnusable(home, { code: "KEYSTORE_UNAVAILABLE", message: /is another/, hint: /key/ });
  assert.equal(await Deno.readTextFile(file), key);
});

testWithHome("a store whose key file is gone gets no new one", async (home) => {
  await makeStore(home);
  await Deno.remove(await home.keyFile());
  await assertUnusable(home, {
    code: "KEYSTORE_UNAVAILABLE",
    message: /is not in the folder/,
    hint: /Put back/,
  });
  assert.deepEqual(await home.keyFiles(), []);
});

testWithHome("a store sealed by MCP_AUTH_KEY needs that key, and writes no key file", async (home) => {
  const MCP_AUTH_KEY = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await makeStore(home, { env: fakeEnv({ MCP_AUTH_KEY }) });
  assert.deepEqual(await home.keyFiles(), []);
  await assertUnusable(home, { code: "KEYSTORE_UNAVAILABLE", message: /MCP_AUTH_KEY/ });
  const other = fakeEnv({ MCP_AUTH_KEY: "00".repeat(32) });
  await assertUnusable(home, { code: "KEYSTORE_UNAVAILABLE", message: /MCP_AUTH_KEY is another/ }, {
    env: other,
  });
  assert.deepEqual(await home.keyFiles(), []);
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
  "the keystore record says kind, slot, generation and schema, and holds the data key wrapped",
  async (home) => {
    await makeStore(home);
    using kv = await home.raw();
    const { value } = await kv.get<Uint8Array>(KEYSTORE);
    const { wrapped, dataKey, ...rest } = JSON.parse(new TextDecoder().decode(value!));
    const slot = (await home.keyFile()).split("/key-").at(-1);
    assert.deepEqual(rest, { schema: 1, kind: "file", slot, generation: 1 });
    assert.match(dataKey, /^[0-9a-f-]{36}$/);
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
    ["another name for its data key", { dataKey: "another" }],
  ] as const
) {
  testWithHome(`a keystore record that was given ${damage} does not unlock the store`, async (home) => {
    await makeStore(home);
    await alterKeystoreRecord(home, fields);
    const key = (await Deno.readTextFile(await home.keyFile())).trim();
    await assertUnusable(home, { code: "KEYSTORE_UNAVAILABLE" }, { env: fakeEnv({ MCP_AUTH_KEY: key }) });
  });
}

for (
  const [damage, fields] of [
    ["no wrapped key", { wrapped: undefined }],
    ["a wrapped key of another length", { wrapped: "AAAA" }],
    ["no kind", { kind: 1 }],
    ["no slot", { slot: undefined }],
    ["no name for its data key", { dataKey: undefined }],
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

/** Wraps the data key anew with the key that there is, as a change of keystore does. */
async function rewrap(home: Home, change: { readonly dataKey?: string } = {}): Promise<void> {
  const wrapping = Uint8Array.fromBase64((await Deno.readTextFile(await home.keyFile())).trim(), {
    alphabet: "base64url",
  });
  using kv = await home.raw();
  const record = parseKeystoreRecord((await kv.get<Uint8Array<ArrayBuffer>>(KEYSTORE)).value!);
  const raw = (await unwrapDataKey(record, wrapping))!;
  const { kind, slot, generation, dataKey } = { ...record, ...change };
  const description = { kind, slot, generation: generation + 1, dataKey };
  await kv.set(KEYSTORE, await encodeKeystoreRecord(description, wrapping, raw));
}

testWithHome("a process goes on over a store whose data key was wrapped anew", async (home) => {
  await makeStore(home);
  using store = home.open();
  const { record, version } = (await store.credential("a"))!;
  await rewrap(home);
  assert.ok(await store.changeCredential("a", version, { ...record, accessToken: "next" }));
  assert.equal((await store.credential("a"))?.record.accessToken, "next");
});

testWithHome(
  "a process that knows the data key asks no keystore again when it is wrapped anew",
  async (home) => {
    await makeStore(home);
    using store = home.open();
    await store.credential("a");
    await rewrap(home);
    await Deno.remove(await home.keyFile());
    assert.ok(await store.credential("a"));
  },
);

testWithHome("a key file that was there before the store is not its key, and stays", async (home) => {
  const file = `${home.path}/key-0123456789abcdef`;
  const key = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await Deno.mkdir(home.path);
  await Deno.writeTextFile(file, key);
  await makeStore(home);
  assert.equal(await Deno.readTextFile(file), key);
  assert.equal((await home.keyFiles()).length, 2);
});

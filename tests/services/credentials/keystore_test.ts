import assert from "node:assert/strict";
import { askedKind, chooseKind, KEYSTORE_KINDS } from "../../../lib/services/credentials/keystore.ts";
import { envKeystore } from "../../../lib/services/credentials/keystores/env.ts";
import { fileKeystore } from "../../../lib/services/credentials/keystores/file.ts";
import { memoryKeystore } from "../../../lib/services/credentials/keystores/memory.ts";
import { testKeystoreContract } from "../../contracts/keystore.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { Home, testWithHome } from "./homes.ts";

testKeystoreContract("file", { keys: "kept" }, () => {
  const home = new Home();
  return Promise.resolve({ open: () => fileKeystore(home.path), remove: () => home[Symbol.asyncDispose]() });
});

testKeystoreContract("memory", { keys: "kept" }, () => {
  const keystore = memoryKeystore();
  return Promise.resolve({ open: () => keystore, remove: () => Promise.resolve() });
});

testKeystoreContract("env", { keys: "given" }, () => {
  const env = fakeEnv({ MCP_AUTH_KEY: key.toHex() });
  return Promise.resolve({ open: () => envKeystore(env), remove: () => Promise.resolve() });
});

testWithHome("a key file and its folder are private", async (home) => {
  const { slot } = await fileKeystore(home.path).create({ renewed: false });
  const path = `${home.path}/key-${slot}`;
  assert.equal((await Deno.stat(home.path)).mode! & 0o777, 0o700);
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  assert.match(await Deno.readTextFile(path), /^[\w-]{43}\n$/);
});

testWithHome("a key file that holds no key is reported and left as it is", async (home) => {
  await Deno.mkdir(home.path);
  const slot = "0123456789abcdef";
  const path = `${home.path}/key-${slot}`;
  for (const text of ["", "short", "x".repeat(44), "A".repeat(42)]) {
    await Deno.writeTextFile(path, text);
    await assert.rejects(
      fileKeystore(home.path).read(slot),
      { code: "KEYSTORE_UNAVAILABLE", hint: /backup/ },
      JSON.stringify(text),
    );
    assert.equal(await Deno.readTextFile(path), text);
  }
});

const key = Uint8Array.from({ length: 32 }, (_, index) => index * 9 + 3 & 255);

for (
  const [form, text] of [
    ["hexadecimal", key.toHex()],
    ["upper-case hexadecimal", key.toHex().toUpperCase()],
    ["base64", key.toBase64()],
    ["base64 without padding", key.toBase64({ omitPadding: true })],
    ["base64url", key.toBase64({ alphabet: "base64url" })],
    ["base64url without padding", key.toBase64({ alphabet: "base64url", omitPadding: true })],
    ["hexadecimal with a line end", `${key.toHex()}\n`],
  ] as const
) {
  Deno.test(`MCP_AUTH_KEY may be ${form}`, async () => {
    const keystore = envKeystore(fakeEnv({ MCP_AUTH_KEY: text }));
    assert.deepEqual(await keystore.read(""), key);
    assert.deepEqual(await keystore.create({ renewed: false }), { slot: "", key });
  });
}

for (
  const [form, text] of [
    ["too short", key.slice(1).toHex()],
    ["too long", `${key.toHex()}00`],
    ["a pass phrase", "correct horse battery staple"],
    ["16 bytes in base64", key.slice(16).toBase64()],
    ["33 bytes in base64", new Uint8Array([...key, 1]).toBase64()],
    ["43 characters that are not base64", "!".repeat(43)],
  ] as const
) {
  Deno.test(`MCP_AUTH_KEY is refused when it is ${form}, and is not quoted`, async () => {
    const error = await envKeystore(fakeEnv({ MCP_AUTH_KEY: text })).read("").catch((error) => error);
    assert.equal(error.code, "KEYSTORE_UNAVAILABLE");
    assert.match(error.hint, /openssl rand -hex 32/);
    assert.ok(!JSON.stringify(error).includes(text));
  });
}

Deno.test("the env keystore makes no key: it says how to", async () => {
  const keystore = envKeystore(fakeEnv());
  assert.equal(keystore.kind, "env");
  assert.equal(await keystore.read(""), undefined);
  await assert.rejects(keystore.create({ renewed: false }), {
    code: "KEYSTORE_UNAVAILABLE",
    message: /MCP_AUTH_KEY is not set/,
    hint: /openssl rand -hex 32/,
  });
});

Deno.test("the env keystore takes its next key from MCP_AUTH_NEW_KEY", async () => {
  const next = key.toReversed();
  const both = envKeystore(fakeEnv({ MCP_AUTH_KEY: key.toHex(), MCP_AUTH_NEW_KEY: next.toHex() }));
  assert.deepEqual(await both.create({ renewed: true }), { slot: "", key: next });
  assert.deepEqual(await both.read(""), key);
  await assert.rejects(envKeystore(fakeEnv({ MCP_AUTH_KEY: key.toHex() })).create({ renewed: true }), {
    code: "KEYSTORE_UNAVAILABLE",
    message: /MCP_AUTH_NEW_KEY is not set/,
  });
});

Deno.test("keystore choice: a store stays with its own, asked for or not", () => {
  for (const kind of KEYSTORE_KINDS) {
    assert.equal(chooseKind(undefined, kind), kind);
    assert.equal(chooseKind(kind, kind), kind);
  }
});

Deno.test("keystore choice: another than the store's own is refused", () => {
  assert.throws(() => chooseKind("env", "file"), {
    code: "KEYSTORE_UNAVAILABLE",
    message: /"env".*sealed by "file"/,
    hint: /--keystore/,
  });
});

Deno.test("keystore choice: one that only a later version knows is refused", () => {
  assert.throws(() => chooseKind(undefined, "hologram"), {
    code: "KEYSTORE_UNAVAILABLE",
    message: /"hologram"/,
    hint: "Update mcp-auth",
  });
});

Deno.test("the flag comes before the variable, and a wrong one is refused by its own code", () => {
  assert.equal(askedKind(undefined, fakeEnv()), undefined);
  assert.equal(askedKind(undefined, fakeEnv({ MCP_AUTH_KEYSTORE: "env" })), "env");
  assert.equal(askedKind("file", fakeEnv({ MCP_AUTH_KEYSTORE: "env" })), "file");
  assert.equal(askedKind("file", fakeEnv({ MCP_AUTH_KEYSTORE: "wrong" })), "file");
  const hint = /keychain, passphrase, file, env, memory/;
  assert.throws(() => askedKind("wrong", fakeEnv()), { code: "USAGE", message: /--keystore "wrong"/, hint });
  assert.throws(() => askedKind(undefined, fakeEnv({ MCP_AUTH_KEYSTORE: "wrong" })), {
    code: "CONFIG_INVALID",
    message: /MCP_AUTH_KEYSTORE "wrong"/,
    hint,
  });
});

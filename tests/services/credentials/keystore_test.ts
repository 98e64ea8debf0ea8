import assert from "node:assert/strict";
import { askedKind, chooseKind } from "../../../lib/services/credentials/keystore.ts";
import { envKeystore } from "../../../lib/services/credentials/keystores/env.ts";
import { fileKeystore } from "../../../lib/services/credentials/keystores/file.ts";
import { memoryKeystore } from "../../../lib/services/credentials/keystores/memory.ts";
import { testKeystoreContract } from "../../contracts/keystore.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { Home, testWithHome } from "./homes.ts";

testKeystoreContract("file", () => {
  const home = new Home();
  return Promise.resolve({ open: () => fileKeystore(home.path), remove: () => home[Symbol.asyncDispose]() });
});

testKeystoreContract("memory", () => {
  const keystore = memoryKeystore();
  return Promise.resolve({ open: () => keystore, remove: () => Promise.resolve() });
});

testWithHome("the key file and its folder are private", async (home) => {
  await fileKeystore(home.path).create();
  assert.equal((await Deno.stat(home.path)).mode! & 0o777, 0o700);
  assert.equal((await Deno.stat(`${home.path}/key`)).mode! & 0o777, 0o600);
  assert.match(await Deno.readTextFile(`${home.path}/key`), /^[\w-]{43}\n$/);
});

testWithHome("a key file that holds no key is reported and left as it is", async (home) => {
  await Deno.mkdir(home.path);
  for (const text of ["", "short", "x".repeat(44), "A".repeat(42)]) {
    await Deno.writeTextFile(`${home.path}/key`, text);
    for (const operation of [fileKeystore(home.path).read, fileKeystore(home.path).create]) {
      await assert.rejects(
        operation(),
        { code: "KEYSTORE_UNAVAILABLE", hint: /backup/ },
        JSON.stringify(text),
      );
    }
    assert.equal(await Deno.readTextFile(`${home.path}/key`), text);
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
    assert.deepEqual(await keystore.read(), key);
    assert.deepEqual(await keystore.create(), key);
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
    const error = await envKeystore(fakeEnv({ MCP_AUTH_KEY: text })).read().catch((error) => error);
    assert.equal(error.code, "KEYSTORE_UNAVAILABLE");
    assert.match(error.hint, /openssl rand -hex 32/);
    assert.ok(!JSON.stringify(error).includes(text));
  });
}

Deno.test("the env keystore makes no key: it says how to", async () => {
  const keystore = envKeystore(fakeEnv());
  assert.equal(keystore.kind, "env");
  assert.equal(await keystore.read(), undefined);
  await assert.rejects(keystore.create(), { code: "KEYSTORE_UNAVAILABLE", hint: /openssl rand -hex 32/ });
});

const choices: readonly (readonly [
  name: string,
  asked: "file" | "env" | "memory" | undefined,
  recorded: string | undefined,
  variables: Record<string, string>,
  kind: string,
])[] = [
  ["a new store without more takes a file", undefined, undefined, {}, "file"],
  ["a new store takes the key that is set", undefined, undefined, { MCP_AUTH_KEY: "x" }, "env"],
  ["a new store takes what was asked for", "memory", undefined, { MCP_AUTH_KEY: "x" }, "memory"],
  ["a store stays with its own though a key is set", undefined, "file", { MCP_AUTH_KEY: "x" }, "file"],
  ["a store stays with its own though no key is set", undefined, "env", {}, "env"],
  ["a store takes its own when asked for it", "env", "env", {}, "env"],
];

for (const [name, asked, recorded, variables, kind] of choices) {
  Deno.test(`keystore choice: ${name}`, () => {
    assert.equal(chooseKind(asked, recorded, fakeEnv(variables)), kind);
  });
}

Deno.test("keystore choice: another than the store's own is refused", () => {
  assert.throws(() => chooseKind("env", "file", fakeEnv()), {
    code: "KEYSTORE_UNAVAILABLE",
    message: /"env".*sealed by "file"/,
    hint: /--keystore/,
  });
});

Deno.test("keystore choice: one that only a later version knows is refused", () => {
  assert.throws(() => chooseKind(undefined, "hologram", fakeEnv()), {
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
  const hint = /file, env, memory/;
  assert.throws(() => askedKind("wrong", fakeEnv()), { code: "USAGE", message: /--keystore "wrong"/, hint });
  assert.throws(() => askedKind(undefined, fakeEnv({ MCP_AUTH_KEYSTORE: "wrong" })), {
    code: "CONFIG_INVALID",
    message: /MCP_AUTH_KEYSTORE "wrong"/,
    hint,
  });
});

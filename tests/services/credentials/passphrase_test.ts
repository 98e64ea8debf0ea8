/** The passphrase keystore: where the words come from, what they are turned into, and what a hostile store can do. */
import assert from "node:assert/strict";
import { pbkdf2Sync } from "node:crypto";
import type { AskPassphrase } from "../../../lib/services/credentials/keystore.ts";
import { passphraseKeystore } from "../../../lib/services/credentials/keystores/passphrase.ts";
import { testKeystoreContract } from "../../contracts/keystore.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { assertUnusable, makeStore } from "./assertions.ts";
import { testWithHome } from "./homes.ts";

const PASSPHRASE = "correct horse battery staple";
const SLOT = `100000.${"A".repeat(22)}`;

testKeystoreContract("passphrase", { keys: "given" }, () => {
  const env = fakeEnv({ MCP_AUTH_PASSPHRASE: PASSPHRASE });
  return Promise.resolve({ open: () => passphraseKeystore({ env }), remove: () => Promise.resolve() });
});

/** Somebody who answers, and notes what was asked. */
function person(...answers: readonly (string | undefined)[]) {
  const asked: string[] = [];
  const askPassphrase: AskPassphrase = ({ purpose }) => {
    asked.push(purpose);
    return Promise.resolve(answers[asked.length - 1]);
  };
  return { asked, askPassphrase };
}

Deno.test("the key is PBKDF2-HMAC-SHA-256 with 600,000 iterations and 16 bytes of salt, and the slot says so", async () => {
  const { slot, key } = await passphraseKeystore({ env: fakeEnv({ MCP_AUTH_PASSPHRASE: PASSPHRASE }) })
    .create({ renewed: false });
  assert.match(slot, /^600000\.[\w-]{22}$/);
  const salt = Uint8Array.fromBase64(slot.split(".")[1]!, { alphabet: "base64url" });
  assert.equal(salt.length, 16);
  assert.equal(key.toHex(), pbkdf2Sync(PASSPHRASE, salt, 600_000, 32, "sha256").toString("hex"));
});

Deno.test("each key has a salt of its own", async () => {
  const keystore = passphraseKeystore({ env: fakeEnv({ MCP_AUTH_PASSPHRASE: PASSPHRASE }) });
  const [one, other] = [await keystore.create({ renewed: false }), await keystore.create({ renewed: false })];
  assert.notEqual(one.slot, other.slot);
  assert.notDeepEqual(one.key, other.key);
});

Deno.test("a passphrase is the same however its letters are composed", async () => {
  const read = (passphrase: string) =>
    passphraseKeystore({ env: fakeEnv({ MCP_AUTH_PASSPHRASE: passphrase }) }).read(SLOT);
  assert.deepEqual(
    await read("cafe\u0301 cafe\u0301 cafe\u0301"),
    await read("caf\u00e9 caf\u00e9 caf\u00e9"),
  );
  assert.notDeepEqual(await read("caf\u00e9 caf\u00e9 caf\u00e9"), await read("cafe cafe cafe"));
});

Deno.test("the environment is asked before a person, and the person once for all reads", async () => {
  const { asked, askPassphrase } = person(PASSPHRASE);
  const given = passphraseKeystore({ env: fakeEnv({ MCP_AUTH_PASSPHRASE: PASSPHRASE }), askPassphrase });
  const key = await given.read(SLOT);
  assert.deepEqual(asked, []);
  const typed = passphraseKeystore({ env: fakeEnv(), askPassphrase });
  assert.deepEqual(await Promise.all([typed.read(SLOT), typed.read(SLOT)]), [key, key]);
  assert.deepEqual(await typed.read(SLOT), key);
  assert.deepEqual(asked, ["open"]);
});

Deno.test("a person who was asked in vain is asked again", async () => {
  const { asked, askPassphrase } = person(undefined, PASSPHRASE);
  const keystore = passphraseKeystore({ env: fakeEnv(), askPassphrase });
  await assert.rejects(keystore.read(SLOT), /nobody can be asked$/);
  assert.equal((await keystore.read(SLOT))?.length, 32);
  assert.deepEqual(asked, ["open", "open"]);
});

Deno.test("a new passphrase is asked for as a new one, and is known from then on", async () => {
  const { asked, askPassphrase } = person(PASSPHRASE, "another good passphrase");
  const keystore = passphraseKeystore({ env: fakeEnv(), askPassphrase });
  const { slot, key } = await keystore.create({ renewed: false });
  assert.deepEqual(await keystore.read(slot), key);
  assert.deepEqual(asked, ["new"]);
  const renewed = await keystore.create({ renewed: true });
  assert.deepEqual(asked, ["new", "new"]);
  assert.deepEqual(await keystore.read(slot), key, "the old one still opens what it sealed");
  const later = passphraseKeystore({ env: fakeEnv({ MCP_AUTH_PASSPHRASE: "another good passphrase" }) });
  assert.deepEqual(await later.read(renewed.slot), renewed.key);
});

Deno.test("the next passphrase comes from MCP_AUTH_NEW_PASSPHRASE", async () => {
  const env = fakeEnv({
    MCP_AUTH_PASSPHRASE: PASSPHRASE,
    MCP_AUTH_NEW_PASSPHRASE: "another good passphrase",
  });
  const { slot, key } = await passphraseKeystore({ env }).create({ renewed: true });
  const later = passphraseKeystore({ env: fakeEnv({ MCP_AUTH_PASSPHRASE: "another good passphrase" }) });
  assert.deepEqual(await later.read(slot), key);
});

for (
  const [name, askPassphrase, renewed, variable] of [
    ["nobody can be asked", undefined, false, "MCP_AUTH_PASSPHRASE"],
    ["nobody answers", person(undefined).askPassphrase, false, "MCP_AUTH_PASSPHRASE"],
    ["nothing is typed", person("").askPassphrase, false, "MCP_AUTH_PASSPHRASE"],
    ["nobody can be asked for a new one", undefined, true, "MCP_AUTH_NEW_PASSPHRASE"],
  ] as const
) {
  Deno.test(`where ${name} the variable is named`, async () => {
    const keystore = passphraseKeystore({ env: fakeEnv(), askPassphrase });
    const error = {
      code: "KEYSTORE_UNAVAILABLE",
      hint: new RegExp(`Set ${variable}, or run .* in a terminal`),
    };
    await assert.rejects(keystore.create({ renewed }), error);
    if (!renewed) await assert.rejects(keystore.read(SLOT), error);
  });
}

for (const short of ["eleven char", "e\u0301".repeat(11), "🗝️".repeat(5)]) {
  Deno.test(`a new passphrase of ${[...short.normalize("NFC")].length} characters is refused, an old one is not`, async () => {
    const env = fakeEnv({ MCP_AUTH_PASSPHRASE: short, MCP_AUTH_NEW_PASSPHRASE: short });
    for (const renewed of [false, true]) {
      const error = await passphraseKeystore({ env }).create({ renewed }).catch((error) => error);
      assert.equal(error.code, "KEYSTORE_UNAVAILABLE");
      assert.match(error.message, /it has \d+ characters, and needs at least 12$/);
      assert.ok(!JSON.stringify(error).includes(short));
    }
    assert.equal((await passphraseKeystore({ env }).read(SLOT))?.length, 32);
  });
}

for (
  const slot of [
    "",
    "../x",
    `99999.${"A".repeat(22)}`,
    `10000001.${"A".repeat(22)}`,
    `1e9.${"A".repeat(22)}`,
    `999999999999.${"A".repeat(22)}`,
    `-600000.${"A".repeat(22)}`,
    `0600000.${"A".repeat(22)}`,
    `600000.${"A".repeat(21)}`,
    `600000.${"A".repeat(23)}`,
    "600000.",
    `600000.${"A".repeat(22)}\n`,
    `600000.${"é".repeat(22)}`,
  ]
) {
  Deno.test(`a store that names ${JSON.stringify(slot)} is damaged: nobody is asked and nothing is computed`, async () => {
    const { asked, askPassphrase } = person(PASSPHRASE);
    const started = performance.now();
    await assert.rejects(passphraseKeystore({ env: fakeEnv(), askPassphrase }).read(slot), {
      code: "KEYSTORE_UNAVAILABLE",
      message: /damaged/,
    });
    assert.deepEqual(asked, []);
    assert.ok(performance.now() - started < 1_000);
  });
}

testWithHome(
  "a store sealed by a passphrase opens with it alone, and holds no key (row 44)",
  async (home) => {
    const env = fakeEnv({ MCP_AUTH_PASSPHRASE: PASSPHRASE });
    await makeStore(home, { env });
    assert.deepEqual(await home.keyFiles(), []);
    await assertUnusable(home, {
      code: "KEYSTORE_UNAVAILABLE",
      message: /the passphrase is another than the one that it was sealed with/,
      hint: /MCP_AUTH_PASSPHRASE/,
    }, { env: fakeEnv({ MCP_AUTH_PASSPHRASE: `${PASSPHRASE} not` }) });
    await assertUnusable(home, { code: "KEYSTORE_UNAVAILABLE", hint: /Set MCP_AUTH_PASSPHRASE/ });
    using store = home.open({ env });
    assert.ok(await store.credential("a"));
  },
);

testWithHome(
  "a wrong passphrase is asked for once, however often the store is used (row 42)",
  async (home) => {
    await makeStore(home, { env: fakeEnv({ MCP_AUTH_PASSPHRASE: PASSPHRASE }) });
    const { asked, askPassphrase } = person("a wrong passphrase", "another one");
    await assertUnusable(home, { code: "KEYSTORE_UNAVAILABLE", message: /passphrase is another/ }, {
      askPassphrase,
    });
    assert.deepEqual(asked, ["open"]);
  },
);

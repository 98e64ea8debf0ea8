/** The keychain keystore over each system's keychain: a real keyring where there is one, stand-ins for the others. */
import assert from "node:assert/strict";
import type { Os } from "../../../lib/primitives/system/paths.ts";
import { type RunProgram, runProgram } from "../../../lib/primitives/system/program.ts";
import { openKeystore } from "../../../lib/services/credentials/keystore.ts";
import type { Keystore } from "../../../lib/services/credentials/keystore.ts";
import { openKeychainKeystore } from "../../../lib/services/credentials/keystores/keychain.ts";
import { KeyringSession } from "../../../scripts/demo/keyring_session.ts";
import { testKeystoreContract } from "../../contracts/keystore.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { StandIns } from "../../fakes/stand_in.ts";
import { assertUnusable, makeStore, signIn } from "./assertions.ts";
import { Home, testWithHome } from "./homes.ts";

/** A keychain keystore that opens its keychain when it is used: the contract's places open without waiting. */
function keychain(context: { readonly os: Os; readonly run: RunProgram; readonly home: string }): Keystore {
  const opened = () => openKeychainKeystore(context);
  return {
    kind: "keychain",
    place: "the keychain",
    read: async (slot, signal) => await (await opened()).read(slot, signal),
    create: async (options, signal) => await (await opened()).create(options, signal),
    remove: async (slot, signal) => await (await opened()).remove(slot, signal),
  };
}

/** Starts programs within a session. */
function within(session: KeyringSession): RunProgram {
  const words = Object.entries(session.environment).map(([name, value]) => `${name}=${value}`);
  return (program, args, options) => runProgram("env", [...words, program, ...args], options);
}

testKeystoreContract(
  "keychain",
  { keys: "kept", variant: "Secret Service, real", skip: KeyringSession.missing },
  async () => {
    const session = await KeyringSession.start();
    return {
      open: () => keychain({ os: "linux", run: within(session), home: "/nowhere" }),
      remove: () => session[Symbol.asyncDispose](),
    };
  },
);

for (const os of ["linux", "darwin", "windows"] as const) {
  testKeystoreContract(
    "keychain",
    {
      keys: "kept",
      variant: `${os}, by a stand-in`,
      skip: Deno.build.os === "windows" ? "needs bash" : undefined,
    },
    () => {
      const standIns = new StandIns();
      const home = new Home();
      return Promise.resolve({
        open: () => keychain({ os, run: standIns.run, home: home.path }),
        remove: async () => {
          await standIns[Symbol.asyncDispose]();
          await home[Symbol.asyncDispose]();
        },
      });
    },
  );
}

testWithHome(
  "the item in the keychain is the 32 bytes of the key as text, and nothing else (row 43)",
  async (home) => {
    await using standIns = new StandIns();
    await makeStore(home, { run: standIns.run, keystore: "keychain", os: "linux" });
    const [stored, ...more] = (await standIns.calls()).filter(({ argv }) => argv[1] === "store");
    assert.equal(more.length, 0);
    assert.match(stored!.stdin, /^[\w-]{43}$/);
    assert.deepEqual(await home.keyFiles(), []);
  },
);

testWithHome("a keychain item that holds no key is reported and left as it is", async (home) => {
  await using standIns = new StandIns();
  const keystore = await openKeychainKeystore({ os: "linux", run: standIns.run, home: home.path });
  const slot = "0123456789abcdef";
  const store = ["store", "--label=x", "service", "mcp-auth", "account", slot];
  await standIns.run("secret-tool", store, { stdin: new TextEncoder().encode("no key"), timeoutMs: 3_000 });
  await assert.rejects(keystore.read(slot), {
    code: "KEYSTORE_UNAVAILABLE",
    message: /account "0123456789abcdef".*is not 32 bytes/,
    hint: /backup/,
  });
});

testWithHome(
  "a process reads the keychain once, however often and by however many at once it uses the store (row 42)",
  async (home) => {
    await using standIns = new StandIns();
    const options = { run: standIns.run, os: "linux" } as const;
    await makeStore(home, { ...options, keystore: "keychain" });
    const before = (await standIns.calls()).length;
    using store = home.open(options);
    await Promise.all(Array.from({ length: 10 }, () => store.serverWithCredential("a")));
    await signIn(store, "b");
    await store.servers();
    const calls = (await standIns.calls()).slice(before);
    assert.deepEqual(calls.map(({ argv }) => argv[1]), ["lookup"]);
  },
);

testWithHome("making a store asks the keychain to keep a key, and reads it back", async (home) => {
  await using standIns = new StandIns();
  await makeStore(home, { run: standIns.run, os: "linux" });
  assert.deepEqual((await standIns.calls()).map(({ argv }) => argv[1]), ["store", "lookup"]);
});

for (const mode of ["unreachable", "hanging", "lying"]) {
  testWithHome(
    `a store sealed by a keychain that is ${mode} is an error: no new key, no other keystore (row 42)`,
    async (home) => {
      await using standIns = new StandIns();
      const run: RunProgram = (program, args, options) =>
        standIns.run(program, args, { ...options, timeoutMs: Math.min(options.timeoutMs, 300) });
      const options = { run, os: "linux" } as const;
      const notices: string[] = [];
      await makeStore(home, options);
      const accounts = await standIns.accounts();
      standIns.mode = mode;
      const env = fakeEnv({ MCP_AUTH_KEY: "00".repeat(32), MCP_AUTH_PASSPHRASE: "correct horse battery" });
      await assertUnusable(home, { code: "KEYSTORE_UNAVAILABLE", hint: /\w/ }, {
        ...options,
        env,
        notice: (line) => notices.push(line),
      });
      assert.deepEqual(await standIns.accounts(), accounts);
      assert.deepEqual(await home.keyFiles(), []);
      assert.deepEqual(notices, []);
      standIns.mode = "";
      using store = home.open(options);
      assert.ok(await store.credential("a"), "it is whole once the keychain is back");
    },
  );
}

testWithHome("a store whose item is gone from the keychain gets no new one", async (home) => {
  await using standIns = new StandIns();
  const options = { run: standIns.run, os: "linux" } as const;
  await makeStore(home, options);
  const [account = ""] = await standIns.accounts();
  await (await openKeystore("keychain", { env: fakeEnv(), home: home.path, ...options })).remove(account);
  await assertUnusable(home, {
    code: "KEYSTORE_UNAVAILABLE",
    message: /its key is not in the keychain/,
    hint: /Put back/,
  }, options);
  assert.deepEqual(await standIns.accounts(), []);
});

testWithHome("who waits for a keychain can stop waiting", async (home) => {
  await using standIns = new StandIns();
  const options = { run: standIns.run, os: "linux" } as const;
  await makeStore(home, options);
  let answer = () => {};
  const answered = new Promise<void>((resolve) => answer = resolve);
  const slow: RunProgram = async (...call) => {
    await answered;
    return await standIns.run(...call);
  };
  using store = home.open({ ...options, run: slow });
  const controller = new AbortController();
  const reading = store.server("a", controller.signal);
  const another = store.server("a");
  setTimeout(() => controller.abort(new Error("no longer wanted")), 20);
  await assert.rejects(reading, /no longer wanted/);
  answer();
  assert.ok(await another, "who goes on waiting gets the answer");
});

Deno.test("where no programs may be started there is no keychain", async () => {
  await assert.rejects(openKeystore("keychain", { env: fakeEnv(), home: "/nowhere" }), {
    code: "KEYSTORE_UNAVAILABLE",
    message: /no programs may be started/,
  });
});

const { missing } = KeyringSession;

Deno.test({
  name:
    `12 processes that make a store at once agree on one key in a real keyring, and leave no other there (row 43)${
      missing === undefined ? "" : ` [skipped: ${missing}]`
    }`,
  ignore: missing !== undefined,
  async fn() {
    await using session = await KeyringSession.start();
    await using home = new Home();
    const outcomes = await Promise.all(
      Array.from(
        { length: 12 },
        (_, number) => home.run("join", [`${number}`, "programs"], { env: session.environment }),
      ),
    );
    assert.deepEqual(outcomes, Array(12).fill({ ok: true }));
    assert.deepEqual(await home.keyFiles(), []);
    const run = within(session);
    using store = home.open({ run });
    assert.equal(await store.keystoreKind(), "keychain");
    assert.equal((await store.servers()).length, 12);
    const found = await run("secret-tool", ["search", "--all", "service", "mcp-auth"], { timeoutMs: 3_000 });
    assert.ok(found.kind === "ended");
    const text = new TextDecoder().decode(found.stdout) + found.stderr;
    assert.equal(text.match(/attribute\.account = /g)?.length, 1);
  },
});

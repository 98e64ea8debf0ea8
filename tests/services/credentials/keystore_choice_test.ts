/** Which keystore a new store gets when none is asked for, what the user is told of it, and that it stays. */
import assert from "node:assert/strict";
import type { RunProgram } from "../../../lib/primitives/system/program.ts";
import type { KeystoreContext } from "../../../lib/services/credentials/keystore.ts";
import { openKeystore } from "../../../lib/services/credentials/keystore.ts";
import { firstKey } from "../../../lib/services/credentials/keystore_choice.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { StandIns } from "../../fakes/stand_in.ts";
import { assertUnusable, makeStore } from "./assertions.ts";
import { type Home, testWithHome } from "./homes.ts";

const KEY = "0f".repeat(32);
const PASSPHRASE = "correct horse battery staple";

/** Makes a store, and says what it is sealed by and what the user was told. */
async function made(
  home: Home,
  options: Parameters<Home["open"]>[0],
): Promise<{ readonly kind: string | undefined; readonly notices: readonly string[] }> {
  const notices: string[] = [];
  await makeStore(home, { os: "linux", notice: (line) => notices.push(line), ...options });
  using store = home.open({ os: "linux", ...options });
  return { kind: await store.keystoreKind(), notices };
}

testWithHome(
  "a new store is sealed by the keychain where that answers, without a word (row 44)",
  async (home) => {
    await using standIns = new StandIns();
    assert.deepEqual(await made(home, { run: standIns.run }), { kind: "keychain", notices: [] });
    assert.deepEqual(await home.keyFiles(), []);
  },
);

for (
  const [name, variables, kind] of [
    ["a key in the environment", { MCP_AUTH_KEY: KEY }, "env"],
    ["a passphrase in the environment", { MCP_AUTH_PASSPHRASE: PASSPHRASE }, "passphrase"],
    ["a key before a passphrase", { MCP_AUTH_KEY: KEY, MCP_AUTH_PASSPHRASE: PASSPHRASE }, "env"],
  ] as const
) {
  testWithHome(`a new store takes ${name}, and asks no keychain`, async (home) => {
    await using standIns = new StandIns();
    const chosen = await made(home, { run: standIns.run, env: fakeEnv(variables) });
    assert.deepEqual(chosen, { kind, notices: [] });
    assert.deepEqual(await standIns.calls(), []);
    assert.deepEqual(await home.keyFiles(), []);
  });
}

for (
  const [name, variables] of [
    ["key", { MCP_AUTH_KEY: "too short" }],
    ["passphrase", { MCP_AUTH_PASSPHRASE: "too short" }],
  ] as const
) {
  testWithHome(
    `a ${name} in the environment that cannot be used is an error, not a reason for another keystore`,
    async (home) => {
      await using standIns = new StandIns();
      await assert.rejects(made(home, { run: standIns.run, env: fakeEnv(variables) }), {
        code: "KEYSTORE_UNAVAILABLE",
      });
      assert.deepEqual(await home.keyFiles(), []);
      assert.deepEqual(await standIns.calls(), []);
    },
  );
}

for (const mode of ["unreachable", "lying", "forgetting"]) {
  testWithHome(
    `a new store gets a file where the keychain is ${mode}, and one line says so (row 42)`,
    async (home) => {
      await using standIns = new StandIns();
      standIns.mode = mode;
      const { kind, notices } = await made(home, { run: standIns.run });
      assert.equal(kind, "file");
      assert.equal(notices.length, 1);
      assert.match(
        notices[0]!,
        /^Cannot use the keychain: [^\n]+\. The key of the new store is in a file; to move it: mcp-auth keystore use <kind>$/,
      );
      assert.equal((await home.keyFiles()).length, 1);
    },
  );
}

for (const kind of ["missing", "denied", "timed-out"] as const) {
  testWithHome(
    `a new store gets a file where the keychain's program is ${kind}, and one line says so`,
    async (home) => {
      const run: RunProgram = () => Promise.resolve({ kind });
      const chosen = await made(home, { run });
      assert.equal(chosen.kind, "file");
      assert.equal(chosen.notices.length, 1);
      assert.match(chosen.notices[0]!, /secret-tool/);
    },
  );
}

testWithHome("the whole look at the keychain has 3 s, however slow each answer is (row 42)", async (home) => {
  const slow: RunProgram = (_program, _args, { signal }) =>
    new Promise((_resolve, reject) => {
      assert.ok(signal);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  const started = performance.now();
  const { kind, notices } = await made(home, { run: slow });
  assert.equal(kind, "file");
  assert.match(notices[0]!, /did not answer within 3 s/);
  assert.ok(performance.now() - started < 4_500);
});

testWithHome("who stops waiting for the keychain gets no store in a file instead", async (home) => {
  const controller = new AbortController();
  const slow: RunProgram = (_program, _args, { signal }) =>
    new Promise((_resolve, reject) => {
      signal!.addEventListener("abort", () => reject(signal!.reason), { once: true });
      controller.abort(new Error("no longer wanted"));
    });
  const context: KeystoreContext = { env: fakeEnv(), home: home.path, run: slow, os: "linux" };
  await assert.rejects(
    firstKey(undefined, context, (kind) => openKeystore(kind, context), controller.signal),
    /no longer wanted/,
  );
  assert.deepEqual(await home.keyFiles(), []);
});

testWithHome(
  "a keychain that is asked for and cannot be used is an error, and nothing is made",
  async (home) => {
    await using standIns = new StandIns();
    standIns.mode = "unreachable";
    const notices: string[] = [];
    const options = { run: standIns.run, os: "linux", notice: (line: string) => notices.push(line) } as const;
    for (
      const ask of [{ keystore: "keychain" }, { env: fakeEnv({ MCP_AUTH_KEYSTORE: "keychain" }) }]
    ) {
      await assert.rejects(makeStore(home, { ...options, ...ask }), { code: "KEYSTORE_UNAVAILABLE" });
    }
    assert.deepEqual(await home.keyFiles(), []);
    assert.deepEqual(notices, []);
    using store = home.open(options);
    assert.equal(await store.keystoreKind(), undefined);
  },
);

testWithHome(
  "a store in a file stays there though a keychain answers later, and its user is told once",
  async (home) => {
    await using standIns = new StandIns();
    standIns.mode = "unreachable";
    assert.equal((await made(home, { run: standIns.run })).kind, "file");
    standIns.mode = "";
    assert.deepEqual(await made(home, { run: standIns.run }), { kind: "file", notices: [] });
    assert.deepEqual(await standIns.accounts(), []);
  },
);

testWithHome("a store in the keychain opens with no other keystore, asked for or given", async (home) => {
  await using standIns = new StandIns();
  await makeStore(home, { run: standIns.run, os: "linux" });
  for (const keystore of ["file", "env", "passphrase"]) {
    await assertUnusable(home, { code: "KEYSTORE_UNAVAILABLE", message: /sealed by "keychain"/ }, {
      run: standIns.run,
      os: "linux",
      keystore,
      env: fakeEnv({ MCP_AUTH_KEY: KEY, MCP_AUTH_PASSPHRASE: PASSPHRASE }),
    });
  }
});

testWithHome("a store that machines share takes only what every machine can have", async (home) => {
  const choose = (asked: Parameters<typeof firstKey>[0], variables: Record<string, string>) => {
    const context: KeystoreContext = { env: fakeEnv(variables), home: home.path, shared: true };
    return firstKey(asked, context, (kind) => openKeystore(kind, context));
  };
  assert.equal((await choose(undefined, { MCP_AUTH_KEY: KEY })).keystore.kind, "env");
  assert.equal((await choose("env", { MCP_AUTH_KEY: KEY })).keystore.kind, "env");
  assert.equal((await choose(undefined, { MCP_AUTH_PASSPHRASE: PASSPHRASE })).keystore.kind, "passphrase");
  await assert.rejects(choose(undefined, {}), {
    code: "KEYSTORE_UNAVAILABLE",
    message: /neither MCP_AUTH_KEY nor MCP_AUTH_PASSPHRASE/,
    hint: /openssl rand -hex 32/,
  });
  for (const kind of ["file", "keychain"] as const) {
    await assert.rejects(choose(kind, { MCP_AUTH_KEY: KEY }), {
      code: "KEYSTORE_UNAVAILABLE",
      message: new RegExp(`"${kind}": other machines share this store`),
      hint: /env or passphrase/,
    });
  }
  assert.deepEqual(await home.keyFiles(), []);
});

testWithHome("a sandbox that allows no programs gets a file and one line, and goes on", async (home) => {
  const flags = ["--unstable-kv", `--allow-read=${home.path}`, `--allow-write=${home.path}`];
  assert.deepEqual(await home.run("add", ["", "programs"], { flags }), { ok: true });
  assert.equal((await home.keyFiles()).length, 1);
  assert.deepEqual(await home.run("token", ["", "programs"], { flags }), { ok: "secret-access-token" });
});

const PASSING = { passingVariables: ["MCP_AUTH_ACCESS_TOKEN", "MCP_AUTH_GRANT"] };

testWithHome(
  "where the environment brings the tokens and there is no store, none is made, and that is said",
  async (home) => {
    await using standIns = new StandIns();
    const env = fakeEnv({ MCP_AUTH_ACCESS_TOKEN: "s3cret" });
    const notices: string[] = [];
    using store = home.open({ ...PASSING, env, run: standIns.run, notice: (line) => notices.push(line) });
    assert.equal(store.inMemory, true);
    await store.putServer(record("a"), null);
    assert.equal((await store.servers()).length, 1);
    assert.equal(await store.keystoreKind(), "memory");
    assert.equal(notices.length, 1);
    assert.match(notices[0]!, /in memory: MCP_AUTH_ACCESS_TOKEN is set and there is no store yet/);
    assert.ok(!notices[0]!.includes("s3cret"));
    assert.deepEqual(await standIns.calls(), []);
    await assert.rejects(Deno.stat(home.path), Deno.errors.NotFound);
  },
);

for (
  const [name, variables, options] of [
    ["a keystore is asked for", { MCP_AUTH_GRANT: "x" }, { keystore: "file" }],
    ["a variable asks for one", { MCP_AUTH_GRANT: "x", MCP_AUTH_KEYSTORE: "file" }, {}],
    ["a key is there to seal it", { MCP_AUTH_GRANT: "x", MCP_AUTH_KEY: KEY }, {}],
    ["the variable is empty", { MCP_AUTH_GRANT: "" }, { keystore: "file" }],
  ] as const
) {
  testWithHome(`a store is made in spite of tokens in the environment where ${name}`, (home) => {
    using store = home.open({ ...PASSING, ...options, env: fakeEnv(variables) });
    assert.equal(store.inMemory, false);
    return Promise.resolve();
  });
}

testWithHome("a store that is there is used, whatever tokens the environment brings", async (home) => {
  await makeStore(home, { keystore: "file" });
  using store = home.open({ ...PASSING, env: fakeEnv({ MCP_AUTH_ACCESS_TOKEN: "x" }) });
  assert.equal(store.inMemory, false);
  assert.equal(await store.keystoreKind(), "file");
});

function record(name: string) {
  return { name, url: "https://mcp.example/mcp", createdAt: 1, signIn: "token", options: {} } as const;
}

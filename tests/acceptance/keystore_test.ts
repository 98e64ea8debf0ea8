/**
 * `keystore status`, `keystore use` and `keystore rekey` as users run them: the sign-in stays through every move, every
 * interruption and every crowd, processes that run on notice nothing, and no key is shown or left behind.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { startKvConnectServer } from "../fakes/kv_connect/server.ts";
import { Host } from "./host.ts";
import { assertError, type Outcome } from "./outcome.ts";
import { FROM_CHECKOUT, Home, type ProgramOptions } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

/** A home that is signed in as "demo", with its servers. */
class Signed implements AsyncDisposable {
  readonly servers: Servers;
  readonly home: Home;
  readonly token: string;

  private constructor(servers: Servers, home: Home, token: string) {
    this.servers = servers;
    this.home = home;
    this.token = token;
  }

  static async in(options: ProgramOptions = {}): Promise<Signed> {
    const servers = await startServers();
    const home = await Home.make();
    const added = await home.run(["add", "demo", servers.mcp.url], options);
    assert.equal(added.code, 0, added.stderr);
    return new Signed(servers, home, (await home.run(["token", "demo"], options)).stdout);
  }

  /** Checks that the sign-in can be read. */
  async assertKept(options: ProgramOptions = {}): Promise<void> {
    const { code, stdout, stderr } = await this.home.run(["token", "demo"], options);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, this.token);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
    await this.servers[Symbol.asyncDispose]();
  }
}

/** The names of the key files in the folder of a store. */
async function keyFiles(folder: string): Promise<readonly string[]> {
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  return names.filter((name) => name.startsWith("key"));
}

function newKey(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** An environment without a wish for a keystore. */
const unasked = (env: Record<string, string> = {}): ProgramOptions => ({
  env: { MCP_AUTH_KEYSTORE: undefined, ...env },
});

async function ok(outcome: Promise<Outcome>): Promise<Outcome> {
  const { code, stdout, stderr } = await outcome;
  assert.equal(code, 0, `${stdout}${stderr}`);
  return await outcome;
}

Deno.test("a store moves from file to env to passphrase to file, and keys are renewed: the sign-in stays", async () => {
  await using signed = await Signed.in();
  const { home } = signed;
  const [first, second] = [newKey(), newKey()];
  const secrets = [first, second, "correct horse battery", "staple staple staple", signed.token.trim()];
  const outcomes: Outcome[] = [];
  const keystore = async (args: readonly string[], env: Record<string, string> = {}) => {
    const outcome = await ok(home.run(["keystore", ...args], unasked(env)));
    outcomes.push(outcome);
    return outcome;
  };
  const status = async (env: Record<string, string> = {}) => (await keystore(["status", "--json"], env)).json;

  const { place, store, ...rest } = await status();
  assert.deepEqual(rest, { keystore: "file", readable: true, generation: 1, left_in: [], error: null });
  assert.ok(place.includes(home.store) && store === `${home.store}/store.db`);
  const [oldFile = ""] = await keyFiles(home.store);
  secrets.push((await Deno.readTextFile(`${home.store}/${oldFile}`)).trim());

  assert.equal((await keystore(["rekey"])).stdout, '✓ Renewed the key of the store in the keystore "file"\n');
  const [newFile = "", ...more] = await keyFiles(home.store);
  assert.notEqual(newFile, oldFile);
  assert.deepEqual(more, []);
  assert.equal((await Deno.stat(`${home.store}/${newFile}`)).mode! & 0o777, 0o600);
  secrets.push((await Deno.readTextFile(`${home.store}/${newFile}`)).trim());
  await signed.assertKept(unasked());

  const moved = await keystore(["use", "env", "--json"], { MCP_AUTH_KEY: first });
  assert.deepEqual(moved.json, {
    keystore: "env",
    old_keystore: "file",
    changed: true,
    generation: 3,
    left_in: [],
  });
  assert.match(moved.stderr, /MCP_AUTH_KEY has to hold this key/);
  assert.deepEqual(await keyFiles(home.store), []);
  await signed.assertKept(unasked({ MCP_AUTH_KEY: first }));

  const renewed = await keystore(["rekey"], { MCP_AUTH_KEY: first, MCP_AUTH_NEW_KEY: second });
  assert.match(renewed.stderr, /^From now on set MCP_AUTH_KEY to the value of MCP_AUTH_NEW_KEY$/m);
  assertError(
    await home.run(["token", "demo", "--json"], unasked({ MCP_AUTH_KEY: first })),
    "KEYSTORE_UNAVAILABLE",
    1,
  );
  await signed.assertKept(unasked({ MCP_AUTH_KEY: second }));

  const words = { MCP_AUTH_PASSPHRASE: "correct horse battery" };
  const left = await keystore(["use", "passphrase"], { MCP_AUTH_KEY: second, ...words });
  assert.match(left.stderr, /MCP_AUTH_PASSPHRASE[^]*MCP_AUTH_KEY is not needed/);
  await signed.assertKept(unasked(words));
  const newWords = { MCP_AUTH_NEW_PASSPHRASE: "staple staple staple" };
  assert.match(
    (await keystore(["rekey"], { ...words, ...newWords })).stderr,
    /set MCP_AUTH_PASSPHRASE to the value of MCP_AUTH_NEW_PASSPHRASE/,
  );
  assertError(await home.run(["token", "demo", "--json"], unasked(words)), "KEYSTORE_UNAVAILABLE", 1);
  const known = { MCP_AUTH_PASSPHRASE: newWords.MCP_AUTH_NEW_PASSPHRASE };
  await signed.assertKept(unasked(known));

  const back = await keystore(["use", "file"], known);
  assert.match(back.stderr, /^Warning: the keystore "file" is weaker than "passphrase"/m);
  const already = await keystore(["use", "file"]);
  assert.equal(already.stdout, 'The store is sealed by the keystore "file" already\n');
  assert.deepEqual([(await status()).keystore, (await status()).generation], ["file", 7]);
  assert.equal((await keyFiles(home.store)).length, 1);
  await signed.assertKept(unasked());
  const lines = (await Deno.readTextFile(`${home.store}/audit.jsonl`)).trim().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "keystore_changed")
      .map(({ outcome, detail }) => `${outcome}: ${detail}`),
    [
      "done: file -> file",
      "done: file -> env",
      "done: env -> env",
      "done: env -> passphrase",
      "done: passphrase -> passphrase",
      "done: passphrase -> file",
    ],
  );
  const said = [...lines, ...outcomes.flatMap(({ stdout, stderr }) => [stdout, stderr])].join("\n");
  for (const secret of secrets) assert.ok(!said.includes(secret), "a key was shown");
});

Deno.test("what cannot be done is said with a code, and nothing is changed", async () => {
  await using signed = await Signed.in();
  const { home } = signed;
  const key = newKey();
  assertError(
    await home.run(["keystore", "use", "env", "--json"], unasked()),
    "KEYSTORE_UNAVAILABLE",
    1,
    /openssl/,
  );
  assertError(
    await home.run(["keystore", "use", "env", "--json"], unasked({ MCP_AUTH_KEY: "secret" })),
    "KEYSTORE_UNAVAILABLE",
    1,
  );
  assertError(await home.run(["keystore", "use", "memory", "--json"], unasked()), "USAGE", 2);
  await signed.assertKept(unasked());
  await ok(home.run(["keystore", "use", "env"], unasked({ MCP_AUTH_KEY: key })));
  for (
    const [args, env, code] of [
      [["rekey"], { MCP_AUTH_KEY: key }, "KEYSTORE_UNAVAILABLE"],
      [["rekey"], { MCP_AUTH_KEY: key, MCP_AUTH_NEW_KEY: key }, "CONFIG_INVALID"],
      [["rekey"], { MCP_AUTH_KEY: newKey(), MCP_AUTH_NEW_KEY: key }, "KEYSTORE_UNAVAILABLE"],
      [["use", "file"], { MCP_AUTH_KEY: newKey() }, "KEYSTORE_UNAVAILABLE"],
      [["use", "file"], {}, "KEYSTORE_UNAVAILABLE"],
      [["use", "passphrase"], { MCP_AUTH_KEY: key }, "KEYSTORE_UNAVAILABLE"],
      [["use", "passphrase"], { MCP_AUTH_KEY: key, MCP_AUTH_PASSPHRASE: "short" }, "KEYSTORE_UNAVAILABLE"],
    ] as const
  ) assertError(await home.run(["keystore", ...args, "--json"], unasked(env)), code, 1);
  assert.deepEqual(await keyFiles(home.store), []);
  await signed.assertKept(unasked({ MCP_AUTH_KEY: key }));
});

Deno.test("the status says what is known also where the key cannot be read, with the error's exit code and hint", async () => {
  await using signed = await Signed.in();
  const { home } = signed;
  const [file = ""] = await keyFiles(home.store);
  await Deno.rename(`${home.store}/${file}`, `${home.store}/moved`);
  const text = await home.run(["keystore", "status"], unasked());
  assert.equal(text.code, 1);
  assert.match(text.stdout, /^Keystore: +file\n(?:.*\n)*Key: +cannot be read\nGeneration: 1\n/);
  assert.match(text.stderr, /^Error: .*\[KEYSTORE_UNAVAILABLE\]\nHint: Put back the key/);
  const json = await home.run(["keystore", "status", "--json"], unasked());
  assertError(json, "KEYSTORE_UNAVAILABLE", 1, /Put back the key/);
  assert.deepEqual([json.json.keystore, json.json.readable, json.stderr], ["file", false, ""]);
  await Deno.rename(`${home.store}/moved`, `${home.store}/${file}`);
  await signed.assertKept();
  const asked = await home.run(["keystore", "status", "--json"], { env: { MCP_AUTH_KEYSTORE: "env" } });
  assertError(asked, "KEYSTORE_UNAVAILABLE", 1);
  assert.match(asked.json.error.message, /"env": this store is sealed by "file"/);
});

Deno.test("a store that is not made yet has no keystore to show or change", async () => {
  await using home = await Home.make();
  for (const args of [["status"], ["rekey"], ["use", "env"]]) {
    const env = { MCP_AUTH_KEY: newKey() };
    assertError(await home.run(["keystore", ...args, "--json"], { env }), "CONFIG_MISSING", 5, /--keystore/);
  }
});

Deno.test("who still asks for the old keystore is told what to change", async () => {
  await using signed = await Signed.in();
  const { home } = signed;
  const MCP_AUTH_KEY = newKey();
  const asked = { env: { MCP_AUTH_KEYSTORE: "file", MCP_AUTH_KEY } };
  const moved = await ok(home.run(["keystore", "use", "env"], asked));
  assert.match(moved.stderr, /^Warning: MCP_AUTH_KEYSTORE is "file".*: set it to "env", or to nothing$/m);
  assertError(await home.run(["token", "demo", "--json"], asked), "KEYSTORE_UNAVAILABLE", 1);
  await signed.assertKept({ env: { MCP_AUTH_KEYSTORE: "env", MCP_AUTH_KEY } });
  // Whoever names the new keystore before the move means just that.
  const back = { env: { MCP_AUTH_KEYSTORE: "file", MCP_AUTH_KEY } };
  assert.doesNotMatch((await ok(home.run(["keystore", "use", "file"], back))).stderr, /^Warning/m);
  const flagged = await ok(
    home.run(["keystore", "use", "env", "--keystore", "file"], unasked({ MCP_AUTH_KEY })),
  );
  assert.match(flagged.stderr, /^Warning: "--keystore file" is refused from now on/m);
});

Deno.test("a bridge that runs on while the key is renewed and moved goes on, and its refresh reaches all others", async () => {
  await using signed = await Signed.in();
  const { home, servers } = signed;
  const env = { MCP_AUTH_KEY: newKey() };
  await using host = new Host(home, ["demo"], { env: { MCP_AUTH_KEYSTORE: "file" } });
  await host.initialize();
  assert.equal((await host.call("whoami")).result.content[0].text, "alice");
  for (const args of [["rekey"], ["use", "env"]]) {
    await ok(home.run(["keystore", ...args], unasked(env)));
    servers.mcp.refuseSeenTokens();
    assert.equal((await host.call("whoami")).result?.content[0].text, "alice", args.join(" "));
    const { stdout } = await ok(home.run(["token", "demo"], unasked(env)));
    assert.notEqual(stdout, signed.token);
  }
  assert.equal(
    servers.as.requests("POST /token").length,
    3,
    "one sign-in, and one refresh after each change",
  );
  assert.equal((await host.end()).code, 0);
});

Deno.test("a store that machines share is renewed under a lease, and goes to no keystore that one of them alone has", async () => {
  await using server = await startKvConnectServer();
  await using mcp = await startMcpServer({ open: true });
  await using one = await Home.make();
  await using two = await Home.make();
  let key = newKey();
  const options = (more: Record<string, string> = {}) =>
    unasked({
      MCP_AUTH_STORE: server.url,
      DENO_KV_ACCESS_TOKEN: server.accessToken,
      MCP_AUTH_KEY: key,
      ...more,
    });
  await ok(one.run(["add", "demo", mcp.url], options()));
  for (const kind of ["file", "keychain"]) {
    assertError(
      await one.run(["keystore", "use", kind, "--json"], options()),
      "USAGE",
      2,
      /env or passphrase/,
    );
  }
  for (const [index, home] of [one, two, one].entries()) {
    const next = newKey();
    const { json } = await ok(home.run(["keystore", "rekey", "--json"], options({ MCP_AUTH_NEW_KEY: next })));
    assert.deepEqual([json.keystore, json.generation], ["env", 2 + index]);
    key = next;
  }
  const words = { MCP_AUTH_PASSPHRASE: "correct horse battery" };
  const crowd = await Promise.all(
    [one, two, one, two].map((home) => home.run(["keystore", "use", "passphrase", "--json"], options(words))),
  );
  assert.deepEqual(crowd.map(({ code }) => code), [0, 0, 0, 0], crowd.map(({ stdout }) => stdout).join());
  assert.equal(crowd.filter(({ json }) => json.changed).length, 1);
  for (const home of [one, two]) {
    const { json } = await ok(home.run(["keystore", "status", "--json"], options(words)));
    assert.deepEqual([json.keystore, json.readable, json.generation], ["passphrase", true, 5]);
    assert.equal(json.store, server.url);
    assert.equal((await ok(home.run(["list", "--json"], options(words)))).json.length, 1);
  }
});

Deno.test("8 processes that renew the key at once all do, while others read the store undisturbed", async () => {
  await using signed = await Signed.in();
  const { home } = signed;
  let done = false;
  const readers = Array.from({ length: 2 }, async () => {
    let reads = 0;
    for (; !done; reads++) await signed.assertKept();
    return reads;
  });
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, () => home.run(["keystore", "rekey", "--json"])),
  );
  done = true;
  for (const reads of await Promise.all(readers)) assert.ok(reads > 0);
  const generations = outcomes.map(({ code, stdout, stderr, json }) => {
    assert.equal(code, 0, `${stdout}${stderr}`);
    return json.generation;
  });
  assert.deepEqual(generations.sort((a, b) => a - b), [2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal((await keyFiles(home.store)).length, 1);
  await signed.assertKept();
});

Deno.test("40 kills at random moments of keystore rekey: the store opens after each, and the next change leaves one key", async () => {
  await using signed = await Signed.in();
  const { home } = signed;
  const started = performance.now();
  await ok(home.run(["keystore", "rekey"]));
  const life = performance.now() - started;
  let killed = 0;
  for (let kill = 0; kill < 40; kill++) {
    await using running = home.start(["keystore", "rekey"]);
    // Most of its life goes by before it changes anything.
    await new Promise((resolve) => setTimeout(resolve, life * (0.4 + 0.7 * Math.random())));
    running.kill("SIGKILL");
    if ((await running.outcome).code !== 0) killed++;
    await signed.assertKept();
  }
  assert.ok(killed > 0);
  const { json } = await ok(home.run(["keystore", "use", "file", "--json"]));
  assert.deepEqual([json.changed, json.left_in], [false, []]);
  assert.equal((await keyFiles(home.store)).length, 1);
  await ok(home.run(["keystore", "rekey"]));
  assert.equal((await keyFiles(home.store)).length, 1);
  await signed.assertKept();
});

Deno.test("a change that was interrupted is shown, and tidied up by the next one", async () => {
  await using mcp = await startMcpServer({ open: true });
  await using home = await Home.make();
  await ok(home.run(["add", "demo", mcp.url]));
  const slot = "0123456789abcdef";
  await Deno.writeTextFile(`${home.store}/key-${slot}`, newKey());
  {
    using kv = await Deno.openKv(`${home.store}/store.db`);
    const note = new TextEncoder().encode(JSON.stringify([{ kind: "file", slot }]));
    await kv.set(["mcp-auth", 1, "keystore-change"], note);
  }
  const shown = await ok(home.run(["keystore", "status"]));
  assert.match(shown.stdout, /^Left over: +a change was interrupted.* key in: file; .*removes it$/m);
  assert.deepEqual((await home.run(["keystore", "status", "--json"])).json.left_in, ["file"]);
  await ok(home.run(["keystore", "rekey"]));
  assert.deepEqual((await home.run(["keystore", "status", "--json"])).json.left_in, []);
  const [file, ...more] = await keyFiles(home.store);
  assert.deepEqual(more, []);
  assert.notEqual(file, `key-${slot}`);
});

/** Whether mounts of one's own can be had. */
const mounts = await (async () => {
  try {
    const args = ["-m", "mount", "-t", "tmpfs", "none", "/mnt"];
    return (await new Deno.Command("unshare", { args, stderr: "null" }).output()).success;
  } catch {
    return false;
  }
})();

/** The program after shell commands, with mounts of its own. */
function mounted(script: string): ProgramOptions {
  return { command: ["unshare", "-m", "/bin/sh", "-c", script, "sh", ...FROM_CHECKOUT] };
}

Deno.test({
  name:
    "a disk that is full, at whatever step, costs nothing: it is said, and the store opens as before or after",
  ignore: !mounts,
  async fn() {
    await using signed = await Signed.in();
    const { home } = signed;
    const { store } = home;
    let refused = 0;
    for (const freeKb of [0, 32, 36, 40, 44, 48, 52, 56, 60, 64, 72, 80, 88, 4096]) {
      // The small disk goes with its processes: what is on it afterwards is copied back.
      const script = `cp -r '${store}' '${home.path}/copy' && mount -t tmpfs -o size=8m none '${store}' &&
        cp -r '${home.path}/copy/.' '${store}' && rm -r '${home.path}/copy' &&
        dd if=/dev/zero of='${store}/fill' bs=1k 2>/dev/null; truncate -s -${freeKb}k '${store}/fill'; sync
        "$@"; code=$?; rm '${store}/fill'; cp -r '${store}' '${home.path}/after'; exit $code`;
      const outcome = await home.run(["keystore", "rekey", "--json"], mounted(script));
      if (outcome.code !== 0) {
        refused++;
        assertError(outcome, "STORE_UNAVAILABLE", 1, /Free some space|Check the disk/);
      }
      await Deno.remove(store, { recursive: true });
      await Deno.rename(`${home.path}/after`, store);
      await signed.assertKept();
      assert.ok((await keyFiles(store)).length <= 3);
    }
    assert.ok(refused > 0);
    await ok(home.run(["keystore", "rekey"]));
    assert.equal((await keyFiles(store)).length, 1);
    await signed.assertKept();
  },
});

Deno.test({
  name: "a folder that is read-only is said with what to do, and nothing is changed",
  ignore: !mounts,
  async fn() {
    await using signed = await Signed.in();
    const { home } = signed;
    const files = await keyFiles(home.store);
    const readOnly = mounted(
      `mount --bind '${home.store}' '${home.store}' && mount -o remount,bind,ro '${home.store}' && exec "$@"`,
    );
    for (const args of [["rekey"], ["use", "file"]]) {
      const outcome = await home.run(["keystore", ...args, "--json"], readOnly);
      assertError(outcome, "STORE_UNAVAILABLE", 1, /MCP_AUTH_HOME/);
    }
    assert.deepEqual(await keyFiles(home.store), files);
    await signed.assertKept();
  },
});

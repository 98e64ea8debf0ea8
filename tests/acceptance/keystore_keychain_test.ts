/**
 * Moving a store into a real keyring and out of it again, under kills, crowds, locks and a keychain that hangs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { KeyringSession } from "../../scripts/demo/keyring_session.ts";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { assertError, type Outcome } from "./outcome.ts";
import { Home, type ProgramOptions } from "./program.ts";

/** A home with one entry, in a session with a keyring. */
class Place implements AsyncDisposable {
  readonly home: Home;
  readonly session: KeyringSession;
  readonly #server: AsyncDisposable;

  private constructor(home: Home, session: KeyringSession, server: AsyncDisposable) {
    this.home = home;
    this.session = session;
    this.#server = server;
  }

  static async make(): Promise<Place> {
    const mcp = await startMcpServer({ open: true });
    const home = await Home.make();
    const place = new Place(home, await KeyringSession.start(), mcp);
    assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
    return place;
  }

  /** How a program finds the keyring; no wish for a keystore. */
  options(env: Readonly<Record<string, string>> = {}): ProgramOptions {
    const { XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS } = this.session.environment;
    return { env: { MCP_AUTH_KEYSTORE: undefined, XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS, ...env } };
  }

  /** Runs `mcp-auth keystore`, which has to end well. */
  async keystore(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    const outcome = await this.home.run(["keystore", ...args, "--json"], this.options(env));
    assert.equal(outcome.code, 0, `${outcome.stdout}${outcome.stderr}`);
    return outcome;
  }

  /** Checks that the store can be read. */
  async assertKept(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const { code, stdout, stderr } = await this.home.run(["list", "--json"], this.options(env));
    assert.equal(code, 0, stderr);
    assert.deepEqual((JSON.parse(stdout) as { name: string }[]).map(({ name }) => name), ["demo"]);
  }

  /** How many keys there are in files, and in the keyring. */
  async keys(): Promise<readonly [files: number, items: number]> {
    const names = (await Array.fromAsync(Deno.readDir(this.home.store))).map(({ name }) => name);
    const { stdout, stderr } = await new Deno.Command("secret-tool", {
      args: ["search", "--all", "service", "mcp-auth"],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", ...this.session.environment },
    }).output();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    return [
      names.filter((name) => name.startsWith("key")).length,
      text.match(/^attribute\.account = /gm)?.length ?? 0,
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
    await this.session[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** Registers a test that runs where a keyring can. */
function test(name: string, body: (place: Place) => Promise<void>): void {
  const { missing } = KeyringSession;
  Deno.test({
    name: missing === undefined ? name : `${name} (${missing})`,
    ignore: missing !== undefined,
    async fn() {
      await using place = await Place.make();
      await body(place);
    },
  });
}

test("a store moves from file to keychain to passphrase to file, with one key at its place and none behind (row 42)", async (place) => {
  const words = { MCP_AUTH_PASSPHRASE: "correct horse battery" };
  const steps = [
    [["use", "keychain"], {}, "keychain", [0, 1]],
    [["rekey"], {}, "keychain", [0, 1]],
    [["use", "passphrase"], words, "passphrase", [0, 0]],
    [["use", "keychain"], words, "keychain", [0, 1]],
    [["use", "file"], {}, "file", [1, 0]],
  ] as const;
  let generation = 1;
  for (const [args, env, kind, keys] of steps) {
    const { json } = await place.keystore(args, env);
    assert.deepEqual([json.keystore, json.changed, json.generation, json.left_in], [
      kind,
      true,
      ++generation,
      [],
    ]);
    assert.deepEqual(await place.keys(), keys, args.join(" "));
    const state = (await place.keystore(["status"], env)).json;
    assert.deepEqual([state.keystore, state.readable, state.generation], [kind, true, generation]);
    await place.assertKept(env);
  }
});

test("20 kills at random moments between file and keychain: the store opens after each, and no key stays behind (row 43)", async (place) => {
  const { home } = place;
  const started = performance.now();
  await place.keystore(["use", "keychain"]);
  const life = performance.now() - started;
  let killed = 0;
  for (let kill = 0; kill < 20; kill++) {
    const { keystore } = (await place.keystore(["status"])).json;
    const other = keystore === "file" ? "keychain" : "file";
    await using running = home.start(["keystore", "use", other], place.options());
    await new Promise((resolve) => setTimeout(resolve, life * (0.3 + 0.8 * Math.random())));
    running.kill("SIGKILL");
    if ((await running.outcome).code !== 0) killed++;
    await place.assertKept();
  }
  assert.ok(killed > 0);
  assert.ok(await home.isQuiet(5_000), "a program of the keychain ends by itself");
  await place.keystore(["use", "file"]);
  await place.keystore(["use", "keychain"]);
  assert.deepEqual(await place.keys(), [0, 1]);
});

test("8 processes that renew a key in the keychain at once all do, while others read the store undisturbed", async (place) => {
  await place.keystore(["use", "keychain"]);
  let done = false;
  const reader = (async () => {
    let reads = 0;
    for (; !done; reads++) await place.assertKept();
    return reads;
  })();
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => place.keystore(["rekey"])));
  done = true;
  assert.ok(await reader > 0);
  const generations = outcomes.map(({ json }) => json.generation as number);
  assert.deepEqual(generations.sort((a, b) => a - b), [3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(await place.keys(), [0, 1]);
});

test("a keyring that is locked gets no store, and keeps the one that it has: it is said, and nothing is changed (row 42)", async (place) => {
  const { home, session } = place;
  await session.lock();
  const refused = await home.run(["keystore", "use", "keychain", "--json"], place.options());
  assertError(refused, "KEYSTORE_UNAVAILABLE", 1);
  await place.assertKept();
  const { json } = await place.keystore(["status"]);
  assert.deepEqual([json.keystore, json.readable, json.generation], ["file", true, 1]);
  assert.deepEqual(await place.keys(), [1, 0]);
});

test("a store in a keyring that is locked stays there: the status shows what is known, and no change takes place", async (place) => {
  const { home, session } = place;
  await place.keystore(["use", "keychain"]);
  await session.lock();
  for (const args of [["rekey"], ["use", "file"]]) {
    assertError(await home.run(["keystore", ...args, "--json"], place.options()), "KEYSTORE_UNAVAILABLE", 1);
  }
  const status = await home.run(["keystore", "status", "--json"], place.options());
  assertError(status, "KEYSTORE_UNAVAILABLE", 1, /unlock/i);
  assert.deepEqual([status.json.keystore, status.json.readable, status.json.generation], [
    "keychain",
    false,
    2,
  ]);
  assert.deepEqual(await place.keys(), [0, 1]);
});

test("Ctrl-C while a keychain hangs ends the change, and what it may have left is removed once the keychain answers", async (place) => {
  const { home } = place;
  const script = await home.file("secret-tool", '#!/bin/sh\necho called >>"$HOME/called"\nexec sleep 60\n');
  await Deno.chmod(script, 0o700);
  const PATH = `${home.path}:${Deno.env.get("PATH")}`;
  await using running = home.start(["keystore", "use", "keychain"], place.options({ PATH }));
  for (let tries = 0; tries < 500 && !await Deno.stat(`${home.path}/called`).catch(() => null); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const started = performance.now();
  running.kill("SIGINT");
  assert.equal((await running.outcome).code, 130);
  assert.ok(performance.now() - started < 6_000);
  await place.assertKept();
  assert.deepEqual((await place.keystore(["status"])).json.left_in, ["keychain"]);
  assert.deepEqual((await place.keystore(["use", "file"])).json.left_in, []);
  assert.deepEqual(await place.keys(), [1, 0]);
});

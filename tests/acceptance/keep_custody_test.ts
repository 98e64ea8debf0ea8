/**
 * The first row of what mcp-auth keeps: where credentials are, who can read them, and what opens them.
 *
 * @see features, "Keep"; behaviours rows 41 to 44
 * @module
 */
import assert from "node:assert/strict";
import type { Os } from "../../lib/primitives/system/paths.ts";
import { KeyringSession } from "../../scripts/demo/keyring_session.ts";
import { StandIns } from "../fakes/stand_in.ts";
import { makeStore, signIn as storeEntry } from "../services/credentials/assertions.ts";
import { Home as StoreHome } from "../services/credentials/homes.ts";
import { assertWithout, done, filesIn, libraryIn, modeOf, secretsOf, valueOf } from "./keeping.ts";
import { assertError } from "./outcome.ts";
import { FROM_CHECKOUT, Home, type ProgramOptions } from "./program.ts";
import { signIn } from "./refreshing.ts";
import { type Servers, startServers } from "./servers.ts";

const ROW =
  "Keep: Deno KV, 0700 folder, 0600 file, sealed records; keychain, file, passphrase, env, memory; chosen automatically, never silently weaker";

/** No wish for a keystore: the program chooses. */
const unasked = (env: Record<string, string> = {}): ProgramOptions => ({
  env: {
    MCP_AUTH_KEYSTORE: undefined,
    DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere/bus",
    XDG_RUNTIME_DIR: "/nowhere",
    ...env,
  },
});

/** A key as a variable has it. */
function newKey(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** The records of a store from below: what Deno KV itself shows of them. */
async function records(home: Home): Promise<readonly Deno.KvEntry<unknown>[]> {
  using kv = await Deno.openKv(`${home.store}/store.db`);
  return await Array.fromAsync(kv.list({ prefix: [] }));
}

/** Checks that what is on the disk tells nothing: neither a token, nor where it is for. */
async function assertSealed(home: Home, { as, mcp }: Servers): Promise<void> {
  const secrets = secretsOf(as);
  assert.ok(secrets.size >= 6, `${secrets.size} secrets`);
  const files = await filesIn(home.store);
  assert.ok(files.includes(`${home.store}/store.db`), files.join());
  for (const file of files) assertWithout(await Deno.readFile(file), secrets, file);
  const database = await Deno.readFile(`${home.store}/store.db`);
  assertWithout(database, [mcp.url, as.issuer], "store.db");
}

Deno.test(ROW, async (t) => {
  await using servers = await startServers();
  await using home = await Home.make();

  await t.step("a database of Deno KV in a folder for its owner alone, whatever the umask", async () => {
    await signIn(home, servers, { command: ["sh", "-c", 'umask 000; exec "$@"', "sh", ...FROM_CHECKOUT] });
    assert.equal(await modeOf(home.store), 0o700);
    const names = new Set<string>();
    for (const file of await filesIn(home.store)) {
      assert.equal(await modeOf(file), 0o600, file);
      names.add(file.slice(home.store.length + 1).replace(/^(key-).*/, "$1"));
    }
    for (const name of ["store.db", "key-", "audit.jsonl"]) assert.ok(names.has(name), [...names].join());
    const head = (await Deno.readFile(`${home.store}/store.db`)).slice(0, 15);
    assert.equal(new TextDecoder().decode(head), "SQLite format 3");
  });

  await t.step("each record is sealed, for its own place, and no token is on the disk", async () => {
    const all = await records(home);
    const kinds = all.map(({ key }) => String(key[2]));
    for (const kind of ["server", "credential", "client", "keystore"]) {
      assert.ok(kinds.includes(kind), kinds.join());
    }
    for (const { key, value } of all) assert.ok(value instanceof Uint8Array, key.join());
    await assertSealed(home, servers);

    await done(home, ["add", "other", servers.mcp.url], { user: "bob" });
    const place = (name: string) => ["mcp-auth", 1, "credential", name];
    const [own, others] = await Promise.all(["demo", "other"].map(async (name) => {
      return (await records(home)).find(({ key }) => key.join() === place(name).join())?.value as Uint8Array;
    }));
    const bent = own!.with(-1, own!.at(-1)! ^ 1);
    for (const value of [others!, bent, own!]) {
      {
        using kv = await Deno.openKv(`${home.store}/store.db`);
        await kv.set(place("demo"), value);
      }
      const outcome = await home.run(["token", "demo", "--json"]);
      if (value === own) assert.equal(outcome.code, 0, outcome.stdout);
      else assertError(outcome, "STORE_UNAVAILABLE", 1);
    }
  });

  await t.step("the library reads the same store, and writes no other file than its own", async () => {
    await using client = libraryIn(home);
    const { accessToken } = valueOf(await client.getTokens("demo"));
    assert.equal(accessToken, (await done(home, ["token", "demo"])).stdout.trim());
    for (const file of await filesIn(home.store)) assert.equal(await modeOf(file), 0o600, file);
  });

  await t.step("memory, for CI and tests: it works, and nothing is left on the disk", async () => {
    await using ci = await Home.make();
    const env = { MCP_AUTH_KEYSTORE: "memory", CI: "true" };
    const added = await done(ci, ["add", "demo", servers.mcp.url], { env });
    assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n");
    await assert.rejects(Deno.stat(ci.store), Deno.errors.NotFound);
    assertError(await ci.run(["token", "demo", "--json"], { env }), "NOT_FOUND", 5);
    await using client = libraryIn(ci, { keystore: "memory" });
    valueOf(await client.authenticate("demo", { url: servers.mcp.url }));
    assert.match(valueOf(await client.getBearerToken("demo")), /^Bearer \S{20,}$/);
    await assert.rejects(Deno.stat(ci.store), Deno.errors.NotFound);
  });
});

Deno.test(`${ROW}: what is chosen, and that nothing else opens it`, async (t) => {
  await using servers = await startServers();
  const words = { MCP_AUTH_PASSPHRASE: "correct horse battery staple" };
  const key = { MCP_AUTH_KEY: newKey() };
  for (
    const [chosen, env, wrong] of [
      ["env", key, { MCP_AUTH_KEY: newKey() }],
      ["passphrase", words, { MCP_AUTH_PASSPHRASE: "another one altogether" }],
      // A key goes before a passphrase.
      ["env", { ...words, ...key }, words],
      ["file", {}, undefined],
    ] as const
  ) {
    await t.step(`${chosen}, with ${Object.keys(env).join(" and ") || "nothing"} set`, async () => {
      await using home = await Home.make();
      const { stderr } = await done(home, ["add", "demo", servers.mcp.url], unasked(env));
      const said = stderr.split("\n").filter((line) => line.startsWith("Cannot use the keychain: "));
      assert.equal(said.length, chosen === "file" ? 1 : 0, stderr);
      if (chosen === "file") assert.match(said[0]!, /key of the new store is in a file; .*keystore use/);
      const { json } = await done(home, ["keystore", "status", "--json"], unasked(env));
      assert.deepEqual([json.keystore, json.readable, json.generation], [chosen, true, 1]);
      const keyFiles = (await filesIn(home.store)).filter((file) => /\/key-[^/]*$/.test(file));
      assert.equal(keyFiles.length, chosen === "file" ? 1 : 0);
      await assertSealed(home, servers);
      for (const file of await filesIn(home.store)) {
        assertWithout(await Deno.readFile(file), Object.values(env), file);
      }

      const token = (await done(home, ["token", "demo"], unasked(env))).stdout;
      if (wrong === undefined) return await assertFileIsNeeded(home, token);
      for (const other of [wrong, {}, { ...wrong, MCP_AUTH_KEYSTORE: "file" }]) {
        const refused = await home.run(["token", "demo", "--json"], unasked(other));
        assertError(refused, "KEYSTORE_UNAVAILABLE", 1);
      }
      assertError(
        await home.run(["add", "two", servers.mcp.url, "--json", "--keystore", "file"], unasked(env)),
        "KEYSTORE_UNAVAILABLE",
        1,
      );
      assert.equal((await filesIn(home.store)).filter((file) => /\/key-/.test(file)).length, 0);
      assert.equal((await done(home, ["token", "demo"], unasked(env))).stdout, token);
      // Who asks for it gets it, and is told.
      const { stderr: told } = await done(home, ["keystore", "use", "file"], unasked(env));
      assert.match(
        told,
        chosen === "env"
          ? /^MCP_AUTH_KEY is not needed/m
          : /^Warning: the keystore "file" is weaker than "passphrase"/m,
      );
      assert.equal((await done(home, ["token", "demo"], unasked())).stdout, token);
    });
  }
});

/** The key file, taken away, is not made anew, and neither is the store. */
async function assertFileIsNeeded(home: Home, token: string): Promise<void> {
  const [file = ""] = (await filesIn(home.store)).filter((file) => /\/key-[^/]*$/.test(file));
  const key = await Deno.readFile(file);
  await Deno.remove(file);
  assertError(await home.run(["token", "demo", "--json"], unasked()), "KEYSTORE_UNAVAILABLE", 1);
  await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
  await Deno.writeFile(file, key, { mode: 0o600 });
  assert.equal((await done(home, ["token", "demo"], unasked())).stdout, token);
}

const { missing } = KeyringSession;

Deno.test({
  name: `${ROW}: a real keyring of Linux${missing === undefined ? "" : ` [skipped: ${missing}]`}`,
  ignore: missing !== undefined,
  async fn() {
    await using session = await KeyringSession.start();
    await using servers = await startServers();
    await using home = await Home.make();
    const { XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS } = session.environment;
    const within = unasked({ XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS });
    const added = await done(home, ["add", "demo", servers.mcp.url], within);
    assert.doesNotMatch(added.stderr, /keychain/);
    const { json } = await done(home, ["status", "demo", "--json"], within);
    assert.equal(json.keystore, "keychain");
    const { stdout } = await new Deno.Command("secret-tool", {
      args: ["search", "--all", "service", "mcp-auth"],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", ...session.environment },
      stderr: "null",
    }).output();
    const items = [...new TextDecoder().decode(stdout).matchAll(/^secret = (.*)$/gm)];
    assert.equal(items.length, 1);
    const key = items[0]![1]!;
    assert.equal(Uint8Array.fromBase64(key, { alphabet: "base64url" }).length, 32);
    const raw = new TextDecoder("latin1").decode(Uint8Array.fromBase64(key, { alphabet: "base64url" }));
    for (const file of await filesIn(home.store)) {
      assertWithout(await Deno.readFile(file), [key, raw], file);
      assert.doesNotMatch(file, /\/key-/);
    }
    await assertSealed(home, servers);

    for (const env of [{}, { MCP_AUTH_KEYSTORE: "file" }, { MCP_AUTH_KEY: newKey() }]) {
      const outside = await home.run(["token", "demo", "--json"], unasked(env));
      assertError(outside, "KEYSTORE_UNAVAILABLE", 1);
    }
    await done(home, ["token", "demo"], within);
    await session.lock();
    const locked = await home.run(["token", "demo", "--json"], within);
    assertError(locked, "KEYSTORE_UNAVAILABLE", 1, /^Unlock the keyring, then try again$/);
    assert.deepEqual((await filesIn(home.store)).filter((file) => /\/key-/.test(file)), []);
  },
});

Deno.test({
  name: `${ROW}: the programs of macOS, Windows and Linux, by stand-ins`,
  ignore: Deno.build.os === "windows",
  async fn(t) {
    const programs: readonly {
      readonly os: Os;
      readonly program: RegExp;
      readonly files: number;
      readonly shut: { readonly mode?: string; readonly user?: string };
    }[] = [
      { os: "darwin", program: /(^|\/)security$/, files: 0, shut: { mode: "locked" } },
      // Windows seals the key for its user, in a file.
      { os: "windows", program: /(^|\/)powershell\.exe$/, files: 1, shut: { user: "somebody else" } },
      { os: "linux", program: /(^|\/)secret-tool$/, files: 0, shut: { mode: "unreachable" } },
    ];
    for (const { os, program, files, shut } of programs) {
      await t.step(os, async () => {
        await using standIns = new StandIns();
        await using home = new StoreHome();
        await makeStore(home, { os, run: standIns.run });
        const calls = await standIns.calls();
        assert.ok(calls.length > 0);
        for (const { argv } of calls) assert.match(argv[0] ?? "", program);
        const keyFiles = await home.keyFiles();
        assert.equal(keyFiles.length, files);
        for (const file of keyFiles) assert.match(file, /\.dpapi$/);
        {
          using again = home.open({ os, run: standIns.run });
          assert.equal((await again.credential("a"))?.record.name, "a");
          assert.equal(await again.keystoreKind(), "keychain");
        }
        Object.assign(standIns, shut);
        using other = home.open({ os, run: standIns.run });
        await assert.rejects(storeEntry(other, "b"), { code: "KEYSTORE_UNAVAILABLE" });
        assert.deepEqual(await home.keyFiles(), keyFiles, "no file in its place");
      });
    }
  },
});

/**
 * The program with the keychain of Linux, a real keyring in a D-Bus session of its own: the key is in there and nowhere
 * else, and whatever is wrong with it ends in an error that says what to do, never in another key.
 *
 * @see behaviours rows 42, 43, 44
 * @module
 */
import assert from "node:assert/strict";
import { KeyringSession } from "../../scripts/demo/keyring_session.ts";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { StandIns } from "../fakes/stand_in.ts";
import { assertError } from "./outcome.ts";
import { processesOf } from "./processes.ts";
import { asPackage, Home, type ProgramOptions } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

const { missing } = KeyringSession;

/** The variables of a session, and no wish for a keystore. */
function within(
  { environment }: KeyringSession,
  more: Record<string, string | undefined> = {},
): ProgramOptions {
  const { XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS } = environment;
  return { env: { XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS, MCP_AUTH_KEYSTORE: undefined, ...more } };
}

/** What a session's keyring holds for the program. */
async function items({ environment }: KeyringSession): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("secret-tool", {
    args: ["search", "--all", "service", "mcp-auth"],
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", ...environment },
    stderr: "null",
  }).output();
  return [...new TextDecoder().decode(stdout).matchAll(/^secret = (.*)$/gm)].map(([, secret = ""]) => secret);
}

function testWithKeyring(
  name: string,
  body: (session: KeyringSession, home: Home, servers: Servers) => Promise<void>,
): void {
  Deno.test({
    name: `${name}${missing === undefined ? "" : ` [skipped: ${missing}]`}`,
    ignore: missing !== undefined,
    async fn() {
      await using session = await KeyringSession.start();
      await using servers = await startServers();
      await using home = await Home.make();
      await body(session, home, servers);
    },
  });
}

testWithKeyring(
  "add puts the key into the keychain and nowhere else, and token finds it there (rows 43, 44)",
  async (session, home, servers) => {
    const added = await home.run(["add", "demo", servers.mcp.url], within(session));
    assert.equal(added.code, 0, added.stderr);
    assert.ok(!/keychain|keystore/i.test(added.stderr), added.stderr);
    const token = await home.run(["token", "demo"], within(session));
    assert.equal(token.code, 0, token.stderr);
    assert.equal(token.stderr, "");

    const [key = "", ...more] = await items(session);
    assert.match(key, /^[\w-]{43}$/);
    assert.deepEqual(more, []);
    const raw = Uint8Array.fromBase64(key, { alphabet: "base64url" });
    const forms = [
      key,
      raw.toHex(),
      raw.toBase64(),
      new TextDecoder("latin1").decode(raw),
      token.stdout.trim(),
    ];
    let files = 0;
    for await (const { name, isFile } of Deno.readDir(home.store)) {
      if (!isFile) continue;
      files++;
      const content = new TextDecoder("latin1").decode(await Deno.readFile(`${home.store}/${name}`));
      for (const form of forms) assert.ok(!content.includes(form), name);
      assert.ok(!name.startsWith("key-"), name);
    }
    assert.ok(files > 0);
  },
);

testWithKeyring(
  "a locked keychain is an error that says so; nothing else opens the store (row 42)",
  async (session, home, servers) => {
    assert.equal((await home.run(["add", "demo", servers.mcp.url], within(session))).code, 0);
    await session.lock();
    for (const args of [["token", "demo"], ["list"], ["status", "demo"]]) {
      const outcome = await home.run([...args, "--json"], within(session));
      assertError(outcome, "KEYSTORE_UNAVAILABLE", 1, /^Unlock the keyring, then try again$/);
      assert.match(outcome.json.error.message, /it is locked/);
    }
    assert.equal((await items(session)).length, 0, "no secret can be seen while it is locked");
  },
);

testWithKeyring(
  "outside of its session the store stays shut, and the way in is named (row 42)",
  async (session, home, servers) => {
    assert.equal((await home.run(["add", "demo", servers.mcp.url], within(session))).code, 0);
    const outside = { env: { MCP_AUTH_KEYSTORE: undefined, MCP_AUTH_KEY: "0f".repeat(32) } };
    const outcome = await home.run(["token", "demo", "--json"], outside);
    assertError(outcome, "KEYSTORE_UNAVAILABLE", 1, /Run it within a desktop session/);
    assert.ok(!outcome.stderr.includes("in a file"));
    for await (const { name } of Deno.readDir(home.store)) assert.ok(!name.startsWith("key-"), name);
    assert.equal((await home.run(["token", "demo"], within(session))).code, 0);
    assert.equal((await items(session)).length, 1);
  },
);

testWithKeyring(
  "a keychain that hangs is given up after 3 s, and nothing is left running (row 42)",
  async (session, home, servers) => {
    await using standIns = new StandIns();
    assert.equal((await home.run(["add", "demo", servers.mcp.url], within(session))).code, 0);
    standIns.mode = "hanging";
    const started = performance.now();
    const outcome = await home.run(["token", "demo", "--json"], within(session, standIns.environment));
    const ms = performance.now() - started;
    assertError(outcome, "KEYSTORE_UNAVAILABLE", 1, /^Unlock the keyring, then try again/);
    assert.match(outcome.json.error.message, /"secret-tool" did not answer within 3 s/);
    assert.ok(ms > 2_900 && ms < 6_000, `${ms} ms`);
    const running = await processesOf(home.path);
    assert.ok(!running.some(({ args }) => args.join(" ").includes("secret-tool")), Deno.inspect(running));
  },
);

testWithKeyring(
  "a sandbox needs the keychain's program and the variables of the session, and says which",
  async (session, home, servers) => {
    const store = `${home.path}/store`;
    const env = within(session, { MCP_AUTH_HOME: store });
    assert.equal((await home.run(["add", "demo", servers.mcp.url], env)).code, 0);
    const flags = [
      "--no-prompt",
      "--unstable-kv",
      `--allow-read=${store}`,
      `--allow-write=${store}`,
      "--allow-env=MCP_AUTH_HOME,DBUS_SESSION_BUS_ADDRESS,XDG_RUNTIME_DIR",
    ];
    const allowed = await home.run(["token", "demo"], {
      ...env,
      command: await asPackage(home, [...flags, "--allow-run=secret-tool"]),
    });
    assert.equal(allowed.code, 0, allowed.stderr);
    const denied = await home.run(["token", "demo", "--json"], {
      ...env,
      command: await asPackage(home, flags),
    });
    assertError(denied, "PERMISSION_DENIED", 1, /--allow-run=secret-tool/);
  },
);

Deno.test({
  name:
    "token asks the keychain once, ahead of time for the item of last time, and a wrong note does no harm (row 42)",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using servers = await startServers();
    await using standIns = new StandIns();
    await using home = await Home.make();
    const env = { ...standIns.environment, MCP_AUTH_KEYSTORE: undefined };
    const note = `${home.store}/last-keychain-item`;
    const asked = async (args: readonly string[]) => {
      const before = (await standIns.calls()).length;
      const { code, stderr } = await home.run(args, { env });
      assert.equal(code, 0, stderr);
      return (await standIns.calls()).slice(before).map(({ argv }) => [argv[1], argv.at(-1)]);
    };
    assert.equal((await home.run(["add", "demo", servers.mcp.url], { env })).code, 0);
    const [item = ""] = await standIns.accounts();

    assert.deepEqual(await asked(["token", "demo"]), [["lookup", item]]);
    assert.equal(await Deno.readTextFile(note), item);
    assert.deepEqual(await asked(["token", "demo"]), [["lookup", item]]);

    await Deno.writeTextFile(note, "0123456789abcdef");
    const both = [["lookup", "0123456789abcdef"], ["lookup", item]];
    assert.deepEqual((await asked(["token", "demo"])).toSorted(), both);
    assert.deepEqual(await asked(["token", "demo"]), [["lookup", item]]);

    assert.equal((await home.run(["keystore", "use", "file"], { env })).code, 0);
    assert.deepEqual(await asked(["token", "demo"]), []);
    await assert.rejects(Deno.stat(note), Deno.errors.NotFound);
  },
});

/** Runs a test with a server that needs no sign-in: all it takes to make a store. */
function testWithServer(name: string, body: (home: Home, url: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: Deno.build.os === "windows",
    async fn() {
      await using server = await startMcpServer({ open: true });
      await using home = await Home.make();
      await body(home, server.url);
    },
  });
}

testWithServer(
  "without a keychain add goes on with a file, and says so in one line (row 42)",
  async (home, url) => {
    const chosen = {
      env: { MCP_AUTH_KEYSTORE: undefined, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere/bus" },
    };
    const added = await home.run(["add", "demo", url], chosen);
    assert.equal(added.code, 0, added.stderr);
    const lines = added.stderr.split("\n").filter((line) => /keychain/i.test(line));
    assert.equal(lines.length, 1, added.stderr);
    assert.match(
      lines[0]!,
      /^Cannot use the keychain: .*key of the new store is in a file.*mcp-auth keystore use/,
    );
    const again = await home.run(["add", "other", url], chosen);
    assert.equal(again.code, 0, again.stderr);
    assert.ok(!/keychain/i.test(again.stderr), again.stderr);
  },
);

testWithServer(
  "a new store does not wait for a hanging keychain longer than 3 s (row 42)",
  async (home, url) => {
    await using standIns = new StandIns();
    standIns.mode = "hanging";
    const started = performance.now();
    const added = await home.run(["add", "demo", url], {
      env: { ...standIns.environment, MCP_AUTH_KEYSTORE: undefined },
    });
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.stderr, /^Cannot use the keychain: .*3 s\. The key of the new store is in a file/m);
    assert.ok(performance.now() - started < 8_000);
  },
);

testWithServer(
  "the keychain's program never sees what opens the store otherwise, nor a secret as an argument (row 41)",
  async (home, url) => {
    await using standIns = new StandIns();
    const secrets = { MCP_AUTH_CLIENT_SECRET: "client-s3cret", DENO_KV_ACCESS_TOKEN: "kv-s3cret" };
    const env = { ...standIns.environment, ...secrets, MCP_AUTH_KEYSTORE: "keychain" };
    assert.equal((await home.run(["add", "demo", url], { env })).code, 0);
    assert.equal((await home.run(["list"], { env })).code, 0);
    const calls = await standIns.calls();
    assert.deepEqual(calls.map(({ argv }) => argv[1]), ["store", "lookup", "lookup"]);
    const [{ stdin: key } = { stdin: "" }] = calls;
    assert.match(key, /^[\w-]{43}$/);
    for (const { argv, environment } of calls) {
      for (const secret of [key, ...Object.values(secrets)]) {
        assert.ok(![...argv, ...environment].join("\n").includes(secret));
      }
    }
  },
);

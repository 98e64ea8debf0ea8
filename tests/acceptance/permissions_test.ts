/**
 * The program in Deno's sandbox, with exactly the permissions that README gives for each use: with all of them it works,
 * and without any one of them it says which flag to add. A configuration without `lazy-dynamic-imports` stands for a
 * package from a registry: the program's own files need no permission there.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ErrorCode } from "../../lib/primitives/errors.ts";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { Host } from "./host.ts";
import { assertError } from "./outcome.ts";
import { asPackage, Home, type ProgramOptions } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

/** Where the sandboxed program works, in the words of its flags. */
interface Sandbox {
  readonly servers: Servers;
  readonly home: Home;
  readonly store: string;
  /** The MCP server, the authorization server and the callback, as host and port. */
  readonly mcp: string;
  readonly as: string;
  readonly callback: string;
  /** The program that stands for a browser. */
  readonly browser: string;
  /** How to run with these flags. */
  withFlags(flags: readonly string[]): Promise<ProgramOptions>;
}

/** Runs a test in a sandbox that is signed in as "demo". */
async function inSandbox(test: (sandbox: Sandbox) => Promise<void>): Promise<void> {
  await using servers = await startServers();
  await using home = await Home.make();
  const store = `${home.path}/store`;
  const browser = await home.recordingBrowser();
  const added = await home.run(["add", "demo", servers.mcp.url], { env: { MCP_AUTH_HOME: store } });
  assert.equal(added.code, 0, added.stderr);
  await test({
    servers,
    home,
    store,
    mcp: new URL(servers.mcp.url).host,
    as: new URL(servers.as.issuer).host,
    callback: `127.0.0.1:${freePort()}`,
    browser,
    withFlags: async (flags) => ({
      command: await asPackage(home, ["--no-prompt", ...flags]),
      env: { MCP_AUTH_HOME: store },
      browser,
    }),
  });
}

/** A flag, and what the program says without it. */
interface Needed {
  readonly flag: string;
  readonly code: ErrorCode;
  readonly exitCode: number;
  readonly hint: string;
}

/** What every command with a store needs. */
function storeFlags({ store }: Sandbox, ...variables: readonly string[]): readonly Needed[] {
  const denied = { code: "PERMISSION_DENIED", exitCode: 1 } as const;
  return [
    { flag: "--unstable-kv", ...denied, hint: "--unstable-kv" },
    {
      flag: `--allow-env=${["MCP_AUTH_HOME", ...variables].join()}`,
      code: "CONFIG_MISSING",
      exitCode: 5,
      hint: "--allow-env=MCP_AUTH_HOME",
    },
    { flag: `--allow-read=${store}`, ...denied, hint: `--allow-read=${store}` },
    { flag: `--allow-write=${store}`, ...denied, hint: `--allow-write=${store}` },
  ];
}

function netFlag(place: string): Needed {
  return {
    flag: `--allow-net=${place}`,
    code: "PERMISSION_DENIED",
    exitCode: 1,
    hint: `--allow-net=${place}`,
  };
}

/** The command line's form of flags: several `--allow-net` are one. */
function merged(needed: readonly Needed[]): readonly string[] {
  const flags = needed.map(({ flag }) => flag);
  const hosts = flags.filter((flag) => flag.startsWith("--allow-net=")).map((flag) => flag.slice(12));
  const rest = flags.filter((flag) => !flag.startsWith("--allow-net="));
  return hosts.length === 0 ? rest : [...rest, `--allow-net=${hosts.join()}`];
}

/** Runs a command without each of its flags, one at a time. */
async function assertEachNeeded(
  { home, withFlags }: Sandbox,
  args: readonly string[],
  needed: readonly Needed[],
): Promise<void> {
  for (const { flag, code, exitCode, hint } of needed) {
    const less = merged(needed.filter((each) => each.flag !== flag));
    const outcome = await home.run([...args, "--json"], await withFlags(less));
    assertError(outcome, code, exitCode);
    assert.ok(outcome.json.error.hint.includes(hint), `without ${flag}: ${outcome.json.error.hint}`);
  }
}

for (const args of [["version"], ["help"], ["help", "exit-codes"], ["add", "--help"], ["nonsense"]]) {
  Deno.test(`"${args.join(" ")}" needs no permission at all`, async () => {
    await using home = await Home.make();
    const outcome = await home.run(args, { command: await asPackage(home, ["--no-prompt"]) });
    assert.equal(outcome.code, args[0] === "nonsense" ? 2 : 0, outcome.stderr);
    assert.ok(!outcome.stderr.includes("NotCapable"));
  });
}

for (const args of [["token", "demo"], ["list"], ["status", "demo"]]) {
  Deno.test(`"${args.join(" ")}" needs the store, and nothing else`, () =>
    inSandbox(async (sandbox) => {
      const needed = storeFlags(sandbox);
      const { code, stdout, stderr } = await sandbox.home.run(args, await sandbox.withFlags(merged(needed)));
      assert.equal(code, 0, stderr);
      assert.notEqual(stdout, "");
      await assertEachNeeded(sandbox, args, needed);
    }));
}

Deno.test("a refresh needs the authorization server, too", () =>
  inSandbox(async (sandbox) => {
    const needed = [...storeFlags(sandbox), netFlag(sandbox.as)];
    await assertEachNeeded(sandbox, ["refresh", "demo"], needed);
    const { code, stderr } = await sandbox.home.run(
      ["refresh", "demo"],
      await sandbox.withFlags(merged(needed)),
    );
    assert.equal(code, 0, stderr);
    assert.equal(sandbox.servers.as.requests("POST /token").length, 2, "nothing was sent before");
  }));

Deno.test("tools and call need the MCP server, too", () =>
  inSandbox(async (sandbox) => {
    const needed = [...storeFlags(sandbox), netFlag(sandbox.mcp)];
    await assertEachNeeded(sandbox, ["tools", "demo"], needed);
    const called = await sandbox.home.run(
      ["call", "demo", "whoami"],
      await sandbox.withFlags(merged(needed)),
    );
    assert.equal(called.stdout, "alice\n", called.stderr);
  }));

Deno.test("add needs both servers, the callback's address and the browser's program", () =>
  inSandbox(async (sandbox) => {
    const { home, servers, mcp, as, callback, browser, withFlags } = sandbox;
    const port = callback.split(":")[1] ?? "";
    const args = ["add", "new", servers.mcp.url, "--callback-port", port];
    const needed: readonly Needed[] = [
      ...storeFlags(sandbox, "BROWSER"),
      netFlag(mcp),
      netFlag(as),
      { ...netFlag(callback), hint: "--allow-net=127.0.0.1" },
    ];
    await assertEachNeeded(sandbox, args, needed);
    assert.deepEqual(await home.opened(), []);

    const everything = [...merged(needed), `--allow-run=${browser}`];
    await using running = home.start(args, await withFlags(everything));
    const url = await running.said(/^ {2}(http:\S+)\n/m);
    assert.equal((await browse(url)).status, 200);
    const { code, stdout, stderr } = await running.outcome;
    assert.equal(stdout, "✓ Connected to new (8 tools)\n", stderr);
    assert.equal(code, 0);
    assert.deepEqual(await home.opened(), [url]);
  }));

for (
  const [name, variables, program, asked] of [
    ["its program", ["BROWSER"], "browser", []],
    // Without it, and without a screen, none is started unless that is asked for.
    ["BROWSER", [], "xdg-open", ["--browser"]],
  ] as const
) {
  Deno.test(`add without the permission for ${name} names the flag, and the URL can be opened by hand`, () =>
    inSandbox(async (sandbox) => {
      const { home, servers, mcp, as, browser, withFlags } = sandbox;
      const flags = merged([
        ...storeFlags(sandbox, ...variables),
        netFlag(mcp),
        netFlag(as),
        netFlag("127.0.0.1"),
      ]);
      await using running = home.start(["add", "new", servers.mcp.url, ...asked], await withFlags(flags));
      const url = await running.said(/^ {2}(http:\S+)\n/m);
      const flag = `--allow-run=${program === "browser" ? browser : program}`;
      const warning = await running.said(/^Warning: .*$/m);
      assert.ok(warning.includes("the sandbox does not allow") && warning.includes(flag), warning);
      assert.equal((await browse(url)).status, 200);
      assert.equal((await running.outcome).code, 0);
    }));
}

Deno.test("bridge needs the store and the MCP server; a refresh names what it needs more", () =>
  inSandbox(async (sandbox) => {
    const { home, servers, mcp, as, withFlags } = sandbox;
    const needed = [...storeFlags(sandbox), netFlag(mcp)];
    for (const { flag, exitCode, hint } of storeFlags(sandbox)) {
      const outcome = await home.run(
        ["bridge", "demo"],
        await withFlags(merged(needed.filter((each) => each.flag !== flag))),
      );
      assert.equal(outcome.code, exitCode, outcome.stderr);
      assert.ok(outcome.stderr.includes(hint), outcome.stderr);
      assert.equal(outcome.stdout, "");
    }
    {
      await using host = new Host(home, ["demo"], await withFlags(merged(storeFlags(sandbox))));
      const { error } = await host.initialize();
      assert.deepEqual(error?.data.code, "PERMISSION_DENIED");
      assert.ok(error?.data.hint?.includes(`--allow-net=${mcp}`));
    }
    await using host = new Host(home, ["demo"], await withFlags(merged(needed)));
    await host.initialize();
    assert.equal((await host.call("whoami")).result.content[0].text, "alice");
    servers.mcp.refuseSeenTokens();
    const { error } = await host.call("whoami");
    assert.equal(error?.data.code, "PERMISSION_DENIED");
    assert.ok(error?.data.hint?.includes(`--allow-net=${as}`), error?.data.hint);
    assert.equal((await host.end()).code, 0);
  }));

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

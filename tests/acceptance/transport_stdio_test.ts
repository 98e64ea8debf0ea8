/**
 * The real program in front of servers that are programs of this machine: the reference server of the protocol's own
 * organisation, and one that does what a test needs. What passes, what is told when they die, and that nothing of them is
 * left, whoever is killed.
 *
 * @see MCP 2026-07-28, Transports, stdio (T19); behaviours rows 38, 48
 * @module
 */
import assert from "node:assert/strict";
import { everythingCommand, fetchEverything } from "../../scripts/demo/servers/everything.ts";
import { peerCommand } from "../contracts/remote_servers.ts";
import { Host } from "./host.ts";
import { processesOf, until } from "./processes.ts";
import { FROM_CHECKOUT, Home } from "./program.ts";

/** Starts a bridge in front of a program, and opens the session. */
async function bridged(home: Home, command: readonly string[], options = {}): Promise<Host> {
  const host = new Host(home, ["--", ...command], options);
  await host.initialize();
  return host;
}

/** The process of the server that is a program. */
async function serverOf(home: Home): Promise<number> {
  const found = (await processesOf(home.path)).find(({ args }) =>
    args.some((each) => each.endsWith("stdio_peer.ts")) && !args.includes("--")
  );
  assert.ok(found, JSON.stringify(await processesOf(home.path)));
  return found.pid;
}

Deno.test("the reference server works through bridge -- <command>, and no store is made", async () => {
  await fetchEverything();
  await using home = await Home.make();
  await using host = await bridged(home, everythingCommand("stdio"));
  const { tools } = (await host.request("tools/list", {})).result;
  assert.ok(tools.length > 5);
  const { result } = await host.call("echo", { message: "hello" });
  assert.match(result.content[0].text, /hello/);
  assert.ok((await host.request("resources/list", {})).result.resources.length > 0);
  assert.ok((await host.request("prompts/list", {})).result.prompts.length > 0);
  const { code, tookMs } = await host.end();
  assert.equal(code, 0);
  assert.ok(tookMs < 2_500, `${tookMs} ms`);
  assert.ok(await home.isQuiet(500), JSON.stringify(await processesOf(home.path)));
  await assert.rejects(Deno.stat(home.store), Deno.errors.NotFound);
});

Deno.test("its standard error is passed on, its environment holds none of our secrets", async () => {
  await using home = await Home.make();
  const file = await home.file(
    "server.ts",
    `console.error("who: " + Object.keys(Deno.env.toObject()).filter((name) => /MCP_AUTH_/.test(name)));
     for await (const _ of Deno.stdin.readable) console.log('{"jsonrpc":"2.0","id":1,"result":{}}');`,
  );
  await using host = new Host(home, ["--", Deno.execPath(), "run", "-A", "--no-config", file], {
    env: { MCP_AUTH_KEY: "s3cr3t", MCP_AUTH_ACCESS_TOKEN: "s3cr3t", MCP_AUTH_KEYSTORE: undefined },
  });
  await host.request("ping");
  assert.equal(await host.bridge.said(/^who: (.*)$/m), "");
});

Deno.test("arguments reach the program as they are, also those that look like flags of ours", async () => {
  await using home = await Home.make();
  const file = await home.file(
    "server.ts",
    `for await (const _ of Deno.stdin.readable) {
       console.log(JSON.stringify({ jsonrpc: "2.0", id: 1, result: { args: Deno.args } }));
     }`,
  );
  const args = ["--verbose", "--", "a b", "$HOME", "*", "--login", ""];
  await using host = new Host(home, ["--", Deno.execPath(), "run", "-A", "--no-config", file, ...args]);
  assert.deepEqual((await host.request("ping")).result.args, args);
});

Deno.test("kill -9 of the server: what hangs is answered, the next call starts it again, and the session goes on", async () => {
  await using home = await Home.make();
  await using host = await bridged(home, peerCommand());
  await host.send({ jsonrpc: "2.0", id: "hung", method: "hang" });
  await host.request("echo", {});
  Deno.kill(await serverOf(home), "SIGKILL");
  const { error } = await host.answer("hung");
  assert.deepEqual([error?.code, error?.data.code], [-32012, "SERVER_ERROR"]);
  assert.match(error?.message ?? "", /killed by SIGKILL\); the last it said: Ready/);
  assert.deepEqual((await host.request("echo", { again: true })).result, { again: true });
  assert.equal(host.lines.filter(({ result }) => result?.serverInfo !== undefined).length, 1);
  assert.equal((await host.end()).code, 0);
  assert.ok(await home.isQuiet(500));
});

for (const stubborn of [false, true]) {
  const command = peerCommand(...(stubborn ? ["--stubborn"] : []));
  const what = stubborn ? "a server that does not want to end" : "a server";

  Deno.test(`row 38: ${what} ends with the host's input, in time`, async () => {
    await using home = await Home.make();
    await using host = await bridged(home, command);
    await host.send({ jsonrpc: "2.0", id: "hung", method: "hang" });
    const { code, tookMs } = await host.end();
    assert.equal(code, 0);
    assert.ok(tookMs < 2_500, `${tookMs} ms`);
    assert.ok(await home.isQuiet(500), JSON.stringify(await processesOf(home.path)));
    assert.equal((await host.answer("hung")).error?.data.code, "TIMEOUT");
  });

  Deno.test(`row 38: ${what} ends with a bridge that is told to`, async () => {
    await using home = await Home.make();
    await using host = await bridged(home, command);
    host.bridge.kill("SIGTERM");
    assert.equal((await host.bridge.outcome).code, 0);
    assert.ok(await home.isQuiet(500), JSON.stringify(await processesOf(home.path)));
  });

  Deno.test(`row 38: ${what} ends with a host that is killed, though its pipes stay open`, async () => {
    await using home = await Home.make();
    await using host = await bridged(home, command, {
      command: ["/bin/sh", "-c", '"$@"; exit 7', "host", ...FROM_CHECKOUT],
    });
    assert.equal((await processesOf(home.path)).length, 3);
    host.bridge.kill("SIGKILL");
    assert.ok(await home.isQuiet(3_500), JSON.stringify(await processesOf(home.path)));
  });
}

Deno.test("row 38: kill -9 of the bridge: its server sees the end of its input, and nothing is left", async () => {
  await using home = await Home.make();
  await using host = await bridged(home, peerCommand());
  host.bridge.kill("SIGKILL");
  assert.ok(await home.isQuiet(2_000), JSON.stringify(await processesOf(home.path)));
});

Deno.test("row 48: a server that cannot start says why, in the answer and on standard error", async () => {
  await using home = await Home.make();
  await using host = new Host(home, ["--", ...peerCommand("--crash")]);
  const { error } = await host.initialize();
  assert.match(error?.message ?? "", /exit code 3\); the last it said: Cannot start: no key/);
  assert.ok(!error?.message.includes("abcdefghijklmnop"));
  assert.ok(await until(() => host.bridge.stderr.includes("first line"), 5_000));
  await using none = new Host(home, ["--", "mcp-auth-no-such-program"]);
  assert.equal((await none.initialize()).error?.data.code, "NOT_FOUND");
});

Deno.test("what is about entries, a name beside the command, and no command: each is told", async () => {
  await using home = await Home.make();
  for (
    const [args, words] of [
      [["--login", "--", "true"], /Cannot use "--login" with a command/],
      [["--scope", "a", "--", "true"], /Cannot use "--scope" with a command/],
      [["--keystore", "file", "--", "true"], /Cannot use "--keystore" with a command/],
      [["demo", "--", "true"], /an entry and to a command/],
      [["--"], /none is given after --/],
      [[], /expected the name of an entry/],
      [["one", "two"], /too many arguments.*|Hint.*--/],
    ] as const
  ) {
    const { code, stderr, stdout } = await home.run(["bridge", ...args]);
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, words);
  }
});

Deno.test("under exactly the permissions that are printed for bridge --, and the program itself", async () => {
  await using home = await Home.make();
  const printed = await home.run(["permissions", "--command", "bridge --"]);
  assert.equal(printed.code, 0, printed.stderr);
  assert.match(printed.stderr, /--allow-run=/);
  const flags = printed.stdout.trim().split(" ");
  const command = [
    FROM_CHECKOUT[0]!,
    "run",
    "--no-prompt",
    "--unstable-kv",
    ...flags.filter((flag) => flag !== "--unstable-kv"),
    "--allow-run=sh",
    FROM_CHECKOUT.at(-1)!,
  ];
  const script = 'while read -r line; do echo \'{"jsonrpc":"2.0","id":1,"result":{"ok":true}}\'; done';
  await using host = new Host(home, ["--", "sh", "-c", script], { command });
  assert.deepEqual((await host.request("ping")).result, { ok: true });
  assert.equal((await host.end()).code, 0);
});

/**
 * How a bridge ends: by everything that a host may do or suffer, whatever the bridge is in the midst of, within bounds
 * and without computing for nobody.
 *
 * @see behaviours row 38
 * @module
 */
import assert from "node:assert/strict";
import { answerTo, event, type Script, startScriptedServer } from "../services/bridge/scripted_server.ts";
import { hang } from "../services/bridge/scripted_server.ts";
import { startHangingServer } from "./abandoned.ts";
import { processesOf, until } from "./processes.ts";
import { Home } from "./program.ts";
import { RawBridge, ticksOf } from "./raw_bridge.ts";
import { assertNonePresentedTwice, OVER_AT_ONCE, presented, startRefreshing } from "./refreshing.ts";
import { startServers } from "./servers.ts";

/** BRIDGE_DRAIN_MS, the look at the parent, and what a busy machine adds. */
const ENDS_WITHIN_MS = 5_000;

/** What ends a bridge. */
const ENDS = {
  "the end of its standard input": (bridge: RawBridge) => bridge.closeInput(),
  "SIGTERM": (bridge: RawBridge) => bridge.kill("SIGTERM"),
  "SIGHUP": (bridge: RawBridge) => bridge.kill("SIGHUP"),
  "SIGINT": (bridge: RawBridge) => bridge.kill("SIGINT"),
  "the death of its host": (bridge: RawBridge) => bridge.kill("SIGKILL"),
} as const;

/** Something that a bridge is in the midst of. */
interface State {
  readonly home: Home;
  readonly args: readonly string[];
  /** Brings the bridge there. */
  readonly reach: (bridge: RawBridge) => Promise<void>;
}

const CALL = { jsonrpc: "2.0", id: "call", method: "tools/call", params: { name: "x" } };

/** Ends bridges that are in a state, each in another way, all at once. */
async function endsOf(state: State, withinMs = ENDS_WITHIN_MS): Promise<void> {
  await Promise.all(
    Object.entries(ENDS).map(async ([how, end]) => {
      await using bridge = new RawBridge(state.home, state.args, { below: how.includes("host") });
      const pid = await bridge.pid();
      await state.reach(bridge);
      const started = performance.now();
      const before = ticksOf(pid);
      let ticks = before;
      await end(bridge);
      const isGone = () => {
        try {
          ticks = ticksOf(pid);
          return / [ZX] /.test(Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/\(.*\)/, ""));
        } catch {
          return true;
        }
      };
      assert.ok(await until(isGone, withinMs), `${how} does not end it`);
      const tookMs = performance.now() - started;
      assert.ok(
        ticks - before < 100,
        `it computed for ${(ticks - before) * 10} ms of ${tookMs} ms after ${how}`,
      );
      if (!how.includes("host")) assert.equal((await bridge.child.status).code, 0, how);
    }),
  );
  assert.ok(await state.home.isQuiet(2_000), JSON.stringify(await processesOf(state.home.path)));
}

Deno.test("row 38: every end ends a bridge that is idle, with its stream open", async () => {
  await using server = await startHangingServer();
  await using home = await Home.make();
  await endsOf({ home, args: [server.url], reach: (bridge) => bridge.initialize() });
});

Deno.test("row 38: every end ends a bridge whose answer does not come", async () => {
  await using server = await startHangingServer();
  await using home = await Home.make();
  const reach = async (bridge: RawBridge) => {
    await bridge.initialize();
    await bridge.send(CALL);
    await new Promise((resolve) => setTimeout(resolve, 100));
  };
  await endsOf({ home, args: [server.url], reach });
});

Deno.test("row 38: every end ends a bridge whose server is not there", async () => {
  const server = await startHangingServer();
  await server.close();
  await using home = await Home.make();
  const reach = async (bridge: RawBridge) => {
    await bridge.send({ jsonrpc: "2.0", id: 1, method: "initialize", params: {} });
    assert.equal((await bridge.answer(1)).error.data.code, "NETWORK_ERROR");
  };
  await endsOf({ home, args: [server.url], reach });
});

Deno.test("row 38: every end ends a bridge whose host does not read what it has asked for", async () => {
  const text = "x".repeat(8 * 2 ** 20);
  await using server = await startScriptedServer({
    "tools/call": (call) => call.result({ content: [{ type: "text", text }] }),
  });
  await using home = await Home.make();
  const reach = async (bridge: RawBridge) => {
    await bridge.initialize();
    for (let id = 0; id < 20; id++) await bridge.send({ ...CALL, id });
    await new Promise((resolve) => setTimeout(resolve, 500));
  };
  await endsOf({ home, args: [server.url], reach });
});

Deno.test("row 38: every end ends a bridge whose host does not read its standard error", async () => {
  await using server = await startScriptedServer({});
  await using home = await Home.make();
  const reach = async (bridge: RawBridge) => {
    await bridge.initialize();
    // A pipe holds 64 KiB; each message makes a line of about 60 bytes.
    for (let round = 0; round < 30; round++) {
      const ids = Array.from({ length: 100 }, (_, index) => round * 100 + index);
      await bridge.sendText(ids.map((id) => `{"jsonrpc":"2.0","id":${id},"method":"ping"}\n`).join(""));
      await bridge.answer(ids.at(-1)!);
    }
  };
  await endsOf({ home, args: [server.url, "--verbose"], reach });
});

Deno.test("row 38: every end ends a bridge that waits for a person to sign in", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const reach = async (bridge: RawBridge) => {
    await bridge.send({ jsonrpc: "2.0", id: 1, method: "initialize", params: {} });
    await bridge.send({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "whoami" } });
    await bridge.said(/http:\S+\/auth\S*/);
  };
  await endsOf({ home, args: [servers.mcp.url, "--login", "--no-browser"], reach });
});

for (const how of ["SIGTERM", "the end of its standard input", "the death of its host"] as const) {
  Deno.test(`row 38: ${how} during a refresh ends the bridge once the new tokens are stored`, async () => {
    await using servers = await startRefreshing();
    await using home = await Home.make();
    servers.life = OVER_AT_ONCE;
    const added = await home.run(["add", "demo", servers.mcp.url]);
    assert.equal(added.code, 0, added.stderr);
    servers.life = 3600;
    const order = servers.as.fail("POST /token", 1, { delayMs: 1_500 });
    await using bridge = new RawBridge(home, ["demo"], { below: how.includes("host") });
    const pid = await bridge.pid();
    await bridge.send({ jsonrpc: "2.0", id: 1, method: "initialize", params: {} });
    assert.ok(await until(() => order.left === 0, 10_000));
    await ENDS[how](bridge);
    assert.ok(await until(async () => !(await processesOf(home.path)).some((one) => one.pid === pid), 8_000));
    const refreshes = presented(servers.as).length;
    const token = await home.run(["token", "demo"]);
    assert.equal(token.code, 0, token.stderr);
    assert.equal(presented(servers.as).length, refreshes, "the tokens were stored before the end");
    assertNonePresentedTwice(servers.as);
  });
}

/** A server that says something on its stream when it is told to. */
function talking(): { readonly script: Script; readonly say: () => void } {
  const said: (() => void)[] = [];
  return {
    say: () => said.forEach((say) => say()),
    script: {
      GET: async (call) => {
        call.stream(": here\n\n");
        said.push(() => call.response.write(event({ jsonrpc: "2.0", method: "notifications/message" })));
        await hang(call);
      },
      "tools/list": (call) => call.json(JSON.stringify(answerTo(call, { tools: [] }))),
    },
  };
}

Deno.test("row 38: a notification that meets closed outputs ends the bridge, though its standard input is open", async () => {
  const { script, say } = talking();
  await using server = await startScriptedServer(script);
  await using home = await Home.make();
  await using bridge = new RawBridge(home, [server.url, "--verbose"]);
  await bridge.initialize();
  assert.ok(await until(() => server.methods.includes("GET"), 5_000));
  await bridge.closeOutputs();
  const started = performance.now();
  const speaking = setInterval(say, 20);
  const { code } = await bridge.child.status;
  clearInterval(speaking);
  assert.ok(performance.now() - started < ENDS_WITHIN_MS);
  assert.equal(code, 0);
});

Deno.test("row 38: a bridge that waits computes nothing: for its host, for its server, for room to write", async () => {
  const { script, say } = talking();
  const text = "x".repeat(4 * 2 ** 20);
  await using server = await startScriptedServer({
    ...script,
    "tools/call": (call) => call.result({ content: [{ type: "text", text }] }),
    "prompts/get": hang,
  });
  await using home = await Home.make();
  await using idle = new RawBridge(home, [server.url]);
  await using waiting = new RawBridge(home, [server.url]);
  await using blocked = new RawBridge(home, [server.url]);
  const bridges = [idle, waiting, blocked];
  for (const bridge of bridges) await bridge.initialize();
  await waiting.send({ jsonrpc: "2.0", id: 1, method: "prompts/get", params: { name: "x" } });
  for (let id = 0; id < 10; id++) await blocked.send({ ...CALL, id });
  say();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const before = bridges.map(({ child }) => ticksOf(child.pid));
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const ticks = bridges.map(({ child }, index) => ticksOf(child.pid) - before[index]!);
  assert.ok(ticks.every((each) => each <= 15), `ticks of 10 ms in 3 s: ${ticks}`);
});

Deno.test("row 37: --keep-alive has the server asked while nobody says anything, and 0 overrides the entry's", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const added = await home.run(["add", "demo", servers.mcp.url, "--keep-alive", "1"]);
  assert.equal(added.code, 0, added.stderr);
  const pings = () =>
    servers.mcp.requests("POST /mcp").filter(({ body }) => body.includes('"method":"ping"')).length;
  await using asking = new RawBridge(home, ["demo"]);
  await asking.initialize();
  assert.ok(await until(() => pings() >= 2, 10_000), "it asks");
  await asking.closeInput();
  assert.equal((await asking.child.status).code, 0);
  assert.equal(await asking.line(), undefined, "the host hears nothing of that");
  const before = pings();
  await using silent = new RawBridge(home, ["demo", "--keep-alive", "0"]);
  await silent.initialize();
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.equal(pings(), before);
});

Deno.test("a port after the URL is the callback's, as mcp-remote has it", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  using free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  await using bridge = new RawBridge(home, [servers.mcp.url, String(port), "--login", "--no-browser"]);
  await bridge.send({ jsonrpc: "2.0", id: 1, method: "initialize", params: {} });
  await bridge.send({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "whoami" } });
  const said = await bridge.said(/http:\S+\/auth\S*\n/);
  assert.match(said, new RegExp(`redirect_uri=http%3A%2F%2F127\\.0\\.0\\.1%3A${port}%2F`));
});

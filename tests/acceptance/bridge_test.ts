/**
 * The bridge as a process between a host and a real server: what goes through it, and how it ends.
 *
 * @see MCP 2025-11-25, Transports
 * @module
 */
import assert from "node:assert/strict";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
// @ts-types="@modelcontextprotocol/sdk/client/stdio"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ListRootsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { Host } from "./host.ts";
import { processesOf, until } from "./processes.ts";
import { FROM_CHECKOUT, Home } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

/** Servers, and a home that is signed in to them as "demo". */
async function signedIn(): Promise<{ servers: Servers; home: Home } & AsyncDisposable> {
  const servers = await startServers();
  const home = await Home.make();
  const added = await home.run(["add", "demo", servers.mcp.url]);
  assert.equal(added.code, 0, added.stderr);
  return {
    servers,
    home,
    [Symbol.asyncDispose]: async () => {
      await home[Symbol.asyncDispose]();
      await servers[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a host built on the official SDK works through the bridge", async (t) => {
  await using setting = await signedIn();
  const { servers: { mcp }, home } = setting;
  const [command = "", ...args] = FROM_CHECKOUT;
  const transport = new StdioClientTransport({
    command,
    args: [...args, "bridge", "demo"],
    env: home.environment(),
    stderr: "ignore",
    cwd: home.path,
  });
  const client = new Client({ name: "host", version: "1.0.0" }, { capabilities: { roots: {} } });
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///work" }] }));
  const changes: string[] = [];
  client.fallbackNotificationHandler = ({ method }) => Promise.resolve(void changes.push(method));
  await client.connect(transport);
  const text = async (name: string, args: Record<string, unknown> = {}): Promise<string> => {
    const { content } = await client.callTool({ name, arguments: args });
    return (content as { text: string }[])[0]?.text ?? "";
  };
  try {
    await t.step("initialize, tools and structured results", async () => {
      assert.equal(client.getServerVersion()?.name, "demo");
      assert.equal((await client.listTools()).tools.length, 8);
      const sum = await client.callTool({ name: "add", arguments: { a: 2, b: 3 } });
      assert.deepEqual(sum.structuredContent, { sum: 5 });
      assert.equal((await client.callTool({ name: "fail" })).isError, true);
      assert.equal(await text("whoami"), "alice");
    });
    await t.step("progress arrives while the call runs", async () => {
      const progress: number[] = [];
      await client.callTool({ name: "slow", arguments: { ms: 400 } }, undefined, {
        onprogress: (each) => void progress.push(each.progress),
      });
      // The SDK forgets the call before it hears of what comes with its answer.
      assert.deepEqual(progress.slice(0, 3), [1, 2, 3]);
    });
    for (const over of ["call", "stream"]) {
      await t.step(`a request of the server comes over the ${over}, and its answer goes back`, async () => {
        assert.equal(await text("ask_roots", { over }), "file:///work");
      });
    }
    await t.step("a notification of the server comes over the GET stream", async () => {
      await mcp.announce("notifications/resources/list_changed");
      assert.ok(await until(() => changes.includes("notifications/resources/list_changed"), 5_000));
    });
    await t.step("2 MiB come through, and 16 calls at once", async () => {
      assert.equal((await text("large", { size: 2 * 2 ** 20 })).length, 2 * 2 ** 20);
      const all = Array.from({ length: 16 }, (_, index) => text("echo", { text: `${index}` }));
      assert.deepEqual(await Promise.all(all), Array.from({ length: 16 }, (_, index) => `${index}`));
    });
    await t.step("a session that the server forgot is opened again", async () => {
      await mcp.forgetSessions();
      assert.equal(await text("echo", { text: "still here" }), "still here");
      assert.equal(mcp.sessions.length, 1);
    });
  } finally {
    // The SDK's own end of a process leaves timers behind.
    const closed = new Promise<void>((resolve) => client.onclose = resolve);
    if (transport.pid !== null) Deno.kill(transport.pid, "SIGTERM");
    await closed;
  }
  assert.ok(await until(() => mcp.sessions.length === 0, 2_000), "the session was ended at the server");
});

Deno.test("row 48: everything passes untouched and in order, and standard output holds JSON-RPC alone", async () => {
  await using setting = await signedIn();
  const { servers: { mcp }, home } = setting;
  await using host = new Host(home, ["demo", "--verbose"]);
  await host.initialize();
  const line =
    '{"jsonrpc":"2.0","id":"x-1","method":"vendor/unknown","params":{"größe":1.0,"n":12345678901234567890,"vendor":[null]}}';
  await host.send(line);
  assert.equal((await host.answer("x-1")).error?.code, -32601);
  assert.ok(mcp.requests("POST /mcp").some(({ body }) => body === line), "sent byte for byte");
  await host.send({
    jsonrpc: "2.0",
    id: "slow",
    method: "tools/call",
    params: { name: "slow", arguments: { ms: 20 }, _meta: { progressToken: "p" } },
  });
  await host.answer("slow");
  const progress = host.lines.filter(({ method }) => method === "notifications/progress");
  assert.deepEqual(progress.map(({ params }) => [params.progressToken, params.progress]), [
    ...[["p", 1], ["p", 2], ["p", 3], ["p", 4]],
  ]);
  assert.equal(host.lines.at(-1)?.id, "slow", "in the order of the server");
  await host.send("this is no JSON");
  assert.equal((await host.call("echo", { text: "after" })).result.content[0].text, "after");
  const refusal = host.lines.find(({ id }) => id === null);
  assert.equal(refusal?.error?.code, -32700);
  assert.match(host.bridge.stderr, /POST http:\S+\/mcp/, "--verbose goes to standard error");
  const token = (await home.run(["token", "demo"])).stdout.trim();
  assert.ok(!host.bridge.stderr.includes(token));
  assert.deepEqual((await host.end()).code, 0);
  assert.equal(host.bridge.stdout.split("\n").filter((each) => each !== "").length, host.lines.length);
});

Deno.test("closing standard input with a call that hangs: a coded error, and exit 0 within two seconds", async () => {
  await using setting = await signedIn();
  const { servers: { mcp }, home } = setting;
  await using host = new Host(home, ["demo"]);
  await host.initialize();
  const order = mcp.fail("POST /mcp", 1, "hang");
  await host.send({ jsonrpc: "2.0", id: "hung", method: "tools/list" });
  assert.ok(await until(() => order.left === 0, 5_000));
  const { code, tookMs } = await host.end();
  assert.equal(code, 0);
  assert.ok(tookMs < 2_000, `${tookMs} ms`);
  assert.equal((await host.answer("hung")).error?.data.code, "TIMEOUT");
  assert.ok(await home.isQuiet(0));
});

Deno.test("a host that writes everything and closes at once gets every answer", async () => {
  await using setting = await signedIn();
  const initialize = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "host", version: "1.0.0" },
  };
  const lines = [
    { jsonrpc: "2.0", id: 1, method: "initialize", params: initialize },
    { jsonrpc: "2.0", method: "notifications/initialized" },
    { jsonrpc: "2.0", id: 2, method: "tools/list" },
    { jsonrpc: "2.0", id: 3, method: "ping" },
  ];
  const stdin = lines.map((line) => JSON.stringify(line)).join("\n");
  const { code, stdout } = await setting.home.run(["bridge", "demo"], { stdin });
  assert.equal(code, 0);
  const ids = stdout.trim().split("\n").map((line) => JSON.parse(line).id);
  assert.deepEqual(ids.sort(), [1, 2, 3]);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`row 38: ${signal} ends the bridge, with an answer to what hangs`, async () => {
    await using setting = await signedIn();
    const { servers: { mcp }, home } = setting;
    await using host = new Host(home, ["demo"]);
    await host.initialize();
    const order = mcp.fail("POST /mcp", 1, "hang");
    await host.send({ jsonrpc: "2.0", id: "hung", method: "tools/list" });
    assert.ok(await until(() => order.left === 0, 5_000));
    const started = performance.now();
    host.bridge.kill(signal);
    const { code } = await host.bridge.outcome;
    assert.ok(performance.now() - started < 2_000);
    assert.equal(code, 0);
    assert.equal((await host.answer("hung")).error?.data.code, "AUTH_CANCELLED");
  });
}

Deno.test("row 38: a host that is killed leaves no bridge, though its standard input stays open", async () => {
  await using setting = await signedIn();
  const { home } = setting;
  await using host = new Host(home, ["demo"], {
    command: ["/bin/sh", "-c", '"$@"; exit 7', "host", ...FROM_CHECKOUT],
  });
  await host.initialize();
  assert.equal((await processesOf(home.path)).length, 2);
  host.bridge.kill("SIGKILL");
  assert.ok(await home.isQuiet(2_500), JSON.stringify(await processesOf(home.path)));
});

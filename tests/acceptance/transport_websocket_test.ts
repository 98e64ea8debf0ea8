/**
 * The real program and a real MCP server that is reached by WebSocket: the official SDK's, behind the demo's
 * authorization server. How it is added, how the token travels, and what becomes of a bridge whose connection is lost.
 *
 * @see features, "WebSocket client transport with auth headers and reconnection"
 * @see behaviours rows 37, 39
 * @module
 */
import assert from "node:assert/strict";
import { startAuthorizationServer } from "../../scripts/demo/servers/authorization_server.ts";
import {
  type RunningWebSocketServer,
  startWebSocketMcpServer,
  type WebSocketServerOptions,
} from "../../scripts/demo/servers/websocket_server.ts";
import { Pki } from "../primitives/http/pki.ts";
import { Host, type Line } from "./host.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { checkoutPath, FROM_CHECKOUT, Home } from "./program.ts";

/** Both servers. */
async function startWorld(options: Omit<WebSocketServerOptions, "authorizationServer"> = {}) {
  const resources: string[] = [];
  const as = await startAuthorizationServer({ allowsResource: (resource) => resources.includes(resource) });
  const mcp = startWebSocketMcpServer({ ...options, authorizationServer: as });
  resources.push(mcp.url);
  return {
    as,
    mcp,
    [Symbol.asyncDispose]: async () => {
      await mcp.close();
      await as.close();
    },
  };
}

/** The token of the last upgrade. */
function lastBearer({ requests }: RunningWebSocketServer): string | null | undefined {
  return requests.findLast(({ upgrade, status }) => upgrade && status === 101)?.headers.get("authorization");
}

const textOf = ({ result }: Line): string => result.content[0].text;

Deno.test("a wss or ws URL is added by its sign-in, used, and bridged to, with the token in the header alone", async () => {
  await using world = await startWorld();
  await using home = await Home.make();
  const { mcp, as } = world;
  const added = await home.run(["add", "demo", mcp.socketUrl]);
  assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n", added.stderr);
  assert.equal(added.code, 0);
  const { json } = await home.run(["status", "demo", "--json"]);
  assert.deepEqual([json.url, json.transport], [mcp.url, "websocket"]);
  const first = mcp.requests[0]!;
  assert.deepEqual([first.upgrade, first.status, first.headers.get("sec-websocket-protocol")], [
    true,
    401,
    "mcp",
  ]);
  const listed = await home.run(["tools", "demo", "--json"]);
  assert.equal((listed.json.tools ?? listed.json).length, 8, listed.stderr);
  const called = await home.run(["call", "demo", "whoami"]);
  assert.equal(called.stdout, "alice\n", called.stderr);
  await using host = new Host(home, ["demo"]);
  assert.equal((await host.initialize()).result.serverInfo.name, "demo");
  assert.equal(textOf(await host.call("whoami")), "alice");
  const sum = await host.call("add", { a: 2, b: 3 });
  assert.deepEqual(sum.result.structuredContent, { sum: 5 });
  assert.match(lastBearer(mcp) ?? "", /^Bearer /);
  for (const { query } of mcp.requests) assert.equal(query.size, 0);
  assert.equal((await host.end()).code, 0);
  assert.ok(await until(() => mcp.open === 0, 5_000), "the server knows");
  assert.equal(as.requests("POST /token").length, 1);
});

Deno.test("doctor tries the token of a WebSocket entry by WebSocket", async () => {
  await using world = await startWorld();
  await using home = await Home.make();
  await home.run(["add", "demo", world.mcp.socketUrl]);
  const { json, stdout } = await home.run(["doctor", "demo", "--json"]);
  const exchange = json.checks.find(({ id }: { readonly id: string }) => id === "exchange");
  assert.equal(exchange?.status, "ok", stdout);
});

Deno.test("bridge takes a ws URL in place of a name, and signs in with --login", async () => {
  await using world = await startWorld();
  await using home = await Home.make();
  await using host = new Host(home, [world.mcp.socketUrl, "--login"]);
  assert.equal((await host.initialize()).result.serverInfo.name, "demo", host.bridge.stderr);
  assert.equal(textOf(await host.call("whoami")), "alice");
  assert.equal((await host.end()).code, 0);
  const { json } = await home.run(["list", "--json"]);
  assert.equal(json[0]?.transport ?? json.entries?.[0]?.transport, "websocket");
});

for (const takes of ["query", "message"] as const) {
  Deno.test(`--websocket-auth ${takes} is remembered, and the token stands in no line that is written`, async () => {
    await using world = await startWorld({ takes });
    await using home = await Home.make();
    const { mcp } = world;
    const added = await home.run(["add", "demo", mcp.socketUrl, "--websocket-auth", takes, "--verbose"]);
    assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n", added.stderr);
    await using host = new Host(home, ["demo", "--verbose"]);
    await host.initialize();
    assert.equal(textOf(await host.call("whoami")), "alice");
    mcp.revoke();
    await host.bridge.said(/Lost the WebSocket/);
    assert.equal(textOf(await host.call("whoami")), "alice", host.bridge.stderr);
    assert.equal((await host.end()).code, 0);
    const token = (await home.run(["token", "demo"])).stdout.trim();
    assert.ok(token.length > 20);
    const tokens = new Set([token, ...mcp.requests.map(({ query }) => query.get("access_token") ?? token)]);
    assert.equal(tokens.size, takes === "query" ? 2 : 1);
    for (const each of tokens) assert.ok(!`${added.stderr}${host.bridge.stderr}`.includes(each.slice(-20)));
    assert.match(host.bridge.stderr, /WebSocket ws:\/\/127\.0\.0\.1/);
    for (const { headers } of mcp.requests) {
      if (headers.get("upgrade") !== null) assert.equal(headers.get("authorization"), null);
    }
  });
}

Deno.test("a token that is revoked half-way is replaced: in flight is answered, the session goes on", async () => {
  await using world = await startWorld();
  await using home = await Home.make();
  const { mcp, as } = world;
  assert.equal((await home.run(["add", "demo", mcp.socketUrl])).code, 0);
  await using host = new Host(home, ["demo"]);
  await host.initialize();
  const before = lastBearer(mcp);
  await host.send({
    jsonrpc: "2.0",
    id: "slow",
    method: "tools/call",
    params: { name: "slow", arguments: { ms: 20_000 } },
  });
  await host.call("whoami");
  mcp.revoke();
  const { error } = await host.answer("slow");
  assert.deepEqual([error?.data.code, error?.code], ["NETWORK_ERROR", -32011]);
  assert.match(error?.message ?? "", /4401.*not known/);
  assert.equal(textOf(await host.call("whoami")), "alice");
  assert.notEqual(lastBearer(mcp), before);
  assert.equal(as.requests("POST /token").length, 2);
  assert.equal(host.lines.filter(({ result }) => result?.serverInfo !== undefined).length, 1);
});

Deno.test("a sign-in that is over is told with the command to run, and noticed when it is there again", async () => {
  await using world = await startWorld();
  await using home = await Home.make();
  const { mcp } = world;
  assert.equal((await home.run(["add", "demo", mcp.socketUrl])).code, 0);
  await using host = new Host(home, ["demo"]);
  await host.initialize();
  assert.equal((await home.run(["logout", "demo"])).code, 0);
  mcp.revoke();
  await host.bridge.said(/Lost the WebSocket/);
  const refused = await host.call("whoami");
  assert.equal(refused.error?.data.code, "AUTH_REQUIRED");
  assert.match(JSON.stringify(refused), /mcp-auth login demo/);
  assert.equal((await home.run(["login", "demo"])).code, 0);
  assert.equal(textOf(await host.call("whoami")), "alice", host.bridge.stderr);
});

Deno.test("row 37: a server that restarts is connected to again by itself, and what it announces arrives", async () => {
  await using world = await startWorld();
  await using home = await Home.make();
  const { mcp } = world;
  assert.equal((await home.run(["add", "demo", mcp.socketUrl])).code, 0);
  await using host = new Host(home, ["demo"]);
  await host.initialize();
  await host.call("whoami");
  mcp.restart();
  assert.ok(
    await until(
      () => mcp.open === 1 && mcp.requests.filter(({ status }) => status === 101).length >= 3,
      10_000,
    ),
  );
  assert.ok(
    await until(() => {
      mcp.announce("notifications/resources/list_changed");
      return host.lines.some(({ method }) => method === "notifications/resources/list_changed");
    }, 5_000),
    host.bridge.stderr,
  );
  assert.equal(textOf(await host.call("whoami")), "alice");
});

Deno.test("a call takes 8 MiB both ways, and progress comes before its answer", async () => {
  await using world = await startWorld();
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", world.mcp.socketUrl])).code, 0);
  await using host = new Host(home, ["demo"]);
  await host.initialize();
  const text = "x".repeat(8 * 1024 * 1024);
  assert.equal(textOf(await host.call("echo", { text })).length, text.length);
  await host.send({
    jsonrpc: "2.0",
    id: "slow",
    method: "tools/call",
    params: { name: "slow", arguments: { ms: 200 }, _meta: { progressToken: "p" } },
  });
  await host.answer("slow");
  const order = host.lines.flatMap(({ id, params }) =>
    params?.progressToken === "p" ? [params.progress] : id === "slow" ? ["answer"] : []
  );
  assert.deepEqual(order, [1, 2, 3, 4, "answer"]);
});

/** This Deno, and the older one that binaries are made with, where it is at hand. */
const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ["this Deno", FROM_CHECKOUT],
  ...[Deno.env.get("DENO_COMPILE")].filter((path) => path !== undefined).map((path) =>
    ["the Deno of binaries", [path, "run", "-A", checkoutPath("main.ts")]] as const
  ),
];

for (const [where, command] of COMMANDS) {
  Deno.test(`row 39: wss with an authority of one's own: trusted with --ca-file alone (${where})`, async () => {
    await using pki = await Pki.make();
    const authority = await pki.authority();
    const { cert, key } = await pki.issue("authority", "localhost", "DNS:localhost,IP:127.0.0.1");
    await using world = await startWorld({ tls: { hostname: "localhost", cert, key } });
    await using home = await Home.make();
    const { socketUrl } = world.mcp;
    const env = { BROWSER: `env DENO_CERT=${authority.certFile} ${home.environment().BROWSER}` };
    const refused = await home.run(["add", "demo", socketUrl, "--json"], { env, command });
    assertError(refused, "NETWORK_ERROR", 3, /--ca-file <file> or SSL_CERT_FILE/);
    const added = await home.run(["add", "demo", socketUrl, "--ca-file", authority.certFile], {
      env,
      command,
    });
    assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n", added.stderr);
    await using host = new Host(home, ["demo"], { env, command });
    await host.initialize();
    assert.equal(textOf(await host.call("whoami")), "alice");
    assert.equal((await host.end()).code, 0);
  });
}

Deno.test("what does not go together is told at once", async () => {
  await using home = await Home.make();
  const other = await home.run(["add", "demo", "wss://mcp.example/mcp", "--transport", "sse", "--json"]);
  assertError(other, "USAGE", 2, /Leave out --transport/);
  const plain = await home.run(["add", "demo", "ws://mcp.example/mcp", "--json"]);
  assertError(plain, "UNSAFE_URL", 1, /wss/);
  const bridged = await home.run(["bridge", "ws://mcp.example/mcp"]);
  assert.equal(bridged.code, 1);
  assert.match(bridged.stderr, /ws is allowed for loopback only/);
});

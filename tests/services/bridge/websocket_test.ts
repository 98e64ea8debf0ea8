/**
 * The WebSocket transport and its token: how it travels, and what refusals of it lead to, at the upgrade and later.
 *
 * @see features, "WebSocket client transport with auth headers and reconnection"
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createWebSockets } from "../../../lib/primitives/http/web_sockets.ts";
import type { Authorizer } from "../../../lib/services/tokens/mod.ts";
import { NO_SIGN_IN } from "./host.ts";
import { Tokens, WebSocketHost } from "./websocket_host.ts";
import { type Received, startWebSocketServer } from "./websocket_server.ts";

const bearerOf = ({ headers }: Received) => headers.get("authorization");

Deno.test("the token goes with the upgrade, with the entry's own headers and the subprotocol mcp", async () => {
  await using server = startWebSocketServer();
  await using host = new WebSocketHost(server, {
    authorizer: new Tokens("one"),
    headers: { "X-Team": "blue" },
  });
  await host.initialize();
  const [request] = server.requests;
  equal(bearerOf(request!), "Bearer one");
  equal(request!.headers.get("x-team"), "blue");
  equal(request!.headers.get("sec-websocket-protocol"), "mcp");
  equal(new URL(request!.url).search, "");
  equal(server.requests.length, 1);
});

Deno.test("in the query only when asked for, and then in no line of a log", async () => {
  await using server = startWebSocketServer({
    http: (request) =>
      new URL(request.url).searchParams.get("access_token") === "s3cr3t&more"
        ? undefined
        : new Response(null, { status: 401 }),
  });
  const url = `${server.url}?team=blue`;
  await using host = new WebSocketHost({ url }, {
    authorizer: new Tokens("0ld-s3cr3t", "s3cr3t&more"),
    auth: "query",
  });
  await host.initialize();
  for (const request of server.requests) equal(bearerOf(request), null);
  equal(new URL(server.requests.at(-1)!.url).searchParams.get("team"), "blue");
  const log = host.log.join("\n");
  ok(log.includes("WebSocket ws://127.0.0.1"), log);
  ok(!log.includes("s3cr3t"), log);
});

Deno.test("as the first message only when asked for, before anything else", async () => {
  const first: string[] = [];
  await using server = startWebSocketServer({
    on: {
      [JSON.stringify({ type: "auth", token: "s3cr3t" })]: (_message, { socket }) => {
        first.push("auth");
        socket.send(JSON.stringify({ type: "auth_ok" }));
      },
    },
  });
  await using host = new WebSocketHost(server, { authorizer: new Tokens("s3cr3t"), auth: "message" });
  await host.initialize();
  deepEqual(first, ["auth"]);
  equal(server.accepted[0]!.methods[1], "initialize");
  equal(bearerOf(server.requests[0]!), null);
  equal(new URL(server.requests[0]!.url).search, "");
  ok(host.messages.every((message) => message.jsonrpc === "2.0"));
});

Deno.test("a token that is bound to a key travels in the header alone", async () => {
  await using server = startWebSocketServer();
  const authorizer: Authorizer = {
    ...NO_SIGN_IN,
    headers: () => Promise.resolve({ authorization: "DPoP bound", dpop: "proof" }),
  };
  for (const auth of ["query", "message"] as const) {
    await using host = new WebSocketHost(server, { authorizer, auth });
    await rejects(host.initialize(), { code: "CONFIG_INVALID" });
  }
  equal(server.requests.length, 0);
  await using host = new WebSocketHost(server, { authorizer });
  await host.initialize();
  equal(server.requests[0]!.headers.get("dpop"), "proof");
});

Deno.test("an upgrade that is refused with 401 is looked into by a plain GET, whose challenge is followed", async () => {
  const challenge = 'Bearer resource_metadata="https://x.example/prm", error="invalid_token"';
  await using server = startWebSocketServer({
    http: (request) =>
      bearerOf(request) === "Bearer fresh"
        ? undefined
        : new Response("no", { status: 401, headers: { "www-authenticate": challenge } }),
  });
  const tokens = new Tokens("stale", "fresh");
  await using host = new WebSocketHost(server, { authorizer: tokens });
  await host.initialize();
  deepEqual(
    server.requests.map((request) => [request.headers.get("upgrade"), bearerOf(request)]),
    [["websocket", "Bearer stale"], [null, "Bearer stale"], ["websocket", "Bearer fresh"]],
  );
  deepEqual(
    tokens.refusals.map(({ status, wwwAuthenticate, attempt }) => [status, wwwAuthenticate, attempt]),
    [
      [401, challenge, 0],
    ],
  );
});

Deno.test("a refusal of the upgrade alone counts, though a plain GET is answered otherwise", async () => {
  await using server = startWebSocketServer({
    http: (request) =>
      request.headers.get("upgrade") === "websocket" && bearerOf(request) !== "Bearer fresh"
        ? new Response(null, { status: 401 })
        : undefined,
  });
  const tokens = new Tokens("stale", "fresh");
  await using host = new WebSocketHost(server, { authorizer: tokens });
  await host.initialize();
  deepEqual(tokens.refusals.map(({ status, wwwAuthenticate }) => [status, wwwAuthenticate]), [[401, null]]);
});

Deno.test("who is not signed in is told the command, and asked no further", async () => {
  await using server = startWebSocketServer({ http: () => new Response(null, { status: 401 }) });
  await using host = new WebSocketHost(server, { authorizer: new Tokens("only") });
  await rejects(host.initialize(), { code: "AUTH_REQUIRED", hint: "Run: mcp-auth login it" });
  equal(server.requests.length, 2);
});

for (
  const [status, code, words] of [
    [403, "AUTH_REQUIRED", /Cannot use it/],
    [404, "SERVER_ERROR", /HTTP 404/],
    [302, "SERVER_ERROR", /HTTP 302/],
    [200, "SERVER_ERROR", /HTTP 200/],
    [503, "SERVER_ERROR", /HTTP 503/],
    [429, "RATE_LIMITED", /HTTP 429/],
  ] as const
) {
  Deno.test(`an upgrade that is answered with ${status} is told as ${code}, at once`, async () => {
    const location = "/elsewhere";
    await using server = startWebSocketServer({
      http: () => new Response(null, { status, headers: { location } }),
    });
    await using host = new WebSocketHost(server, { authorizer: new Tokens("one") });
    await rejects(host.initialize(), { code, message: words });
  });
}

Deno.test("a server that is not there is told as such, with what fetch knows of it", async () => {
  const server = startWebSocketServer();
  await server.stop();
  await using host = new WebSocketHost(server);
  await rejects(host.initialize(), { code: "NETWORK_ERROR", message: /nothing listens there/ });
});

Deno.test("a token in the query is in no cause of an error either", async () => {
  const server = startWebSocketServer();
  await server.stop();
  await using host = new WebSocketHost(server, { auth: "query", authorizer: new Tokens("confidential") });
  const error = await host.initialize().catch((error) => error);
  equal(error.code, "NETWORK_ERROR");
  const all = Deno.inspect(error) + host.log.join("\n");
  ok(!all.includes("confidential"), all);
});

Deno.test("only wss, or ws on this machine, is connected to at all", async () => {
  await using host = new WebSocketHost({ url: "http://example.com/mcp" });
  await rejects(host.initialize(), { code: "UNSAFE_URL" });
});

Deno.test("the address rule stands before the connection", async () => {
  await using server = startWebSocketServer();
  const openSocket = createWebSockets({
    guard: () => Promise.reject(new McpAuthError("UNSAFE_URL", "Cannot connect there")),
  });
  await using host = new WebSocketHost(server, { openSocket });
  await rejects(host.initialize(), { code: "UNSAFE_URL" });
  equal(server.requests.length, 0);
});

for (
  const [code, reason] of [[4401, ""], [3000, ""], [1008, "token expired"]] as const
) {
  Deno.test(`a close with ${code} ${reason}: in flight is answered, then another token, then as before`, async () => {
    await using server = startWebSocketServer({
      on: {
        revoke: (_message, { socket }) => socket.close(code, reason),
        hang: () => {},
      },
    });
    const tokens = new Tokens("first", "second");
    await using host = new WebSocketHost(server, { authorizer: tokens });
    await host.initialize();
    const hanging = rejects(host.request("hang"), { code: "NETWORK_ERROR", hint: /not known/ });
    await rejects(host.request("revoke"), { code: "NETWORK_ERROR", message: new RegExp(String(code)) });
    await hanging;
    equal((await host.request("tools/list")).method, "tools/list");
    deepEqual(server.accepted.map(({ request }) => bearerOf(request)), ["Bearer first", "Bearer second"]);
    deepEqual(server.accepted[1]!.methods, ["initialize", "notifications/initialized", "tools/list"]);
    equal(host.answers(0).length, 1);
    equal(tokens.refusals.length, 1);
    equal(tokens.refusals[0]!.sent["authorization"], "Bearer first");
  });
}

Deno.test("a close with 1008 that is not about the token costs no token", async () => {
  await using server = startWebSocketServer({
    on: { odd: (_message, { socket }) => socket.close(1008, "too many requests") },
  });
  const tokens = new Tokens("first", "second");
  await using host = new WebSocketHost(server, { authorizer: tokens });
  await host.initialize();
  await rejects(host.request("odd"), { code: "NETWORK_ERROR" });
  await host.request("tools/list");
  deepEqual([tokens.refusals.length, server.accepted.length], [0, 2]);
});

Deno.test("what a connection has not looked at because of its token is sent again on the next", async () => {
  await using server = startWebSocketServer({
    on: {
      '{"type":"auth","token":"stale"}': (_message, { socket }) => socket.close(4401, "expired"),
      '{"type":"auth","token":"fresh"}': () => {},
    },
  });
  const tokens = new Tokens("stale", "fresh");
  await using host = new WebSocketHost(server, { authorizer: tokens, auth: "message" });
  equal((await host.initialize()).serverInfo.name, "websocket");
  equal(server.accepted.length, 2);
  equal(tokens.refusals.length, 1);
});

Deno.test("a server that closes on every token is left after the last, with the command to run", async () => {
  await using server = startWebSocketServer({ open: ({ socket }) => socket.close(4401) });
  const tokens = new Tokens("one", "two", "three");
  await using host = new WebSocketHost(server, { authorizer: tokens });
  await rejects(host.initialize(), { code: "AUTH_REQUIRED" });
  deepEqual(tokens.refusals.map(({ attempt }) => attempt), [0, 1, 2]);
  equal(server.accepted.length, 3);
});

Deno.test("a close that comes together with the upgrade is read for what it says", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let connections = 0;
  const serving = (async () => {
    for await (const connection of listener) {
      connections++;
      await serveClose(connection).catch(() => {});
    }
  })();
  const tokens = new Tokens("one", "two");
  const url = `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}/mcp`;
  const host = new WebSocketHost({ url }, { authorizer: tokens });
  await rejects(host.initialize(), { code: "AUTH_REQUIRED" });
  deepEqual(tokens.refusals.map(({ attempt }) => attempt), [0, 1]);
  await host.remote.close(100);
  listener.close();
  await serving;
  ok(connections < 10, String(connections));
});

for (
  const [plain, refusals, code, words] of [
    [401, [0, 1], "AUTH_REQUIRED", /Cannot use it/],
    [426, [0], "SERVER_ERROR", /refuses it .*HTTP 426/],
    [404, [0], "SERVER_ERROR", /refuses it .*HTTP 404/],
    [503, [], "SERVER_ERROR", /HTTP 503/],
  ] as const
) {
  Deno.test(`a refusal whose status the runtime hides, and a plain ${plain}: ${code}`, async () => {
    await using server = startWebSocketServer({ http: () => new Response(null, { status: plain }) });
    const tokens = new Tokens("one", "two");
    await using host = new WebSocketHost(server, {
      authorizer: tokens,
      openSocket: () => Promise.resolve("unknown"),
    });
    await rejects(host.initialize(), { code, message: words });
    deepEqual(tokens.refusals.map(({ attempt }) => attempt), refusals);
  });
}

/** Accepts an upgrade and closes with 4401 in one breath; any other request is answered 426. */
async function serveClose(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(8_192);
  const read = await connection.read(buffer) ?? 0;
  const head = new TextDecoder().decode(buffer.subarray(0, read));
  const [, key] = /^sec-websocket-key: *(\S+)/im.exec(head) ?? [];
  if (key === undefined) {
    await connection.write(
      new TextEncoder().encode(
        "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
      ),
    );
    return connection.close();
  }
  const accept = new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", accept)).toBase64();
  const answer = new TextEncoder().encode(
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n" +
      `sec-websocket-accept: ${digest}\r\nsec-websocket-protocol: mcp\r\n\r\n`,
  );
  const close = [0x88, 2, 4401 >> 8, 4401 & 0xff];
  await connection.write(new Uint8Array([...answer, ...close]));
  await connection.read(buffer);
  connection.close();
}

/**
 * The life of a WebSocket to a server: what a lost connection leads to, and how one is kept.
 *
 * @see features, "WebSocket client transport with auth headers and reconnection"; behaviours row 37
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { createWebSockets } from "../../../lib/primitives/http/web_sockets.ts";
import type { Inbound } from "../../../lib/services/bridge/transports/remote.ts";
import { webSocketRemote } from "../../../lib/services/bridge/transports/websocket.ts";
import { outboundOf } from "../../contracts/remote.ts";
import { eventually, NO_SIGN_IN } from "./host.ts";
import { Tokens, WebSocketHost } from "./websocket_host.ts";
import { startWebSocketServer, type WebSocketServer } from "./websocket_server.ts";

for (const code of [1000, 1001, 1011]) {
  Deno.test(`a close with ${code} answers what is in flight, and is no reason for another token`, async () => {
    await using server = startWebSocketServer({
      on: { end: (_message, { socket }) => socket.close(code, "bye") },
    });
    const tokens = new Tokens("one");
    await using host = new WebSocketHost(server, { authorizer: tokens });
    await host.initialize();
    await rejects(host.request("end"), { code: "NETWORK_ERROR", message: /lost.*bye/ });
    await host.request("tools/list");
    deepEqual([tokens.refusals.length, server.accepted.length], [0, 2]);
  });
}

Deno.test("messages wait for a server that restarts, in their order, and the session is opened first", async () => {
  const first = startWebSocketServer();
  await using host = new WebSocketHost(first);
  await host.initialize();
  await first.stop();
  await eventually(() => host.log.some((line) => line.startsWith("Lost")), "the loss is noticed");
  const port = Number(new URL(first.url).port);
  const asked = ["a", "b", "c"].map((id) => host.request("tools/list", {}, id));
  await new Promise((resolve) => setTimeout(resolve, 400));
  await using second = startWebSocketServer({}, port);
  await Promise.all(asked);
  deepEqual(second.accepted.at(-1)!.methods, [
    "initialize",
    "notifications/initialized",
    ...Array.from({ length: 3 }, () => "tools/list"),
  ]);
});

Deno.test("a host that listens is connected again by itself, and hears what the server says", async () => {
  await using server = startWebSocketServer({
    on: {
      "notifications/initialized": (_message, { send, number }) =>
        send({ jsonrpc: "2.0", method: "notifications/tools/list_changed", params: { number } }),
    },
  });
  await using host = new WebSocketHost(server);
  await host.initialize();
  await eventually(() => server.accepted[0]!.methods.length === 2, "initialized");
  server.accepted[0]!.socket.close(1001, "restart");
  await eventually(() => host.messages.some((message) => message.params?.number === 2), "it hears again");
  equal(server.accepted.length, 2);
});

Deno.test("a host that does not listen is not connected again for nothing", async () => {
  await using server = startWebSocketServer();
  await using host = new WebSocketHost(server);
  await host.request("server/discover");
  server.accepted[0]!.socket.close(1001, "idle");
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  equal(server.requests.length, 1);
  await host.request("tools/list");
  deepEqual(server.accepted[1]!.methods, ["tools/list"]);
});

Deno.test("where the session cannot be opened again, the request says so", async () => {
  await using server = startWebSocketServer({
    on: {
      initialize: (message, { number, send, result }) =>
        number === 1
          ? result(message, { protocolVersion: "2025-11-25", capabilities: {} })
          : send({ jsonrpc: "2.0", id: message.id, error: { code: -32000, message: "full" } }),
      end: (_message, { socket }) => socket.close(1001),
    },
  });
  await using host = new WebSocketHost(server);
  await host.request("initialize", {}, 0);
  await rejects(host.request("end"), { code: "NETWORK_ERROR" });
  const controlled = outboundOf({ jsonrpc: "2.0", id: "x", method: "tools/list" });
  const sent = rejects(host.remote.send(controlled));
  await eventually(
    () => host.log.some((line) => line.includes("refused to initialize")),
    "it is said why",
  );
  controlled.controller.abort(new McpAuthError("AUTH_CANCELLED", "Enough"));
  await sent;
});

const QUICK = { everyMs: 60, withinMs: 120, busyMs: 600 };

Deno.test("a silent connection is kept alive by pings, of which the host hears nothing", async () => {
  await using server = startWebSocketServer({
    // A stateless server knows no ping (T9): a refusal is a sign of life as well.
    on: {
      ping: (message, { send, methods, result }) =>
        methods.filter((method) => method === "ping").length % 2 === 0
          ? result(message, {})
          : send({ jsonrpc: "2.0", id: message.id, error: { code: -32601, message: "no" } }),
    },
  });
  await using host = new WebSocketHost(server, { pulse: QUICK });
  await host.initialize();
  await eventually(
    () => server.accepted[0]!.methods.filter((method) => method === "ping").length >= 4,
    "pings",
  );
  equal(server.accepted.length, 1);
  equal(host.messages.length, 1);
});

Deno.test("no sign of life is a lost connection: later where a request is under way", async () => {
  await using server = startWebSocketServer({ on: { ping: () => {}, hang: () => {} } });
  await using host = new WebSocketHost(server, { pulse: QUICK });
  await host.initialize();
  const started = performance.now();
  await rejects(host.request("hang"), { code: "NETWORK_ERROR", message: /no sign of life/ });
  const tookMs = performance.now() - started;
  ok(tookMs > QUICK.busyMs && tookMs < 5_000, `${tookMs} ms`);
  await eventually(() => server.accepted.length === 2, "it is connected again");
});

Deno.test("an answer of the host goes to the connection on which it was asked, or nowhere", async () => {
  const asked = Promise.withResolvers<void>();
  await using server = startWebSocketServer({
    on: {
      "notifications/initialized": (_message, { number, send }) => {
        if (number === 1) send({ jsonrpc: "2.0", id: "q", method: "roots/list" });
      },
    },
  });
  const received: Inbound[] = [];
  const log: string[] = [];
  const remote = webSocketRemote({
    url: server.url,
    http: createHttp(),
    openSocket: createWebSockets(),
    authorizer: NO_SIGN_IN,
    log: (line) => void log.push(line),
    receiver: {
      receive: (inbound) => {
        received.push(inbound);
        if (inbound.messages[0]?.kind === "request") asked.resolve();
      },
      owes: () => true,
    },
  });
  await remote.send(outboundOf({ jsonrpc: "2.0", id: 0, method: "initialize", params: {} }));
  await remote.send(outboundOf({ jsonrpc: "2.0", method: "notifications/initialized" }));
  await asked.promise;
  server.accepted[0]!.socket.close(1001);
  await eventually(() => log.some((line) => line.startsWith("Lost the WebSocket")), "it is lost");
  await remote.send(outboundOf({ jsonrpc: "2.0", id: "q", result: {} }));
  match(log.at(-1)!, /Dropped an answer of the host/);
  await remote.send(outboundOf({ jsonrpc: "2.0", id: 1, method: "tools/list" }));
  ok(!server.accepted[1]!.methods.includes("response"));
  await remote.close(500);
});

Deno.test("a message beyond what may be held is refused by the runtime, and what waits is answered", async () => {
  await using server: WebSocketServer = startWebSocketServer({
    on: {
      huge: (_message, { socket }) => {
        socket.onerror = () => {};
        socket.send("x".repeat(65 * 1024 * 1024));
      },
    },
  });
  await using host = new WebSocketHost(server);
  await host.initialize();
  await rejects(host.request("huge"), { code: "NETWORK_ERROR", message: /too large/ });
  await host.request("tools/list");
});

/**
 * A session that a server loses is opened again unseen: what the host has asked for as long as the session lasts is asked
 * for again, whatever the transport and the era of the host.
 *
 * @module
 */
import { deepEqual, equal } from "node:assert/strict";
import { createWebSockets } from "../../../../lib/primitives/http/web_sockets.ts";
import { eventually, Host } from "../host.ts";
import { type Call, type ScriptedServer, startScriptedServer } from "../scripted_server.ts";
import { startScriptedSse } from "../scripted_sse.ts";
import { startWebSocketServer } from "../websocket_server.ts";
import { StatelessHost } from "./stateful_scene.ts";

const CAPABILITIES = { logging: {}, resources: { subscribe: true } };
const LEVEL = "io.modelcontextprotocol/logLevel";

/** A server that can be made to lose its sessions. */
interface Forgetful extends ScriptedServer {
  /** What was asked for in a session and lasts as long as it does, by the number of the session. */
  readonly wishes: string[];
  /** How many sessions there were. */
  sessions(): number;
  /** Loses all of them. */
  forget(): void;
}

async function startForgetful(refuses = false): Promise<Forgetful> {
  const wishes: string[] = [];
  let opened = 0;
  let oldest = 1;
  const inSession = (answer: (call: Call, session: number) => void) => (call: Call) => {
    const session = Number(call.exchange.recorded.headers.get("mcp-session-id") ?? 0);
    if (session >= oldest) return answer(call, session);
    call.response.writeHead(session === 0 ? 400 : 404).end("Session not found");
  };
  const wish = inSession((call, session) => {
    const { uri, level } = call.message.params;
    wishes.push(`${session} ${call.message.method} ${uri ?? level}`);
    if (refuses) call.response.writeHead(404).end("Cannot POST");
    else call.result({});
  });
  const server = await startScriptedServer({
    initialize: (call) => {
      const result = {
        protocolVersion: "2025-11-25",
        capabilities: CAPABILITIES,
        serverInfo: { name: "forgetful", version: "1" },
      };
      const text = JSON.stringify({ jsonrpc: "2.0", id: call.message.id, result });
      call.json(text, 200, { "mcp-session-id": String(++opened) });
    },
    "server/discover": inSession((call) => call.result({})),
    "subscriptions/listen": inSession((call) => call.result({})),
    "tools/list": inSession((call) => call.result({ tools: [] })),
    "resources/subscribe": wish,
    "resources/unsubscribe": wish,
    "logging/setLevel": wish,
  });
  return Object.assign(server, { wishes, sessions: () => opened, forget: () => void (oldest = opened + 1) });
}

Deno.test("a stateful host's subscriptions and log level outlive a session that the server loses (row 36)", async () => {
  await using server = await startForgetful();
  await using host = new Host(server.url);
  await host.initialize();
  for (const uri of ["a:1", "a:2", "a:3"]) await host.request("resources/subscribe", { uri });
  await host.request("resources/unsubscribe", { uri: "a:2" });
  await host.request("logging/setLevel", { level: "debug" });
  await host.request("logging/setLevel", { level: "warning" });
  const lines = host.lines.length;
  server.forget();
  server.wishes.length = 0;
  deepEqual((await host.request("tools/list")).result, { tools: [] });
  await eventually(() => server.wishes.length === 3, "the server was told again");
  deepEqual(server.wishes, [
    "2 logging/setLevel warning",
    "2 resources/subscribe a:1",
    "2 resources/subscribe a:3",
  ]);
  await host.end();
  equal(host.lines.length, lines + 1);
});

Deno.test("what a stateless host listens to outlives a session that the server loses (row 36, T16)", async () => {
  await using server = await startForgetful();
  await using host = new StatelessHost(server.url);
  const notifications = { resourceSubscriptions: ["a:1", "a:2"] };
  const listening = host.ask("subscriptions/listen", { notifications }, "listen").catch(() => {});
  await host.line((line) => line.method === "notifications/subscriptions/acknowledged");
  await host.ask("tools/list", {}, 1, { [LEVEL]: "debug" });
  server.forget();
  server.wishes.length = 0;
  deepEqual((await host.ask("tools/list", {}, 2)).result.tools, []);
  await eventually(() => server.wishes.length === 3, "the server was told again");
  deepEqual(server.wishes, [
    "2 logging/setLevel debug",
    "2 resources/subscribe a:1",
    "2 resources/subscribe a:2",
  ]);
  await host.end();
  await listening;
});

Deno.test("a host that initializes again has asked for nothing yet", async () => {
  await using server = await startForgetful();
  await using host = new Host(server.url);
  await host.initialize();
  await host.request("resources/subscribe", { uri: "a:1" });
  await host.request("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: {} });
  server.forget();
  server.wishes.length = 0;
  await host.request("tools/list");
  await host.request("tools/list");
  deepEqual(server.wishes, []);
});

Deno.test("a server that takes every wish for the loss of its session is not asked for ever", async () => {
  await using server = await startForgetful(true);
  await using host = new Host(server.url);
  await host.initialize();
  equal((await host.request("resources/subscribe", { uri: "a:1" }, "s")).error?.data.code, "SERVER_ERROR");
  await eventually(() => host.log.some((line) => line.startsWith("Cannot tell the server again")), "the end");
  await host.end();
  equal(host.answers("s"), 1);
  equal(server.sessions(), 3);
});

Deno.test("subscriptions outlive a stream of HTTP+SSE that is opened again", async () => {
  await using server = await startScriptedSse();
  await using host = new Host(server.url, { transport: "sse" });
  await host.initialize();
  await host.request("resources/subscribe", { uri: "a:1" });
  await host.request("logging/setLevel", { level: "error" });
  server.restart();
  const told = ["logging/setLevel 2", "resources/subscribe 2"];
  await eventually(() => told.every((each) => server.seen.includes(each)), "the server was told again");
  equal((await host.request("tools/list")).result.session, 2);
  equal(host.lines.filter(({ id }) => typeof id === "string" && id.startsWith("mcp-auth")).length, 0);
});

Deno.test("subscriptions outlive a WebSocket that is opened again", async () => {
  await using server = startWebSocketServer();
  await using host = new Host(server.url, {
    transport: "websocket",
    more: { openSocket: createWebSockets({}) },
  });
  await host.initialize();
  await host.request("resources/subscribe", { uri: "a:1" });
  server.accepted[0]!.socket.close(1001, "restart");
  const told = () => server.accepted[1]?.methods ?? [];
  await eventually(() => told().includes("resources/subscribe"), "the server was told again");
  deepEqual(told(), ["initialize", "notifications/initialized", "resources/subscribe"]);
});

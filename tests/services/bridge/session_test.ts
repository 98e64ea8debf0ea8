/**
 * The bridge in front of a server built with the official SDK.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http (T1-T6)
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { startMcpServer } from "../../../scripts/demo/servers/mcp_server.ts";
import { eventually, Host } from "./host.ts";

for (const enableJsonResponse of [false, true]) {
  const kind = enableJsonResponse ? "JSON" : "event streams";

  Deno.test(`a host works through the bridge with a server that answers by ${kind}`, async () => {
    await using server = await startMcpServer({ open: true, enableJsonResponse });
    await using host = new Host(server.url);
    const { result } = await host.initialize();
    equal(result.protocolVersion, "2025-11-25");
    equal(result.serverInfo.name, "demo");
    const tools = await host.request("tools/list");
    ok(tools.result.tools.some(({ name }: { name: string }) => name === "echo"));
    const echo = await host.request("tools/call", { name: "echo", arguments: { text: "zwölf €😀\n" } });
    equal(echo.result.content[0].text, "zwölf €😀\n");
    const unknown = await host.request("no/such");
    equal(unknown.error?.code, -32601);
    equal(await host.end() < 1000, true);
    deepEqual(server.sessions, [], "the session was ended by DELETE");
    equal(host.lines.length, 4);
  });

  Deno.test(`messages of 10 MiB pass in both directions with ${kind}`, async () => {
    await using server = await startMcpServer({ open: true, enableJsonResponse });
    await using host = new Host(server.url);
    await host.initialize();
    const text = "ü".repeat(5 * 1024 * 1024);
    const echo = await host.request("tools/call", { name: "echo", arguments: { text } });
    ok(echo.result.content[0].text === text);
  });

  Deno.test(`many requests at once are each answered once with ${kind}`, async () => {
    await using server = await startMcpServer({ open: true, enableJsonResponse });
    await using host = new Host(server.url);
    await host.initialize();
    const ids = Array.from({ length: 500 }, (_, i) => i + 1000);
    const answers = await Promise.all(
      ids.map((id) => host.request("tools/call", { name: "echo", arguments: { text: `${id}` } }, id)),
    );
    for (const [i, answer] of answers.entries()) equal(answer.result.content[0].text, `${ids[i]}`);
    await host.end();
    for (const id of ids) equal(host.answers(id), 1);
  });
}

Deno.test("session id and protocol version go with everything after initialize, and not with it (T2, T3)", async () => {
  await using server = await startMcpServer({ open: true });
  await using host = new Host(server.url, { headers: { "X-Team": "blue" } });
  await host.initialize();
  await host.request("tools/list");
  await eventually(() => server.requests("GET /mcp").length === 1, "the GET stream");
  const [session] = server.sessions;
  await host.end();
  const [initialize, ...later] = server.log;
  equal(initialize!.headers.get("mcp-session-id"), null);
  equal(initialize!.headers.get("mcp-protocol-version"), null);
  equal(initialize!.headers.get("accept"), "application/json, text/event-stream");
  deepEqual(later.map(({ method }) => method).sort(), ["DELETE", "GET", "POST", "POST"]);
  for (const request of later) {
    equal(request.headers.get("mcp-session-id"), session);
    equal(request.headers.get("mcp-protocol-version"), "2025-11-25");
  }
  for (const request of server.log) equal(request.headers.get("x-team"), "blue");
});

Deno.test("progress comes before the answer it belongs to", async () => {
  await using server = await startMcpServer({ open: true });
  await using host = new Host(server.url);
  await host.initialize();
  const answer = await host.request("tools/call", {
    name: "slow",
    arguments: { ms: 40 },
    _meta: { progressToken: "p" },
  });
  equal(answer.result.content[0].text, "Done after 40 ms");
  const progress = host.lines.filter(({ method }) => method === "notifications/progress");
  deepEqual(progress.map(({ params }) => params.progress), [1, 2, 3, 4]);
  ok(host.lines.indexOf(progress[3]!) < host.lines.indexOf(answer));
});

for (const over of ["call", "stream"]) {
  Deno.test(`a server's request over its ${over} reaches the host, and the answer reaches the server (T6)`, async () => {
    await using server = await startMcpServer({ open: true });
    await using host = new Host(server.url);
    await host.initialize();
    await eventually(() => server.requests("GET /mcp").length === 1, "the GET stream");
    const call = host.request("tools/call", { name: "ask_roots", arguments: { over } });
    const asked = await host.line(({ method }) => method === "roots/list");
    host.send({ jsonrpc: "2.0", id: asked.id, result: { roots: [{ uri: "file:///a" }] } });
    equal((await call).result.content[0].text, "file:///a");
  });
}

Deno.test("what the server says of its own accord reaches the host (T4)", async () => {
  await using server = await startMcpServer({ open: true });
  await using host = new Host(server.url);
  await host.initialize();
  await eventually(() => server.requests("GET /mcp").length === 1, "the GET stream");
  await server.announce("notifications/tools/list_changed");
  await host.line(({ method }) => method === "notifications/tools/list_changed");
});

Deno.test("row 36: a lost session is opened again once for all, and the host does not see it", async () => {
  await using server = await startMcpServer({ open: true });
  await using host = new Host(server.url);
  await host.initialize();
  await host.request("tools/list");
  await server.forgetSessions();
  const calls = Array.from(
    { length: 20 },
    (_, i) => host.request("tools/call", { name: "echo", arguments: { text: `${i}` } }),
  );
  for (const [i, answer] of (await Promise.all(calls)).entries()) {
    equal(answer.result.content[0].text, `${i}`);
  }
  equal(server.sessions.length, 1);
  equal(host.answers("initialize"), 1);
  const initialized = server.log.filter((request) =>
    JSON.stringify(request.json())?.includes("notifications/initialized")
  );
  equal(initialized.length, 2);
  await eventually(() => server.requests("GET /mcp").length >= 2, "a new GET stream");
  await server.announce("notifications/tools/list_changed");
  await host.line(({ method }) => method === "notifications/tools/list_changed");
  match(host.log.join("\n"), /lost the session/);
  await host.end();
  deepEqual(server.sessions, []);
});

Deno.test("a stream of the server that broke off is opened again, in the new session when the old is lost", async () => {
  await using server = await startMcpServer({ open: true });
  await using host = new Host(server.url);
  await host.initialize();
  await eventually(() => server.requests("GET /mcp").length === 1, "the GET stream");
  await server.forgetSessions();
  await eventually(() => server.sessions.length === 1, "a new session without the host's doing");
  await eventually(() => server.requests("GET /mcp").length === 3, "a new GET stream");
  await server.announce("notifications/tools/list_changed");
  await host.line(({ method }) => method === "notifications/tools/list_changed");
  equal(host.answers("initialize"), 1);
});

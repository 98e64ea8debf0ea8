import assert from "node:assert/strict";
import { eventually } from "../host.ts";
import { answerTo, event, hang } from "../scripted_server.ts";
import { ASKABLE, META, said, startStateful, StatelessHost } from "./stateful_scene.ts";

const SERVER_INFO = { "io.modelcontextprotocol/serverInfo": { name: "stateful", version: "1.2.3" } };

Deno.test("the session is opened once, in the host's name, however many requests wait for it (T2, T9, T20)", async () => {
  await using server = await startStateful();
  await using host = new StatelessHost(server.url, ASKABLE);
  const answers = await Promise.all([1, 2, 3, 4, 5].map((id) => host.ask("tools/list", {}, id)));
  assert.deepEqual(answers.map(({ result }) => result.method), Array(5).fill("tools/list"));
  const opened = server.of("initialize");
  assert.equal(opened.length, 1);
  assert.equal(opened[0].params.protocolVersion, "2025-11-25");
  assert.deepEqual(opened[0].params.clientInfo, { name: "host", version: "3.0.0" });
  assert.deepEqual(opened[0].params.capabilities, ASKABLE);
  assert.equal(server.of("notifications/initialized").length, 1);
  await eventually(() => server.methods.includes("GET"), "the server's own stream is opened");
  const passed = server.log.filter((each) => (each.json() as { method?: string })?.method === "tools/list")
    .at(-1);
  assert.equal(passed?.headers.get("mcp-session-id"), "session-1");
  assert.equal(passed?.headers.get("mcp-protocol-version"), "2025-11-25");
  assert.equal(passed?.headers.get("mcp-method"), null);
});

Deno.test("a request passes without what only the stateless era knows, and with all the rest (T9, T10)", async () => {
  await using server = await startStateful();
  await using host = new StatelessHost(server.url);
  await host.ask("tools/list");
  const kept = { progressToken: "p", traceparent: "00-1", "com.example/x": { y: 1 } };
  await host.ask("tools/call", { name: "t", arguments: { a: [1, null] } }, "with", kept);
  await host.ask("tools/call", { name: "u" }, "without");
  const [first, second] = server.of("tools/call").map(({ params }) => params);
  assert.deepEqual(first, { name: "t", arguments: { a: [1, null] }, _meta: kept });
  assert.deepEqual(second, { name: "u" });
});

Deno.test("results say that they are complete, whose they are, and for how long they are good (T10, T11)", async () => {
  const own = { ttlMs: 60_000, cacheScope: "public", _meta: { "com.example/x": 1 } };
  await using server = await startStateful({ "resources/read": (call) => call.result(own) });
  await using host = new StatelessHost(server.url);
  const { result: list } = await host.ask("tools/list");
  assert.deepEqual([list.resultType, list.ttlMs, list.cacheScope], ["complete", 0, "private"]);
  assert.deepEqual(list._meta, SERVER_INFO);
  const { result: called } = await host.ask("tools/call", { name: "t" });
  assert.deepEqual([called.resultType, called.ttlMs, called._meta], ["complete", undefined, SERVER_INFO]);
  const { result: read } = await host.ask("resources/read", { uri: "a:b" });
  assert.deepEqual(read, { resultType: "complete", ...own, _meta: { ...SERVER_INFO, ...own._meta } });
});

Deno.test("server/discover is answered from what the server said when the session was opened (T14)", async () => {
  const capabilities = { tools: { listChanged: true }, logging: {}, tasks: { list: {} } };
  await using server = await startStateful({}, capabilities);
  await using host = new StatelessHost(server.url);
  const { result } = await host.ask("server/discover");
  assert.deepEqual(result, {
    resultType: "complete",
    ttlMs: 0,
    cacheScope: "private",
    supportedVersions: ["2026-07-28"],
    capabilities: { tools: { listChanged: true }, logging: {} },
    instructions: "Be kind",
    _meta: SERVER_INFO,
  });
  assert.equal(server.of("initialize").length, 1);
});

Deno.test("a request that does not say who makes it, or speaks another revision, is refused (T10, T13)", async () => {
  await using server = await startStateful();
  await using host = new StatelessHost(server.url);
  await host.ask("tools/list");
  const before = server.messages.length;
  const unsaid = await host.request("tools/list", { _meta: {} }, "unsaid");
  assert.equal(unsaid.error?.code, -32602);
  const version = "io.modelcontextprotocol/protocolVersion";
  const incapable = await host.request("tools/list", { _meta: { [version]: "2026-07-28" } }, "incapable");
  assert.equal(incapable.error?.code, -32602);
  const newer = await host.ask("tools/list", {}, "newer", { [version]: "2031-01-01" });
  assert.equal(newer.error?.code, -32022);
  assert.deepEqual(newer.error?.data, { supported: ["2026-07-28"], requested: "2031-01-01" });
  assert.equal(server.messages.length, before);
});

Deno.test("what ceased to exist is refused by name, and never reaches the server (T9)", async () => {
  await using server = await startStateful();
  await using host = new StatelessHost(server.url);
  await host.ask("tools/list");
  const gone = ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/list"];
  for (const method of gone) {
    const { error } = await host.ask(method, { uri: "a:b", level: "debug" });
    assert.equal(error?.code, -32601);
    assert.match(error?.message ?? "", new RegExp(method));
  }
  for (const method of gone) assert.equal(server.of(method).length, 0, method);
});

Deno.test("errors keep their code, but for those that the stateless era has given up (T13)", async () => {
  const refusing = (code: number) => ({ message: { id } }: { message: { id: unknown } }) =>
    JSON.stringify({ jsonrpc: "2.0", id, error: { code, message: "No", data: { why: 1 } } });
  await using server = await startStateful({
    "resources/read": (call) => call.json(refusing(-32002)(call)),
    "tools/call": (call) => call.json(refusing(-32011)(call)),
  });
  await using host = new StatelessHost(server.url);
  const read = await host.ask("resources/read", { uri: "a:b" });
  assert.deepEqual(read.error, { code: -32602, message: "No", data: { why: 1 } });
  const called = await host.ask("tools/call", { name: "t" });
  assert.deepEqual(called.error, { code: -32011, message: "No", data: { why: 1 } });
});

Deno.test("numbers that JavaScript cannot hold pass as they were written, both ways", async () => {
  let sent = "";
  await using server = await startStateful({
    "tools/call": (call) => {
      sent = new TextDecoder().decode(call.exchange.body);
      call.json(
        `{"jsonrpc":"2.0","id":${JSON.stringify(call.message.id)},"result":{"n":98765432109876543210}}`,
      );
    },
  });
  await using host = new StatelessHost(server.url);
  const params = `{"name":"t","arguments":{"n":12345678901234567890,"e":1e400},"_meta":${
    JSON.stringify(META)
  }}`;
  await host.ask("tools/list");
  host.send(`{"jsonrpc":"2.0","id":123456789012345678901,"method":"tools/call","params":${params}}`);
  await eventually(() => host.raw.some((line) => line.includes('"id":123456789012345678901')), "the answer");
  assert.match(sent, /"n":12345678901234567890,"e":1e400/);
  assert.match(host.raw.at(-1) ?? "", /"n":98765432109876543210/);
});

Deno.test("a cancelled request is cancelled at the server, under the id that it has there (T17)", async () => {
  await using server = await startStateful({ "tools/call": hang });
  await using host = new StatelessHost(server.url);
  await host.ask("tools/list");
  host.send({ jsonrpc: "2.0", id: "slow", method: "tools/call", params: said({ name: "t" }) });
  await eventually(() => server.of("tools/call").length === 1, "the call arrives");
  const params = { requestId: "slow", reason: "Enough" };
  host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params });
  await eventually(() => server.of("notifications/cancelled").length === 1, "the cancellation arrives");
  const [called] = server.of("tools/call");
  assert.deepEqual(server.of("notifications/cancelled")[0].params, {
    requestId: called.id,
    reason: "Enough",
  });
  assert.notEqual(called.id, "slow");
  await host.ask("tools/list");
  assert.equal(host.answers("slow"), 0);
});

Deno.test("progress is told under the token that the host chose, in order, before the answer", async () => {
  await using server = await startStateful({
    "tools/call": (call) => {
      const { progressToken } = call.message.params._meta;
      const told = [1, 2, 3].map((progress) =>
        event({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken, progress } })
      );
      call.stream(...told, event(answerTo(call)));
      call.response.end();
    },
  });
  await using host = new StatelessHost(server.url);
  await host.ask("tools/call", { name: "t" }, "call", { progressToken: 7 });
  const lines = host.lines.slice(-4).map(({ params, id }) => id ?? [params.progressToken, params.progress]);
  assert.deepEqual(lines, [[7, 1], [7, 2], [7, 3], "call"]);
});

Deno.test("every request is answered once whatever the server does (T18)", async () => {
  await using server = await startStateful({
    "tools/call": ({ message, exchange, json, stream, response }) => {
      const { name } = message.params;
      if (name === "cut") exchange.request.socket.destroy();
      else if (name === "empty") response.writeHead(200, { "content-type": "application/json" }).end();
      else if (name === "null") json(JSON.stringify({ jsonrpc: "2.0", id: message.id, result: null }));
      else if (name === "other") json(JSON.stringify({ jsonrpc: "2.0", id: "other", result: {} }));
      else if (name === "page") response.writeHead(502, { "content-type": "text/html" }).end("<html>");
      else {
        const answer = event({ jsonrpc: "2.0", id: message.id, result: {} });
        stream(answer, answer, answer);
        response.end();
      }
    },
  });
  await using host = new StatelessHost(server.url);
  await host.ask("tools/list");
  const names = ["cut", "empty", "null", "other", "page", "twice"];
  await Promise.all(names.map((name) => host.ask("tools/call", { name }, name)));
  await host.ask("tools/list");
  for (const name of names) {
    assert.equal(host.answers(name), 1, name);
    const { error } = await host.answer(name);
    assert.equal(error === undefined, name === "twice", name);
  }
});

Deno.test("a host that begins with a revision of the future is asked what it can be asked all the same", async () => {
  await using server = await startStateful();
  await using host = new StatelessHost(server.url, ASKABLE);
  const future = { "io.modelcontextprotocol/protocolVersion": "2031-01-01" };
  assert.equal((await host.ask("server/discover", {}, "future", future)).error?.code, -32022);
  assert.equal((await host.ask("server/discover")).result.resultType, "complete");
  assert.deepEqual(server.of("initialize").map(({ params }) => params.capabilities), [ASKABLE]);
});

Deno.test("a server that refuses the latest revision and names another gets that one (T2)", async () => {
  await using server = await startStateful({
    initialize: (call) => {
      const { protocolVersion } = call.message.params;
      const data = { supported: ["2024-11-05", "2025-03-26"], requested: protocolVersion };
      const answer = protocolVersion === "2025-03-26"
        ? { result: { protocolVersion, capabilities: {}, serverInfo: { name: "old", version: "0" } } }
        : { error: { code: -32602, message: "Unsupported protocol version", data } };
      const body = JSON.stringify({ jsonrpc: "2.0", id: call.message.id, ...answer });
      call.json(body, 200, { "mcp-session-id": "session-1" });
    },
  });
  await using host = new StatelessHost(server.url);
  assert.equal((await host.ask("tools/list")).result.method, "tools/list");
  const offered = server.of("initialize").map(({ params }) => params.protocolVersion);
  assert.deepEqual(offered, ["2025-11-25", "2025-03-26"]);
});

Deno.test("a server that refuses to open a session leaves the host with one error for each request", async () => {
  await using server = await startStateful({
    initialize: (call) => {
      const error = { code: -32603, message: "Out of order" };
      call.json(JSON.stringify({ jsonrpc: "2.0", id: call.message.id, error }));
    },
  });
  await using host = new StatelessHost(server.url);
  const answers = await Promise.all([1, 2, 3].map((id) => host.ask("tools/list", {}, id)));
  for (const [i, { error }] of answers.entries()) {
    assert.equal(typeof error?.code, "number");
    assert.equal(host.answers(i + 1), 1);
  }
});

Deno.test("a session that the server loses later is opened again, in the host's name, and nobody is told (row 36)", async () => {
  let calls = 0;
  await using server = await startStateful({
    "tools/call": (call) => {
      if (++calls === 1) call.response.writeHead(404).end();
      else call.result({ calls });
    },
  });
  await using host = new StatelessHost(server.url, ASKABLE);
  await host.ask("tools/list");
  assert.equal((await host.ask("tools/call", { name: "t" }, "call")).result.calls, 2);
  assert.deepEqual(server.of("initialize").map(({ params }) => params.capabilities), [ASKABLE, ASKABLE]);
  assert.equal(server.of("notifications/initialized").length, 2);
  assert.equal(host.lines.length, 2);
});

Deno.test("what the server sends as a batch is told one by one, and a batch of the host is refused", async () => {
  await using server = await startStateful({
    "tools/call": (call) => {
      const note = { jsonrpc: "2.0", method: "notifications/com.example/note", params: { n: 1 } };
      call.json(JSON.stringify([note, answerTo(call, { n: 2 })]));
    },
  });
  await using host = new StatelessHost(server.url);
  const { result } = await host.ask("tools/call", { name: "t" }, "call");
  assert.equal(result.n, 2);
  assert.equal(host.lines.at(-2)?.params.n, 1);
  host.send([1, 2].map((id) => ({ jsonrpc: "2.0", id, method: "tools/list", params: said() })));
  assert.equal((await host.answer(1)).error?.code, -32600);
  assert.equal((await host.answer(2)).error?.code, -32600);
});

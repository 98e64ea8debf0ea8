/**
 * A stateful host in front of a server that speaks only the stateless revision, on the wire: what the server gets for
 * what the host says, and the other way round.
 *
 * @see MCP 2026-07-28, Basic (T9-T12), Cancellation (T17)
 */
import assert from "node:assert/strict";
import { eventually, INITIALIZE } from "../host.ts";
import { event } from "../scripted_server.ts";
import { asks, CAPABILITIES, SAID, Scene, STATELESS } from "./stateless_scene.ts";

Deno.test("initialize is answered with what server/discover says, in the host's revision (T9, T14)", async () => {
  await using scene = await Scene.start();
  const { result } = await scene.open(CAPABILITIES, "2025-06-18");
  assert.deepEqual(result, {
    protocolVersion: "2025-06-18",
    capabilities: SAID.capabilities,
    serverInfo: { name: "modern", version: "3.0.0", title: "Modern" },
    instructions: "Read me",
  });
});

Deno.test("a revision that is not known is answered with the latest stateful one", async () => {
  await using scene = await Scene.start();
  assert.equal((await scene.open({}, "2031-01-01")).result.protocolVersion, "2025-11-25");
});

Deno.test("each request says who asks, what it can be asked, and which log messages are wanted (T10)", async () => {
  await using scene = await Scene.start();
  await scene.open();
  assert.deepEqual((await scene.host.request("logging/setLevel", { level: "debug" })).result, {});
  await scene.host.request("resources/list", { cursor: "c", _meta: { progressToken: 7 } });
  const [sent] = scene.server.requests("POST /mcp").filter(({ body }) => body.includes("resources/list"));
  assert.equal(sent?.headers.get("mcp-protocol-version"), STATELESS);
  assert.equal(sent?.headers.get("mcp-method"), "resources/list");
  const { params } = sent?.json() as { params: Record<string, unknown> };
  assert.deepEqual(params, {
    cursor: "c",
    _meta: {
      progressToken: 7,
      "io.modelcontextprotocol/protocolVersion": STATELESS,
      "io.modelcontextprotocol/clientInfo": INITIALIZE.clientInfo,
      "io.modelcontextprotocol/clientCapabilities": {
        roots: {},
        sampling: {},
        elicitation: { form: {}, url: {} },
      },
      "io.modelcontextprotocol/logLevel": "debug",
    },
  });
});

Deno.test("what belongs to a session is answered here, and never reaches the server (T9)", async () => {
  await using scene = await Scene.start();
  await scene.open({});
  assert.deepEqual((await scene.host.request("ping")).result, {});
  assert.deepEqual((await scene.host.request("resources/unsubscribe", { uri: "a:b" })).result, {});
  const { error } = await scene.host.request("tasks/list");
  assert.equal(error?.code, -32601);
  assert.match(
    error?.message ?? "",
    /"tasks\/list": the server speaks 2026-07-28, which has no such request/,
  );
  assert.equal((await scene.host.request("resources/subscribe", {})).error?.code, -32602);
  scene.host.send({ jsonrpc: "2.0", method: "notifications/roots/list_changed" });
  await scene.host.request("resources/list");
  const asked = scene.server.methods.filter((method) => method !== "subscriptions/listen");
  assert.deepEqual(asked, ["initialize", "server/discover", "resources/list"]);
  assert.ok(scene.host.log.some((line) => line.includes("notifications/roots/list_changed")));
});

Deno.test("ids of every kind and numbers of any length come and go as they are written", async () => {
  const bodies: string[] = [];
  await using scene = await Scene.start({
    "resources/read": (call) => {
      bodies.push(call.exchange.recorded.body);
      const [, id] = /"id":([^,]+),/.exec(bodies.at(-1)!)!;
      call.json(`{"jsonrpc":"2.0","id":${id},"result":{"n":12345678901234567890, "x":1.50}}`);
    },
  });
  await scene.open();
  for (const id of ['"mcp-auth-1"', "0", "-3", "98765432109876543210"]) {
    scene.host.send(
      `{"jsonrpc":"2.0","id":${id},"method":"resources/read","params":{"uri":"a:b","n":10000000000000000001}}`,
    );
    await eventually(
      () => scene.host.raw.some((line) => line.startsWith(`{"jsonrpc":"2.0","id":${id},`)),
      id,
    );
    assert.ok(bodies.at(-1)!.includes('"n":10000000000000000001'), bodies.at(-1));
    assert.ok(scene.host.raw.at(-1)!.endsWith('"result":{"n":12345678901234567890, "x":1.50}}'));
  }
});

Deno.test("a batch of 2025-03-26 becomes requests, and its answers come one by one (T1)", async () => {
  await using scene = await Scene.start();
  await scene.open({}, "2025-03-26");
  scene.host.send([
    { jsonrpc: "2.0", id: "a", method: "resources/list" },
    { jsonrpc: "2.0", id: "b", method: "ping" },
    { jsonrpc: "2.0", id: "c", method: "prompts/list" },
  ]);
  assert.deepEqual((await scene.host.answer("a")).result, { method: "resources/list" });
  assert.deepEqual((await scene.host.answer("b")).result, {});
  assert.deepEqual((await scene.host.answer("c")).result, { method: "prompts/list" });
});

Deno.test("what a stateful host stumbles over is taken out of tools and results", async () => {
  const plain = { name: "plain", inputSchema: { type: "object" }, outputSchema: { type: "object" } };
  const list = { name: "list", inputSchema: { type: "object" }, outputSchema: { type: "array" } };
  await using scene = await Scene.start({
    "tools/list": (call) => call.result({ resultType: "complete", tools: [plain, list], ttlMs: 1 }),
    "tools/call": (call) => call.result({ resultType: "complete", content: [], structuredContent: [1] }),
  });
  await scene.open();
  const { outputSchema: _, ...rest } = list;
  const { tools, ttlMs } = (await scene.host.request("tools/list")).result;
  assert.deepEqual([tools, ttlMs], [[plain, rest], 1]);
  const { result } = await scene.host.request("tools/call", { name: "list", arguments: {} });
  assert.deepEqual(result, { resultType: "complete", content: [] });
});

Deno.test("progress and log messages of a request come before its answer, untouched (T11)", async () => {
  const progress = { progressToken: "p", progress: 1, total: 2 };
  await using scene = await Scene.start({
    "tools/call": (call) => {
      const answer = { jsonrpc: "2.0", id: call.message.id, result: { resultType: "complete", content: [] } };
      call.stream(
        event({ jsonrpc: "2.0", method: "notifications/progress", params: progress }),
        event({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "x" } }),
        event(answer),
      );
      call.response.end();
    },
  });
  await scene.open();
  await scene.host.request(
    "tools/call",
    { name: "slow", arguments: {}, _meta: { progressToken: "p" } },
    "slow",
  );
  const methods = scene.host.lines.map(({ method, id }) => method ?? id);
  assert.deepEqual(methods.slice(-3), ["notifications/progress", "notifications/message", "slow"]);
});

Deno.test("a result of a type that nobody knows is an error, and no result (T11)", async () => {
  await using scene = await Scene.start({ "tools/call": asks({ resultType: "task", taskId: "1" }) });
  await scene.open();
  const { error } = await scene.host.request("tools/call", { name: "ask", arguments: {} });
  assert.match(error?.message ?? "", /a result of the unknown type "task"/);
});

Deno.test("cancelling closes the stream of a call that is under way (T17)", async () => {
  const closed = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  await using scene = await Scene.start({
    "tools/call": (call) => {
      call.stream(": begun\n\n");
      call.exchange.signal.addEventListener("abort", () => closed.resolve(), { once: true });
      begun.resolve();
    },
  });
  await scene.open();
  scene.host.send({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "slow", arguments: {} } });
  await begun.promise;
  scene.host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });
  await closed.promise;
  assert.equal(scene.host.answers(1), 0);
});

Deno.test("a host that initializes again starts over", async () => {
  await using scene = await Scene.start();
  await scene.open();
  await scene.host.request("logging/setLevel", { level: "debug" });
  const { result } = await scene.host.request("initialize", { ...INITIALIZE, capabilities: {} }, "again");
  assert.equal(result.serverInfo.name, "modern");
  await scene.host.request("resources/read", { uri: "a:b" });
  const asked = scene.server.requests("POST /mcp").map((each) =>
    each.json() as { params: { _meta?: object } }
  );
  assert.equal("io.modelcontextprotocol/logLevel" in (asked.at(-1)!.params._meta ?? {}), false);
});

import assert from "node:assert/strict";
import { eventually, type Line } from "../host.ts";
import { answerTo, event } from "../scripted_server.ts";
import { said, startStateful, StatelessHost } from "./stateful_scene.ts";

const ID = "io.modelcontextprotocol/subscriptionId";
const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: {},
  resources: { subscribe: true, listChanged: true },
  logging: {},
};
const CHANGED = { jsonrpc: "2.0", method: "notifications/tools/list_changed" };

function updated(uri: string): unknown {
  return { jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } };
}

/** Opens a subscription and returns its acknowledgement. */
async function listen(host: StatelessHost, id: string | number, notifications: unknown): Promise<Line> {
  host.send({ jsonrpc: "2.0", id, method: "subscriptions/listen", params: said({ notifications }) });
  const line = await host.line((each) => each.params?._meta?.[ID] === id, `a message of ${id}`);
  assert.equal(line.method, "notifications/subscriptions/acknowledged");
  return line;
}

/** The notifications of a subscription after its acknowledgement. */
function told(host: StatelessHost, id: string | number): readonly unknown[] {
  const all = host.lines.filter((each) => each.params?._meta?.[ID] === id);
  return all.slice(1).map(({ method, params: { _meta, ...rest } }) => [method, rest]);
}

function cancel(host: StatelessHost, requestId: string | number): void {
  host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId } });
}

Deno.test("a subscription is acknowledged first, with what the server can tell, and told that alone (T16)", async () => {
  await using server = await startStateful({}, CAPABILITIES);
  await using host = new StatelessHost(server.url);
  await host.ask("tools/list");
  const all = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: false };
  const filter = { ...all, resourceSubscriptions: ["a:1", "a:2", "a:1"] };
  const { params } = await listen(host, "one", filter);
  assert.deepEqual(params.notifications, { toolsListChanged: true, resourceSubscriptions: ["a:1", "a:2"] });
  assert.deepEqual(server.of("resources/subscribe").map((each) => each.params), [{ uri: "a:1" }, {
    uri: "a:2",
  }]);
  await listen(host, 2, { resourcesListChanged: true });
  await server.push(CHANGED);
  await server.push({ jsonrpc: "2.0", method: "notifications/prompts/list_changed" });
  await server.push({
    jsonrpc: "2.0",
    method: "notifications/resources/list_changed",
    params: { _meta: { x: 1 } },
  });
  await server.push(updated("a:2"));
  await server.push(updated("a:2/part"));
  await server.push(updated("a:20"));
  await server.push(CHANGED);
  await eventually(() => told(host, "one").length === 4, "all are told");
  const update = "notifications/resources/updated";
  assert.deepEqual(told(host, "one"), [
    ["notifications/tools/list_changed", {}],
    [update, { uri: "a:2" }],
    [update, { uri: "a:2/part" }],
    ["notifications/tools/list_changed", {}],
  ]);
  assert.deepEqual(told(host, 2), [["notifications/resources/list_changed", {}]]);
  assert.equal(host.answers("one") + host.answers(2), 0);
});

Deno.test("a subscription ends with its cancellation: resources that nobody else wants are given up (T16, T17)", async () => {
  await using server = await startStateful({}, CAPABILITIES);
  await using host = new StatelessHost(server.url);
  await listen(host, "one", { resourceSubscriptions: ["a:1", "a:2"] });
  await listen(host, "two", { resourceSubscriptions: ["a:2", "a:3"] });
  const subscribed = server.of("resources/subscribe").map(({ params }) => params.uri);
  assert.deepEqual(subscribed.sort(), ["a:1", "a:2", "a:3"]);
  cancel(host, "one");
  await eventually(() => server.of("resources/unsubscribe").length === 1, "one is given up");
  assert.deepEqual(server.of("resources/unsubscribe")[0].params, { uri: "a:1" });
  await server.push(updated("a:2"));
  await eventually(() => told(host, "two").length === 1, "the other is still told");
  assert.deepEqual(told(host, "one"), []);
  cancel(host, "two");
  await eventually(() => server.of("resources/unsubscribe").length === 3, "the others are given up");
  assert.equal(server.of("notifications/cancelled").length, 0);
  assert.equal(host.answers("one") + host.answers("two"), 0);
});

Deno.test("what comes before the acknowledgement is told after it, and what is refused is not promised (T16)", async () => {
  await using server = await startStateful({
    "resources/subscribe": async (call) => {
      const { uri } = call.message.params;
      const error = { code: -32602, message: "No such resource" };
      if (uri === "a:no") return call.json(JSON.stringify({ jsonrpc: "2.0", id: call.message.id, error }));
      await server.push(updated(uri));
      await new Promise((resolve) => setTimeout(resolve, 50));
      call.result({});
    },
  }, CAPABILITIES);
  await using host = new StatelessHost(server.url);
  await host.ask("tools/list");
  await eventually(() => server.methods.includes("GET"), "the server's stream is open");
  const { params } = await listen(host, 1, { resourceSubscriptions: ["a:1", "a:no"] });
  assert.deepEqual(params.notifications, { resourceSubscriptions: ["a:1"] });
  await eventually(() => told(host, 1).length === 1, "the early one is told");
});

Deno.test("subscriptions that want the same resource at once share the server's answer", async () => {
  await using server = await startStateful({
    "resources/subscribe": async (call) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (call.message.params.uri === "a:1") return call.result({});
      const error = { code: -32602, message: "No such resource" };
      call.json(JSON.stringify({ jsonrpc: "2.0", id: call.message.id, error }));
    },
  }, CAPABILITIES);
  await using host = new StatelessHost(server.url);
  await host.ask("tools/list");
  const filter = { resourceSubscriptions: ["a:1", "a:no"] };
  const acknowledged = await Promise.all([1, 2, 3].map((id) => listen(host, `l${id}`, filter)));
  for (const { params } of acknowledged) {
    assert.deepEqual(params.notifications, { resourceSubscriptions: ["a:1"] });
  }
  assert.equal(server.of("resources/subscribe").length, 2);
});

Deno.test("a filter that is none, or asks for too much, is refused", async () => {
  await using server = await startStateful({}, CAPABILITIES);
  await using host = new StatelessHost(server.url);
  const many = Array.from({ length: 257 }, (_, i) => `a:${i}`);
  for (
    const notifications of [undefined, [], { resourceSubscriptions: "a:1" }, { resourceSubscriptions: many }]
  ) {
    const { error } = await host.ask("subscriptions/listen", { notifications });
    assert.equal(error?.code, -32602);
  }
  assert.equal(server.of("resources/subscribe").length, 0);
});

Deno.test("a subscription does not hold up the end, and ends complete (T17)", async () => {
  await using server = await startStateful({}, CAPABILITIES);
  await using host = new StatelessHost(server.url);
  await listen(host, "one", { toolsListChanged: true });
  assert.ok(await host.end() < 1_000);
  const { result } = await host.answer("one");
  assert.equal(result.resultType, "complete");
  assert.equal(result._meta[ID], "one");
  assert.equal(host.answers("one"), 1);
});

Deno.test("the log level that a request names is set at the server when it changes (T9, T10)", async () => {
  await using server = await startStateful({}, CAPABILITIES);
  await using host = new StatelessHost(server.url);
  const at = (logLevel: string) => ({ "io.modelcontextprotocol/logLevel": logLevel });
  await host.ask("tools/list");
  for (const level of ["info", "info", "nonsense", "debug"]) {
    await host.ask("tools/list", {}, undefined, at(level));
  }
  await host.ask("tools/list");
  const methods = server.messages.map(({ method, params }) => params?.level ?? method).slice(-7);
  assert.deepEqual(methods, [
    "info",
    "tools/list",
    "tools/list",
    "tools/list",
    "debug",
    "tools/list",
    "tools/list",
  ]);
});

Deno.test("a server without logging is not asked for it", async () => {
  await using server = await startStateful({}, { tools: {} });
  await using host = new StatelessHost(server.url);
  await host.ask("tools/list", {}, undefined, { "io.modelcontextprotocol/logLevel": "debug" });
  assert.equal(server.of("logging/setLevel").length, 0);
});

Deno.test("log messages are told to whom has asked for them, and to nobody else (T10)", async () => {
  const message = (level: string, data: string) => ({
    jsonrpc: "2.0",
    method: "notifications/message",
    params: { level, data },
  });
  await using server = await startStateful({
    "tools/call": (call) => {
      const { name } = call.message.params;
      call.stream(
        event(message("info", `${name} info`)),
        event(message("error", `${name} error`)),
        event(answerTo(call)),
      );
      call.response.end();
    },
  }, CAPABILITIES);
  await using host = new StatelessHost(server.url);
  await host.ask("tools/list");
  await server.push(message("error", "too early"));
  await host.ask("tools/call", { name: "silent" });
  await host.ask("tools/call", { name: "loud" }, undefined, { "io.modelcontextprotocol/logLevel": "info" });
  await host.ask("tools/call", { name: "strict" }, undefined, {
    "io.modelcontextprotocol/logLevel": "error",
  });
  await server.push(message("error", "of no call"));
  await host.line(({ params }) => params?.data === "of no call", "the message of no call");
  const data = host.lines.filter(({ method }) => method === "notifications/message").map(({ params }) =>
    params.data
  );
  assert.deepEqual(data, ["loud info", "loud error", "strict error", "of no call"]);
});

Deno.test("notifications for which the stateless era has no place end here, and others pass (T9)", async () => {
  await using server = await startStateful();
  await using host = new StatelessHost(server.url);
  await host.ask("tools/list");
  const gone = ["elicitation/complete", "tasks/status", "tools/list_changed"];
  for (const name of gone) await server.push({ jsonrpc: "2.0", method: `notifications/${name}`, params: {} });
  await server.push({ jsonrpc: "2.0", method: "notifications/com.example/own", params: { x: 1 } });
  await host.line(({ method }) => method === "notifications/com.example/own");
  assert.deepEqual(host.lines.flatMap(({ method }) => method ?? []), ["notifications/com.example/own"]);
  host.send({ jsonrpc: "2.0", method: "notifications/com.example/host", params: said({ y: 2 }) });
  host.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  await eventually(() => server.of("notifications/com.example/host").length === 1, "the host's own passes");
  assert.deepEqual(server.of("notifications/com.example/host")[0].params, { y: 2 });
  assert.equal(server.of("notifications/initialized").length, 1);
});

/**
 * What a stateful host hears of a stateless server's changes, and subscribes to.
 *
 * @see MCP 2026-07-28, Subscriptions (T16, T18)
 */
import assert from "node:assert/strict";
import { eventually } from "../host.ts";
import { type Call, event, type Script } from "../scripted_server.ts";
import { Scene, SUBSCRIPTION } from "./stateless_scene.ts";

/** A server with streams of changes that a test writes to. */
function listening(streams: Call[]): Script {
  return {
    "subscriptions/listen": (call) => {
      const _meta = { [SUBSCRIPTION]: call.message.id };
      const params = { _meta, notifications: call.message.params.notifications };
      call.stream(event({ jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params }));
      streams.push(call);
    },
  };
}

function tell({ response, message }: Call, method: string, params = {}): void {
  response.write(
    event({ jsonrpc: "2.0", method, params: { ...params, _meta: { [SUBSCRIPTION]: message.id } } }),
  );
}

Deno.test("lists that change and resources that are subscribed to are heard of by one stream (T16)", async () => {
  const streams: Call[] = [];
  await using scene = await Scene.start(listening(streams));
  await scene.open();
  await eventually(() => streams.length === 1, "the stream");
  assert.deepEqual(streams[0]!.message.params.notifications, { toolsListChanged: true });
  tell(streams[0]!, "notifications/tools/list_changed");
  const changed = await scene.host.line(({ method }) => method === "notifications/tools/list_changed");
  assert.deepEqual(changed, { jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  assert.deepEqual((await scene.host.request("resources/subscribe", { uri: "a:1" })).result, {});
  assert.deepEqual((await scene.host.request("resources/subscribe", { uri: "a:2" })).result, {});
  const wanted = { toolsListChanged: true, resourceSubscriptions: ["a:1", "a:2"] };
  assert.deepEqual(streams.at(-1)!.message.params.notifications, wanted);
  tell(streams.at(-1)!, "notifications/resources/updated", { uri: "a:1" });
  const updated = await scene.host.line(({ method }) => method === "notifications/resources/updated");
  assert.deepEqual(updated.params, { uri: "a:1" });
  assert.deepEqual((await scene.host.request("resources/unsubscribe", { uri: "a:1" })).result, {});
  assert.deepEqual(streams.at(-1)!.message.params.notifications.resourceSubscriptions, ["a:2"]);
  await eventually(
    () => streams.slice(0, -1).every(({ exchange }) => exchange.signal.aborted),
    "old streams to end",
  );
  assert.equal(scene.host.lines.some(({ method }) => method?.includes("acknowledged")), false);
});

Deno.test("a stream of changes that breaks is opened again (T18)", async () => {
  const streams: Call[] = [];
  await using scene = await Scene.start(listening(streams));
  await scene.open();
  await eventually(() => streams.length === 1, "the stream");
  streams[0]!.response.destroy();
  await eventually(() => streams.length === 2, "the stream to be opened again");
  assert.notEqual(streams[1]!.message.id, streams[0]!.message.id);
  tell(streams[1]!, "notifications/tools/list_changed");
  await scene.host.line(({ method }) => method === "notifications/tools/list_changed");
});

Deno.test("a subscription that the server refuses fails with its words, and what was there goes on", async () => {
  const streams: Call[] = [];
  const { "subscriptions/listen": accept } = listening(streams);
  await using scene = await Scene.start({
    "subscriptions/listen": (call) => {
      if (call.message.params.notifications.resourceSubscriptions === undefined) return accept!(call);
      const error = { code: -32602, message: "Unknown resource" };
      call.json(JSON.stringify({ jsonrpc: "2.0", id: call.message.id, error }), 400);
    },
  });
  await scene.open();
  await eventually(() => streams.length === 1, "the stream");
  const { error } = await scene.host.request("resources/subscribe", { uri: "a:1" });
  assert.deepEqual(error, { code: -32602, message: "Unknown resource" });
  tell(streams[0]!, "notifications/tools/list_changed");
  await scene.host.line(({ method }) => method === "notifications/tools/list_changed");
});

Deno.test("a server without a stream of changes is asked for it once", async () => {
  await using scene = await Scene.start({
    "subscriptions/listen": (call) => {
      const error = { code: -32601, message: "Method not found" };
      call.json(JSON.stringify({ jsonrpc: "2.0", id: call.message.id, error }), 404);
    },
  });
  await scene.open();
  await eventually(() => scene.of("subscriptions/listen").length === 1, "the stream");
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal(scene.of("subscriptions/listen").length, 1);
});

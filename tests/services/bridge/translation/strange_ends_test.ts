/**
 * Hosts and servers that are of no library's making: streams that stay open behind the answer, answers that belong to
 * somebody else, hosts that begin anew in the middle. Whatever they do, each request of the host gets one answer.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { STREAM_LINGER_MS } from "../../../../lib/primitives/bridge_limits.ts";
import { eventually } from "../host.ts";
import { answerTo, type Call, event, hang } from "../scripted_server.ts";
import { said, startStateful, StatelessHost } from "./stateful_scene.ts";
import { asks, SAID, Scene } from "./stateless_scene.ts";

/** Answers on a stream that stays open. */
function leavingOpen(result: () => unknown, headers: Record<string, string> = {}) {
  return async (call: Call) => {
    call.response.writeHead(200, { "content-type": "text/event-stream", ...headers });
    call.response.write(event(answerTo(call, result())));
    await hang(call);
  };
}

Deno.test("streams that a server leaves open behind its refusals and answers hold nobody up", async () => {
  const started = performance.now();
  const error = { code: -32600, message: "Who are you?" };
  const refuse = async (call: Call) => {
    call.stream(event({ jsonrpc: "2.0", id: call.message.id, error }));
    await hang(call);
  };
  const initialized = {
    protocolVersion: "2025-03-26",
    capabilities: { logging: {} },
    serverInfo: { name: "s", version: "1" },
  };
  await using server = await startStateful({
    initialize: leavingOpen(() => initialized, { "mcp-session-id": "session-1" }),
    "server/discover": refuse,
    "logging/setLevel": leavingOpen(() => ({})),
    "tools/list": leavingOpen(() => ({ tools: [] })),
  });
  await using host = new StatelessHost(server.url);
  const level = { "io.modelcontextprotocol/logLevel": "info" };
  deepEqual((await host.ask("server/discover")).result.capabilities, { logging: {} });
  deepEqual((await host.ask("tools/list", {}, "list", level)).result.tools, []);
  ok(performance.now() - started < STREAM_LINGER_MS, "it did not wait for a stream to be cut");
});

Deno.test("rounds of input follow at once where each stream stays open (T15)", async () => {
  const started = performance.now();
  const roots = { inputRequests: { r: { method: "roots/list" } } };
  const answers = [
    { resultType: "input_required", ...roots },
    { resultType: "input_required", ...roots, requestState: "second" },
    { resultType: "complete", content: [] },
  ];
  await using scene = await Scene.start({
    "server/discover": leavingOpen(() => SAID),
    "tools/call": leavingOpen(() => answers.shift()),
  });
  await scene.open();
  scene.host.send({ jsonrpc: "2.0", id: "call", method: "tools/call", params: { name: "x" } });
  for (const count of [1, 2]) {
    const asked = () => scene.host.lines.filter(({ method }) => method === "roots/list");
    await eventually(() => asked().length === count, "the server asks");
    const { id } = asked()[count - 1]!;
    // Twice: the second answer is to nothing.
    for (const _ of [1, 2]) scene.host.send({ jsonrpc: "2.0", id, result: { roots: [] } });
  }
  deepEqual((await scene.host.answer("call")).result.content, []);
  ok(performance.now() - started < STREAM_LINGER_MS, "it did not wait for a stream to be cut");
  equal(scene.host.answers("call"), 1);
  deepEqual(scene.of("tools/call").map(({ params }) => params.requestState), [
    undefined,
    undefined,
    "second",
  ]);
});

Deno.test("an answer to another request on a request's stream is not taken for its own", async () => {
  await using scene = await Scene.start({
    "prompts/list": (call) => {
      call.stream(
        event({ jsonrpc: "2.0", id: "foreign", result: { prompts: ["foreign"] } }),
        event(answerTo(call, { prompts: [] })),
      );
      call.response.end();
    },
  });
  await scene.open();
  deepEqual((await scene.host.request("prompts/list", {}, "p")).result, { prompts: [] });
  equal(scene.host.answers("p"), 1);
});

Deno.test("a host of 2025-03-26 may answer a question in a batch (T1)", async () => {
  await using scene = await Scene.start({
    "tools/call": asks({ resultType: "input_required", inputRequests: { r: { method: "roots/list" } } }),
  });
  await scene.open(undefined, "2025-03-26");
  scene.host.send({ jsonrpc: "2.0", id: "call", method: "tools/call", params: { name: "x" } });
  const { id } = await scene.host.line(({ method }) => method === "roots/list");
  scene.host.send([{ jsonrpc: "2.0", id, result: { roots: [] } }]);
  equal((await scene.host.answer("call")).error, undefined);
  deepEqual(scene.of("tools/call").at(-1).params.inputResponses, { r: { roots: [] } });
});

Deno.test("a host that begins anew with initialize gets an answer to what was under way", async () => {
  let ended = false;
  await using server = await startStateful({
    "tools/call": async (call) => {
      await hang(call);
      ended = true;
    },
  });
  await using host = new StatelessHost(server.url);
  await host.ask("server/discover");
  host.send({ jsonrpc: "2.0", id: "call", method: "tools/call", params: said({ name: "x" }) });
  host.send({
    jsonrpc: "2.0",
    id: "listen",
    method: "subscriptions/listen",
    params: said({ notifications: {} }),
  });
  await host.line(({ method }) => method === "notifications/subscriptions/acknowledged");
  await eventually(() => server.of("tools/call").length === 1, "the call is under way");
  equal((await host.initialize()).result.protocolVersion, "2025-11-25");
  for (const id of ["call", "listen"]) ok((await host.answer(id)).error, id);
  await eventually(() => ended, "the server sees the call end");
  deepEqual((await host.request("tools/list")).result, { method: "tools/list" });
  deepEqual(["call", "listen"].map((id) => host.answers(id)), [1, 1]);
});

Deno.test("what a host had sent before the eras were known is answered as it was asked", async () => {
  const proceed = Promise.withResolvers<void>();
  await using loose = await Scene.start({
    initialize: (call) => call.result({ protocolVersion: "2025-11-25", capabilities: {} }),
    "server/discover": (call) =>
      call.json(
        JSON.stringify({ jsonrpc: "2.0", id: call.message.id, error: { code: -32601, message: "?" } }),
      ),
    ping: async (call) => {
      await proceed.promise;
      call.result({ late: true });
    },
  });
  const { host } = loose;
  host.send({ jsonrpc: "2.0", id: "early", method: "ping" });
  await eventually(() => loose.of("ping").length === 1, "the ping is under way");
  deepEqual((await host.request("server/discover", said())).result.supportedVersions, ["2026-07-28"]);
  proceed.resolve();
  deepEqual((await host.answer("early")).result, { late: true });
  equal(host.answers("early"), 1);
});

Deno.test("a server that opens no session for the moment is asked again with the next request (T20)", async () => {
  let broken = true;
  await using server = await startStateful({
    initialize: (call) => {
      if (broken) return void call.response.writeHead(500).end("Starting");
      const result = {
        protocolVersion: "2025-11-25",
        capabilities: {},
        serverInfo: { name: "s", version: "1" },
      };
      call.json(JSON.stringify(answerTo(call, result)), 200, { "mcp-session-id": "session-1" });
    },
  });
  await using host = new StatelessHost(server.url);
  ok((await host.ask("tools/list", {}, "early")).error);
  broken = false;
  equal((await host.ask("tools/list", {}, "late")).result.method, "tools/list");
});

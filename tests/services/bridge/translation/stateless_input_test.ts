/**
 * What a stateless server wants to know before it answers, asked of a stateful host by the requests that it knows.
 *
 * @see MCP 2026-07-28, Multi Round-Trip Requests (T15), Cancellation (T17)
 */
import assert from "node:assert/strict";
import { eventually } from "../host.ts";
import { asks, CAPABILITIES, Scene } from "./stateless_scene.ts";

const elicit = (params: unknown) => ({ method: "elicitation/create", params });
const FORM = { mode: "form", message: "Who?", requestedSchema: { type: "object", properties: {} } };

Deno.test("what the server wants to know is asked of the host, and goes back with its state and a new id (T15)", async () => {
  const state = "opaque é \u2028 12345678901234567890";
  await using scene = await Scene.start({
    "tools/call": asks({
      resultType: "input_required",
      requestState: state,
      inputRequests: {
        who: elicit(FORM),
        what: { method: "sampling/createMessage", params: { messages: [], maxTokens: 10 } },
        where: { method: "roots/list" },
      },
    }),
  });
  await scene.open();
  scene.host.send({
    jsonrpc: "2.0",
    id: 5,
    method: "tools/call",
    params: { name: "ask", arguments: { a: 1 }, _meta: { progressToken: 9 } },
  });
  const asked = await scene.reply("elicitation/create", { action: "accept", content: { name: "Ada" } });
  assert.deepEqual(asked.params, FORM);
  await scene.reply("sampling/createMessage", {
    role: "assistant",
    content: { type: "text", text: "Hi" },
    model: "m",
  });
  await scene.reply("roots/list", { roots: [] });
  assert.equal((await scene.host.answer(5)).result.content[0].text, "done");
  const [first, second] = scene.of("tools/call");
  assert.equal(first.id, 5);
  assert.notEqual(second.id, 5);
  const { inputResponses, requestState, ...same } = second.params;
  assert.deepEqual(same, first.params);
  assert.equal(requestState, state);
  assert.deepEqual(inputResponses, {
    who: { action: "accept", content: { name: "Ada" } },
    what: { role: "assistant", content: { type: "text", text: "Hi" }, model: "m" },
    where: { roots: [] },
  });
});

Deno.test("no state and no answers are made up, round after round (T15)", async () => {
  await using scene = await Scene.start({
    "prompts/get": asks(
      { resultType: "input_required", requestState: "one" },
      { resultType: "input_required", inputRequests: { a: { method: "roots/list" } } },
    ),
  });
  await scene.open();
  scene.host.send({ jsonrpc: "2.0", id: 1, method: "prompts/get", params: { name: "p" } });
  await scene.reply("roots/list", { roots: [] });
  await scene.host.answer(1);
  const [, second, third] = scene.of("prompts/get");
  assert.deepEqual([second.params.requestState, "inputResponses" in second.params], ["one", false]);
  assert.deepEqual(["requestState" in third.params, third.params.inputResponses], [false, {
    a: { roots: [] },
  }]);
  assert.equal(new Set(scene.of("prompts/get").map(({ id }) => id)).size, 3);
});

Deno.test("two questions for a person are asked one after the other", async () => {
  await using scene = await Scene.start({
    "tools/call": asks({
      resultType: "input_required",
      inputRequests: { a: elicit({ ...FORM, message: "1" }), b: elicit({ ...FORM, message: "2" }) },
    }),
  });
  await scene.open();
  const answered = scene.host.request("tools/call", { name: "ask", arguments: {} });
  const asked = () => scene.host.lines.filter(({ method }) => method === "elicitation/create");
  await scene.reply("elicitation/create", { action: "decline" });
  assert.equal(asked().length, 1);
  await eventually(() => asked().length === 2, "the second question");
  scene.host.send({ jsonrpc: "2.0", id: asked()[1]!.id, result: { action: "cancel" } });
  await answered;
  const [, { params }] = scene.of("tools/call");
  assert.deepEqual(params.inputResponses, { a: { action: "decline" }, b: { action: "cancel" } });
});

Deno.test("a question by URL gets the id that 2025-11-25 wants, and the host hears when it is over", async () => {
  await using scene = await Scene.start({
    "tools/call": asks({
      resultType: "input_required",
      inputRequests: { a: elicit({ mode: "url", message: "Go", url: "https://example.com/" }) },
    }),
  });
  await scene.open();
  const answered = scene.host.request("tools/call", { name: "ask", arguments: {} });
  const { params } = await scene.reply("elicitation/create", { action: "accept" });
  assert.equal(typeof params.elicitationId, "string");
  await answered;
  const done = await scene.host.line(({ method }) => method === "notifications/elicitation/complete");
  assert.deepEqual(done.params, { elicitationId: params.elicitationId });
});

for (
  const [what, capabilities, request] of [
    ["a form", { sampling: {} }, elicit(FORM)],
    [
      "a visit to a URL",
      { elicitation: {} },
      elicit({ mode: "url", message: "Go", url: "https://example.com/" }),
    ],
    ["a model", { elicitation: {} }, { method: "sampling/createMessage", params: {} }],
    ["what nobody knows", CAPABILITIES, { method: "host/explode" }],
  ] as const
) {
  Deno.test(`a host that does not offer ${what} is not asked for it: the call fails, with a reason (T15)`, async () => {
    await using scene = await Scene.start({
      "tools/call": asks({ resultType: "input_required", inputRequests: { a: request } }),
    });
    await scene.open(capabilities);
    const { error } = await scene.host.request("tools/call", { name: "ask", arguments: {} });
    assert.match(
      error?.message ?? "",
      new RegExp(`"tools/call ask": the server asks for "${request.method}"`),
    );
    assert.equal(error?.data.code, "SERVER_ERROR");
    assert.equal(scene.of("tools/call").length, 1);
  });
}

Deno.test("a host of 2025-06-18 gets a form without the mode that it does not know", async () => {
  await using scene = await Scene.start({
    "tools/call": asks({ resultType: "input_required", inputRequests: { a: elicit(FORM) } }),
  });
  await scene.open({ elicitation: {} }, "2025-06-18");
  const answered = scene.host.request("tools/call", { name: "ask", arguments: {} });
  const { params } = await scene.reply("elicitation/create", { action: "decline" });
  assert.equal("mode" in params, false);
  await answered;
});

Deno.test("a host that refuses a question fails the call, and its other questions are taken back", async () => {
  await using scene = await Scene.start({
    "tools/call": asks({
      resultType: "input_required",
      inputRequests: { a: { method: "roots/list" }, b: { method: "sampling/createMessage", params: {} } },
    }),
  });
  await scene.open();
  const answered = scene.host.request("tools/call", { name: "ask", arguments: {} });
  const sampling = await scene.host.line(({ method }) => method === "sampling/createMessage");
  const roots = await scene.host.line(({ method }) => method === "roots/list");
  scene.host.send({ jsonrpc: "2.0", id: sampling.id, error: { code: -1, message: "User rejected it" } });
  assert.match((await answered).error?.message ?? "", /refused "sampling\/createMessage".*User rejected it/);
  const taken = await scene.host.line(({ method }) => method === "notifications/cancelled");
  assert.equal(taken.params.requestId, roots.id);
});

Deno.test("a server that asks for ever is cut off", async () => {
  await using scene = await Scene.start({
    "tools/call": (call) =>
      call.result({ resultType: "input_required", inputRequests: { a: { method: "roots/list" } } }),
  });
  await scene.open();
  const answered = scene.host.request("tools/call", { name: "ask", arguments: {} });
  const replied = new Set<unknown>();
  const over = answered.then(() => true);
  while (!await Promise.race([over, new Promise((resolve) => setTimeout(() => resolve(false), 1))])) {
    for (const { method, id } of scene.host.lines) {
      if (method !== "roots/list" || replied.has(id)) continue;
      replied.add(id);
      scene.host.send({ jsonrpc: "2.0", id, result: { roots: [] } });
    }
  }
  assert.match((await answered).error?.message ?? "", /asked for input 20 times and still wants more/);
});

Deno.test("cancelling a call ends its exchange and takes its questions back; no notice is posted (T17)", async () => {
  await using scene = await Scene.start({
    "tools/call": asks({ resultType: "input_required", inputRequests: { a: elicit(FORM) } }),
  });
  await scene.open();
  scene.host.send({
    jsonrpc: "2.0",
    id: "call",
    method: "tools/call",
    params: { name: "ask", arguments: {} },
  });
  const asked = await scene.host.line(({ method }) => method === "elicitation/create");
  scene.host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "call" } });
  const taken = await scene.host.line(({ method }) => method === "notifications/cancelled");
  assert.equal(taken.params.requestId, asked.id);
  await scene.host.request("ping");
  assert.equal(scene.host.answers("call"), 0);
  assert.equal(scene.server.methods.includes("notifications/cancelled"), false);
});

import assert from "node:assert/strict";
import { eventually, type Line } from "../host.ts";
import { answerTo, type Call, event, hang } from "../scripted_server.ts";
import { ASKABLE, said, startStateful, StatelessHost } from "./stateful_scene.ts";

const FORM = { type: "object", properties: { name: { type: "string" } } };
const CALL = { name: "ask", arguments: { x: 1 } };

/** A request of the server, as an event. */
function asks(
  id: unknown,
  method = "elicitation/create",
  params: unknown = { message: "Who?", requestedSchema: FORM },
) {
  return event({ jsonrpc: "2.0", id, method, ...(params === null ? {} : { params }) });
}

/** A tool that asks, and answers with what it was answered. */
function asking(...questions: string[]): (call: Call) => Promise<void> {
  return async (call) => {
    const { promise, resolve } = Promise.withResolvers<unknown[]>();
    waiting = { left: questions.length, got: [], resolve };
    call.stream(...questions);
    const got = await Promise.race([promise, hang(call)]);
    if (got === undefined) return;
    call.response.write(event(answerTo(call, { got })));
    call.response.end();
  };
}

let waiting: { left: number; readonly got: unknown[]; resolve: (got: unknown[]) => void } | undefined;

/** Counts the host's answers for {@linkcode asking}. */
function answered(call: Call): void {
  call.response.writeHead(202).end();
  waiting?.got.push(call.message.result ?? call.message.error.code);
  if (waiting !== undefined && --waiting.left === 0) waiting.resolve(waiting.got);
}

/** What the host was asked to bring. */
function wanted({ result }: Line): { readonly keys: string[]; readonly requestState: string } {
  assert.equal(result.resultType, "input_required");
  assert.match(result.requestState, /^[\w-]{43}$/);
  return { keys: Object.keys(result.inputRequests), requestState: result.requestState };
}

Deno.test("what the server asks becomes a round of input, and the call goes on where it was (T6, T15)", async () => {
  await using server = await startStateful({ "tools/call": asking(asks(0)), response: answered });
  await using host = new StatelessHost(server.url, ASKABLE);
  const first = await host.ask("tools/call", CALL, "first", { progressToken: 1 });
  const { keys: [key], requestState } = wanted(first);
  assert.deepEqual(first.result.inputRequests[key!], {
    method: "elicitation/create",
    params: { message: "Who?", requestedSchema: FORM },
  });
  const response = { action: "accept", content: { name: "Ann" } };
  const again = { ...CALL, inputResponses: { [key!]: response }, requestState };
  const { result } = await host.ask("tools/call", again, "second");
  assert.equal(result.resultType, "complete");
  assert.deepEqual(result.got, [response]);
  assert.equal(server.of("tools/call").length, 1);
  assert.deepEqual(host.lines.filter(({ method }) => method !== undefined), []);
  assert.deepEqual(["first", "second"].map((id) => host.answers(id)), [1, 1]);
});

Deno.test("everything a host can be asked passes, in the words of its era (T15)", async () => {
  const url = { mode: "url", message: "Open", url: "https://example.com/", elicitationId: "e-1" };
  const sampling = { messages: [], maxTokens: 5, _meta: { progressToken: 3, "com.example/x": 1 } };
  const questions = [
    asks("u", "elicitation/create", url),
    asks("s", "sampling/createMessage", sampling),
    asks("r", "roots/list", null),
  ];
  await using server = await startStateful({ "prompts/get": asking(...questions), response: answered });
  await using host = new StatelessHost(server.url, ASKABLE);
  const first = await host.ask("prompts/get", { name: "p" });
  const { keys, requestState } = wanted(first);
  assert.deepEqual(Object.values(first.result.inputRequests), [
    { method: "elicitation/create", params: { mode: "url", message: "Open", url: "https://example.com/" } },
    {
      method: "sampling/createMessage",
      params: { messages: [], maxTokens: 5, _meta: { "com.example/x": 1 } },
    },
    { method: "roots/list" },
  ]);
  const inputResponses = Object.fromEntries(keys.map((key, n) => [key, { n }]));
  const { result } = await host.ask("prompts/get", { name: "p", inputResponses, requestState });
  assert.deepEqual(result.got.map(({ n }: { n: number }) => n).sort(), [0, 1, 2]);
});

Deno.test("what the host leaves out is asked again, under a new state (T15)", async () => {
  await using server = await startStateful({ "tools/call": asking(asks(1), asks(2)), response: answered });
  await using host = new StatelessHost(server.url, ASKABLE);
  const { keys, requestState } = wanted(await host.ask("tools/call", CALL));
  assert.equal(keys.length, 2);
  const inputResponses = { [keys[0]!]: { n: 1 }, unknown: { n: 9 } };
  const second = wanted(await host.ask("tools/call", { ...CALL, inputResponses, requestState }));
  assert.deepEqual(second.keys, [keys[1]]);
  assert.notEqual(second.requestState, requestState);
  const rest = { inputResponses: { [keys[1]!]: { n: 2 } }, requestState: second.requestState };
  const { result } = await host.ask("tools/call", { ...CALL, ...rest });
  assert.deepEqual(result.got, [{ n: 1 }, { n: 2 }]);
});

Deno.test("questions on the stream of the server's own find the call under way (T4, T6)", async () => {
  await using server = await startStateful({ "resources/read": asking(": later\n\n"), response: answered });
  await using host = new StatelessHost(server.url, ASKABLE);
  await host.ask("tools/list");
  host.send({ jsonrpc: "2.0", id: "read", method: "resources/read", params: said({ uri: "a:b" }, ASKABLE) });
  await eventually(() => server.of("resources/read").length === 1, "the call arrives");
  await server.push({ jsonrpc: "2.0", id: 77, method: "roots/list" });
  const { keys: [key], requestState } = wanted(await host.answer("read"));
  const inputResponses = { [key!]: { roots: [] } };
  const { result } = await host.ask("resources/read", { uri: "a:b", inputResponses, requestState });
  assert.deepEqual(result.got, [{ roots: [] }]);
  assert.equal(server.answers.at(-1).id, 77);
});

Deno.test("a host is not asked what it did not offer: the server hears so, and the call goes on (T15)", async () => {
  const url = { mode: "url", message: "Open", url: "https://example.com/" };
  const questions = [
    asks(1),
    asks(2, "sampling/createMessage"),
    asks(3, "elicitation/create", url),
    asks(4, "x/y"),
  ];
  await using server = await startStateful({ "tools/call": asking(...questions), response: answered });
  await using host = new StatelessHost(server.url, { sampling: true, elicitation: { url: 1 } });
  const { result } = await host.ask("tools/call", CALL);
  assert.deepEqual(result.got, [-32601, -32601, -32601, -32601]);
  assert.equal(host.lines.length, 1);
});

Deno.test("outside of a call nobody can be asked, and a ping is answered (T6, T9)", async () => {
  await using server = await startStateful();
  await using host = new StatelessHost(server.url, ASKABLE);
  await host.ask("tools/list");
  await server.push({ jsonrpc: "2.0", id: "p", method: "ping" });
  await server.push({ jsonrpc: "2.0", id: "r", method: "roots/list" });
  await eventually(() => server.answers.length === 2, "both are answered");
  const of = (id: string) => server.answers.find((each) => each.id === id);
  assert.deepEqual(of("p").result, {});
  assert.equal(of("r").error.code, -32601);
  assert.equal(host.lines.length, 1);
});

Deno.test("a server that asks without end gets its answers, and holds up nobody", async () => {
  await using server = await startStateful();
  await using host = new StatelessHost(server.url, ASKABLE);
  await host.ask("tools/list");
  for (let id = 0; id < 500; id++) {
    await server.push({ jsonrpc: "2.0", id, method: id % 2 === 0 ? "ping" : "roots/list" });
  }
  assert.equal((await host.ask("tools/list")).result.method, "tools/list");
  await eventually(() => server.answers.length === 500, "all are answered");
  assert.equal(server.answers.filter(({ error }) => error?.code === -32601).length, 250);
});

Deno.test("a state is good for one round of one request (T15)", async () => {
  await using server = await startStateful({ "tools/call": asking(asks(1)), response: answered });
  await using host = new StatelessHost(server.url, ASKABLE);
  const { keys: [key], requestState } = wanted(await host.ask("tools/call", CALL));
  const inputResponses = { [key!]: { n: 1 } };
  const wrong = [
    { name: "other", inputResponses, requestState },
    { ...CALL, inputResponses, requestState: requestState.slice(1) },
    { ...CALL, inputResponses, requestState: 5 },
  ];
  for (const params of wrong) {
    const { error } = await host.ask("tools/call", params);
    assert.equal(error?.code, -32602);
    assert.match(error?.message ?? "", /requestState/);
  }
  const read = await host.ask("resources/read", { uri: "a:b", inputResponses, requestState });
  assert.equal(read.error?.code, -32602);
  const { result } = await host.ask("tools/call", { ...CALL, inputResponses, requestState });
  assert.deepEqual(result.got, [{ n: 1 }]);
  const used = await host.ask("tools/call", { ...CALL, inputResponses, requestState });
  assert.equal(used.error?.code, -32602);
  const next = wanted(await host.ask("tools/call", CALL));
  const again = said(
    { ...CALL, inputResponses: { [next.keys[0]!]: {} }, requestState: next.requestState },
    ASKABLE,
  );
  const twice = ["t1", "t2"].map((id) =>
    JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: again })
  );
  host.send(twice.join("\n"));
  const answers = await Promise.all(["t1", "t2"].map((id) => host.answer(id)));
  assert.deepEqual(answers.map(({ error }) => error?.code).sort(), [-32602, undefined]);
  assert.equal(server.of("tools/call").length, 2);
});

Deno.test("a call that comes out while the host gathers input is told when it comes back", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using server = await startStateful({
    "tools/call": async (call) => {
      call.stream(asks(5));
      await promise;
      const withdrawn = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 5 } };
      call.response.write(event(withdrawn) + event(answerTo(call, { done: true })));
      call.response.end();
    },
  });
  await using host = new StatelessHost(server.url, ASKABLE);
  const { keys: [key], requestState } = wanted(await host.ask("tools/call", CALL));
  resolve();
  await host.ask("tools/list");
  const inputResponses = { [key!]: { n: 1 } };
  const { result } = await host.ask("tools/call", { ...CALL, inputResponses, requestState });
  assert.equal(result.done, true);
  assert.deepEqual(server.answers, []);
});

Deno.test("progress of a call goes to the request that waits for it, under its token", async () => {
  const progress = (n: number) =>
    event({
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken: "one", progress: n },
    });
  const { promise, resolve } = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await using server = await startStateful({
    "tools/call": async (call) => {
      call.stream(progress(1), asks(5));
      await asked.promise;
      call.response.write(progress(2) + progress(3));
      await promise;
      call.response.write(progress(4) + event(answerTo(call)));
      call.response.end();
    },
    response: (call) => {
      call.response.writeHead(202).end();
      resolve();
    },
  });
  await using host = new StatelessHost(server.url, ASKABLE);
  const first = await host.ask("tools/call", CALL, 1, { progressToken: "one" });
  const { keys: [key], requestState } = wanted(first);
  asked.resolve();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const again = { ...CALL, inputResponses: { [key!]: {} }, requestState };
  await host.ask("tools/call", again, 2, { progressToken: "two" });
  const told = host.lines.filter(({ method }) => method === "notifications/progress");
  assert.deepEqual(told.map(({ params }) => params), [
    { progressToken: "one", progress: 1 },
    { progressToken: "two", progress: 3 },
    { progressToken: "two", progress: 4 },
  ]);
});

Deno.test("a call can be cancelled while the host gathers input for it (T17)", async () => {
  await using server = await startStateful({ "tools/call": asking(asks(1)), response: answered });
  await using host = new StatelessHost(server.url, ASKABLE);
  const { requestState } = wanted(await host.ask("tools/call", CALL, "first"));
  host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "first" } });
  await eventually(() => server.of("notifications/cancelled").length === 1, "the server is told");
  assert.equal(server.of("notifications/cancelled")[0].params.requestId, server.of("tools/call")[0].id);
  assert.equal((await host.ask("tools/call", { ...CALL, requestState })).error?.code, -32602);
});

Deno.test("a round that the host never comes back for is given up: by number, the oldest first", async () => {
  await using server = await startStateful({
    "tools/call": asking(asks(1)),
    response: (call) => answered(call),
  });
  await using host = new StatelessHost(server.url, ASKABLE);
  const states: string[] = [];
  for (let i = 0; i < 65; i++) states.push(wanted(await host.ask("tools/call", CALL)).requestState);
  await eventually(() => server.of("notifications/cancelled").length === 1, "the oldest is cancelled");
  assert.equal(server.of("notifications/cancelled")[0].params.requestId, server.of("tools/call")[0].id);
  await eventually(() => server.answers.length === 1, "its question is answered");
  assert.equal(server.answers[0].error.code, -32603);
  assert.equal((await host.ask("tools/call", { ...CALL, requestState: states[0] })).error?.code, -32602);
});

Deno.test("a round that the host never comes back for is given up: by time", async () => {
  const real = globalThis.setTimeout;
  // Ten minutes pass in a moment; every other wait is as long as it is.
  const hasty = (run: () => void, ms?: number) => real(run, ms === 600_000 ? 50 : ms);
  globalThis.setTimeout = hasty as typeof setTimeout;
  try {
    await using server = await startStateful({ "tools/call": asking(asks(1)), response: answered });
    await using host = new StatelessHost(server.url, ASKABLE);
    const { requestState } = wanted(await host.ask("tools/call", CALL));
    await eventually(() => server.of("notifications/cancelled").length === 1, "the call is cancelled");
    assert.equal(server.answers[0].error.code, -32603);
    assert.equal((await host.ask("tools/call", { ...CALL, requestState })).error?.code, -32602);
  } finally {
    globalThis.setTimeout = real;
  }
});

Deno.test("an answer that does not reach the server ends the call with an error", async () => {
  await using server = await startStateful({
    "tools/call": asking(asks(1)),
    response: (call) => void call.exchange.request.socket.destroy(),
  });
  await using host = new StatelessHost(server.url, ASKABLE);
  const { keys: [key], requestState } = wanted(await host.ask("tools/call", CALL));
  const again = { ...CALL, inputResponses: { [key!]: {} }, requestState };
  const { error } = await host.ask("tools/call", again, "again");
  assert.equal(error?.code, -32011);
  assert.equal(host.answers("again"), 1);
});

Deno.test("a request that takes a URL to be opened first becomes a round of input, made anew after it (T15)", async () => {
  const elicitations = [{ mode: "url", elicitationId: "e", url: "https://example.com/", message: "Open" }];
  let calls = 0;
  await using server = await startStateful({
    "tools/call": (call) => {
      if (++calls > 1) return call.result({ done: true });
      const error = { code: -32042, message: "URL elicitation required", data: { elicitations } };
      call.json(JSON.stringify({ jsonrpc: "2.0", id: call.message.id, error }));
    },
  });
  await using host = new StatelessHost(server.url, ASKABLE);
  const { result } = await host.ask("tools/call", CALL);
  assert.equal(result.resultType, "input_required");
  assert.equal("requestState" in result, false);
  const [[key, request]] = Object.entries(result.inputRequests) as [[string, unknown]];
  const params = { mode: "url", url: "https://example.com/", message: "Open" };
  assert.deepEqual(request, { method: "elicitation/create", params });
  const declined = await host.ask("tools/call", {
    ...CALL,
    inputResponses: { [key]: { action: "decline" } },
  });
  assert.match(declined.error?.message ?? "", /declined/);
  assert.equal(calls, 1);
  const again = await host.ask("tools/call", { ...CALL, inputResponses: { [key]: { action: "accept" } } });
  assert.equal(again.result.done, true);
  assert.deepEqual(server.of("tools/call").at(-1).params, CALL);
  calls = 0;
  const incapable = { "io.modelcontextprotocol/clientCapabilities": {} };
  const refused = await host.ask("tools/call", CALL, "incapable", incapable);
  assert.equal(refused.error?.code, -32021);
  assert.deepEqual(refused.error?.data, { requiredCapabilities: { elicitation: { url: {} } } });
});

Deno.test("a host that leaves while a call waits for its input does not hold up the end", async () => {
  await using server = await startStateful({ "tools/call": asking(asks(1)), response: answered });
  await using host = new StatelessHost(server.url, ASKABLE);
  wanted(await host.ask("tools/call", CALL));
  assert.ok(await host.end() < 1_000);
  assert.ok(server.methods.includes("DELETE"));
});

/**
 * What servers get wrong: whatever comes back, each request of the host gets exactly one answer.
 *
 * @see behaviours rows 34, 36, 48
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { RPC_BAD_ANSWER, RPC_UNREACHABLE } from "../../../lib/services/bridge/mod.ts";
import { eventually, Host, type Line } from "./host.ts";
import { answerTo, type Call, event, startScriptedServer } from "./scripted_server.ts";

interface Expected {
  readonly rpc: number;
  readonly code?: string;
  readonly says: RegExp;
}

const BROKEN: Expected = { rpc: RPC_UNREACHABLE, code: "NETWORK_ERROR", says: /connection was lost/ };
const BAD: Expected = { rpc: RPC_BAD_ANSWER, code: "SERVER_ERROR", says: /not JSON/ };
const HTML = "<!doctype html><title>Bad gateway</title>";

const faults: readonly (readonly [string, (call: Call) => void | Promise<void>, Expected])[] = [
  ["closes the connection without an answer", ({ exchange }) => void exchange.request.socket.destroy(), {
    rpc: RPC_UNREACHABLE,
    code: "NETWORK_ERROR",
    says: /Cannot reach the server/,
  }],
  ["dies in the middle of JSON of known length", ({ response }) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
    response.write('{"jsonrpc":"2.0","id":', () => response.destroy());
  }, BROKEN],
  ["dies in the middle of JSON of unknown length", ({ response }) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.write('{"jsonrpc":"2.0","id":', () => response.destroy());
  }, BROKEN],
  ["dies in the middle of an event", (call) => {
    call.stream(": hello\n\n");
    call.response.write('data: {"jsonrpc":"2.0",', () => call.response.destroy());
  }, BROKEN],
  ["ends its stream without the answer", (call) => {
    call.stream(event({ jsonrpc: "2.0", method: "notifications/message", params: {} }));
    call.response.end();
  }, { rpc: RPC_BAD_ANSWER, code: "SERVER_ERROR", says: /without an answer/ }],
  ["sends JSON that is none", (call) => call.json('{"jsonrpc":"2.0","id":1,"result":'), BAD],
  [
    "sends JSON with a line break in a string",
    (call) => call.json(`{"jsonrpc":"2.0","id":${call.message.id},"result":"a\nb"}`),
    BAD,
  ],
  ["sends an event that is no JSON", (call) => call.stream("data: {oops\n\n"), BAD],
  ["sends bytes that are no UTF-8", ({ response }) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(new Uint8Array([0x22, 0xff, 0x22]));
  }, BAD],
  ["answers 200 with a page", ({ response }) => {
    response.writeHead(200, { "content-type": "text/html" }).end(HTML);
  }, BAD],
  ["answers 200 with nothing", ({ response }) => void response.writeHead(200).end(), {
    ...BAD,
    says: /without an answer/,
  }],
  ["accepts a request as if it were a notification", ({ response }) => void response.writeHead(202).end(), {
    ...BAD,
    says: /without an answer/,
  }],
  ["answers another request", (call) => call.json('{"jsonrpc":"2.0","id":"other","result":{}}'), {
    ...BAD,
    says: /without an answer/,
  }],
  ["answers 502 with a page", ({ response }) => {
    response.writeHead(502, { "content-type": "text/html" }).end(HTML);
  }, { ...BAD, says: /"tools\/call x": the server answered HTTP 502$/ }],
  ["answers 500 with text", ({ response }) => {
    response.writeHead(500, { "content-type": "text/plain" }).end("Out of\u001b[31m cheese\n");
  }, { ...BAD, says: /answered HTTP 500: Out of \[31m cheese$/ }],
  ["answers 404 with an OAuth-like error", (call) => call.json('{"error":"not_found"}', 404), {
    ...BAD,
    says: /HTTP 404: \{"error":"not_found"\} \(Check that the URL/,
  }],
  ["answers 500 with words that never end", ({ response }) => {
    response.writeHead(500, { "content-type": "text/plain" });
    response.write("Wait for it");
  }, { ...BAD, says: /HTTP 500: Wait for it$/ }],
  [
    "answers with a byte order mark before its JSON",
    (call) =>
      call.json(`\ufeff{"jsonrpc":"2.0","id":${call.message.id},"error":{"code":5,"message":"marked"}}`),
    {
      rpc: 5,
      says: /^marked$/,
    },
  ],
  ["answers 429", ({ response }) => void response.writeHead(429, { "retry-after": "7" }).end(), {
    rpc: RPC_BAD_ANSWER,
    code: "RATE_LIMITED",
    says: /HTTP 429 \(Try again in 7 s\)/,
  }],
  [
    "answers 400 with a JSON-RPC error of its own",
    (call) =>
      call.json(
        `{"jsonrpc":"2.0","id":${call.message.id},"error":{"code":-32020,"message":"No header"}}`,
        400,
      ),
    {
      rpc: -32020,
      says: /^No header$/,
    },
  ],
  [
    "answers 400 with a JSON-RPC error without an id",
    (call) =>
      call.json('{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"What?","data":[1]}}', 400),
    {
      rpc: -32600,
      says: /^What\?$/,
    },
  ],
  [
    "answers 500 with a JSON-RPC error under an id of its own",
    (call) => call.json('{"jsonrpc":"2.0","id":"server-error","error":{"code":-32603,"message":"Oh"}}', 500),
    {
      rpc: -32603,
      says: /^Oh$/,
    },
  ],
  [
    "answers 200 with a JSON-RPC error without an id",
    (call) => call.json('{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"}}'),
    {
      rpc: -32700,
      says: /^Parse error$/,
    },
  ],
];

for (const [description, fault, expected] of faults) {
  Deno.test(`a server that ${description}: one error, and the next call works`, async () => {
    await using server = await startScriptedServer({
      initialize: (call) => call.result({ protocolVersion: "2025-11-25" }),
      "tools/call": fault,
    });
    await using host = new Host(server.url);
    await host.initialize();
    const { error, result } = await host.request("tools/call", { name: "x" }, 77);
    equal(result, undefined);
    equal(error?.code, expected.rpc);
    equal(error?.data?.code, expected.code);
    match(error?.message ?? "", expected.says);
    equal((await host.request("tools/list")).result.method, "tools/list");
    await host.end();
    equal(host.answers(77), 1);
  });
}

Deno.test("a server that is not there: one error for each request", async () => {
  const server = await startScriptedServer({});
  await server.close();
  await using host = new Host(server.url);
  const answers = await Promise.all([host.initialize(), host.request("tools/list"), host.request("ping")]);
  for (const { error } of answers) {
    equal(error?.code, RPC_UNREACHABLE);
    equal(error?.data.code, "NETWORK_ERROR");
    ok(error?.data.hint);
  }
});

for (
  const [kind, answer] of [
    ["a stream", (call: Call) => {
      call.stream(
        event(answerTo(call, 1)),
        event(answerTo(call, 2)),
        event({ jsonrpc: "2.0", id: "no", result: 3 }),
      );
      call.response.end();
    }],
    ["a batch", (call: Call) => call.json(JSON.stringify([answerTo(call, 1), answerTo(call, 2)]))],
  ] as const
) {
  Deno.test(`of several answers to one request in ${kind} the host gets the first`, async () => {
    await using server = await startScriptedServer({ "tools/call": answer });
    await using host = new Host(server.url);
    await host.initialize();
    equal((await host.request("tools/call", {}, 5)).result, 1);
    await eventually(() => host.log.some((line) => /Dropped an answer to request 5/.test(line)), "log");
    await host.end();
    equal(host.answers(5), 1);
    equal(host.answers("no"), 0);
  });
}

Deno.test("what the server sends beside messages is dropped and logged", async () => {
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      call.stream(
        "data: ping\n\n",
        "data: [1,2]\n\n",
        'data: {"jsonrpc":"2.0"}\n\n',
        event(answerTo(call, "ok")),
      );
      call.response.end();
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  equal((await host.request("tools/call")).result, "ok");
  equal(host.lines.length, 2);
  match(host.log.join("\n"), /no JSON-RPC message/);
});

Deno.test("a notification that cannot be delivered is logged and holds nothing up", async () => {
  await using server = await startScriptedServer({
    "notifications/x": ({ response }) => void response.writeHead(500).end("no"),
  });
  await using host = new Host(server.url);
  await host.initialize();
  host.send({ jsonrpc: "2.0", method: "notifications/x" });
  await host.request("tools/list");
  await eventually(
    () => host.log.some((line) => /"notifications\/x": the server answered HTTP 500/.test(line)),
    "log",
  );
  equal(host.lines.length, 2);
});

Deno.test("a stream left open after its answer is cut, and holds up neither the next call nor the end", async () => {
  const open = new Set<Call>();
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      open.add(call);
      call.response.once("close", () => open.delete(call));
      call.stream(event(answerTo(call, "ok")));
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  equal((await host.request("tools/call")).result, "ok");
  equal(open.size, 1);
  await eventually(() => open.size === 0, "the stream is cut");
  equal((await host.request("tools/call")).result, "ok");
  ok(await host.end() < 1000);
});

Deno.test("lines that are no messages are answered with an error, and the next one is read", async () => {
  await using server = await startScriptedServer({});
  await using host = new Host(server.url);
  await host.initialize();
  const wrong: readonly (readonly [string | Uint8Array, number, Line["id"]])[] = [
    ["{nonsense", -32700, null],
    [new Uint8Array([0x22, 0xff, 0x22, 0x0a]), -32700, null],
    ["7", -32600, null],
    ["[]", -32600, null],
    ['{"jsonrpc":"2.0","id":9}', -32600, 9],
    ['{"jsonrpc":"2.0","id":null,"method":"x"}', -32600, null],
  ];
  for (const [line, code, id] of wrong) {
    const before = host.lines.length;
    if (typeof line === "string") host.send(line);
    else host.sendBytes(line);
    await eventually(() => host.lines.length > before, `an answer to ${line}`);
    deepEqual([host.lines.at(-1)?.id, host.lines.at(-1)?.error?.code], [id, code]);
  }
  equal((await host.request("tools/list")).result.method, "tools/list");
  deepEqual(server.methods.filter((method) => method !== "GET"), [
    "initialize",
    "notifications/initialized",
    "tools/list",
  ]);
});

Deno.test("a request under an id that is in use is refused, and the first one is answered", async () => {
  let release = () => {};
  await using server = await startScriptedServer({
    "tools/call": async (call) => {
      await new Promise<void>((resolve) => release = resolve);
      call.result("first");
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  host.send({ jsonrpc: "2.0", id: 1, method: "tools/call" });
  host.send({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  equal((await host.answer(1)).error?.code, -32600);
  await eventually(() => server.methods.includes("tools/call"), "the call");
  release();
  await host.line(({ result }) => result === "first");
  ok(!server.methods.includes("tools/list"));
});

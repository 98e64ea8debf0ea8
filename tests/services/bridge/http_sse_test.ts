/**
 * The transport of 2024-11-05: what passes, and what becomes of it when the stream, the session or the server goes.
 *
 * @see https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse (T8)
 * @see behaviours rows 36, 37
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { RPC_BAD_ANSWER, RPC_LOCAL, RPC_UNREACHABLE } from "../../../lib/services/bridge/mod.ts";
import { eventually, Host, type HostOptions } from "./host.ts";
import { openStream, type SseCall, startScriptedSse } from "./scripted_sse.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function sseHost(url: string, options: HostOptions = {}): Host {
  return new Host(url, { ...options, transport: "sse" });
}

Deno.test("a host is served over HTTP+SSE: requests, notifications and what the server sends by itself (T8)", async () => {
  await using server = await startScriptedSse({
    on: {
      "notifications/initialized": (call) =>
        call.answer(
          ": keep-alive\n\n",
          { jsonrpc: "2.0", method: "notifications/message", params: { data: "hello" } },
          "event: ping\ndata: 1\n\n",
          { jsonrpc: "2.0", id: 0, method: "roots/list" },
        ),
    },
  });
  await using host = sseHost(server.url);
  equal((await host.initialize()).result.protocolVersion, "2024-11-05");
  await host.line((line) => line.method === "notifications/message");
  await host.line((line) => line.method === "roots/list" && line.id === 0);
  host.send({ jsonrpc: "2.0", id: 0, result: { roots: [] } });
  equal((await host.request("tools/list")).result.method, "tools/list");
  await eventually(() => server.seen.includes("response 1"), "the host's answer");
  deepEqual(server.seen.slice(0, 3), ["GET", "initialize 1", "notifications/initialized 1"]);
  equal(server.requests("GET /sse")[0]!.headers.get("accept"), "text/event-stream");
  const [initialize, initialized] = server.requests("POST /messages");
  equal(initialize!.headers.get("mcp-protocol-version"), null);
  equal(initialized!.headers.get("mcp-protocol-version"), "2024-11-05");
  await host.end();
  await eventually(() => server.sessions.size === 0, "the stream is closed");
  equal(host.raw.length, 4);
});

Deno.test("messages and ids pass byte for byte, strings, fractions and large numbers alike", async () => {
  const bodies: string[] = [];
  await using server = await startScriptedSse({
    on: {
      "x/y": (call) => {
        bodies.push(call.exchange.recorded.body);
        const id = /"id":\s*("[^"]*"|[^,}\s]+)/.exec(call.exchange.recorded.body)![1];
        call.answer(`data: {"jsonrpc":  "2.0", "id":${id},"result":{"big":12345678901234567890}}\n\n`);
      },
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  const ids = ["7", '"7"', "1.5", "12345678901234567890", '"ä€"'];
  const lines = ids.map((id) => `{ "jsonrpc":"2.0" ,"id":${id},"method":"x/y","params":{"n":1.0}}`);
  for (const line of lines) host.send(line);
  await eventually(() => host.raw.length === 1 + ids.length, "all answers");
  deepEqual(bodies.sort(), lines.sort());
  deepEqual(
    host.raw.slice(1).sort(),
    ids.map((id) => `{"jsonrpc":  "2.0", "id":${id},"result":{"big":12345678901234567890}}`).sort(),
  );
});

Deno.test("batches pass in both directions (T1)", async () => {
  await using server = await startScriptedSse({
    on: {
      batch: (call) => {
        const [a, b] = call.message;
        call.answer([{ jsonrpc: "2.0", id: b.id, result: "b" }, { jsonrpc: "2.0", id: a.id, result: "a" }]);
      },
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  host.send([{ jsonrpc: "2.0", id: 1, method: "ping" }, { jsonrpc: "2.0", id: "1", method: "ping" }]);
  equal((await host.answer(1)).result, "a");
  equal((await host.answer("1")).result, "b");
});

const ACCEPTED: readonly (readonly [string, (call: SseCall) => void])[] = [
  ["202 and a word", ({ response }) => void response.writeHead(202).end("Accepted")],
  ["200 and nothing", ({ response }) => void response.writeHead(200).end()],
  ["204", ({ response }) => void response.writeHead(204).end()],
  [
    "200 and JSON of its own",
    ({ response }) =>
      void response.writeHead(200, { "content-type": "application/json" }).end('{"status":"accepted"}'),
  ],
  [
    "202 and JSON that is none",
    ({ response }) => void response.writeHead(202, { "content-type": "application/json" }).end("Accepted"),
  ],
  ["200 and words that never end", ({ response }) => {
    response.writeHead(200, { "content-type": "text/plain" });
    response.write("OK");
  }],
];
for (const [description, accept] of ACCEPTED) {
  Deno.test(`a POST may be accepted with ${description}`, async () => {
    await using server = await startScriptedSse({
      on: {
        "tools/call": (call) => {
          accept(call);
          call.session.send({ jsonrpc: "2.0", id: call.message.id, result: "done" });
        },
      },
    });
    await using host = sseHost(server.url);
    await host.initialize();
    equal((await host.request("tools/call")).result, "done");
    await host.end();
    equal(host.lines.length, 2);
  });
}

Deno.test("an answer in the response to the POST is taken, once, also where the stream has it too", async () => {
  await using server = await startScriptedSse({
    on: {
      "tools/call": (call) => {
        const answer = { jsonrpc: "2.0", id: call.message.id, result: "here" };
        if (call.message.params.twice) call.session.send(answer);
        call.response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
      },
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  equal((await host.request("tools/call", { twice: false }, 101)).result, "here");
  equal((await host.request("tools/call", { twice: true }, 102)).result, "here");
  await host.request("ping");
  await host.end();
  deepEqual([host.answers(101), host.answers(102)], [1, 1]);
});

Deno.test("an answer on a stream of the POST's own is taken", async () => {
  await using server = await startScriptedSse({
    on: {
      "tools/list": ({ message, response }) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.end(`data: ${JSON.stringify({ jsonrpc: "2.0", id: message.id, result: "here" })}\n\n`);
      },
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  equal((await host.request("tools/list")).result, "here");
});

Deno.test("an endpoint at which nothing is, as behind a proxy that cuts a prefix off, is named", async () => {
  await using server = await startScriptedSse({
    GET: async (session, { response }) => {
      openStream(session, "/inner/messages?session_id=secret");
      await new Promise<void>((resolve) => response.once("close", () => resolve()));
    },
  });
  await using host = sseHost(server.url);
  const { error } = await host.initialize();
  match(error?.message ?? "", /HTTP 404: Cannot POST \(.*names the endpoint "[^"?]*\/inner\/messages"/);
});

Deno.test("an answer that is there before the POST has returned ends the request, and the POST soon after", async () => {
  let gone = false;
  await using server = await startScriptedSse({
    on: {
      "tools/call": async (call) => {
        call.session.send({ jsonrpc: "2.0", id: call.message.id, result: "early" });
        await new Promise<void>((resolve) => call.response.once("close", resolve));
        gone = true;
      },
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  equal((await host.request("tools/call")).result, "early");
  await eventually(() => gone, "the POST is given up");
});

Deno.test("the endpoint is found relative to where the stream came from, after redirects", async () => {
  await using server = await startScriptedSse({
    other: ({ response, recorded }) => {
      if (recorded.path !== "/old") return void response.writeHead(404).end();
      response.writeHead(307, { location: "/sse" }).end();
    },
    GET: (session) => openStream(session, `messages?session=${session.number}`),
  });
  await using host = sseHost(`${server.origin}/old`);
  await host.initialize();
  equal((await host.request("tools/list")).result.method, "tools/list");
  deepEqual(server.seen.slice(0, 3), ["GET /old", "GET", "initialize 1"]);
});

for (
  const [description, endpoint] of [
    ["of another origin", (port: number) => `http://localhost:${port}/messages`],
    ["of another scheme", (port: number) => `https://127.0.0.1:${port}/messages`],
    ["with a user name", (port: number) => `http://mallory@127.0.0.1:${port}/messages`],
    ["that is no web page's", () => "javascript:alert(1)"],
  ] as const
) {
  Deno.test(`an endpoint ${description} is refused: nothing is posted there`, async () => {
    await using other = await startScriptedSse();
    const port = Number(new URL(other.url).port);
    await using server = await startScriptedSse({ GET: (session) => openStream(session, endpoint(port)) });
    await using host = sseHost(server.url, {
      authorizer: {
        headers: () => Promise.resolve({ authorization: "Bearer secret" }),
        noteNonce: () => {},
        refused: () => Promise.reject(new Error("not asked")),
      },
    });
    const { error } = await host.initialize();
    equal(error?.code, RPC_LOCAL);
    equal(error?.data.code, "UNSAFE_URL");
    match(error?.message ?? "", /^Cannot use the endpoint ".*": the server's event stream names it/);
    equal(other.log.length, 0);
    ok(server.log.every(({ method }) => method === "GET"));
    await host.end();
  });
}

for (
  const [description, open, says] of [
    [
      "a page",
      (r) => void r.writeHead(200, { "content-type": "text/html" }).end("<p>"),
      /with "text\/html" \(Check/,
    ],
    [
      "404",
      (r) => void r.writeHead(404).end("no"),
      /"GET stream": the server answered HTTP 404: no \(Check that the URL is the server's HTTP\+SSE/,
    ],
    ["502", (r) => void r.writeHead(502).end(), /answered HTTP 502$/],
    [
      "a stream that ends at once",
      (r) => void r.writeHead(200, { "content-type": "text/event-stream" }).end(),
      /ended before/,
    ],
  ] as const satisfies readonly (readonly [string, (r: import("node:http").ServerResponse) => void, RegExp])[]
) {
  Deno.test(`a server that answers the GET with ${description}: one error for each request`, async () => {
    await using server = await startScriptedSse({ GET: ({ stream }) => open(stream) });
    await using host = sseHost(server.url);
    const answers = await Promise.all([host.initialize(), host.request("tools/list")]);
    for (const { error } of answers) {
      equal(error?.code, RPC_BAD_ANSWER);
      match(error?.message ?? "", says);
    }
  });
}

Deno.test("messages that are sent before the stream is up wait for it, and it is opened once", async () => {
  await using server = await startScriptedSse({
    GET: async (session) => {
      await pause(300);
      openStream(session);
    },
  });
  await using host = sseHost(server.url);
  host.send({ jsonrpc: "2.0", id: 1, method: "ping" });
  host.send({ jsonrpc: "2.0", id: 2, method: "ping" });
  host.send({ jsonrpc: "2.0", method: "notifications/x" });
  equal((await host.answer(1)).result.session, 1);
  equal((await host.answer(2)).result.session, 1);
  await eventually(() => server.seen.includes("notifications/x 1"), "the notification");
  equal(server.requests("GET /sse").length, 1);
});

Deno.test("row 36: a stream that is lost in the middle of a call: a coded error, nothing sent twice, and the next call works", async () => {
  let calls = 0;
  await using server = await startScriptedSse({
    on: {
      "tools/call": (call) => {
        calls++;
        call.answer("retry: 100\n\n");
        setTimeout(() => call.session.stream.destroy(), 50);
      },
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  const answers = await Promise.all([
    host.request("tools/call", { name: "a" }),
    host.request("tools/call", { name: "b" }),
  ]);
  for (const { error } of answers) {
    equal(error?.code, RPC_UNREACHABLE);
    equal(error?.data.code, "NETWORK_ERROR");
    match(
      error?.message ?? "",
      /connection was lost .*whether the server has carried out the request is not known/,
    );
  }
  equal(calls, 2);
  equal((await host.request("tools/list")).result.session, 2);
  equal(server.seen.filter((each) => each === "initialize 2").length, 1);
  equal(server.seen.filter((each) => each === "notifications/initialized 2").length, 1);
  await host.end();
  equal(host.answers("initialize"), 1);
  equal(calls, 2);
});

Deno.test("row 37: an idle stream that is cut is opened again by itself, as soon as the server's retry says", async () => {
  await using server = await startScriptedSse({
    GET: (session) => {
      openStream(session);
      session.send("retry: 300\n\n");
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  await eventually(() => server.seen.includes("notifications/initialized 1"), "the session");
  const cut = performance.now();
  server.restart();
  await eventually(() => server.seen.includes("notifications/initialized 2"), "a new session");
  const took = performance.now() - cut;
  ok(took >= 290 && took < 3000, `${took}`);
  server.sessions.get(2)!.send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  await host.line((line) => line.method === "notifications/tools/list_changed");
});

for (
  const [description, refuse] of [
    ["404", (r) => void r.writeHead(404).end("Session not found")],
    ["410", (r) => void r.writeHead(410).end()],
    ["400", (r) => void r.writeHead(400).end("No transport found for sessionId")],
    ["404 and a JSON-RPC error", (r) =>
      void r.writeHead(404, { "content-type": "application/json" })
        .end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}')],
  ] as const satisfies readonly (readonly [string, (r: import("node:http").ServerResponse) => void])[]
) {
  Deno.test(`row 36: a session that the server has forgotten, told by ${description}, is opened again for the message that met it`, async () => {
    await using server = await startScriptedSse({ unknown: ({ response }) => refuse(response) });
    await using host = sseHost(server.url);
    await host.initialize();
    equal((await host.request("tools/list")).result.session, 1);
    // The stream stays, as with a proxy that holds it, and the machine behind it is another one.
    const [session] = server.sessions.values();
    server.sessions.clear();
    equal((await host.request("tools/call", { name: "x" })).result.session, 2);
    equal(server.seen.filter((each) => each === "tools/call 2").length, 1);
    await eventually(() => session!.stream.destroyed, "the old stream is closed");
    host.send({ jsonrpc: "2.0", method: "notifications/x" });
    await eventually(() => server.seen.includes("notifications/x 2"), "a notification");
    await host.end();
    equal(host.lines.length, 3);
  });
}

Deno.test("a session that is forgotten again at once is an error, and no loop", async () => {
  await using server = await startScriptedSse({
    on: { "tools/call": ({ response }) => void response.writeHead(404).end("Session not found") },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  const { error } = await host.request("tools/call", { name: "x" });
  match(error?.message ?? "", /"tools\/call x": the server answered HTTP 404: Session not found/);
  equal(server.requests("GET /sse").length, 2);
});

Deno.test("a 400 that is about the message alone leaves the session and the calls in it as they are", async () => {
  await using server = await startScriptedSse({
    on: {
      "bad/own": (call) => {
        call.response.writeHead(400, { "content-type": "application/json" });
        call.response.end(`{"jsonrpc":"2.0","id":${call.message.id},"error":{"code":-32602,"message":"No"}}`);
      },
      "bad/words": ({ response }) => void response.writeHead(400).end("Invalid message"),
      "slow/call": async (call) => {
        call.response.writeHead(202).end();
        await pause(500);
        call.result("slow");
      },
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  const slow = host.request("slow/call");
  equal((await host.request("bad/own")).error?.code, -32602);
  match((await host.request("bad/words")).error?.message ?? "", /HTTP 400: Invalid message$/);
  equal((await slow).result, "slow");
  equal(server.requests("GET /sse").length, 1);
  equal(server.seen.filter((each) => each === "ping 1").length, 1);
  await host.end();
  deepEqual(host.log, []);
});

Deno.test("the host's answer to a request of a lost session is not taken to the new one", async () => {
  await using server = await startScriptedSse({
    on: {
      "notifications/initialized": (call) => {
        call.answer({ jsonrpc: "2.0", id: 0, method: "roots/list" });
        if (call.session.number === 1) call.session.send({ jsonrpc: "2.0", id: 7, method: "ping" });
      },
    },
    GET: (session) => {
      openStream(session);
      session.send("retry: 10\n\n");
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  await host.line((line) => line.method === "ping");
  server.restart();
  await eventually(
    () => host.lines.filter((line) => line.method === "roots/list").length === 2,
    "asked again",
  );
  host.send({ jsonrpc: "2.0", id: 7, result: {} });
  host.send({ jsonrpc: "2.0", id: 0, result: { roots: [] } });
  await eventually(() => server.seen.includes("response 2"), "the answer to the second");
  await host.request("ping");
  deepEqual(
    server.requests("POST /messages").filter(({ body }) => /"result"/.test(body)).map(({ body }) => body),
    [
      '{"jsonrpc":"2.0","id":0,"result":{"roots":[]}}',
    ],
  );
  match(host.log.join("\n"), /Dropped an answer to the server: the session that it was asked in is gone/);
});

Deno.test("a cancelled call is told to the server, and its late answer is dropped", async () => {
  let late: SseCall | undefined;
  await using server = await startScriptedSse({
    on: {
      "tools/call": (call) => {
        late = call;
        call.response.writeHead(202).end();
      },
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  host.send({ jsonrpc: "2.0", id: 5, method: "tools/call" });
  await eventually(() => late !== undefined, "the call");
  host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 5 } });
  await eventually(() => server.seen.includes("notifications/cancelled 1"), "the notice");
  late!.result("late");
  await host.request("ping");
  equal(host.answers(5), 0);
});

Deno.test("an error that does not say whose it is answers the one request that it can be about", async () => {
  await using server = await startScriptedSse({
    on: {
      "x/y": (call) => call.answer({ jsonrpc: "2.0", id: null, error: { code: -32700, message: "What?" } }),
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  equal((await host.request("x/y", {}, 3)).error?.message, "What?");
});

Deno.test("a broken message on the stream fails what it may have been the answer to, and words on it nothing", async () => {
  await using server = await startScriptedSse({
    on: {
      "x/broken": (call) => call.answer('data: {"result":{"a":\n\n'),
      "x/words": (call) => {
        call.answer("data: [DONE]\n\n", "data: ping\n\n");
        call.result("fine");
      },
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  match((await host.request("x/broken")).error?.message ?? "", /the server sent what is not JSON/);
  equal((await host.request("x/words")).result, "fine");
  equal(server.requests("GET /sse").length, 1);
});

Deno.test("an event without end is given up at the limit, and what waits gets a coded error", async () => {
  await using server = await startScriptedSse({
    on: {
      "x/endless": (call) => {
        call.answer("retry: 10\n\n", "data: ");
        const chunk = "x".repeat(1024 * 1024);
        const more = () => {
          while (!call.session.stream.destroyed && call.session.stream.write(chunk));
          call.session.stream.once("drain", more);
        };
        more();
      },
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  const { error } = await host.request("x/endless");
  equal(error?.data.code, "SERVER_ERROR");
  match(error?.message ?? "", /an event is longer than \d+ characters/);
  equal((await host.request("tools/list")).result.session, 2);
});

Deno.test("a call to a server that is down is an error at once, and works when it is back", async () => {
  let down = false;
  await using server = await startScriptedSse({
    GET: (session) => {
      if (down) return void session.stream.destroy();
      openStream(session);
      session.send("retry: 20\n\n");
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  await host.request("ping");
  down = true;
  server.restart();
  await eventually(
    () => host.log.some((line) => /Cannot open the event stream again/.test(line)),
    "it tries",
  );
  const { error } = await host.request("tools/call");
  equal(error?.data.code, "NETWORK_ERROR");
  down = false;
  await eventually(() => server.sessions.size === 1, "it is back");
  ok((await host.request("tools/list")).result.session > 1);
});

Deno.test("a host that leaves while the stream is being opened, or opened again, is not held up", async () => {
  await using server = await startScriptedSse({ GET: () => {} });
  const host = sseHost(server.url);
  host.send({ jsonrpc: "2.0", id: 1, method: "ping" });
  await eventually(() => server.seen.length === 1, "the GET");
  ok(await host.end() < 2500);
  equal(host.answers(1), 1);
});

Deno.test("row 36: however often the server restarts, each of many calls gets one answer or one coded error", async () => {
  await using server = await startScriptedSse({
    GET: (session) => {
      openStream(session);
      session.send("retry: 5\n\n");
    },
    on: {
      "tools/call": async (call) => {
        call.response.writeHead(202).end();
        await pause(Math.random() * 20);
        call.result(call.session.number);
      },
    },
  });
  await using host = sseHost(server.url);
  await host.initialize();
  let done = false;
  let results = 0;
  const restarts = (async () => {
    for (let seen = 0; !done; await pause(5)) {
      if (results < seen + 15) continue;
      seen = results;
      server.restart();
    }
  })();
  let next = 0;
  const worker = async () => {
    while (next < 600) {
      const id = `call-${next++}`;
      const { result, error } = await host.request("tools/call", {}, id);
      if (typeof result === "number") results++;
      ok(typeof result === "number" || error?.data?.code !== undefined, JSON.stringify({ result, error }));
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  done = true;
  await restarts;
  await host.end();
  for (let i = 0; i < 600; i++) equal(host.answers(`call-${i}`), 1);
  ok(results > 100 && server.requests("GET /sse").length > 5);
});

/**
 * What passes unchanged, in which order, and how much at once.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { BRIDGE_IN_FLIGHT_MAX, BRIDGE_WAITING_MAX } from "../../../lib/primitives/bridge_limits.ts";
import { MESSAGE_MAX_BYTES } from "../../../lib/primitives/limits.ts";
import { eventually, Host, INITIALIZE } from "./host.ts";
import { answerTo, type Call, event, hang, startScriptedServer } from "./scripted_server.ts";

Deno.test("what the host writes is the body of the POST, byte for byte", async () => {
  await using server = await startScriptedServer({});
  await using host = new Host(server.url);
  const line =
    ' {"later": [1.50, 1e3, "\\u00e9\\/", {}],"id" : 7 , "method":"no/such","id2":12345678901234567890}\t';
  await host.initialize();
  host.sendBytes(new TextEncoder().encode(`${line}\r\n`));
  await host.answer(7);
  equal(server.log.at(-1)!.body, line);
});

Deno.test("what the server answers is the line, byte for byte, line breaks between tokens being spaces", async () => {
  const body =
    '{ "jsonrpc":"2.0",\r\n\t"id": 7,"result":{"n": 1.50,"s":"\\u00e9\\n\\/","big":12345678901234567890},\n"later":[]}\n';
  await using server = await startScriptedServer({ "a/b": (call) => call.json(body) });
  await using host = new Host(server.url);
  await host.initialize();
  host.send({ jsonrpc: "2.0", id: 7, method: "a/b" });
  await host.answer(7);
  equal(host.raw.at(-1), body.replace(/[\r\n]/g, " "));
});

Deno.test("ids come back as they were: strings, fractions, and numbers too large for JavaScript", async () => {
  await using server = await startScriptedServer({
    "a/echo": (call) => {
      const id = /"id":([^,]+),/.exec(call.exchange.recorded.body)![1];
      call.json(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    },
    "a/fail": (call) => void call.response.writeHead(500).end(),
  });
  await using host = new Host(server.url);
  await host.initialize();
  for (const id of ['"a\\"b"', '"1"', "1", "1.5", "-3", "9007199254740993", "9223372036854775807"]) {
    for (const method of ["a/echo", "a/fail"]) {
      const before = host.raw.length;
      host.send(`{"jsonrpc":"2.0","id":${id},"method":"${method}"}`);
      await eventually(() => host.raw.length > before, `an answer to ${id}`);
      ok(host.raw.at(-1)!.startsWith(`{"jsonrpc":"2.0","id":${id},"`), host.raw.at(-1));
      equal(host.raw.at(-1)!.includes('"error"'), method === "a/fail");
    }
  }
});

Deno.test("a message over the limit is refused, and the next one passes", async () => {
  await using server = await startScriptedServer({});
  await using host = new Host(server.url);
  await host.initialize();
  const chunk = new Uint8Array(1024 * 1024).fill(0x20);
  for (let sent = 0; sent <= MESSAGE_MAX_BYTES; sent += chunk.length) host.sendBytes(chunk.slice());
  host.send('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
  const { error } = await host.answer(null);
  equal(error?.code, -32600);
  match(error?.message ?? "", /the limit is/);
  ok((await host.request("tools/list", {}, 2)).result);
  equal(host.answers(1), 0);
});

Deno.test("an answer over the limit is one error", async () => {
  await using server = await startScriptedServer({
    "tools/call": ({ response }) => {
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": MESSAGE_MAX_BYTES + 1,
      });
      response.write("{");
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  match((await host.request("tools/call")).error?.message ?? "", /longer than/);
});

Deno.test("nothing is sent before initialize is answered, then in the host's order up to initialized", async () => {
  await using server = await startScriptedServer({
    initialize: async (call) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      deepEqual(server.methods, ["initialize"]);
      call.result({ protocolVersion: "2025-06-18" });
    },
    "notifications/initialized": async ({ response }) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      equal(server.methods.at(-1), "notifications/initialized");
      response.writeHead(202).end();
    },
  });
  await using host = new Host(server.url);
  host.send({ jsonrpc: "2.0", id: 0, method: "initialize", params: INITIALIZE });
  host.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  host.send({ jsonrpc: "2.0", method: "notifications/roots/list_changed" });
  host.send({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  await host.answer(1);
  deepEqual(server.methods.slice(0, 2), ["initialize", "notifications/initialized"]);
  for (const { headers, method } of server.log.slice(1)) {
    if (method === "POST") equal(headers.get("mcp-protocol-version"), "2025-06-18");
  }
});

Deno.test("a server may ask the host while it initializes", async () => {
  let asked: Call | undefined;
  await using server = await startScriptedServer({
    initialize: (call) => {
      asked = call;
      call.response.setHeader("mcp-session-id", "early");
      call.stream(event({ jsonrpc: "2.0", id: "q", method: "ping" }));
    },
    response: (call) => {
      equal(call.exchange.recorded.headers.get("mcp-session-id"), "early");
      call.response.writeHead(202).end();
      asked!.response.end(event(answerTo(asked!, { protocolVersion: "2025-11-25" })));
    },
  });
  await using host = new Host(server.url);
  const initialized = host.initialize();
  await host.line(({ id, method }) => id === "q" && method === "ping");
  host.send({ jsonrpc: "2.0", id: "q", result: {} });
  equal((await initialized).result.protocolVersion, "2025-11-25");
});

Deno.test("hosts of a stateless revision pass without a handshake, and errors that tell of an era pass untouched", async () => {
  const refusal =
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"No","data":{"supported":["2026-07-28"]}}}';
  await using server = await startScriptedServer({ "server/discover": (call) => call.json(refusal, 400) });
  await using host = new Host(server.url);
  host.send({ jsonrpc: "2.0", id: 1, method: "server/discover", params: { _meta: {} } });
  await host.answer(1);
  deepEqual(host.raw, [refusal]);
  equal((await host.request("tools/list", {}, 2)).result.method, "tools/list");
  await host.end();
  deepEqual(server.methods, ["server/discover", "tools/list"]);
});

Deno.test("batches pass in both directions, and what is missing from an answer is an error of its own (T1)", async () => {
  await using server = await startScriptedServer({
    batch: (call) => {
      const [first, second] = call.message;
      call.json(
        JSON.stringify([{ jsonrpc: "2.0", id: second.id, result: 2 }, {
          jsonrpc: "2.0",
          id: first.id,
          result: 1,
        }]),
      );
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  const batch = [1, 2, 3].map((id) => ({ jsonrpc: "2.0", id, method: "tools/call" }));
  host.send([...batch, { jsonrpc: "2.0", method: "notifications/x" }]);
  equal((await host.answer(1)).result, 1);
  equal((await host.answer(2)).result, 2);
  equal((await host.answer(3)).error?.data.code, "SERVER_ERROR");
  deepEqual(host.raw[1], '[{"jsonrpc":"2.0","id":2,"result":2},{"jsonrpc":"2.0","id":1,"result":1}]');
});

Deno.test("a slow call does not hold up a quick one", async () => {
  await using server = await startScriptedServer({ "tools/call": hang });
  const controller = new AbortController();
  await using host = new Host(server.url, { signal: controller.signal });
  await host.initialize();
  host.send({ jsonrpc: "2.0", id: 1, method: "tools/call" });
  equal((await host.request("tools/list", {}, 2)).result.method, "tools/list");
  controller.abort();
});

Deno.test("calls over the limit wait for a place, and are sent as places become free", async () => {
  const open: Call[] = [];
  await using server = await startScriptedServer({ "tools/call": (call) => void open.push(call) });
  await using host = new Host(server.url);
  await host.initialize();
  const count = BRIDGE_IN_FLIGHT_MAX + 10;
  for (let id = 1; id <= count; id++) host.send({ jsonrpc: "2.0", id, method: "tools/call" });
  host.send({ jsonrpc: "2.0", method: "notifications/roots/list_changed" });
  await eventually(() => open.length === BRIDGE_IN_FLIGHT_MAX, "all places taken");
  await eventually(
    () => server.methods.includes("notifications/roots/list_changed"),
    "notifications need no place",
  );
  equal(open.length, BRIDGE_IN_FLIGHT_MAX);
  host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: count } });
  for (let i = 0; i < count - 1; i++) {
    await eventually(() => open.length > i, `call ${i}`);
    open[i]!.result(i);
  }
  await Promise.all(Array.from({ length: count - 1 }, (_, i) => host.answer(i + 1)));
  await host.end();
  equal(open.length, count - 1, "a cancelled call that was waiting was never sent");
  ok(!server.methods.includes("notifications/cancelled"));
});

Deno.test("a flood of notifications is sent some at a time, and holds up no request", async () => {
  const open: Call[] = [];
  await using server = await startScriptedServer({ "notifications/x": (call) => void open.push(call) });
  await using host = new Host(server.url);
  await host.initialize();
  for (let i = 0; i < BRIDGE_IN_FLIGHT_MAX * 2; i++) host.send({ jsonrpc: "2.0", method: "notifications/x" });
  await eventually(() => open.length === BRIDGE_IN_FLIGHT_MAX, "all places taken");
  equal((await host.request("tools/list")).result.method, "tools/list");
  equal(open.length, BRIDGE_IN_FLIGHT_MAX);
  for (let i = 0; i < BRIDGE_IN_FLIGHT_MAX * 2; i++) {
    await eventually(() => open.length > i, `notification ${i}`);
    open[i]!.response.writeHead(202).end();
  }
  ok(await host.end() < 1000);
});

Deno.test("a host that sends more than can wait is read from again as soon as there is room", async () => {
  const open: Call[] = [];
  let held = true;
  await using server = await startScriptedServer({
    "tools/call": (call) => held ? void open.push(call) : call.result({}),
  });
  await using host = new Host(server.url);
  await host.initialize();
  const count = BRIDGE_IN_FLIGHT_MAX + BRIDGE_WAITING_MAX + 200;
  for (let id = 1; id <= count; id++) host.send({ jsonrpc: "2.0", id, method: "tools/call" });
  await eventually(() => open.length === BRIDGE_IN_FLIGHT_MAX, "all places taken");
  await new Promise((resolve) => setTimeout(resolve, 50));
  equal(open.length, BRIDGE_IN_FLIGHT_MAX);
  held = false;
  for (const call of open) call.result({});
  for (let id = 1; id <= count; id++) deepEqual((await host.answer(id)).result, {});
});

Deno.test("a host's answer is read however many calls wait before it, and calls beyond are refused", async () => {
  const open: Call[] = [];
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      open.push(call);
      call.stream(event({ jsonrpc: "2.0", id: `ask-${call.message.id}`, method: "roots/list" }));
    },
    response: (call) => {
      call.response.writeHead(202).end();
      for (const asked of open.splice(0)) asked.response.end(event(answerTo(asked)));
    },
  });
  const controller = new AbortController();
  await using host = new Host(server.url, { signal: controller.signal });
  await host.initialize();
  for (let id = 1; id <= BRIDGE_IN_FLIGHT_MAX; id++) host.send({ jsonrpc: "2.0", id, method: "tools/call" });
  await eventually(() => open.length === BRIDGE_IN_FLIGHT_MAX, "all places taken");
  await host.line(({ id }) => id === `ask-${BRIDGE_IN_FLIGHT_MAX}`);
  const count = BRIDGE_IN_FLIGHT_MAX + BRIDGE_WAITING_MAX + 5;
  for (let id = BRIDGE_IN_FLIGHT_MAX + 1; id <= count; id++) {
    host.send({ jsonrpc: "2.0", id, method: "tools/call" });
  }
  match((await host.answer(count)).error?.message ?? "", /too many are waiting/);
  host.send({ jsonrpc: "2.0", id: "ask-1", result: {} });
  deepEqual((await host.answer(1)).result, {});
  deepEqual((await host.answer(BRIDGE_IN_FLIGHT_MAX)).result, {});
  controller.abort();
  await host.ended;
  for (let id = 1; id <= count; id++) equal(host.answers(id), 1);
});

Deno.test("calls that all wait for the host's answers do not block one another", async () => {
  const waiting = new Map<unknown, Call>();
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      waiting.set(call.message.id, call);
      call.stream(event({ jsonrpc: "2.0", id: call.message.id, method: "roots/list" }));
    },
    response: (call) => {
      call.response.writeHead(202).end();
      const asked = waiting.get(call.message.id)!;
      asked.response.end(event(answerTo(asked, call.message.result)));
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  const count = BRIDGE_IN_FLIGHT_MAX * 3;
  for (let id = 1; id <= count; id++) host.send({ jsonrpc: "2.0", id, method: "tools/call" });
  for (let id = 1; id <= count; id++) {
    await host.line((line) => line.id === id && line.method === "roots/list");
    host.send({ jsonrpc: "2.0", id, result: id });
  }
  for (let id = 1; id <= count; id++) equal((await host.answer(id)).result, id);
});

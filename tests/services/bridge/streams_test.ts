/**
 * Event streams: what is in them, where they break off, and how they go on.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery (T4, T5)
 * @see behaviours rows 35, 37
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { RPC_BAD_ANSWER } from "../../../lib/services/bridge/mod.ts";
import { eventually, Host } from "./host.ts";
import { answerTo, type Call, event, type ScriptedServer, startScriptedServer } from "./scripted_server.ts";

function lastEventIds(server: ScriptedServer): (string | null)[] {
  return server.requests("GET /mcp").map(({ headers }) => headers.get("last-event-id"));
}

Deno.test("an event split anywhere, in several lines and with any line ending, is one line", async () => {
  await using server = await startScriptedServer({
    "tools/call": async (call) => {
      const message = `{\n  "jsonrpc": "2.0",\r\n  "id": ${call.message.id},\r  "result": "€😀"\n}`;
      const bytes = new TextEncoder().encode(`: hi\n\n${message.replace(/^/gm, "data: ")}\n\n`);
      call.stream();
      for (let i = 0; i < bytes.length; i += 7) {
        call.response.write(bytes.subarray(i, i + 7));
        if (i % 3 === 0) await new Promise((resolve) => setTimeout(resolve));
      }
      call.response.end();
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  equal((await host.request("tools/call")).result, "€😀");
});

Deno.test("a stream that ends before its answer is resumed after the pause the server asked for", async () => {
  let ended = 0;
  let resumed = 0;
  let asked: unknown;
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      asked = call.message.id;
      call.stream("retry: 1500\n", "id: e1\ndata: \n\n");
      call.response.end(() => ended = performance.now());
    },
    GET: (call) => {
      if (call.exchange.recorded.headers.get("last-event-id") === null) {
        return void call.response.writeHead(405).end();
      }
      resumed = performance.now();
      call.stream(
        event({ jsonrpc: "2.0", method: "notifications/message", params: {} }),
        event({ jsonrpc: "2.0", id: asked, result: "late" }),
      );
      call.response.end();
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  equal((await host.request("tools/call")).result, "late");
  ok(resumed - ended >= 1490, `resumed after ${resumed - ended} ms`);
  deepEqual(lastEventIds(server), [null, "e1"]);
  equal(host.lines.filter(({ method }) => method === "notifications/message").length, 1);
});

Deno.test("a stream is resumed as often as it takes, from the last event each time, also when it is cut", async () => {
  let asked: unknown;
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      asked = call.message.id;
      call.stream("retry: 10\n", "id: 1\ndata: \n\n");
      call.response.write("id: 2\ndata: {", () => call.response.destroy());
    },
    GET: (call) => {
      const last = call.exchange.recorded.headers.get("last-event-id");
      if (last === null) return void call.response.writeHead(405).end();
      if (lastEventIds(server).length === 3) return void call.response.writeHead(503).end();
      if (lastEventIds(server).length === 4) return void call.response.writeHead(409).end();
      if (last === "1") call.stream("id: 5\ndata: \n\n");
      else if (lastEventIds(server).length < 7) call.stream();
      else call.stream(event({ jsonrpc: "2.0", id: asked, result: "at last" }));
      call.response.end();
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  equal((await host.request("tools/call", {}, 3)).result, "at last");
  deepEqual(lastEventIds(server), [null, "1", "5", "5", "5", "5", "5"]);
  await host.end();
  equal(host.answers(3), 1);
});

Deno.test("a stream that cannot be resumed ends in one error with the server's words", async () => {
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      call.stream("retry: 10\n", "id: e1\ndata: \n\n");
      call.response.end();
    },
    GET: (call) => void call.response.writeHead(400, { "content-type": "text/plain" }).end("Unknown event"),
  });
  await using host = new Host(server.url);
  await host.initialize();
  const { error } = await host.request("tools/call", {}, 3);
  equal(error?.code, RPC_BAD_ANSWER);
  match(error?.message ?? "", /HTTP 400: Unknown event/);
});

for (const status of [400, 401, 404, 405, 406, 501]) {
  Deno.test(`row 35: a server that answers ${status} to GET is served by POST alone`, async () => {
    await using server = await startScriptedServer({
      GET: ({ response }) => void response.writeHead(status).end(),
    });
    await using host = new Host(server.url);
    await host.initialize();
    await eventually(() => server.methods.includes("GET"), "the GET");
    equal((await host.request("tools/list")).result.method, "tools/list");
    equal(host.lines.length, 2);
  });
}

Deno.test("the server's stream is opened after notifications/initialized was accepted, not before", async () => {
  await using server = await startScriptedServer({
    "notifications/initialized": async ({ response }) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      ok(!server.methods.includes("GET"));
      response.writeHead(202).end();
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  await eventually(() => server.methods.includes("GET"), "the GET");
  deepEqual(server.methods, ["initialize", "notifications/initialized", "GET"]);
});

Deno.test("the server's stream is opened again from where it broke off, and relays requests (T4, T6)", async () => {
  const answers: unknown[] = [];
  await using server = await startScriptedServer({
    GET: (call) => {
      const number = lastEventIds(server).length;
      call.stream(
        "retry: 20\n",
        event({ jsonrpc: "2.0", id: `ask-${number}`, method: "roots/list" }, `id: ${number}\n`),
      );
      if (number < 3) call.response.end();
    },
    response: (call) => {
      answers.push(call.message);
      call.response.writeHead(202).end();
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  for (const id of ["ask-1", "ask-2", "ask-3"]) {
    await host.line((line) => line.id === id && line.method === "roots/list");
    host.send({ jsonrpc: "2.0", id, result: { roots: [] } });
  }
  await eventually(() => answers.length === 3, "the answers");
  deepEqual(lastEventIds(server), [null, "1", "2"]);
  ok(await host.end() < 1000, "an open stream does not hold up the end");
});

Deno.test("an answer on the server's stream counts, and the POST that is left hanging does not hold up the end", async () => {
  let standing: Call | undefined;
  await using server = await startScriptedServer({
    GET: (call) => {
      standing = call;
      call.stream(": open\n\n");
    },
    "tools/call": (call) => {
      call.stream(": wait\n\n");
      standing?.response.write(event(answerTo(call, "elsewhere")));
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  await eventually(() => standing !== undefined, "the GET");
  equal((await host.request("tools/call")).result, "elsewhere");
  ok(await host.end() < 1000);
});

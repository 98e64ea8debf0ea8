/**
 * Sessions that end before their host does.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management (T2)
 * @see behaviours row 36
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { eventually, Host } from "./host.ts";
import { type Call, event, hang, type Script, startScriptedServer } from "./scripted_server.ts";

/** A server whose sessions can be ended; unknown ones meet the status given. */
class Sessions {
  current = 0;
  opened = 0;
  /** What initialize does from the second time on. */
  refuse: ((call: Call) => void | Promise<void>) | undefined;
  readonly script: Script;

  constructor(status: number, body: string) {
    const known = (call: Call) => call.exchange.recorded.headers.get("mcp-session-id") === `s${this.current}`;
    const answer = (call: Call) => known(call) ? call.result({}) : call.json(body, status);
    this.script = {
      initialize: (call) => {
        if (this.opened > 0 && this.refuse !== undefined) return this.refuse(call);
        this.current = ++this.opened;
        const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: {} };
        call.json(JSON.stringify({ jsonrpc: "2.0", id: call.message.id, result }), 200, {
          "mcp-session-id": `s${this.current}`,
        });
      },
      ping: answer,
      "tools/list": answer,
      "tools/call": answer,
      "notifications/x": (call) =>
        known(call) ? void call.response.writeHead(202).end() : call.json(body, status),
    };
  }

  end(): void {
    this.current = -1;
  }
}

const NOT_FOUND = '{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}';
const BAD_REQUEST = '{"jsonrpc":"2.0","error":{"code":-32000,"message":"No valid session ID"},"id":null}';

for (
  const [status, body] of [[404, NOT_FOUND], [404, ""], [400, BAD_REQUEST], [
    400,
    "Bad Request: no session",
  ]] as const
) {
  Deno.test(`row 36: an ended session that is reported by ${status} ${body.slice(0, 12)} is opened again`, async () => {
    const sessions = new Sessions(status, body);
    await using server = await startScriptedServer(sessions.script);
    await using host = new Host(server.url);
    await host.initialize();
    sessions.end();
    const answers = await Promise.all([
      host.request("tools/list"),
      host.request("tools/call", { name: "x" }),
    ]);
    for (const { result } of answers) deepEqual(result, {});
    equal(sessions.opened, 2);
    equal(server.methods.filter((method) => method === "notifications/initialized").length, 2);
    sessions.end();
    host.send({ jsonrpc: "2.0", method: "notifications/x" });
    await eventually(() => sessions.opened === 3, "a notification opens it again too");
    await host.end();
    equal(host.lines.length, 3);
    equal(server.log.at(-1)!.headers.get("mcp-session-id"), "s3");
  });
}

Deno.test("a call that learns of the loss after a new session was opened is sent in that one", async () => {
  for (const [status, body] of [[404, NOT_FOUND], [400, BAD_REQUEST]] as const) {
    const sessions = new Sessions(status, body);
    const late: (() => void)[] = [];
    await using server = await startScriptedServer({
      ...sessions.script,
      "tools/call": async (call) => {
        if (late.length === 0) await new Promise<void>((resolve) => late.push(resolve));
        await sessions.script["tools/list"]!(call);
      },
    });
    await using host = new Host(server.url);
    await host.initialize();
    sessions.end();
    const slow = host.request("tools/call", { name: "x" });
    await eventually(() => late.length === 1, "the slow call");
    deepEqual((await host.request("tools/list")).result, {});
    late[0]!();
    deepEqual((await slow).result, {});
    equal(sessions.opened, 2);
  }
});

Deno.test("a 400 in a session that lives is the request's own error", async () => {
  const sessions = new Sessions(404, NOT_FOUND);
  await using server = await startScriptedServer({
    ...sessions.script,
    "tools/call": (call) =>
      call.json('{"jsonrpc":"2.0","error":{"code":-32600,"message":"Bad"},"id":null}', 400),
  });
  await using host = new Host(server.url);
  await host.initialize();
  equal((await host.request("tools/call")).error?.code, -32600);
  equal(sessions.opened, 1);
});

Deno.test("a 404 that says that the method does not exist is no lost session (T13)", async () => {
  const sessions = new Sessions(404, NOT_FOUND);
  await using server = await startScriptedServer({
    ...sessions.script,
    "tools/call": (call) =>
      call.json(`{"jsonrpc":"2.0","error":{"code":-32601,"message":"No"},"id":${call.message.id}}`, 404),
  });
  await using host = new Host(server.url);
  await host.initialize();
  equal((await host.request("tools/call")).error?.code, -32601);
  equal(sessions.opened, 1);
});

Deno.test("a server that answers 404 to every call is not initialized for ever", async () => {
  const sessions = new Sessions(404, NOT_FOUND);
  await using server = await startScriptedServer({
    ...sessions.script,
    "tools/call": (call) => void call.response.writeHead(404).end(),
  });
  await using host = new Host(server.url);
  await host.initialize();
  match((await host.request("tools/call")).error?.message ?? "", /HTTP 404/);
  equal(sessions.opened, 2);
});

Deno.test("row 36: a session that cannot be opened again is an error for each request, until it can", async () => {
  const sessions = new Sessions(404, NOT_FOUND);
  await using server = await startScriptedServer(sessions.script);
  await using host = new Host(server.url);
  await host.initialize();
  for (
    const refuse of [
      (call: Call) => void call.response.writeHead(503).end(),
      (call: Call) =>
        call.json(
          `{"jsonrpc":"2.0","id":${JSON.stringify(call.message.id)},"error":{"code":1,"message":"x"}}`,
        ),
      (call: Call) => call.json("{"),
    ]
  ) {
    sessions.refuse = refuse;
    sessions.end();
    const answers = await Promise.all([
      host.request("tools/list"),
      host.request("tools/call", { name: "x" }),
    ]);
    for (const { error } of answers) equal(error?.data.code, "SERVER_ERROR");
  }
  sessions.refuse = undefined;
  deepEqual((await host.request("tools/list")).result, {});
  equal(host.answers("initialize"), 1);
});

Deno.test("a session that is being opened again does not hold up the end", async () => {
  const sessions = new Sessions(404, NOT_FOUND);
  await using server = await startScriptedServer(sessions.script);
  await using host = new Host(server.url);
  await host.initialize();
  sessions.refuse = hang;
  sessions.end();
  host.send({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  await eventually(
    () => server.methods.filter((method) => method === "initialize").length === 2,
    "the second initialize",
  );
  ok(await host.end() < 2000);
  equal((await host.answer(1)).error?.data.code, "TIMEOUT");
});

Deno.test("a host that initializes anew gets a session of its own", async () => {
  const sessions = new Sessions(404, NOT_FOUND);
  await using server = await startScriptedServer(sessions.script);
  await using host = new Host(server.url);
  await host.initialize();
  ok((await host.request("initialize", {}, "again")).result);
  const [, second] = server.log.filter((request) => /"initialize"/.test(request.body));
  equal(second!.headers.get("mcp-session-id"), null);
  deepEqual((await host.request("tools/list")).result, {});
});

Deno.test("row 36: a server that leaves the stream of its second opening open is cut there, and the session is of use", async () => {
  const sessions = new Sessions(404, NOT_FOUND);
  await using server = await startScriptedServer(sessions.script);
  await using host = new Host(server.url);
  await host.initialize();
  sessions.refuse = (call) => {
    sessions.current = ++sessions.opened;
    const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: {} };
    call.response.writeHead(200, {
      "content-type": "text/event-stream",
      "mcp-session-id": `s${sessions.current}`,
    });
    call.response.write(event({ jsonrpc: "2.0", id: call.message.id, result }));
    return hang(call);
  };
  sessions.end();
  deepEqual((await host.request("tools/call", { name: "x" })).result, {});
  equal(sessions.opened, 2);
  equal(server.methods.filter((method) => method === "notifications/initialized").length, 2);
});

Deno.test("row 36: an answer to something else opens no session again", async () => {
  const sessions = new Sessions(404, NOT_FOUND);
  await using server = await startScriptedServer(sessions.script);
  await using host = new Host(server.url);
  await host.initialize();
  sessions.refuse = (call) => call.json('{"jsonrpc":"2.0","id":"another","result":{}}');
  sessions.end();
  equal((await host.request("tools/call", { name: "x" })).error?.data.code, "SERVER_ERROR");
  sessions.refuse = undefined;
  deepEqual((await host.request("tools/call", { name: "x" })).result, {});
  equal(sessions.opened, 2);
});

Deno.test("row 36: a call that learns late of a loss waits for the session that is being opened by then", async () => {
  const sessions = new Sessions(404, NOT_FOUND);
  const late = Promise.withResolvers<void>();
  const opening = Promise.withResolvers<void>();
  let held = 0;
  const answer = sessions.script["tools/call"]!;
  await using server = await startScriptedServer({
    ...sessions.script,
    "tools/call": async (call) => {
      if (call.message.params.name !== "late" || held++ > 0) return await answer(call);
      await late.promise;
      call.json(NOT_FOUND, 404);
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  const call = host.request("tools/call", { name: "late" }, "late");
  await eventually(() => held === 1, "the call");
  sessions.end();
  deepEqual((await host.request("tools/list")).result, {});
  // The second session is lost as well, and the third takes its time.
  sessions.end();
  sessions.refuse = async (again) => {
    await opening.promise;
    sessions.refuse = undefined;
    await sessions.script["initialize"]!(again);
  };
  const list = host.request("tools/list");
  const opened = () => server.methods.filter((method) => method === "initialize").length;
  await eventually(() => opened() === 3, "the third opening");
  late.resolve();
  await eventually(
    () => server.log.some(({ body, status }) => /"late"/.test(body) && status === 404),
    "the refusal",
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  equal(held, 1);
  opening.resolve();
  for (const { result } of await Promise.all([call, list])) deepEqual(result, {});
  deepEqual([opened(), held], [3, 2]);
});

/**
 * The client connection, against a server built with the official SDK and against servers that get it wrong.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { LIST_PAGES_MAX } from "../../../lib/primitives/bridge_limits.ts";
import { type Connection, openConnection, RpcError } from "../../../lib/services/bridge/mod.ts";
import { startMcpServer } from "../../../scripts/demo/servers/mcp_server.ts";
import { eventually, NO_SIGN_IN } from "./host.ts";
import { answerTo, type Call, event, hang, startScriptedServer } from "./scripted_server.ts";

function connect(url: string, signal?: AbortSignal): Promise<Connection> {
  const clientInfo = { name: "mcp-auth", version: "1.2.3" };
  return openConnection({ url, http: createHttp(), authorizer: NO_SIGN_IN, clientInfo, signal });
}

function failure(code: string, says: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof McpAuthError && error.code === code && says.test(error.message);
}

for (const enableJsonResponse of [false, true]) {
  Deno.test(`a connection initializes, asks and ends its session (${enableJsonResponse ? "JSON" : "streams"})`, async () => {
    await using server = await startMcpServer({ open: true, enableJsonResponse });
    await using connection = await connect(server.url);
    deepEqual(connection.server["serverInfo"], { name: "demo", version: "1.0.0" });
    const tools = await connection.listAll("tools/list", "tools");
    ok(tools.length > 5);
    const result = await connection.request("tools/call", { name: "add", arguments: { a: 2, b: 3 } });
    deepEqual((result as { structuredContent: unknown }).structuredContent, { sum: 5 });
    equal(server.sessions.length, 1);
    await connection.close();
    deepEqual(server.sessions, []);
    await rejects(connection.request("ping"), failure("AUTH_CANCELLED", /cancelled/));
    equal(server.requests("DELETE /mcp").length, 1);
    deepEqual(server.log[0]!.json(), {
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "mcp-auth", version: "1.2.3" },
      },
    });
  });
}

Deno.test("progress reaches the one who asked, and a lost session is opened again", async () => {
  await using server = await startMcpServer({ open: true });
  await using connection = await connect(server.url);
  await server.forgetSessions();
  const slow = async (token: string): Promise<unknown[]> => {
    const seen: unknown[] = [];
    await connection.request(
      "tools/call",
      { name: "slow", arguments: { ms: 40 }, _meta: { progressToken: token } },
      {
        onNotification: (method, params) =>
          void seen.push([method, (params as { progressToken: string }).progressToken]),
      },
    );
    return seen;
  };
  for (const [i, seen] of (await Promise.all([slow("a"), slow("b")])).entries()) {
    deepEqual(seen, Array(4).fill(["notifications/progress", "ab"[i]]));
  }
  equal(server.sessions.length, 1);
});

Deno.test("an error answer is a coded error with the server's words, made fit to be shown", async () => {
  await using server = await startScriptedServer({
    "tools/call": (call) =>
      call.json(
        JSON.stringify({
          jsonrpc: "2.0",
          id: call.message.id,
          error: { code: -32602, message: "No\u001b[2J tool", data: { a: 1 } },
        }),
      ),
    "x/odd": (call) => call.json(JSON.stringify({ jsonrpc: "2.0", id: call.message.id, error: "nonsense" })),
  });
  await using connection = await connect(server.url);
  await rejects(connection.request("tools/call", { name: "x" }), (error) => {
    ok(error instanceof McpAuthError && error.cause instanceof RpcError);
    equal(error.code, "SERVER_ERROR");
    equal(error.message, 'The server refused "tools/call": No [2J tool (JSON-RPC -32602)');
    deepEqual([error.cause.code, error.cause.data], [-32602, { a: 1 }]);
    return true;
  });
  await rejects(connection.request("x/odd"), failure("SERVER_ERROR", /refused "x\/odd"/));
});

Deno.test("a server's ping is answered and its other requests are refused", async () => {
  const answers: unknown[] = [];
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      call.stream(
        event({ jsonrpc: "2.0", id: "p", method: "ping" }),
        event({ jsonrpc: "2.0", id: "s", method: "sampling/createMessage", params: {} }),
      );
      const timer = setInterval(() => {
        if (answers.length < 2) return;
        clearInterval(timer);
        call.response.end(event(answerTo(call, "done")));
      }, 5);
    },
    response: (call) => {
      answers.push(call.message);
      call.response.writeHead(202).end();
    },
  });
  await using connection = await connect(server.url);
  equal(await connection.request("tools/call"), "done");
  deepEqual(answers.sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1), [
    { jsonrpc: "2.0", id: "p", result: {} },
    { jsonrpc: "2.0", id: "s", error: { code: -32601, message: "Method not found" } },
  ]);
});

Deno.test("lists are read page by page, to an end that has to come", async () => {
  let endless = false;
  await using server = await startScriptedServer({
    "tools/list": (call) => {
      const page = Number(call.message.params?.cursor ?? 0);
      const next = endless || page < 2 ? { nextCursor: String(page + 1) } : {};
      call.result({ tools: [{ name: `t${page}` }, null], ...next });
    },
    "prompts/list": (call) => call.result({ prompts: "none" }),
  });
  await using connection = await connect(server.url);
  deepEqual(await connection.listAll("tools/list", "tools"), [{ name: "t0" }, null, { name: "t1" }, null, {
    name: "t2",
  }, null]);
  await rejects(connection.listAll("prompts/list", "prompts"), failure("SERVER_ERROR", /no "prompts"/));
  endless = true;
  await rejects(connection.listAll("tools/list", "tools"), failure("SERVER_ERROR", /more than/));
  equal(server.methods.filter((method) => method === "tools/list").length, 3 + LIST_PAGES_MAX);
});

Deno.test("a cancelled request is cancelled at the server too", async () => {
  await using server = await startScriptedServer({ "tools/call": hang });
  await using connection = await connect(server.url);
  const controller = new AbortController();
  const call = connection.request("tools/call", {}, { signal: controller.signal });
  await eventually(() => server.methods.includes("tools/call"), "the call");
  controller.abort();
  await rejects(call, failure("AUTH_CANCELLED", /"tools\/call"/));
  await eventually(() => server.methods.includes("notifications/cancelled"), "the cancellation");
  deepEqual((server.log.at(-1)!.json() as { params: unknown }).params, { requestId: 2 });
  deepEqual(await connection.request("ping"), { method: "ping" });
});

Deno.test("the connection's signal ends what is under way, also while it connects", async () => {
  await using server = await startScriptedServer({ "tools/call": hang });
  const controller = new AbortController();
  await using connection = await connect(server.url, controller.signal);
  const call = connection.request("tools/call");
  await eventually(() => server.methods.includes("tools/call"), "the call");
  controller.abort();
  await rejects(call, failure("AUTH_CANCELLED", /cancelled/));

  await using silent = await startScriptedServer({ initialize: hang });
  const second = new AbortController();
  const connecting = connect(silent.url, second.signal);
  await eventually(() => silent.methods.includes("initialize"), "initialize");
  second.abort();
  await rejects(connecting, failure("AUTH_CANCELLED", /cancelled/));
});

const refusals: readonly (readonly [string, (call: Call) => void, RegExp])[] = [
  ["is not at this URL", ({ response }) => {
    response.writeHead(404, { "content-type": "text/plain" }).end("No such page");
  }, /"initialize": the server answered HTTP 404: No such page/],
  ["takes no POST", ({ response }) => void response.writeHead(405).end(), /HTTP 405/],
  ["answers with a page", ({ response }) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<html>");
  }, /not JSON$/],
  ["answers with a result that is none", (call) => call.result("yes"), /names no protocol version/],
  ["answers with a result that is null", (call) => call.result(null), /names no protocol version/],
  [
    "refuses",
    (call) => call.json(`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"Closed today"}}`, 400),
    /refused "initialize": Closed today/,
  ],
];

for (const [description, initialize, says] of refusals) {
  Deno.test(`a server that ${description} cannot be connected to, and the error says why`, async () => {
    await using server = await startScriptedServer({ initialize });
    await rejects(connect(server.url), failure("SERVER_ERROR", says));
  });
}

Deno.test("the first error is the one reported when the authorizer has no way", async () => {
  await using server = await startScriptedServer({
    initialize: ({ response }) => void response.writeHead(401).end(),
  });
  await rejects(connect(server.url), failure("AUTH_REQUIRED", /sign in/));
});

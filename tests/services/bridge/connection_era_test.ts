/**
 * A connection finds out which era of the protocol its server is of, against servers of both lines of the official SDK
 * and against scripted ones that refuse in every way that real ones do.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning (T9-T15, T17, T20)
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { type Connection, type ConnectionOptions, openConnection } from "../../../lib/services/bridge/mod.ts";
import { startMcpServer } from "../../../scripts/demo/servers/mcp_server.ts";
import { eventually, NO_SIGN_IN } from "./host.ts";
import { type Call, hang, type Script, startScriptedServer } from "./scripted_server.ts";

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "mcp-auth", version: "1.2.3" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

function connect(
  url: string,
  signal?: AbortSignal,
  more: Partial<ConnectionOptions> = {},
): Promise<Connection> {
  const clientInfo = { name: "mcp-auth", version: "1.2.3" };
  return openConnection({ url, http: createHttp(), authorizer: NO_SIGN_IN, clientInfo, signal, ...more });
}

function failure(code: string, says: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof McpAuthError && error.code === code && says.test(error.message);
}

/** Answers with an error, as servers do: HTTP 400 and the request's id, unless told otherwise. */
function refuse(code: number, message: string, data?: unknown, status = 400): (call: Call) => void {
  return (call) => {
    const error = { code, message, ...(data === undefined ? {} : { data }) };
    call.json(JSON.stringify({ jsonrpc: "2.0", id: call.message.id, error }), status);
  };
}

const LIST: Script = {
  "tools/list": (call) => call.result({ resultType: "complete", tools: [{ name: "a" }] }),
};

Deno.test("a stateless server of the SDK is found out, asked and cancelled as it wants to be (T10, T12, T17)", async () => {
  await using server = await startMcpServer({ open: true, sdk2: "stateless" });
  await using connection = await connect(server.url);
  equal(connection.server["protocolVersion"], "2026-07-28");
  ok((await connection.listAll("tools/list", "tools")).length > 3);
  const progress: unknown[] = [];
  const params = { name: "slow", arguments: {}, _meta: { progressToken: 7 } };
  await connection.request("tools/call", params, {
    onNotification: (method, params) => void progress.push([method, params]),
  });
  deepEqual(progress.map((each) => (each as [string, { progress: number }])[1].progress), [1, 2]);
  await connection.close();
  const [first, ...rest] = server.log;
  equal((first!.json() as { method: string }).method, "initialize");
  deepEqual(rest.map(({ headers }) => headers.get("mcp-method")), ["tools/list", "tools/call"]);
  deepEqual(rest.map(({ headers }) => headers.get("mcp-name")), [null, "slow"]);
  for (const { method, headers } of rest) {
    equal(method, "POST");
    equal(headers.get("mcp-protocol-version"), "2026-07-28");
    equal(headers.get("mcp-session-id"), null);
  }
  deepEqual((rest[0]!.json() as { params: unknown }).params, { _meta: META });
  deepEqual((rest[1]!.json() as { params: { _meta: unknown } }).params._meta, {
    progressToken: 7,
    ...META,
  });
});

Deno.test("a server of both eras is spoken to in the stateful way, at no extra request (T20)", async () => {
  await using server = await startMcpServer({ open: true, sdk2: "both" });
  await using connection = await connect(server.url);
  equal(connection.server["protocolVersion"], "2025-11-25");
  const result = await connection.request("tools/call", { name: "add", arguments: { a: 2, b: 3 } });
  deepEqual((result as { structuredContent: unknown }).structuredContent, { sum: 5 });
  await connection.close();
  const methods = server.requests("POST /mcp").map((each) => (each.json() as { method: string }).method);
  deepEqual(methods, ["initialize", "notifications/initialized", "tools/call"]);
});

Deno.test("a server of the second line with sessions is one like any other (T2)", async () => {
  await using server = await startMcpServer({ open: true, sdk2: "sessions" });
  await using connection = await connect(server.url);
  ok((await connection.listAll("tools/list", "tools")).length > 3);
  await connection.close();
  equal(server.requests("DELETE /mcp").length, 1);
});

Deno.test("a result that wants input in return is an error that names what is wanted (T11, T15)", async () => {
  await using server = await startMcpServer({ open: true, sdk2: "stateless" });
  await using connection = await connect(server.url);
  await rejects(
    connection.request("tools/call", { name: "ask", arguments: {} }),
    failure("SERVER_ERROR", /elicitation/),
  );
});

const UNTRUSTED = "elicitation/create\u001b[2J";
const results: readonly (readonly [string, unknown, RegExp])[] = [
  ["wants input and says which", {
    resultType: "input_required",
    inputRequests: { a: { method: UNTRUSTED }, b: { method: UNTRUSTED }, c: 1, d: { method: "roots/list" } },
  }, /asks for input in return: elicitation\/create \[2J, roots\/list$/],
  ["wants input and says nothing", { resultType: "input_required" }, /asks for input in return$/],
  ["is of a kind that nobody knows", { resultType: "task" }, /unknown type "task"$/],
];

for (const [description, result, says] of results) {
  Deno.test(`a result that ${description} is no result (T11)`, async () => {
    await using server = await startScriptedServer({
      initialize: refuse(-32022, "No", { supported: ["2026-07-28"] }),
      "tools/call": (call) => call.result(result),
    });
    await using connection = await connect(server.url);
    await rejects(connection.request("tools/call"), failure("SERVER_ERROR", says));
  });
}

Deno.test("a result of a stateful server is not searched for what only stateless ones say (T11)", async () => {
  await using server = await startScriptedServer({
    "tools/call": (call) => call.result({ resultType: "input_required" }),
  });
  await using connection = await connect(server.url);
  deepEqual(await connection.request("tools/call"), { resultType: "input_required" });
});

const certain: readonly (readonly [string, (call: Call) => void])[] = [
  ["an unsupported version, with those it supports", refuse(-32022, "No", { supported: ["2026-07-28"] })],
  [
    "an unsupported version, with newer ones too",
    refuse(-32022, "No", { supported: ["2027-01-01", "2026-07-28"] }),
  ],
  ["an unsupported version and nothing else", refuse(-32022, "No")],
  ["an unsupported version, with nonsense", refuse(-32022, "No", { supported: [1, null] })],
  ["a header that is missing", refuse(-32020, "Missing MCP-Protocol-Version header")],
  ["a capability that is missing", refuse(-32021, "Missing capability")],
  ["an error of that kind with HTTP 200", refuse(-32022, "No", { supported: ["2026-07-28"] }, 200)],
  ["an error of that kind without an id", (call) => {
    call.json('{"jsonrpc":"2.0","id":null,"error":{"code":-32020,"message":"Missing header"}}', 400);
  }],
];

for (const [description, initialize] of certain) {
  Deno.test(`initialize refused for ${description} tells of a stateless server at once (T13, T20)`, async () => {
    await using server = await startScriptedServer({ initialize, ...LIST });
    await using connection = await connect(server.url);
    deepEqual(await connection.listAll("tools/list", "tools"), [{ name: "a" }]);
    deepEqual(server.methods, ["initialize", "tools/list"]);
  });
}

const DISCOVERED = {
  resultType: "complete",
  supportedVersions: ["2025-11-25", "2026-07-28"],
  capabilities: { tools: {} },
};

const uncertain: readonly (readonly [string, (call: Call) => void])[] = [
  ["an unknown method (404)", refuse(-32601, "Method not found", undefined, 404)],
  ["an unknown method (200)", refuse(-32601, "Method not found", undefined, 200)],
  ["parameters without _meta", refuse(-32602, "Invalid params: missing _meta keys")],
  ["a code of an earlier draft", refuse(-32001, "Header mismatch")],
  ["an empty answer", ({ response }) => void response.writeHead(400).end()],
  ["a page", ({ response }) => void response.writeHead(404, { "content-type": "text/html" }).end("<p>")],
];

for (const [description, initialize] of uncertain) {
  Deno.test(`initialize refused with ${description} is looked into with server/discover (T14, T20)`, async () => {
    await using server = await startScriptedServer({
      initialize,
      "server/discover": (call) => call.result(DISCOVERED),
      ...LIST,
    });
    await using connection = await connect(server.url);
    deepEqual(await connection.listAll("tools/list", "tools"), [{ name: "a" }]);
    deepEqual(connection.server["capabilities"], { tools: {} });
    // After 404 it may also have been a server of HTTP+SSE.
    deepEqual(server.methods.filter((method) => method !== "GET"), [
      "initialize",
      "server/discover",
      "tools/list",
    ]);
    equal(server.requests("POST /mcp")[1]!.headers.get("mcp-method"), "server/discover");
  });
}

const ENDS: readonly (readonly [string, (call: Call) => void])[] = [
  ["refuses server/discover too", refuse(-32601, "Method not found", undefined, 404)],
  ["answers server/discover with what is none", (call) => call.result({ method: "server/discover" })],
  ["names no revisions", (call) => call.result({ supportedVersions: [], capabilities: {} })],
  ["names only stateful ones", (call) => call.result({ supportedVersions: ["2025-11-25"] })],
  ["breaks off", ({ response }) => void response.destroy()],
];

for (const [description, discover] of ENDS) {
  Deno.test(`a server that ${description} is reported with its first error`, async () => {
    await using server = await startScriptedServer({
      initialize: refuse(-32000, "Closed today"),
      "server/discover": discover,
    });
    await rejects(connect(server.url), failure("SERVER_ERROR", /refused "initialize": Closed today/));
  });
}

Deno.test("a server that speaks nothing we know says what it speaks (T14)", async () => {
  const supported = ["2027-01-01", "2028\u001b[31m"];
  await using refusing = await startScriptedServer({ initialize: refuse(-32022, "No", { supported }) });
  await rejects(connect(refusing.url), failure("SERVER_ERROR", /known here, but 2027-01-01, 2028 \[31m$/));
  await using discovered = await startScriptedServer({
    initialize: refuse(-32601, "Method not found"),
    "server/discover": (call) => call.result({ supportedVersions: supported }),
  });
  await rejects(connect(discovered.url), failure("SERVER_ERROR", /known here, but 2027-01-01/));
});

Deno.test("a server that names an older stateful revision gets initialize once more, with that one", async () => {
  const offered: string[] = [];
  await using server = await startScriptedServer({
    initialize: (call) => {
      offered.push(call.message.params.protocolVersion);
      if (offered.length === 1) return refuse(-32022, "No", { supported: ["2025-06-18"] })(call);
      call.result({ protocolVersion: "2025-06-18", capabilities: {} });
    },
  });
  await using connection = await connect(server.url);
  deepEqual(offered, ["2025-11-25", "2025-06-18"]);
  await connection.request("ping");
  equal(server.log.at(-1)!.headers.get("mcp-protocol-version"), "2025-06-18");

  await using stubborn = await startScriptedServer({
    initialize: refuse(-32022, "No", { supported: ["2025-06-18"] }),
  });
  await rejects(
    connect(stubborn.url),
    failure("SERVER_ERROR", /\(JSON-RPC -32022\); it supports 2025-06-18$/),
  );
  deepEqual(stubborn.methods, ["initialize", "initialize"]);
});

Deno.test("a server that answers initialize with a stateless revision is spoken to in that way", async () => {
  await using server = await startScriptedServer({
    initialize: (call) => call.result({ protocolVersion: "2026-07-28", capabilities: { tools: {} } }),
    ...LIST,
  });
  await using connection = await connect(server.url);
  await connection.listAll("tools/list", "tools");
  deepEqual(server.methods, ["initialize", "tools/list"]);
  deepEqual(connection.server["capabilities"], { tools: {} });
});

for (const status of [401, 403]) {
  Deno.test(`HTTP ${status} says nothing of the era, whatever is in its body (T20)`, async () => {
    await using server = await startScriptedServer({
      initialize: refuse(-32022, "No", { supported: ["2026-07-28"] }, status),
    });
    await rejects(connect(server.url), failure("AUTH_REQUIRED", /sign in/));
    deepEqual(server.methods, ["initialize"]);
  });
}

Deno.test("a call to a stateless server is cancelled by closing its stream, and nothing else is sent (T9, T17)", async () => {
  let gone = false;
  await using server = await startScriptedServer({
    initialize: refuse(-32022, "No", { supported: ["2026-07-28"] }),
    "tools/call": (call) => {
      call.response.on("close", () => gone = true);
      call.stream(": waiting\n\n", 'data: {"jsonrpc":"2.0","id":"s","method":"ping"}\n\n');
    },
  });
  await using connection = await connect(server.url);
  const controller = new AbortController();
  const call = connection.request("tools/call", {}, { signal: controller.signal });
  await eventually(() => server.methods.includes("tools/call"), "the call");
  controller.abort();
  await rejects(call, failure("AUTH_CANCELLED", /"tools\/call"/));
  await eventually(() => gone, "the end of the stream");
  await connection.close();
  deepEqual(server.methods, ["initialize", "tools/call"]);
});

Deno.test("a cancelled connection does not go on to ask about eras", async () => {
  await using server = await startScriptedServer({
    initialize: refuse(-32601, "Method not found", undefined, 404),
    "server/discover": hang,
  });
  const controller = new AbortController();
  const connecting = connect(server.url, controller.signal);
  await eventually(() => server.methods.includes("server/discover"), "server/discover");
  controller.abort();
  await rejects(connecting, failure("AUTH_CANCELLED", /cancelled/));
});

const SILENT: Script = {
  initialize: (call) => call.stream(": wait\n\n"),
  "tools/list": (call) => call.stream(": wait\n\n"),
};

Deno.test("a server that accepts initialize and never answers is given up in time", async () => {
  await using server = await startScriptedServer({ initialize: SILENT["initialize"]! });
  await rejects(
    connect(server.url, undefined, { answerMs: 300 }),
    failure("TIMEOUT", /"initialize": the server accepted it and sent no answer within 0\.3 s$/),
  );
  deepEqual(server.methods, ["initialize"]);
  await using mute = await startScriptedServer({ initialize: hang });
  await rejects(connect(mute.url, undefined, { answerMs: 300 }), failure("TIMEOUT", /longer than 0\.3 s$/));
});

Deno.test("a list that never comes is given up in time, and the connection is of use afterwards", async () => {
  await using server = await startScriptedServer({ "tools/list": SILENT["tools/list"]! });
  await using connection = await connect(server.url, undefined, { answerMs: 300 });
  await rejects(connection.listAll("tools/list", "tools"), failure("TIMEOUT", /"tools\/list"/));
  await eventually(() => server.methods.includes("notifications/cancelled"), "the cancellation");
  await connection.request("ping", {}, { answerMs: 5_000 });
});

Deno.test("the time that a sign-in takes is none of the server's", async () => {
  await using server = await startScriptedServer({
    initialize: (call) => {
      if (call.exchange.recorded.headers.get("authorization") === null) {
        return void call.response.writeHead(401).end();
      }
      call.result({ protocolVersion: "2025-11-25", capabilities: {} });
    },
  });
  let token: string | undefined;
  await using connection = await connect(server.url, undefined, {
    answerMs: 300,
    authorizer: {
      headers: () => Promise.resolve(token === undefined ? {} : { authorization: token }),
      noteNonce: () => {},
      refused: async () => {
        await new Promise((resolve) => setTimeout(resolve, 600));
        token = "Bearer a";
      },
    },
  });
  equal(connection.server["protocolVersion"], "2025-11-25");
});

Deno.test("a sign-in that server/discover takes, and that fails, is told in place of the era", async () => {
  await using server = await startScriptedServer({
    initialize: refuse(-32601, "Method not found", undefined, 404),
    "server/discover": ({ response }) => void response.writeHead(401).end(),
  });
  await rejects(connect(server.url), failure("AUTH_REQUIRED", /sign in/));
});

const NO_SERVERS: readonly (readonly [string, (call: Call) => void, RegExp])[] = [
  ["JSON of its own", (call) => call.json('{"ok":true}'), /ended its response without an answer$/],
  ["nothing", ({ response }) => void response.writeHead(202).end(), /without an answer$/],
  [
    "a page",
    ({ response }) => void response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>"),
    /sent a page, which is not JSON$/,
  ],
  ["a word", ({ response }) => void response.writeHead(200).end("OK"), /what is not JSON: OK$/],
  [
    "a redirect to its sign-in page",
    ({ response }) => void response.writeHead(302, { location: "/login?next=%2Fmcp" }).end(),
    /HTTP 302: it redirects to "http:\/\/127\.0\.0\.1:\d+\/login"$/,
  ],
  [
    "404",
    ({ response }) => void response.writeHead(404).end(),
    /"initialize": the server answered HTTP 404; and by HTTP\+SSE: Cannot send "GET stream": .*HTTP 405$/,
  ],
];

for (const [description, initialize, says] of NO_SERVERS) {
  Deno.test(`what answers initialize with ${description} is told to be no MCP server's URL`, async () => {
    await using server = await startScriptedServer({ initialize, "server/discover": initialize });
    await rejects(connect(server.url), (error) => {
      ok(failure("SERVER_ERROR", says)(error), String(error));
      equal((error as McpAuthError).hint, "Check that the URL is the server's MCP endpoint");
      return true;
    });
  });
}

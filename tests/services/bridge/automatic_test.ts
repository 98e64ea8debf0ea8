/**
 * How `auto` finds the transport: what makes it fall back to HTTP+SSE, what never does, and what is told where neither
 * works.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#backwards-compatibility (T8, T13, T20)
 * @see behaviours row 34
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { HTTP_TIMEOUT_MS } from "../../../lib/primitives/limits.ts";
import { openConnection } from "../../../lib/services/bridge/mod.ts";
import type { Authorizer } from "../../../lib/services/tokens/mod.ts";
import { eventually, Host, INITIALIZE, NO_SIGN_IN } from "./host.ts";
import { type ScriptedSse, type SseScript, startScriptedSse } from "./scripted_sse.ts";
import { type Call, startScriptedServer } from "./scripted_server.ts";

const META = {
  _meta: {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  },
};

/** What answers the POST of a message at the URL of an HTTP+SSE server. */
function posted(
  status: number,
  body = "",
  headers: Record<string, string> = {},
): Required<SseScript>["other"] {
  return ({ response, recorded }) => {
    if (recorded.method === "POST") response.writeHead(status, headers).end(body);
    else response.writeHead(404).end();
  };
}

const NOT_THERE: readonly (readonly [string, Required<SseScript>["other"]])[] = [
  [
    "404 and a page",
    posted(404, "<!doctype html><pre>Cannot POST /sse</pre>", { "content-type": "text/html" }),
  ],
  ["404 and nothing", posted(404)],
  ["405 and words", posted(405, "Method Not Allowed", { allow: "GET" })],
  [
    "405 and a JSON-RPC error of nobody's request",
    posted(405, '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Method not allowed."}}', {
      "content-type": "application/json",
    }),
  ],
  [
    "405 and the JSON-RPC error of fast-mcp#160",
    posted(405, '{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not allowed"},"id":null}', {
      "content-type": "application/json",
    }),
  ],
  ["404 and the words of Atlassian's (mcp-remote#203)", posted(404, "Missing sessionId parameter")],
  [
    "404 and an OAuth-like error",
    posted(404, '{"error":"not_found"}', { "content-type": "application/json" }),
  ],
];
for (const [description, other] of NOT_THERE) {
  Deno.test(`row 34: a server that answers the first POST with ${description} is served over HTTP+SSE (T8)`, async () => {
    await using server = await startScriptedSse({ other });
    await using host = new Host(server.url);
    equal((await host.initialize()).result.protocolVersion, "2024-11-05");
    equal((await host.request("tools/list")).result.session, 1);
    deepEqual(server.seen.slice(0, 4), [
      "POST /sse",
      "GET",
      "initialize 1",
      "notifications/initialized 1",
    ]);
    await host.request("ping");
    equal(server.requests("POST /sse").length, 1, "it is decided once");
  });
}

const NEVER: readonly (readonly [string, Required<SseScript>["other"], RegExp])[] = [
  [
    "400 and the JSON-RPC error of Slack's (vercel/eve#3547)",
    posted(
      400,
      '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"App is not enabled for Slack MCP server access"}}',
      { "content-type": "application/json" },
    ),
    /^App is not enabled for Slack MCP server access$/,
  ],
  [
    "400 and JSON that is no JSON-RPC",
    posted(400, '{"ok":false,"error":"missing_charset"}', { "content-type": "application/json" }),
    /HTTP 400: \{"ok":false,"error":"missing_charset"\}/,
  ],
  ["409", posted(409, "busy"), /HTTP 409: busy/],
  ["429", posted(429), /HTTP 429/],
  ["500", posted(500, "Out of cheese"), /HTTP 500: Out of cheese/],
  ["501", posted(501), /HTTP 501/],
  ["502 (FastGPT#7154)", posted(502), /HTTP 502/],
  ["503", posted(503, "later"), /HTTP 503: later/],
  [
    "a lost connection (openclaw/mcporter#310)",
    ({ request }) => void request.socket.destroy(),
    /Cannot reach the server/,
  ],
  ["a page and 200", posted(200, "<p>Welcome", { "content-type": "text/html" }), /a page, which is not JSON/],
];
for (const [description, other, says] of NEVER) {
  Deno.test(`row 34: ${description} is never a reason to try HTTP+SSE, and is told as it is`, async () => {
    await using server = await startScriptedSse({ other });
    await using host = new Host(server.url);
    const { error } = await host.initialize();
    match(error?.message ?? "", says);
    deepEqual(server.requests("GET /sse"), []);
  });
}

for (const status of [401, 403]) {
  Deno.test(`row 34: ${status} is a question of authorization and never of the transport (T20)`, async () => {
    await using server = await startScriptedSse({ other: posted(status) });
    await using host = new Host(server.url);
    equal((await host.initialize()).error?.data.code, "AUTH_REQUIRED");
    deepEqual(server.requests("GET /sse"), []);
  });
}

Deno.test("row 34: where HTTP+SSE fails as well, the first error is told with the server's words, then the second", async () => {
  const noRoute = ({ response }: Call) => void response.writeHead(404).end("No route for this team");
  await using server = await startScriptedServer({
    "initialize": noRoute,
    "server/discover": noRoute,
    "notifications/initialized": noRoute,
    GET: ({ response }) => void response.writeHead(406).end("Nothing acceptable"),
  });
  await using host = new Host(server.url);
  const { error } = await host.initialize();
  match(
    error?.message ?? "",
    /^Cannot send "initialize": the server answered HTTP 404: No route for this team; and by HTTP\+SSE: Cannot send "GET stream": the server answered HTTP 406: Nothing acceptable \(Check that the URL is the server's MCP endpoint\)$/,
  );
  equal(error?.data.code, "SERVER_ERROR");
  const gets = () => server.methods.filter((method) => method === "GET").length;
  equal(gets(), 1, "it is asked once, whatever else is tried");
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const again = await host.request("initialize", {}, "again");
  match(again.error?.message ?? "", /HTTP 404.*HTTP 406/, "it is looked into anew");
  equal(gets(), 2);
});

Deno.test("row 34: an error of a server that is one of HTTP+SSE is its own", async () => {
  await using server = await startScriptedSse({
    on: {
      initialize: ({ response, message }) => {
        if (message.id === "initialize") response.writeHead(503).end("warming up");
        else response.writeHead(500).end("cold");
      },
    },
  });
  await using host = new Host(server.url);
  match(
    (await host.initialize()).error?.message ?? "",
    /^Cannot send "initialize": .* HTTP 503: warming up$/,
  );
  match((await host.request("initialize", {}, 2)).error?.message ?? "", /HTTP 500: cold$/);
  equal(server.requests("POST /sse").length, 1, "the transport is known");
});

Deno.test("an endpoint of another origin is told as what it is", async () => {
  await using server = await startScriptedSse({
    GET: ({ stream }) => {
      stream.writeHead(200, { "content-type": "text/event-stream" });
      stream.write("event: endpoint\ndata: https://mallory.example/messages\n\n");
    },
  });
  await using host = new Host(server.url);
  equal((await host.initialize()).error?.data.code, "UNSAFE_URL");
});

Deno.test("a stream of HTTP+SSE that asks for a sign-in has it asked for: that is what has to be done", async () => {
  await using server = await startScriptedSse({
    GET: ({ stream }) => void stream.writeHead(401, { "www-authenticate": "Bearer" }).end(),
  });
  const asked: string[] = [];
  const authorizer: Authorizer = {
    ...NO_SIGN_IN,
    refused: ({ operation }) => {
      asked.push(operation);
      return Promise.reject(new McpAuthError("AUTH_REQUIRED", "Cannot use it: sign in", { hint: "login" }));
    },
  };
  await using host = new Host(server.url, { authorizer });
  const { error } = await host.initialize();
  equal(error?.data.code, "AUTH_REQUIRED");
  deepEqual(asked, ["GET stream"]);
});

Deno.test("404 with an answer about the method is one of a stateless server: nothing is tried beside (T13)", async () => {
  for (const id of ["null", '"d"']) {
    await using server = await startScriptedServer({
      "server/discover": (call) =>
        call.json(`{"jsonrpc":"2.0","id":${id},"error":{"code":-32601,"message":"Method not found"}}`, 404),
      initialize: (call) =>
        call.json(`{"jsonrpc":"2.0","id":${id},"error":{"code":-32601,"message":"Method not found"}}`, 404),
    });
    await using host = new Host(server.url);
    await host.request("server/discover", META, "d");
    deepEqual(server.methods.filter((method) => method === "GET"), []);
  }
});

Deno.test("a server that has answered over Streamable HTTP stays one, whatever it answers later", async () => {
  await using server = await startScriptedServer({
    initialize: (call) => call.result({ protocolVersion: "2025-11-25" }),
    "tools/list": ({ response }) => void response.writeHead(404).end("gone"),
    "tools/call": ({ response }) => void response.writeHead(405).end(),
  });
  await using host = new Host(server.url);
  await host.initialize();
  match((await host.request("tools/list")).error?.message ?? "", /HTTP 404: gone \(Check/);
  match((await host.request("tools/call")).error?.message ?? "", /HTTP 405 \(Check/);
  ok(server.methods.filter((method) => method === "GET").length <= 1, "no more than the standing stream");
});

Deno.test("a first exchange that fails for another reason decides nothing: the next one does", async () => {
  let busy = true;
  await using server = await startScriptedSse({
    other: ({ response }) => {
      response.writeHead(busy ? 503 : 404).end();
      busy = false;
    },
  });
  await using host = new Host(server.url);
  match((await host.initialize()).error?.message ?? "", /HTTP 503/);
  equal((await host.request("initialize", {}, "again")).result.protocolVersion, "2024-11-05");
});

Deno.test("row 35: a server that answers GET with 405 after it has taken initialize works by POST alone (FastGPT#7047)", async () => {
  await using server = await startScriptedServer({});
  await using host = new Host(server.url);
  await host.initialize();
  equal((await host.request("tools/list")).result.method, "tools/list");
  await host.request("ping");
  deepEqual(server.methods.filter((method) => method === "GET"), ["GET"]);
});

Deno.test("--transport http never falls back, and --transport sse never posts to the URL", async () => {
  await using server = await startScriptedSse();
  {
    await using host = new Host(server.url, { transport: "http" });
    match((await host.initialize()).error?.message ?? "", /HTTP 404: Cannot POST \(Check/);
    equal(server.requests("GET /sse").length, 0);
  }
  const before = server.requests("POST /sse").length;
  await using host = new Host(server.url, { transport: "sse" });
  await host.initialize();
  equal(server.requests("POST /sse").length, before);
});

Deno.test("commands find the transport too: a connection to a server of HTTP+SSE lists and calls", async () => {
  await using server = await startScriptedSse({
    on: { "tools/list": (call) => call.result({ tools: [{ name: "a" }, { name: "b" }] }) },
  });
  await using connection = await connect(server);
  equal((await connection.listAll("tools/list", "tools")).length, 2);
  await connection.close();
  await eventually(() => server.sessions.size === 0, "the stream is closed");
});

Deno.test("row 34: commands tell the first error with its body as well", async () => {
  await using server = await startScriptedServer({
    initialize: ({ response }) => void response.writeHead(404).end("No route"),
    "server/discover": ({ response }) => void response.writeHead(404).end("No route"),
  });
  await rejects(connect(server), /"initialize": the server answered HTTP 404: No route; and by HTTP\+SSE: /);
});

Deno.test("where there is neither transport, commands ask for the stream of HTTP+SSE once", async () => {
  const noRoute = ({ response }: Call) => void response.writeHead(404).end("No route");
  await using server = await startScriptedServer({
    initialize: noRoute,
    "server/discover": noRoute,
    GET: noRoute,
  });
  await rejects(connect(server), /HTTP 404: No route; and by HTTP\+SSE: /);
  deepEqual(server.methods, ["initialize", "GET", "server/discover"]);
});

Deno.test("a server that opens a stream of HTTP+SSE for any method is told as such, and leaves nobody waiting", async () => {
  for (const transport of ["auto", "http"] as const) {
    await using server = await startScriptedSse({
      other: ({ response }) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write("event: endpoint\ndata: /messages?session=1\n\n");
      },
    });
    await using host = new Host(server.url, { transport });
    const { error } = await host.initialize();
    match(error?.message ?? "", /"initialize": the server opens an event stream of HTTP\+SSE/);
    equal(error?.data.hint, "Use --transport sse");
  }
});

Deno.test("what decides on transport and era is bounded, also at a server that never answers a POST", async () => {
  await using server = await startScriptedServer({});
  const limits: unknown[] = [];
  const http = createHttp();
  const bounded: typeof http = (url, request) => {
    if (request?.method === "POST") limits.push(request.timeoutMs);
    return http(url, request);
  };
  await using host = new Host(server.url, { more: { http: bounded } });
  await host.request("server/discover", META);
  await host.request("initialize", INITIALIZE);
  deepEqual([...new Set(limits)], [HTTP_TIMEOUT_MS]);
});

function connect({ url }: Pick<ScriptedSse, "url">) {
  return openConnection({
    url,
    http: createHttp(),
    authorizer: NO_SIGN_IN,
    clientInfo: { name: "test", version: "1" },
  });
}

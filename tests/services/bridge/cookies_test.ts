/**
 * The cookies that a server sets: which are kept, which are sent where, and that no other origin sees them.
 *
 * @see RFC 6265
 * @see behaviours row 37
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { COOKIE_MAX_CHARS, COOKIES_MAX } from "../../../lib/primitives/bridge_limits.ts";
import { CookieJar } from "../../../lib/services/bridge/transports/cookies.ts";
import { eventually, Host } from "./host.ts";
import { answerTo, event, startScriptedServer } from "./scripted_server.ts";
import { startScriptedSse } from "./scripted_sse.ts";

const MCP = "https://mcp.example/api/mcp";

function jarOf(lines: readonly string[], url = MCP, now = () => 0): CookieJar {
  const jar = new CookieJar(url, now);
  jar.take(lines, url);
  return jar;
}

const KEPT: readonly (readonly [string, readonly string[], string | undefined])[] = [
  ["a plain cookie", ["a=b"], "a=b"],
  ["a value with equals signs and quotes", ['a="b=c=="; HttpOnly; SameSite=None'], 'a="b=c=="'],
  ["an empty value", ["a="], "a="],
  ["several fields", ["a=1", "b=2; Secure"], "a=1; b=2"],
  ["the last of one name", ["a=1", "a=2"], "a=2"],
  ["attributes in any case", ["a=1; PATH=/; MAX-AGE=5"], "a=1"],
  ["a cookie for the host", ["a=1; Domain=mcp.example"], "a=1"],
  ["a cookie for the domain above, as one of the host", ["a=1; Domain=.example"], "a=1"],
  ["not one for another domain", ["a=1; Domain=other.example"], undefined],
  ["not one for a host below", ["a=1; Domain=x.mcp.example"], undefined],
  ["not one without a name", ["=1", "a", "; Path=/"], undefined],
  ["not one with a control character", ["a=\x011"], undefined],
  ["one under the path", ["a=1; Path=/api"], "a=1"],
  ["not one under another path", ["a=1; Path=/apis", "b=1; Path=/api/mcp/x"], undefined],
  ["the longer path first", ["a=1; Path=/", "a=2; Path=/api"], "a=2; a=1"],
  ["not one that is over", ["a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], undefined],
  ["one with a date to come", ["a=1; Expires=Wed, 21-Oct-2065 07:28:00 GMT"], "a=1"],
  ["one with a date that is none", ["a=1; Expires=tomorrow"], "a=1"],
  ["a deletion by Max-Age", ["a=1", "a=x; Max-Age=0"], undefined],
  ["a deletion by a negative Max-Age", ["a=1", "a=x; Max-Age=-1"], undefined],
  ["a deletion by date", ["a=1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], undefined],
  ["Max-Age before Expires", ["a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "a=1"],
  ["not one that is too long", [`a=${"x".repeat(COOKIE_MAX_CHARS)}`], undefined],
];
for (const [description, lines, expected] of KEPT) {
  Deno.test(`the jar keeps ${description}`, () => equal(jarOf(lines).header(MCP), expected));
}

Deno.test("a cookie ends when its time is over", () => {
  let now = 1_000;
  const jar = jarOf(["a=1; Max-Age=10", "b=2"], MCP, () => now);
  equal(jar.header(MCP), "a=1; b=2");
  now += 10_000;
  equal(jar.header(MCP), "b=2");
});

Deno.test("a cookie is for the directory of the URL that set it, where it names no path", () => {
  const jar = new CookieJar(MCP);
  jar.take(["a=1"], "https://mcp.example/api/sign/in");
  equal(jar.header("https://mcp.example/api/sign/x?y"), "a=1");
  equal(jar.header(MCP), undefined);
});

Deno.test("no other origin's cookies are taken, and none is sent there", () => {
  const jar = jarOf(["a=1; Path=/"]);
  for (
    const url of [
      "https://other.example/",
      "https://x.mcp.example/",
      "https://mcp.example:8443/",
      "http://mcp.example/",
    ]
  ) {
    jar.take(["b=2; Path=/"], url);
    equal(jar.header(url), undefined);
  }
  equal(jar.header(MCP), "a=1");
});

Deno.test("a cookie that is for secure connections alone is not kept for plain http", () => {
  const url = "http://127.0.0.1/mcp";
  equal(jarOf(["a=1; Secure", "b=2"], url).header(url), "b=2");
});

Deno.test("the user's own Cookie header comes first and wins over what the server sets", () => {
  const jar = jarOf(["a=server", "lb=1"]);
  equal(jar.header(MCP, "a=mine; c=3"), "a=mine; c=3; lb=1");
  equal(jar.header(MCP, ""), "a=server; lb=1");
  equal(jarOf([]).header(MCP, "a=mine"), "a=mine");
  equal(jarOf(["a=1"]).header(MCP, "a=mine"), "a=mine");
});

Deno.test("a server that sets cookies without end fills nothing: the oldest go", () => {
  const jar = new CookieJar(MCP);
  for (let i = 0; i < 500; i++) jar.take([`c${i}=${"x".repeat(100)}`], MCP);
  const kept = jar.header(MCP)!.split("; ").map((pair) => pair.split("=")[0]);
  equal(kept.length, COOKIES_MAX);
  deepEqual([kept[0], kept.at(-1)], ["c450", "c499"]);
});

Deno.test("row 37: what a server sets with a failure, a 401, an answer or a stream goes back with POST, GET and DELETE", async () => {
  let refused = false;
  await using server = await startScriptedServer({
    initialize: (call) => {
      if (!refused) {
        refused = true;
        return void call.response.writeHead(401, { "set-cookie": ["lb=m1; Path=/; HttpOnly", "x=1"] }).end();
      }
      call.json(JSON.stringify(answerTo(call, { protocolVersion: "2025-11-25" })), 200, {
        "mcp-session-id": "s",
        "set-cookie": "lb=m2; Path=/",
      });
    },
    "tools/list": ({ response }) => void response.writeHead(500, { "set-cookie": "x=2; Path=/mcp" }).end(),
    GET: (call) => call.stream(event({ jsonrpc: "2.0", method: "notifications/message", params: {} })),
  });
  await using host = new Host(server.url, {
    headers: { cookie: "own=1" },
    authorizer: {
      headers: () => Promise.resolve({}),
      noteNonce: () => {},
      refused: () => Promise.resolve(),
    },
  });
  await host.initialize();
  await host.line((line) => line.method === "notifications/message");
  await host.request("tools/list");
  await host.request("ping");
  await host.end();
  const cookies = server.log.map(({ method, headers, json }) => [
    method === "POST" ? (json() as { method: string }).method : method,
    headers.get("cookie"),
  ]);
  deepEqual(cookies.filter(([key]) => key === "initialize"), [
    ["initialize", "own=1"],
    ["initialize", "own=1; lb=m1; x=1"],
  ]);
  deepEqual(cookies.find(([key]) => key === "GET"), ["GET", "own=1; x=1; lb=m2"]);
  deepEqual(cookies.find(([key]) => key === "ping"), ["ping", "own=1; x=2; x=1; lb=m2"]);
  deepEqual(cookies.find(([key]) => key === "DELETE"), ["DELETE", "own=1; x=2; x=1; lb=m2"]);
  ok(!host.log.join().includes("m2"));
});

Deno.test("row 37: a cookie does not follow a redirect to another origin, and that one's is not taken", async () => {
  await using other = await startScriptedSse({
    other: ({ response }) => void response.writeHead(405, { "set-cookie": "theirs=1" }).end(),
  });
  let first = true;
  await using server = await startScriptedServer({
    initialize: (call) =>
      call.json(JSON.stringify(answerTo(call, { protocolVersion: "2025-11-25" })), 200, {
        "set-cookie": "ours=1; Path=/",
      }),
    GET: ({ response }) => void response.writeHead(302, { location: `${other.origin}/elsewhere` }).end(),
    ping: (call) => {
      first = false;
      call.result({});
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  await eventually(() => other.log.length === 1, "the redirect is followed");
  equal(other.log[0]!.headers.get("cookie"), null);
  await host.request("ping");
  ok(!first);
  equal(server.log.at(-1)!.headers.get("cookie"), "ours=1");
});

Deno.test("row 37: the stream and the messages of HTTP+SSE go to the machine that the cookie names", async () => {
  await using server = await startScriptedSse({
    GET: (session) => {
      session.stream.writeHead(200, { "content-type": "text/event-stream", "set-cookie": "lb=m7; Path=/" });
      session.stream.write(`event: endpoint\ndata: /messages?session=${session.number}\n\n`);
    },
  });
  await using host = new Host(server.url, { transport: "sse" });
  await host.initialize();
  await host.request("ping");
  for (const { headers } of server.requests("POST /messages")) equal(headers.get("cookie"), "lb=m7");
});

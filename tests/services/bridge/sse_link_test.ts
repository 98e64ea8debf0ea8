/**
 * What the transport of 2024-11-05 does by itself, without a bridge around it: its bounds, and which request the
 * credentials are for.
 *
 * @see https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse (T8)
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { HTTP_TIMEOUT_MS } from "../../../lib/primitives/limits.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { parseEnvelope } from "../../../lib/primitives/mcp/jsonrpc.ts";
import { AuthorizedHttp } from "../../../lib/services/bridge/transports/authorized_http.ts";
import { HttpSse } from "../../../lib/services/bridge/transports/http_sse.ts";
import { type Inbound, toOutbound } from "../../../lib/services/bridge/transports/remote.ts";
import type { RequestTarget } from "../../../lib/services/tokens/mod.ts";
import { NO_SIGN_IN } from "./host.ts";
import { openStream, startScriptedSse } from "./scripted_sse.ts";

function message(value: unknown) {
  const text = JSON.stringify(value);
  return toOutbound(new TextEncoder().encode(text), parseEnvelope(text));
}

Deno.test("a stream that names no endpoint is given up in time, with a code and what to look into", async () => {
  await using server = await startScriptedSse({
    GET: async ({ stream }, { signal }) => {
      stream.writeHead(200, { "content-type": "text/event-stream" });
      const timer = setInterval(
        () => stream.write(": keep-alive\n\ndata: {}\n\nevent: other\ndata: x\n\n"),
        20,
      );
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      clearInterval(timer);
    },
  });
  const remote = new HttpSse({
    url: server.url,
    http: createHttp(),
    authorizer: NO_SIGN_IN,
    receiver: { receive: () => {}, owes: () => true },
    log: () => {},
    endpointMs: 200,
  });
  const started = performance.now();
  await rejects(remote.send(message({ jsonrpc: "2.0", id: 1, method: "initialize" })), (error) => {
    ok(error instanceof McpAuthError);
    equal(error.code, "TIMEOUT");
    match(error.message, /the server named no endpoint on it within 0\.2 s$/);
    match(error.hint ?? "", /HTTP\+SSE endpoint/);
    return true;
  });
  ok(performance.now() - started < 2_000);
  await remote.close(500);
});

Deno.test("credentials and proofs are made for the URL that each request goes to (RFC 9449 section 4.3, htu)", async () => {
  await using server = await startScriptedSse({
    on: {
      ping: ({ response, exchange, ...call }) => {
        if (exchange.recorded.headers.get("authorization") === "Bearer 2") return call.result({});
        response.writeHead(401, { "www-authenticate": "Bearer", "dpop-nonce": "n2" }).end();
      },
    },
  });
  const targets: RequestTarget[] = [];
  let token = 1;
  const got: Inbound[] = [];
  const remote = new HttpSse({
    url: server.url,
    http: createHttp(),
    authorizer: {
      headers: (target) => {
        targets.push(target);
        return Promise.resolve({ authorization: `Bearer ${token}` });
      },
      noteNonce: () => {},
      refused: () => {
        token++;
        return Promise.resolve({ nonce: "n2" });
      },
    },
    receiver: { receive: (inbound) => void got.push(inbound), owes: () => true },
    log: () => {},
  });
  const outbound = message({ jsonrpc: "2.0", id: 1, method: "ping" });
  await remote.send(outbound);
  const endpoint = `${server.origin}/messages?session=1`;
  deepEqual(targets, [
    { method: "GET", url: server.url },
    { method: "POST", url: endpoint },
    { method: "POST", url: endpoint, nonce: "n2" },
  ]);
  equal(got.length, 1);
  equal(got[0]!.origin, outbound);
  await remote.close(500);
});

Deno.test("answers say what they are the answer to, and a notification of nobody's request says nothing", async () => {
  await using server = await startScriptedSse({
    on: {
      "a/b": (call) =>
        call.answer(
          { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 1 } },
          { jsonrpc: "2.0", id: call.message.id, result: 1 },
        ),
    },
  });
  const got: Inbound[] = [];
  const remote = new HttpSse({
    url: server.url,
    http: createHttp(),
    authorizer: NO_SIGN_IN,
    receiver: { receive: (inbound) => void got.push(inbound), owes: () => true },
    log: () => {},
  });
  const [one, other] = [1, "1"].map((id) => message({ jsonrpc: "2.0", id, method: "a/b" }));
  await Promise.all([remote.send(one!), remote.send(other!)]);
  const answers = got.filter(({ messages }) => messages[0]?.kind === "response");
  deepEqual(new Set(answers.map(({ origin }) => origin)), new Set([one, other]));
  ok(got.filter(({ messages }) => messages[0]?.kind === "notification").every(({ origin }) => !origin));
  await remote.close(500);
  await rejects(remote.send(message({ jsonrpc: "2.0", id: 2, method: "a/b" })), /connection was closed/);
});

Deno.test("a POST is bounded, but not that of a call: some servers accept one when they are done with it", async () => {
  await using server = await startScriptedSse();
  const limits: unknown[] = [];
  const http = createHttp();
  const remote = new HttpSse({
    url: server.url,
    http: (url, request) => {
      limits.push([request?.method, request?.timeoutMs]);
      return http(url, request);
    },
    authorizer: NO_SIGN_IN,
    receiver: { receive: () => {}, owes: () => true },
    log: () => {},
  });
  await remote.send(message({ jsonrpc: "2.0", id: 1, method: "initialize" }));
  await remote.send(message({ jsonrpc: "2.0", method: "notifications/initialized" }));
  await remote.send(message({ jsonrpc: "2.0", id: 2, method: "tools/call" }));
  deepEqual(limits, [["GET", HTTP_TIMEOUT_MS], ["POST", HTTP_TIMEOUT_MS], ["POST", HTTP_TIMEOUT_MS], [
    "POST",
    Infinity,
  ]]);
  await remote.close(500);
});

Deno.test("closing ends what waits for the stream", async () => {
  await using server = await startScriptedSse({ GET: () => {} });
  const remote = new HttpSse({
    url: server.url,
    http: createHttp(),
    authorizer: NO_SIGN_IN,
    receiver: { receive: () => {}, owes: () => true },
    log: () => {},
  });
  const sent = remote.send(message({ jsonrpc: "2.0", id: 1, method: "ping" }));
  const failed = rejects(sent, (error) => error instanceof McpAuthError && error.code === "AUTH_CANCELLED");
  await remote.close(500);
  await failed;
});

Deno.test("a request that names a URL of another origin is not sent, whoever made it", async () => {
  await using other = await startScriptedSse();
  const http = new AuthorizedHttp({
    url: "http://127.0.0.1:9/sse",
    http: createHttp(),
    authorizer: { ...NO_SIGN_IN, headers: () => Promise.resolve({ authorization: "Bearer secret" }) },
  });
  const request = {
    method: "POST",
    url: other.url,
    headers: {},
    signal: new AbortController().signal,
    timeoutMs: 1_000,
    operation: () => "x",
  } as const;
  for (const sent of [http.request(request), http.sendAsIs(request), http.send(request, {})]) {
    await rejects(sent, (error) => error instanceof McpAuthError && error.code === "UNSAFE_URL");
  }
  equal(other.log.length, 0);
});

Deno.test("a host of a stateless revision is told at once that the server wants initialize (T20)", async () => {
  await using server = await startScriptedSse({ GET: (session) => openStream(session) });
  const got: Inbound[] = [];
  const remote = new HttpSse({
    url: server.url,
    http: createHttp(),
    authorizer: NO_SIGN_IN,
    receiver: { receive: (inbound) => void got.push(inbound), owes: () => false },
    log: () => {},
  });
  const meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
  await remote.send(
    message({ jsonrpc: "2.0", id: 1, method: "server/discover", params: { _meta: meta } }),
  );
  match(String(got[0]!.payload), /"code":-32601/);
  equal(server.requests("POST /messages").length, 0);
  await remote.close(500);
});

/**
 * What the bridge makes of 401 and 403: the authorizer decides, and the host gets an answer or the command to run.
 *
 * @see MCP 2025-11-25, Authorization; T20
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { RPC_SIGN_IN } from "../../../lib/services/bridge/mod.ts";
import type { Authorizer, Refusal } from "../../../lib/services/tokens/mod.ts";
import { eventually, Host } from "./host.ts";
import { type Script, startScriptedServer } from "./scripted_server.ts";

/** Hands out tokens `t0`, `t1`, ...: a new one after each refusal, as often as it is told to. */
class TokenSource implements Authorizer {
  readonly refusals: Refusal[] = [];
  readonly #times: number;
  #current = 0;

  constructor(times: number) {
    this.#times = times;
  }

  headers(): Promise<Record<string, string>> {
    return Promise.resolve({ Authorization: `Bearer t${this.#current}` });
  }

  noteNonce(): void {}

  async refused(refusal: Refusal): Promise<void> {
    this.refusals.push(refusal);
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (this.#current >= this.#times) {
      throw new McpAuthError("AUTH_REQUIRED", 'Cannot use "demo": sign-in is needed', {
        hint: "mcp-auth login demo",
      });
    }
    if (refusal.sent["Authorization"] === `Bearer t${this.#current}`) this.#current++;
  }
}

/** Lets only one token pass, for some methods or for all. */
function guarded(token: string, script: Script, status = 401): Script {
  const guard: Script = {};
  for (
    const method of ["initialize", "notifications/initialized", "GET", "tools/call", "response", "DELETE"]
  ) {
    const pass = script[method];
    guard[method] = (call) => {
      if (call.exchange.recorded.headers.get("authorization") === `Bearer ${token}`) {
        if (pass !== undefined) return pass(call);
        if (call.message?.id !== undefined) return call.result({ protocolVersion: "2025-11-25" });
        return void call.response.writeHead(method === "GET" ? 405 : 202).end();
      }
      const challenge = `Bearer error="${status === 401 ? "invalid_token" : "insufficient_scope"}"`;
      call.json('{"error":"denied"}', status, { "www-authenticate": challenge });
    };
  }
  return guard;
}

Deno.test("a refused request is sent again with new credentials, and the host sees the answer alone", async () => {
  const authorizer = new TokenSource(1);
  await using server = await startScriptedServer(guarded("t1", {}));
  await using host = new Host(server.url, { authorizer });
  equal((await host.initialize()).result.protocolVersion, "2025-11-25");
  ok((await host.request("tools/call", { name: "x" })).result);
  deepEqual(authorizer.refusals, [{
    status: 401,
    wwwAuthenticate: 'Bearer error="invalid_token"',
    dpopNonce: null,
    sent: { Authorization: "Bearer t0" },
    operation: "initialize",
    attempt: 0,
  }]);
});

Deno.test("requests under way at once are each sent again", async () => {
  const authorizer = new TokenSource(2);
  let wanted = "t0";
  const script: Script = {};
  for (const method of ["initialize", "tools/call"]) {
    script[method] = (call) => {
      const sent = call.exchange.recorded.headers.get("authorization");
      if (sent === `Bearer ${wanted}`) return call.result({ protocolVersion: "2025-11-25" });
      call.response.writeHead(401).end();
    };
  }
  await using server = await startScriptedServer(script);
  await using host = new Host(server.url, { authorizer });
  await host.initialize();
  wanted = "t1";
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => host.request("tools/call", { name: "x" })),
  );
  for (const { result } of answers) ok(result);
  await host.end();
  equal(host.lines.length, 31);
});

Deno.test("a 403 names the operation, and further attempts are counted", async () => {
  const authorizer = new TokenSource(2);
  await using server = await startScriptedServer({ "tools/call": guarded("t2", {}, 403)["tools/call"]! });
  await using host = new Host(server.url, { authorizer });
  await host.initialize();
  ok((await host.request("tools/call", { name: "write_note" })).result);
  deepEqual(
    authorizer.refusals.map(({ status, operation, attempt }) => [status, operation, attempt]),
    [[403, "tools/call write_note", 0], [403, "tools/call write_note", 1]],
  );
});

Deno.test("without a way to sign in each request is answered with the command to run", async () => {
  await using server = await startScriptedServer(guarded("never", {}));
  await using host = new Host(server.url, { authorizer: new TokenSource(0) });
  for (const { error } of [await host.initialize(), await host.request("tools/call", { name: "x" })]) {
    equal(error?.code, RPC_SIGN_IN);
    ok(RPC_SIGN_IN > -32020, "outside what the protocol reserves");
    deepEqual(error?.data, { code: "AUTH_REQUIRED", hint: "mcp-auth login demo" });
    match(error?.message ?? "", /^Cannot use "demo": sign-in is needed \(mcp-auth login demo\)$/);
  }
  ok(await host.end() < 1000);
});

Deno.test("credentials that cannot be had end in the authorizer's error, and nothing is sent", async () => {
  await using server = await startScriptedServer({});
  await using host = new Host(server.url, {
    authorizer: {
      headers: () =>
        Promise.reject(new McpAuthError("TOKEN_REFRESH_FAILED", "Cannot refresh", { hint: "Later" })),
      noteNonce: () => {},
      refused: () => Promise.resolve(),
    },
  });
  const { error } = await host.initialize();
  equal(error?.code, RPC_SIGN_IN);
  equal(error?.data.code, "TOKEN_REFRESH_FAILED");
  await host.end();
  equal(server.log.length, 0);
});

Deno.test("an authorizer that always wants to try again is not followed for ever", async () => {
  await using server = await startScriptedServer(guarded("never", {}));
  await using host = new Host(server.url, { authorizer: new TokenSource(Infinity) });
  const { error } = await host.initialize();
  equal(error?.data.code, "AUTH_FAILED");
  ok(server.methods.length < 10);
});

Deno.test("headers of the authorizer win over fixed ones of the same name in any case", async () => {
  await using server = await startScriptedServer({});
  await using host = new Host(server.url, {
    authorizer: new TokenSource(0),
    headers: { AUTHORIZATION: "Basic eDp5", Accept: "text/html", "X-Other": "kept" },
  });
  await host.initialize();
  const { headers } = server.log[0]!;
  equal(headers.get("authorization"), "Bearer t0");
  equal(headers.get("accept"), "application/json, text/event-stream");
  equal(headers.get("x-other"), "kept");
});

Deno.test("a server's stream that needs a sign-in is tried again when a request has succeeded, and not before", async () => {
  let wanted = "t1";
  let closed = false;
  await using server = await startScriptedServer(guarded("t0", {
    GET: ({ response, exchange }) => {
      if (!closed) {
        return void response.writeHead(200, { "content-type": "text/event-stream" }).end("retry: 1\n\n");
      }
      response.writeHead(exchange.recorded.headers.get("authorization") === `Bearer ${wanted}` ? 405 : 401)
        .end();
    },
  }));
  await using host = new Host(server.url, { authorizer: new TokenSource(0) });
  await host.initialize();
  await eventually(() => server.methods.includes("GET"), "the first GET");
  closed = true;
  await eventually(() => host.log.some((line) => /sign-in is needed/.test(line)), "the refusal");
  const refused = server.requests("GET /mcp").length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  equal(server.requests("GET /mcp").length, refused);
  wanted = "t0";
  await host.request("tools/call", { name: "x" });
  await eventually(() => server.requests("GET /mcp").length === refused + 1, "another GET");
});

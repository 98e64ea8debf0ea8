/**
 * What the client connection does beside asking: it remembers the era of a server, answers what a server asks in return,
 * hears what a server sends of its own accord, and tells it when nobody waits any more.
 *
 * @see MCP 2026-07-28, Versioning and Multi Round-Trip Requests (T9-T15, T17, T20); MCP 2025-11-25, Elicitation
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { LIST_ITEMS_MAX, QUESTION_ROUNDS_MAX } from "../../../lib/primitives/bridge_limits.ts";
import {
  type Connection,
  type ConnectionOptions,
  type OnRequest,
  openConnection,
} from "../../../lib/services/bridge/mod.ts";
import { startMcpServer } from "../../../scripts/demo/servers/mcp_server.ts";
import { eventually, NO_SIGN_IN } from "./host.ts";
import { answerTo, type Call, event, hang, type Script, startScriptedServer } from "./scripted_server.ts";

const STATELESS = "2026-07-28";

function connect(url: string, options: Partial<ConnectionOptions> = {}): Promise<Connection> {
  const clientInfo = { name: "mcp-auth", version: "1.2.3" };
  return openConnection({ url, http: createHttp(), authorizer: NO_SIGN_IN, clientInfo, ...options });
}

/** What was learnt of a server's era, in order. */
function memory(): { readonly learned: ConnectionOptions["learned"]; readonly notes: unknown[] } {
  const notes: unknown[] = [];
  return { notes, learned: (revision) => Promise.resolve(void notes.push(revision)) };
}

/** Accepts what it is asked. */
function accepting(content: unknown = { name: "Ada" }): OnRequest & { readonly asked: unknown[] } {
  const asked: unknown[] = [];
  const answer: OnRequest = (method, params) => {
    if (method !== "elicitation/create") return undefined;
    asked.push(params);
    return Promise.resolve({ action: "accept", content });
  };
  return Object.assign(answer, { asked });
}

Deno.test("a server that is remembered as stateless is asked at once, and what is right stays (T20)", async () => {
  await using server = await startMcpServer({ open: true, sdk2: "stateless" });
  const { notes, learned } = memory();
  await using first = await connect(server.url, { learned });
  deepEqual([first.stateless, notes], [true, [STATELESS]]);
  const before = server.log.length;
  await using second = await connect(server.url, { learned, remembered: STATELESS });
  const result = await second.request("tools/call", { name: "add", arguments: { a: 1, b: 2 } });
  deepEqual((result as { structuredContent: unknown }).structuredContent, { sum: 3 });
  equal(server.log.length - before, 1);
  equal(notes.length, 1);
});

Deno.test("a stateful server that was remembered as stateless is found out by its first refusal, and nothing is lost", async () => {
  await using server = await startMcpServer({ open: true });
  const { notes, learned } = memory();
  await using connection = await connect(server.url, { learned, remembered: STATELESS });
  const result = await connection.request("tools/call", { name: "write_note", arguments: { text: "once" } });
  match(JSON.stringify(result), /Note 1 written/);
  deepEqual([connection.stateless, notes, server.notes], [false, [undefined], ["once"]]);
  ok((await connection.listAll("tools/list", "tools")).length > 5);
  // One refused request, and then all as if nothing had been remembered.
  deepEqual(server.log.map(({ method, status }) => `${method} ${status}`).slice(0, 3), [
    "POST 400",
    "POST 200",
    "POST 202",
  ]);
});

Deno.test("an error of a server that is as remembered is its error, and is looked into once at most (T13)", async () => {
  let initialized = 0;
  await using server = await startScriptedServer({
    initialize: (call) => {
      initialized++;
      call.json(
        JSON.stringify({
          jsonrpc: "2.0",
          id: call.message.id,
          error: { code: -32022, message: "No", data: { supported: [STATELESS] } },
        }),
        400,
      );
    },
    "tools/call": (call) =>
      call.json(
        JSON.stringify({
          jsonrpc: "2.0",
          id: call.message.id,
          error: { code: -32602, message: "Bad words" },
        }),
        call.message.params.name === "unread" ? 400 : 200,
      ),
  });
  await using connection = await connect(server.url, { remembered: STATELESS });
  await rejects(connection.request("tools/call", { name: "read" }), /Bad words/);
  equal(initialized, 0);
  await rejects(connection.request("tools/call", { name: "unread" }), /Bad words/);
  equal(initialized, 1);
  await rejects(connection.request("tools/call", { name: "unread" }), /Bad words/);
  equal(initialized, 1);
});

Deno.test("a server that is down says nothing of what is remembered of it", async () => {
  const { notes, learned } = memory();
  const server = await startScriptedServer({});
  const { url } = server;
  await server.close();
  await using connection = await connect(url, { learned, remembered: STATELESS });
  await rejects(connection.request("tools/list"), (error) => {
    equal((error as McpAuthError).code, "NETWORK_ERROR");
    return true;
  });
  deepEqual(notes, []);
});

Deno.test("a list that comes back to a page, or has no end of items, is cut off", async () => {
  let many = 0;
  await using server = await startScriptedServer({
    "tools/list": (call) =>
      call.result({ tools: [1], nextCursor: call.message.params?.cursor === "a" ? "b" : "a" }),
    "prompts/list": (call) =>
      call.result({ prompts: Array(LIST_ITEMS_MAX / 4).fill(null), nextCursor: String(many++) }),
  });
  await using connection = await connect(server.url);
  await rejects(connection.listAll("tools/list", "tools"), /the same next page twice/);
  equal(server.methods.filter((method) => method === "tools/list").length, 3);
  await rejects(connection.listAll("prompts/list", "prompts"), /more than 10000 items/);
});

Deno.test("a stateful server's question is answered, and what is not offered is refused", async () => {
  const answers: unknown[] = [];
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      call.stream(
        event({ jsonrpc: "2.0", id: "q", method: "elicitation/create", params: { message: "Who?" } }),
        event({ jsonrpc: "2.0", id: "s", method: "sampling/createMessage", params: {} }),
      );
      return eventually(() => answers.length === 2, "both answers").then(() =>
        void call.response.end(event(answerTo(call, "done")))
      );
    },
    response: (call) => {
      answers.push(call.message);
      call.response.writeHead(202).end();
    },
  });
  const onRequest = accepting();
  const capabilities = { elicitation: { form: {} } };
  await using connection = await connect(server.url, { capabilities, onRequest });
  equal(await connection.request("tools/call", { name: "x" }), "done");
  deepEqual(onRequest.asked, [{ message: "Who?" }]);
  deepEqual(
    new Map(answers.map((each) => [(each as { id: string }).id, each])),
    new Map<string, unknown>([
      ["q", { jsonrpc: "2.0", id: "q", result: { action: "accept", content: { name: "Ada" } } }],
      ["s", { jsonrpc: "2.0", id: "s", error: { code: -32601, message: "Method not found" } }],
    ]),
  );
  deepEqual(
    (server.log[0]!.json() as { params: { capabilities: unknown } }).params.capabilities,
    capabilities,
  );
});

Deno.test("a question that the server takes back, or whose call is over, is no longer asked", async () => {
  const signals: AbortSignal[] = [];
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      const id = call.message.params.name;
      call.stream(event({ jsonrpc: "2.0", id, method: "elicitation/create", params: {} }));
      return eventually(() => signals.length > 0, "the question").then(() => {
        if (id === "taken back") {
          call.response.write(
            event({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } }),
          );
        }
        call.response.end(event(answerTo(call, id)));
      });
    },
  });
  const onRequest: OnRequest = (_method, _params, signal) => {
    signals.push(signal);
    return new Promise(() => {});
  };
  await using connection = await connect(server.url, { onRequest });
  for (const name of ["taken back", "over"]) {
    signals.length = 0;
    equal(await connection.request("tools/call", { name }), name);
    equal(signals[0]!.aborted, true);
  }
  ok(!server.methods.includes("response"));
});

Deno.test("questions in a result are answered, and the request is sent again with them and the server's state (T15)", async () => {
  const sent: Record<string, unknown>[] = [];
  await using server = await startScriptedServer(statelessScript((call) => {
    const { params } = call.message;
    sent.push(params);
    if (params.requestState === undefined) {
      return call.result({
        resultType: "input_required",
        requestState: "s1",
        inputRequests: {
          ["__proto__"]: { method: "elicitation/create", params: { message: "1" } },
          b: { method: "elicitation/create", params: { message: "2" } },
        },
      });
    }
    if (params.requestState === "s1") {
      return call.result({ resultType: "input_required", requestState: "s2" });
    }
    call.result({ resultType: "complete", content: [] });
  }));
  const onRequest = accepting();
  await using connection = await connect(server.url, { onRequest });
  deepEqual(await connection.request("tools/call", { name: "x", arguments: { a: 1 } }), {
    resultType: "complete",
    content: [],
  });
  deepEqual(onRequest.asked, [{ message: "1" }, { message: "2" }]);
  const [, second, third] = sent;
  deepEqual(second!["arguments"], { a: 1 });
  deepEqual(
    JSON.stringify(second!["inputResponses"]),
    '{"__proto__":{"action":"accept","content":{"name":"Ada"}},"b":{"action":"accept","content":{"name":"Ada"}}}',
  );
  deepEqual([second!["requestState"], third!["requestState"], third!["inputResponses"]], [
    "s1",
    "s2",
    undefined,
  ]);
});

Deno.test("a server that asks without end, or for what is not offered, is an error (T15)", async () => {
  await using server = await startScriptedServer(statelessScript((call) =>
    call.result({
      resultType: "input_required",
      requestState: "again",
      inputRequests: call.message.params.name === "sample"
        ? { a: { method: "sampling/createMessage", params: {} } }
        : {},
    })
  ));
  await using connection = await connect(server.url, { onRequest: accepting() });
  await rejects(
    connection.request("tools/call", { name: "endless" }),
    new RegExp(`asking in return, ${QUESTION_ROUNDS_MAX} times`),
  );
  await rejects(
    connection.request("tools/call", { name: "sample" }),
    /asks for "sampling\/createMessage" in return, which is not offered/,
  );
  await using silent = await connect(server.url);
  await rejects(silent.request("tools/call", { name: "endless" }), /asks for input in return/);
});

Deno.test("a page that has to be visited is shown, and the request is made anew; whoever declines gets the refusal", async () => {
  let visited = 0;
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      if (visited > 0) return call.result("done");
      call.json(
        JSON.stringify({
          jsonrpc: "2.0",
          id: call.message.id,
          error: {
            code: -32042,
            message: "Visit",
            data: {
              elicitations: [{
                mode: "url",
                url: "https://x.example/",
                message: "Visit",
                elicitationId: "e",
              }],
            },
          },
        }),
      );
    },
  });
  const declining: OnRequest = () => Promise.resolve({ action: "decline" });
  await using first = await connect(server.url, { onRequest: declining });
  await rejects(
    first.request("tools/call", { name: "x" }),
    /The server refused "tools\/call": Visit \(JSON-RPC -32042\)/,
  );
  const visiting: OnRequest = (_method, params) => {
    visited++;
    equal(params["url"], "https://x.example/");
    return Promise.resolve({ action: "accept" });
  };
  await using second = await connect(server.url, { onRequest: visiting });
  equal(await second.request("tools/call", { name: "x" }), "done");
});

Deno.test("who listens hears what is on the server's own stream, progress by its token", async () => {
  const { promise: opened, resolve: open } = Promise.withResolvers<Call>();
  await using server = await startScriptedServer({
    GET: (call) => {
      call.stream(": open\n\n");
      open(call);
      return hang(call);
    },
    "tools/call": async (call) => {
      const stream = await opened;
      const progress = (progressToken: unknown) =>
        event({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken, progress: 1 } });
      stream.response.write(progress("other"));
      stream.response.write(progress("mine"));
      stream.response.write(
        event({ jsonrpc: "2.0", method: "notifications/message", params: { data: "hello" } }),
      );
      await eventually(() => seen.length === 2, "both");
      call.result("done");
    },
  });
  const seen: unknown[] = [];
  await using connection = await connect(server.url, { listens: true });
  await connection.request("tools/call", { name: "x", _meta: { progressToken: "mine" } }, {
    onNotification: (method, params) => void seen.push([method, params]),
  });
  deepEqual(seen, [
    ["notifications/progress", { progressToken: "mine", progress: 1 }],
    ["notifications/message", { data: "hello" }],
  ]);
  await using deaf = await connect(server.url);
  await deaf.request("ping");
  equal(server.methods.filter((method) => method === "GET").length, 1);
});

Deno.test("when the connection's signal fires, the server is told, and closing waits for that", async () => {
  const { promise: told, resolve: tell } = Promise.withResolvers<void>();
  await using server = await startScriptedServer({
    "tools/call": hang,
    "notifications/cancelled": async (call) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      call.response.writeHead(202).end();
      tell();
    },
  });
  const controller = new AbortController();
  const connection = await connect(server.url, { signal: controller.signal });
  const call = connection.request("tools/call", { name: "x" });
  call.catch(() => {});
  await eventually(() => server.methods.includes("tools/call"), "the call");
  controller.abort(new McpAuthError("AUTH_CANCELLED", "Cancelled"));
  await rejects(call, /^McpAuthError: Cancelled$/);
  await connection.close();
  await told;
  deepEqual(server.methods.slice(-2), ["notifications/cancelled", "DELETE"]);
});

/** A stateless server with one tool. */
function statelessScript(call: (call: Call) => void): Script {
  return {
    initialize: (each) =>
      each.json(
        JSON.stringify({
          jsonrpc: "2.0",
          id: each.message.id,
          error: { code: -32022, message: "No", data: { supported: [STATELESS] } },
        }),
        400,
      ),
    "tools/call": call,
  };
}

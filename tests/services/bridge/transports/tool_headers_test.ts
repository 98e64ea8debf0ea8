/**
 * Arguments in headers, on the wire: learnt from the lists that pass, and from one that is fetched when a server wants
 * what nobody knew of.
 *
 * @see MCP 2026-07-28, Custom Headers from Tool Parameters (T12, T13)
 */
import assert from "node:assert/strict";
import { Host, INITIALIZE } from "../host.ts";
import {
  type Call,
  event,
  type Script,
  type ScriptedServer,
  startScriptedServer,
} from "../scripted_server.ts";

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "host", version: "1.0.0" },
  "io.modelcontextprotocol/clientCapabilities": {},
};
const tool = (name: string, mark: string, description = "") => ({
  name,
  description,
  inputSchema: { type: "object", properties: { region: { type: "string", "x-mcp-header": mark } } },
});
const GOOD = tool("good", "Region");

async function scene(
  script: Script,
  deed: (host: Host, server: ScriptedServer) => Promise<void>,
): Promise<void> {
  await using server = await startScriptedServer(script);
  await using host = new Host(server.url);
  await deed(host, server);
}

const list = (host: Host, params = {}) => host.request("tools/list", { ...params, _meta: META });
const callTool = (host: Host, name: string, args: unknown) =>
  host.request("tools/call", { name, arguments: args, _meta: { ...META, progressToken: 1 } });

/** The header of each call, in order. */
function sent(server: ScriptedServer): (string | null)[] {
  return server.requests("POST /mcp")
    .filter((each) => each.headers.get("mcp-method") === "tools/call")
    .map(({ headers }) => headers.get("mcp-param-region"));
}

function mismatch(call: Call): void {
  const error = { code: -32020, message: "Header mismatch: Mcp-Param-Region" };
  call.json(JSON.stringify({ jsonrpc: "2.0", id: call.message.id, error }), 400);
}

/** Wants the header, as servers of the revision do. */
function strict(call: Call): void {
  const { region } = call.message.params.arguments;
  if (call.exchange.recorded.headers.get("mcp-param-region") !== region) return mismatch(call);
  call.result({ resultType: "complete", content: [] });
}

Deno.test("a call has in headers what the list has marked (T12)", async () => {
  await scene(
    { "tools/list": (call) => call.result({ resultType: "complete", tools: [GOOD] }), "tools/call": strict },
    async (host, server) => {
      assert.deepEqual((await list(host)).result.tools, [GOOD]);
      assert.deepEqual((await callTool(host, "good", { region: "us-west1" })).result.content, []);
      assert.deepEqual(sent(server), ["us-west1"]);
    },
  );
});

Deno.test("a list without bad tools passes byte for byte; from one with bad ones only those are gone (T12)", async () => {
  const bad = tool("bad", "No Name");
  let tools = [GOOD];
  const text = (id: number) =>
    `{ "jsonrpc":"2.0","id":${id}, "result":{"resultType":"complete","tools":${
      JSON.stringify(tools)
    },"n":1.50 } }`;
  await scene({ "tools/list": (call) => call.json(text(call.message.id)) }, async (host) => {
    await list(host);
    assert.equal(host.raw.at(-1), text(1));
    tools = [bad, GOOD, tool("worse", "")];
    const { result } = await list(host);
    assert.deepEqual(result, { resultType: "complete", tools: [GOOD], n: 1.5 });
    assert.ok(host.log.some((line) => line.includes('Left out the tool "bad"')), host.log.join("\n"));
  });
});

Deno.test("a list that comes by an event stream is read as well", async () => {
  await scene({
    "tools/list": (call) => {
      const result = { resultType: "complete", tools: [tool("bad", ""), GOOD] };
      call.stream(event({ jsonrpc: "2.0", id: call.message.id, result }));
      call.response.end();
    },
    "tools/call": strict,
  }, async (host, server) => {
    assert.deepEqual((await list(host)).result.tools, [GOOD]);
    await callTool(host, "good", { region: "eu" });
    assert.deepEqual(sent(server), ["eu"]);
  });
});

Deno.test("a tool that was never listed is called without headers, then with those of all pages (T13)", async () => {
  const pages: Record<string, unknown> = {
    "": { resultType: "complete", tools: [tool("other", "Other")], nextCursor: "2" },
    "2": { resultType: "complete", tools: [GOOD], nextCursor: "3" },
    "3": { resultType: "complete", tools: [], nextCursor: "2" },
  };
  await scene({
    "tools/list": (call) => call.result(pages[call.message.params.cursor ?? ""]),
    "tools/call": strict,
  }, async (host, server) => {
    assert.deepEqual((await callTool(host, "good", { region: "us" })).result.content, []);
    assert.equal(host.answers(1), 1);
    assert.deepEqual(server.methods, ["tools/call", "tools/list", "tools/list", "tools/list", "tools/call"]);
    assert.deepEqual(sent(server), [null, "us"]);
    const [first] = server.requests("POST /mcp").filter(({ body }) => body.includes("tools/list"));
    assert.deepEqual((first?.json() as { params: unknown }).params, { _meta: META });
  });
});

Deno.test("a schema that has changed is learnt anew, once (T13)", async () => {
  let marks = "Zone";
  await scene({
    "tools/list": (call) => call.result({ resultType: "complete", tools: [tool("good", marks)] }),
    "tools/call": strict,
  }, async (host, server) => {
    await list(host);
    marks = "Region";
    assert.deepEqual((await callTool(host, "good", { region: "us" })).result.content, []);
    await callTool(host, "good", { region: "eu" });
    assert.deepEqual(sent(server), [null, "us", "eu"]);
  });
});

Deno.test("a refusal that a new list does not explain is the host's to hear, after one try (T13)", async () => {
  await scene(
    {
      "tools/list": (call) => call.result({ resultType: "complete", tools: [GOOD] }),
      "tools/call": mismatch,
    },
    async (host, server) => {
      await list(host);
      assert.equal((await callTool(host, "good", { region: "us" })).error?.code, -32020);
      assert.deepEqual(server.methods, ["tools/list", "tools/call", "tools/list"]);
    },
  );
});

Deno.test("a list that cannot be fetched leaves the refusal as it was", async () => {
  await scene({ "tools/list": (call) => call.json("", 503), "tools/call": mismatch }, async (host) => {
    assert.equal((await callTool(host, "good", { region: "us" })).error?.code, -32020);
    assert.equal(host.answers(1), 1);
  });
});

Deno.test("a stateful server's tools are its own business: nothing is left out or added (T12)", async () => {
  const bad = tool("bad", "No Name");
  await scene(
    { "tools/list": (call) => call.result({ resultType: "complete", tools: [bad, GOOD] }) },
    async (host, server) => {
      await host.request("initialize", INITIALIZE, "init");
      assert.deepEqual((await host.request("tools/list")).result.tools, [bad, GOOD]);
      await host.request("tools/call", { name: "good", arguments: { region: "us" } });
      assert.deepEqual(server.requests("POST /mcp").map(({ headers }) => headers.get("mcp-param-region")), [
        null,
        null,
        null,
      ]);
    },
  );
});

Deno.test("an answer that asks for input is none to a header: nothing is sent again", async () => {
  const result = { resultType: "input_required", requestState: "s" };
  await scene({ "tools/call": (call) => call.result(result) }, async (host, server) => {
    assert.deepEqual((await callTool(host, "good", { region: "us" })).result, result);
    assert.deepEqual(server.methods, ["tools/call"]);
  });
});

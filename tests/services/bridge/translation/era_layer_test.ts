/**
 * How a bridge finds out whether host and server are of one era, and what it does when they are not: what passes, what is
 * held back, and which of the server's words a host gets in the end.
 *
 * @see MCP 2026-07-28, Versioning (T9, T13, T14, T20)
 */
import assert from "node:assert/strict";
import { Host, INITIALIZE } from "../host.ts";
import { type Call, hang, type Script, startScriptedServer } from "../scripted_server.ts";

const STATELESS = "2026-07-28";
const META = {
  "io.modelcontextprotocol/protocolVersion": STATELESS,
  "io.modelcontextprotocol/clientInfo": { name: "host", version: "1.0.0" },
  "io.modelcontextprotocol/clientCapabilities": {},
};
const DISCOVERED = { supportedVersions: [STATELESS], capabilities: {}, resultType: "complete" };

function refuse(status: number, error?: unknown): (call: Call) => void {
  return (call) => {
    if (error === undefined) return call.json("", status);
    call.json(JSON.stringify({ jsonrpc: "2.0", id: call.message.id, error }), status);
  };
}

const complete = (call: Call) => call.result({ resultType: "complete", method: call.message.method });
const discovers = (call: Call) => call.result(DISCOVERED);
const UNSUPPORTED = {
  code: -32022,
  message: "no",
  data: { supported: [STATELESS], requested: "2025-11-25" },
};
const NO_SESSION = { code: -32000, message: "Bad Request: Server not initialized" };
const NOT_FOUND = { code: -32601, message: "Method not found" };

async function exchange(
  script: Script,
  deed: (host: Host) => Promise<void>,
  methods: readonly string[],
): Promise<void> {
  await using server = await startScriptedServer(script);
  await using host = new Host(server.url);
  await deed(host);
  assert.deepEqual(server.methods.filter((method) => method !== "GET" && method !== "DELETE"), methods);
}

Deno.test("a stateful host in front of a stateful server costs no request more, and its bytes pass (T20)", async () => {
  const spaced = '{ "jsonrpc":"2.0", "id":7, "method":"tools/list" }';
  let body = "";
  await exchange({
    "tools/list": (call) => {
      body = call.exchange.recorded.body;
      call.result({ tools: [] });
    },
  }, async (host) => {
    assert.equal((await host.initialize()).result.protocolVersion, "2025-11-25");
    host.send(spaced);
    await host.answer(7);
  }, ["initialize", "notifications/initialized", "tools/list"]);
  assert.equal(body, spaced);
});

Deno.test("a stateless host in front of a stateless server costs no request more (T20)", async () => {
  await exchange({ "server/discover": discovers }, async (host) => {
    assert.deepEqual((await host.request("server/discover", { _meta: META })).result, DISCOVERED);
    assert.deepEqual((await host.request("resources/list", { _meta: META })).result, {
      method: "resources/list",
    });
  }, ["server/discover", "resources/list"]);
});

for (
  const [says, refusal] of [
    ["-32022 and its revisions", refuse(400, UNSUPPORTED)],
    ["-32020", refuse(400, { code: -32020, message: "Header mismatch" })],
    ["-32601", refuse(404, NOT_FOUND)],
    ["400 and no word", refuse(400)],
    ["405 and no word", refuse(405)],
    ["an error of its own", refuse(200, { code: -32603, message: "Internal error" })],
    ["a session of a revision that has none", (call: Call) => call.result({ protocolVersion: STATELESS })],
  ] as const
) {
  Deno.test(`a stateful host is translated where initialize is answered with ${says} (T9, T13, T20)`, async () => {
    await exchange({ initialize: refusal, "server/discover": discovers }, async (host) => {
      const answer = await host.initialize();
      assert.equal(answer.result.protocolVersion, "2025-11-25");
      assert.equal(host.answers("initialize"), 1);
      assert.deepEqual((await host.request("resources/list")).result, { method: "resources/list" });
    }, ["initialize", "server/discover", "resources/list"]);
  });
}

Deno.test("a server of neither era: the host gets its first refusal, not that of our probe (T20)", async () => {
  await exchange({
    initialize: refuse(400, { code: -32600, message: "the first words" }),
    "server/discover": refuse(400, { code: -32600, message: "the second words" }),
  }, async (host) => {
    const { error } = await host.request("initialize", INITIALIZE);
    assert.deepEqual(error, { code: -32600, message: "the first words" });
  }, ["initialize", "server/discover"]);
});

Deno.test("a refusal without JSON-RPC is told as the first failure, too", async () => {
  await exchange({ initialize: refuse(400), "server/discover": refuse(410) }, async (host) => {
    const { error } = await host.request("initialize", INITIALIZE);
    assert.match(error?.message ?? "", /"initialize": the server answered HTTP 400/);
  }, ["initialize", "server/discover"]);
});

for (const status of [429, 500, 503]) {
  Deno.test(`HTTP ${status} says nothing of a server's era: nothing is probed (T20)`, async () => {
    await exchange({ initialize: refuse(status), "server/discover": refuse(status) }, async (host) => {
      assert.match(
        (await host.request("initialize", INITIALIZE)).error?.message ?? "",
        new RegExp(`HTTP ${status}`),
      );
      const { error } = await host.request("server/discover", { _meta: META });
      assert.match(error?.message ?? "", new RegExp(`HTTP ${status}`));
    }, ["initialize", "server/discover"]);
  });
}

Deno.test("a refusal that names only stateful revisions is the host's to act on (T14)", async () => {
  const data = { supported: ["2025-06-18"], requested: "2025-11-25" };
  await exchange({ initialize: refuse(400, { code: -32022, message: "no", data }) }, async (host) => {
    assert.deepEqual((await host.request("initialize", INITIALIZE)).error?.data, data);
  }, ["initialize"]);
});

Deno.test("an unknown revision of a stateless host is the host's to act on; then all passes (T14)", async () => {
  let first = true;
  await exchange({
    "server/discover": (call) => {
      if (!first) return discovers(call);
      first = false;
      refuse(400, UNSUPPORTED)(call);
    },
  }, async (host) => {
    assert.equal((await host.request("server/discover", { _meta: META })).error?.code, -32022);
    assert.deepEqual((await host.request("server/discover", { _meta: META })).result, DISCOVERED);
  }, ["server/discover", "server/discover"]);
});

for (
  const [says, refusal] of [
    ["-32601", refuse(200, NOT_FOUND)],
    ["-32000 and 400", refuse(400, NO_SESSION)],
    ["400 and no word", refuse(400)],
    [
      "-32022 and stateful revisions alone",
      refuse(400, { ...UNSUPPORTED, data: { supported: ["2025-11-25"] } }),
    ],
    ["a result that names no revision", (call: Call) => call.result({})],
  ] as const
) {
  Deno.test(`a stateless host is translated where server/discover is answered with ${says} (T20)`, async () => {
    await exchange({ "server/discover": refusal }, async (host) => {
      const { result } = await host.request("server/discover", { _meta: META });
      assert.ok(result.supportedVersions.includes(STATELESS), JSON.stringify(result));
    }, ["server/discover", "initialize", "notifications/initialized"]);
  });
}

Deno.test("a stateless server's refusal of a method leaves the era as it is: server/discover is asked (T13)", async () => {
  await exchange({ "resources/list": refuse(404, NOT_FOUND), "server/discover": discovers }, async (host) => {
    assert.deepEqual((await host.request("resources/list", { _meta: META })).error, NOT_FOUND);
    assert.deepEqual((await host.request("resources/list", { _meta: META })).error, NOT_FOUND);
  }, ["resources/list", "server/discover", "resources/list"]);
});

Deno.test("a stateful server that takes requests without a session is found out by its results (T11)", async () => {
  await exchange({ "server/discover": refuse(200, NOT_FOUND) }, async (host) => {
    const { result } = await host.request("resources/list", { _meta: META });
    assert.deepEqual([result.resultType, result.method], ["complete", "resources/list"]);
    assert.equal(host.answers(1), 1);
  }, ["resources/list", "server/discover", "initialize", "notifications/initialized", "resources/list"]);
});

Deno.test("a tool that such a server has run is not run again: its result is completed", async () => {
  const text = (id: number) =>
    `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"n":12345678901234567890}}`;
  await exchange({
    "tools/call": (call) => call.json(text(call.message.id)),
    "server/discover": refuse(200, NOT_FOUND),
  }, async (host) => {
    await host.request("tools/call", { name: "pay", arguments: {}, _meta: META });
    const told = '"result":{"resultType":"complete","content":[],"n":12345678901234567890}';
    assert.ok(host.raw.at(-1)?.includes(told), host.raw.at(-1));
  }, ["tools/call", "server/discover", "initialize", "notifications/initialized"]);
});

Deno.test("a stateless server whose results do not say that they are complete is asked once, and passes", async () => {
  await exchange({ "server/discover": discovers }, async (host) => {
    assert.deepEqual((await host.request("resources/list", { _meta: META })).result, {
      method: "resources/list",
    });
    assert.deepEqual((await host.request("resources/list", { _meta: META })).result, {
      method: "resources/list",
    });
  }, ["resources/list", "server/discover", "resources/list"]);
});

Deno.test("the first request of a stateless host may be any: an answer of its era is enough (T20)", async () => {
  await exchange({ "resources/list": complete }, async (host) => {
    assert.equal((await host.request("resources/list", { _meta: META })).result.resultType, "complete");
    assert.deepEqual((await host.request("prompts/list", { _meta: META })).result, {
      method: "prompts/list",
    });
  }, ["resources/list", "prompts/list"]);
});

Deno.test("a tool that has failed is not called again, whatever that says of the server's era", async () => {
  const failure = { code: -32603, message: "half done" };
  await exchange(
    { "tools/call": refuse(200, failure), "server/discover": refuse(200, NOT_FOUND) },
    async (host) => {
      assert.deepEqual(
        (await host.request("tools/call", { name: "pay", arguments: {}, _meta: META })).error,
        failure,
      );
    },
    ["tools/call", "server/discover", "initialize", "notifications/initialized"],
  );
});

Deno.test("a tool that was not called for want of a session is called in one (T20)", async () => {
  let calls = 0;
  await exchange({
    "tools/call": (call) => calls++ === 0 ? refuse(400, NO_SESSION)(call) : call.result({ content: [] }),
    "server/discover": refuse(400, NO_SESSION),
  }, async (host) => {
    const { result } = await host.request("tools/call", { name: "pay", arguments: {}, _meta: META });
    assert.deepEqual(result.content, []);
    assert.equal(host.answers(1), 1);
  }, ["tools/call", "server/discover", "initialize", "notifications/initialized", "tools/call"]);
});

Deno.test("several requests of a stateless host are under way while the era is not known: each gets one answer", async () => {
  const ready = Promise.withResolvers<void>();
  let waiting = 0;
  const late = async (call: Call) => {
    if ("_meta" in call.message.params) {
      if (++waiting === 3) ready.resolve();
      await ready.promise;
      return refuse(400, NO_SESSION)(call);
    }
    call.result({ method: call.message.method });
  };
  await using server = await startScriptedServer({
    "prompts/list": late,
    "resources/list": late,
    "resources/templates/list": late,
    "server/discover": refuse(400, NO_SESSION),
  });
  await using host = new Host(server.url);
  const methods = ["prompts/list", "resources/list", "resources/templates/list"];
  const answers = await Promise.all(methods.map((method) => host.request(method, { _meta: META }, method)));
  assert.deepEqual(answers.map(({ result }) => result.method), methods);
  assert.equal(server.methods.filter((method) => method === "initialize").length, 1);
  for (const method of methods) assert.equal(host.answers(method), 1);
});

Deno.test("a host of both eras starts over by initialize, in front of a server that is stateful (T20)", async () => {
  await exchange({ "server/discover": refuse(200, NOT_FOUND) }, async (host) => {
    assert.ok((await host.request("server/discover", { _meta: META })).result.supportedVersions);
    assert.equal((await host.initialize()).result.protocolVersion, "2025-11-25");
    assert.deepEqual((await host.request("resources/list")).result, { method: "resources/list" });
  }, [
    "server/discover",
    "initialize",
    "notifications/initialized",
    "initialize",
    "notifications/initialized",
    "resources/list",
  ]);
});

Deno.test("a bridge ends in time while a probe of its own hangs, and its host has an answer", async () => {
  await using server = await startScriptedServer({ initialize: refuse(400), "server/discover": hang });
  await using host = new Host(server.url);
  host.send({ jsonrpc: "2.0", id: 1, method: "initialize", params: INITIALIZE });
  while (!server.methods.includes("server/discover")) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(await host.end() < 3_000);
  assert.equal(host.answers(1), 1);
});

/**
 * What a waiting bridge puts on the wire, on both sides: its own answers, what the server is told in the host's place,
 * and that everything passes byte for byte once there is a server. Hosts here are hasty, sloppy or hostile.
 *
 * @see MCP 2025-11-25, Lifecycle; MCP 2026-07-28, Versioning (T2, T9-T11, T14, T16)
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { eventually, Host, INITIALIZE } from "../host.ts";
import { type Call, event, type Script, startScriptedServer } from "../scripted_server.ts";
import { ScriptedPerson } from "./scripted_person.ts";

const LOGIN = "mcp_auth_login";
const GOOD = "Bearer good";

/** Has a script want the good token, for everything or for some methods. */
function guarded(script: Script = {}, methods = ["initialize", "tools/list", "tools/call"]): Script {
  const guard: Script = { ...script };
  for (const method of methods) {
    const pass = script[method];
    guard[method] = (call: Call) => {
      const { headers } = call.exchange.recorded;
      if (headers.get("authorization") !== GOOD) return void call.response.writeHead(401).end();
      if (pass !== undefined) return pass(call);
      if (method === "initialize") {
        const capabilities = { tools: {} };
        return call.result({
          protocolVersion: "2025-11-25",
          capabilities,
          serverInfo: { name: "s", version: "1" },
        });
      }
      return call.result(method === "tools/list" ? { tools: [{ name: "own" }] } : { method });
    };
  }
  return guard;
}

function methodsOf(host: Host): readonly (string | undefined)[] {
  return host.lines.map(({ method }) => method).filter((method) => method !== undefined);
}

const LIST_CHANGED = ["tools", "resources", "prompts"].map((kind) => `notifications/${kind}/list_changed`);

Deno.test("row 12: a host that pipelines everything before it has any answer gets each of them, in its revision", async () => {
  await using server = await startScriptedServer(guarded());
  const person = new ScriptedPerson();
  await using host = new Host(server.url, { authorizer: person, person });
  host.send({
    jsonrpc: "2.0",
    id: "i",
    method: "initialize",
    params: { ...INITIALIZE, protocolVersion: "2025-03-26" },
  });
  host.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  host.send('{"jsonrpc":"2.0","id":12345678901234567890,"method":"tools/list"}');
  host.send({ jsonrpc: "2.0", id: "p", method: "ping" });
  host.send({ jsonrpc: "2.0", method: "notifications/roots/list_changed" });
  host.send({ jsonrpc: "2.0", id: 0, method: "no/such" });
  equal((await host.answer("i")).result.protocolVersion, "2025-03-26");
  deepEqual((await host.answer("p")).result, {});
  equal((await host.answer(0)).error?.code, -32010);
  ok(
    host.raw.some((line) =>
      line.startsWith('{"jsonrpc":"2.0","id":12345678901234567890,"result":{"tools":[')
    ),
  );
  deepEqual(server.log, []);
});

Deno.test("a revision that is not known is answered with the latest that is stateful", async () => {
  await using server = await startScriptedServer(guarded());
  const person = new ScriptedPerson();
  await using host = new Host(server.url, { authorizer: person, person });
  for (const protocolVersion of ["1999-01-01", 7, undefined, "2026-07-28"]) {
    const { result } = await host.request("initialize", { ...INITIALIZE, protocolVersion });
    equal(result.protocolVersion, "2025-11-25");
  }
});

Deno.test("after a sign-in elsewhere the host's first words are said to the server, and then every byte passes", async () => {
  await using server = await startScriptedServer(guarded());
  const person = new ScriptedPerson();
  await using host = new Host(server.url, { authorizer: person, person });
  equal((await host.initialize()).result.serverInfo.name, "mcp-auth");
  person.token = "good";
  await eventually(() => methodsOf(host).length === 3, "the lists");
  deepEqual(methodsOf(host), LIST_CHANGED);
  await eventually(() => server.methods.length === 3, "the stream");
  deepEqual(server.methods, ["initialize", "notifications/initialized", "GET"]);
  const opening = server.log[0]!.json() as { id: unknown; params: unknown };
  deepEqual(opening.params, INITIALIZE);
  match(String(opening.id), /^mcp-auth-/, "an id that cannot be the host's");
  equal(host.answers("initialize"), 1);
  const line = '{"jsonrpc":"2.0","id":9,"method":"vendor/x","params":{"größe":1.0,"n":12345678901234567890}}';
  host.send(line);
  await host.answer(9);
  equal(server.log.at(-1)?.body, line);
  deepEqual((await host.request("prompts/list")).result, { prompts: [] }, "what the server does not have");
  ok(!server.methods.includes("prompts/list"));
});

Deno.test("a host that is not ready yet hears of the lists once it is", async () => {
  await using server = await startScriptedServer(guarded());
  const person = new ScriptedPerson();
  await using host = new Host(server.url, { authorizer: person, person });
  await host.request("initialize", INITIALIZE);
  person.token = "good";
  await eventually(() => server.methods.includes("initialize"), "the opening");
  await new Promise((resolve) => setTimeout(resolve, 100));
  deepEqual(methodsOf(host), []);
  host.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  await eventually(() => methodsOf(host).length === 3, "the lists");
  await eventually(() => server.methods.length === 3, "the stream");
  deepEqual(server.methods, ["initialize", "notifications/initialized", "GET"]);
});

Deno.test("a server of another revision than the host was told is noted", async () => {
  await using server = await startScriptedServer(guarded({
    initialize: (call) => call.result({ protocolVersion: "2025-06-18", capabilities: { tools: {} } }),
  }));
  const person = new ScriptedPerson();
  await using host = new Host(server.url, { authorizer: person, person });
  await host.initialize();
  person.token = "good";
  await eventually(() => methodsOf(host).length === 3, "the lists");
  ok(host.log.some((line) => /speaks revision "2025-06-18"; the host was told "2025-11-25"/.test(line)));
  await host.request("tools/list");
  equal(server.log.at(-1)?.headers.get("mcp-protocol-version"), "2025-06-18");
});

Deno.test("a token that is there and refused keeps the host waiting, and is not tried again and again", async () => {
  await using server = await startScriptedServer(guarded());
  const person = new ScriptedPerson();
  await using host = new Host(server.url, { authorizer: person, person });
  await host.initialize();
  person.token = "bad";
  await eventually(() => server.methods.length === 1, "one try");
  await new Promise((resolve) => setTimeout(resolve, 4_500));
  equal(server.methods.length, 1);
  deepEqual((await host.request("tools/list")).result.tools.map((tool: { name: string }) => tool.name), [
    LOGIN,
  ]);
  person.token = "good";
  await eventually(() => methodsOf(host).length === 3, "the lists");
});

Deno.test("in a session the tool is among the server's own, on the first page alone, until the sign-in", async () => {
  await using server = await startScriptedServer(guarded({}, ["tools/call"]));
  const person = new ScriptedPerson("old");
  await using host = new Host(server.url, { authorizer: person, person });
  await host.initialize();
  const { error } = await host.request("tools/call", { name: "own" });
  deepEqual(error?.data, {
    code: "AUTH_REQUIRED",
    hint: `Run: mcp-auth login demo, or call the tool ${LOGIN}`,
  });
  await eventually(() => methodsOf(host).length === 1, "the list");
  deepEqual(methodsOf(host), LIST_CHANGED.slice(0, 1));
  await host.request("tools/call", { name: "own" });
  equal(methodsOf(host).length, 1, "said once");
  const calling = host.request("tools/call", { name: LOGIN });
  match((await calling).result.content[0].text, /^ {2}https:\/\/as\.example\/authorize\?state=s$/m);
  equal(person.begun.length, 1);
  person.token = "good";
  person.begun[0]!.finish();
  await eventually(() => methodsOf(host).length === 2, "the list again");
  ok((await host.request("tools/call", { name: "own" })).result);
  match((await host.request("tools/call", { name: LOGIN })).result.content[0].text, /needs no sign-in now/);
  equal(person.begun.length, 1);
});

Deno.test("a list that is amended keeps what the server says of it", async () => {
  const own = { name: "own", inputSchema: { type: "object" }, vendor: [null, 1.5] };
  await using server = await startScriptedServer(guarded({
    "tools/list": ({ message, result }) =>
      result(
        message.params?.cursor === undefined
          ? { tools: [own, { name: LOGIN, description: "another's" }], nextCursor: "2", vendor: true }
          : { tools: [own] },
      ),
  }, ["tools/call"]));
  const person = new ScriptedPerson("old");
  await using host = new Host(server.url, { authorizer: person, person });
  await host.initialize();
  await host.request("tools/call", { name: "own" });
  const first = (await host.request("tools/list")).result;
  deepEqual([first.nextCursor, first.vendor, first.tools[0]], ["2", true, own]);
  deepEqual(first.tools.map(({ name }: { name: string }) => name), ["own", LOGIN]);
  match(first.tools[1].description, /^Signs the user in to "demo"/);
  deepEqual((await host.request("tools/list", { cursor: "2" })).result.tools, [own]);
});

Deno.test("what needed a sign-in and works again needs none: the tool goes without one", async () => {
  let open = false;
  await using server = await startScriptedServer({
    "tools/call": (call) => open ? call.result({}) : void call.response.writeHead(401).end(),
  });
  const person = new ScriptedPerson("old");
  await using host = new Host(server.url, { authorizer: person, person });
  await host.initialize();
  ok((await host.request("tools/call", { name: "x" })).error);
  await eventually(() => methodsOf(host).length === 1, "the list");
  open = true;
  ok((await host.request("tools/call", { name: "y" })).result);
  equal(methodsOf(host).length, 1, "another operation says nothing of it");
  ok((await host.request("tools/call", { name: "x" })).result);
  await eventually(() => methodsOf(host).length === 2, "the list again");
});

Deno.test("a server that lets `initialize` pass and nothing else gets `initialized` after the sign-in", async () => {
  await using server = await startScriptedServer(
    guarded({
      "notifications/initialized": ({ response }) => void response.writeHead(202).end(),
    }, ["notifications/initialized", "tools/list"]),
  );
  const person = new ScriptedPerson("old");
  await using host = new Host(server.url, { authorizer: person, person });
  equal((await host.initialize()).result.serverInfo.name, "s");
  const { result } = await host.request("tools/list");
  deepEqual(result.tools.map(({ name }: { name: string }) => name), [LOGIN]);
  person.token = "good";
  await eventually(() => server.methods.includes("GET"), "the stream");
  deepEqual(server.methods.filter((method) => method === "notifications/initialized").length, 2);
});

Deno.test("the call that waits is given up by its host, and the sign-in goes on", async () => {
  await using server = await startScriptedServer(guarded());
  const person = new ScriptedPerson();
  await using host = new Host(server.url, { authorizer: person, person });
  await host.initialize();
  await host.request("tools/call", { name: LOGIN });
  host.send({ jsonrpc: "2.0", id: "w", method: "tools/call", params: { name: LOGIN } });
  host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "w" } });
  await host.request("ping");
  equal(person.current?.end, undefined);
  person.token = "good";
  person.current?.finish();
  await eventually(() => methodsOf(host).length === 3, "the lists");
  await host.end();
  equal(host.answers("w"), 0);
});

Deno.test("row 38: a host that leaves with a call that waits gets its answer, and the bridge ends in time", async () => {
  await using server = await startScriptedServer(guarded());
  const person = new ScriptedPerson();
  await using host = new Host(server.url, { authorizer: person, person });
  await host.initialize();
  await host.request("tools/call", { name: LOGIN });
  host.send({ jsonrpc: "2.0", id: "w", method: "tools/call", params: { name: LOGIN } });
  const tookMs = await host.end();
  ok(tookMs < 2_200, `${tookMs} ms`);
  equal(host.answers("w"), 1);
});

Deno.test("arguments of any shape, and answers to questions that were never asked, do no harm", async () => {
  await using server = await startScriptedServer(guarded());
  const person = new ScriptedPerson();
  await using host = new Host(server.url, { authorizer: person, person });
  await host.initialize();
  for (const args of [undefined, null, 7, [], { redirect_url: 7 }, { redirect_url: "" }]) {
    const { error } = await host.request("tools/call", { name: "other", arguments: args });
    equal(error?.code, -32010);
  }
  match(
    (await host.request("tools/call", { name: LOGIN, arguments: null })).result.content[0].text,
    /authorize/,
  );
  const refused = await host.request("tools/call", { name: LOGIN, arguments: { redirect_url: "x" } });
  match(refused.result.content[0].text, /^That is not the address that the browser ends at\./);
  host.send({ jsonrpc: "2.0", id: "mcp-auth-ask-x", result: { action: "accept" } });
  host.send({ jsonrpc: "2.0", id: "y", result: {} });
  host.send([{ jsonrpc: "2.0", id: "b", method: "tools/list" }, { jsonrpc: "2.0", method: "x" }]);
  equal((await host.answer("b")).error?.code, -32010, "a batch is for the server alone");
  deepEqual((await host.request("ping")).result, {});
  equal(person.begun.length, 1);
});

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

Deno.test("a stateless host is told to keep nothing, and its subscription goes on to the server after the sign-in", async () => {
  const subscribed: unknown[] = [];
  await using server = await startScriptedServer(guarded({
    "server/discover": (call) =>
      call.result({ supportedVersions: ["2026-07-28"], capabilities: { tools: {} } }),
    "subscriptions/listen": ({ message, stream }) => {
      subscribed.push(message);
      const _meta = { "io.modelcontextprotocol/subscriptionId": message.id };
      const tell = (method: string) =>
        event({ jsonrpc: "2.0", method, params: { _meta, notifications: {} } });
      stream(tell("notifications/subscriptions/acknowledged"), tell("notifications/tools/list_changed"));
    },
  }, ["server/discover", "tools/list", "tools/call", "subscriptions/listen"]));
  const person = new ScriptedPerson();
  await using host = new Host(server.url, { authorizer: person, person });
  const { result } = await host.request("server/discover", { _meta: META });
  deepEqual(
    [result.resultType, result.ttlMs, result.cacheScope, result.supportedVersions],
    ["complete", 0, "private", ["2026-07-28"]],
  );
  equal(result._meta["io.modelcontextprotocol/serverInfo"].name, "mcp-auth");
  const listed = (await host.request("tools/list", { _meta: META })).result;
  deepEqual([listed.resultType, listed.ttlMs, listed.tools[0].name], ["complete", 0, LOGIN]);
  equal((await host.request("tools/call", { name: "x", _meta: META })).error?.code, -32010);
  const notifications = { toolsListChanged: true, promptsListChanged: false };
  host.send({
    jsonrpc: "2.0",
    id: 77,
    method: "subscriptions/listen",
    params: { notifications, _meta: META },
  });
  const acknowledged = await host.line(({ method }) => method === "notifications/subscriptions/acknowledged");
  deepEqual(acknowledged.params.notifications, { toolsListChanged: true });
  equal(acknowledged.params._meta["io.modelcontextprotocol/subscriptionId"], 77);
  person.token = "good";
  await eventually(() => methodsOf(host).length === 3, "our word and the server's");
  deepEqual(methodsOf(host), [
    "notifications/subscriptions/acknowledged",
    "notifications/tools/list_changed",
    "notifications/tools/list_changed",
  ]);
  equal(subscribed.length, 1);
  equal(host.answers(77), 0, "it is open still");
});

Deno.test("row 12: a host that kept the tool from an earlier run is told that nothing is to be done, and the server hears nothing", async () => {
  await using server = await startScriptedServer({});
  const person = new ScriptedPerson("good");
  await using host = new Host(server.url, { authorizer: person, person });
  await host.initialize();
  const { result } = await host.request("tools/call", { name: LOGIN, arguments: {} });
  equal(result.content[0].text, '"demo" needs no sign-in now: what it offers can be used.');
  ok(!server.methods.includes("tools/call"));
  ok((await host.request("tools/call", { name: "own" })).result, "everything else passes");
  equal(person.begun.length, 0);
});

Deno.test("row 12: a stateless host whose first word is that call: the server is asked whether a sign-in is needed", async () => {
  const methods = ["server/discover", "tools/call"];
  const discover = (call: Call) =>
    call.result({ supportedVersions: ["2026-07-28"], capabilities: { tools: {} } });
  for (
    const [token, said] of [["good", /needs no sign-in now/], [undefined, /authorize/], [
      "old",
      /authorize/,
    ]] as const
  ) {
    await using server = await startScriptedServer(guarded({ "server/discover": discover }, methods));
    const person = new ScriptedPerson(token);
    await using host = new Host(server.url, { authorizer: person, person });
    const { result } = await host.request("tools/call", { name: LOGIN, _meta: META });
    equal(result.resultType, "complete");
    match(result.content[0].text, said);
    equal(person.begun.length, token === "good" ? 0 : 1);
    ok(!server.methods.includes("tools/call"));
  }
});

/**
 * Servers of HTTP+SSE, as a user meets them: the program signs in to one, lists, calls and bridges it without being told
 * which transport it has, and what a server says in place of an answer reaches the user.
 *
 * @see https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse (T8)
 * @see behaviours rows 34, 35, 37
 * @module
 */
import assert from "node:assert/strict";
import { startAuthorizationServer } from "../../scripts/demo/servers/authorization_server.ts";
import { startEverything } from "../../scripts/demo/servers/everything.ts";
import { startHttpFront } from "../../scripts/demo/servers/http_front.ts";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import {
  type RunningSseServer,
  type SseServerSettings,
  startSseServer,
} from "../../scripts/demo/servers/sse_server.ts";
import { Host } from "./host.ts";
import { startLoadBalancer } from "./load_balancer.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";

/** A server of HTTP+SSE behind OAuth, and a home. */
async function scene(settings: SseServerSettings = {}) {
  const resources: string[] = [];
  const as = await startAuthorizationServer({ allowsResource: (resource) => resources.includes(resource) });
  const sse = await startSseServer({ ...settings, authorizationServer: as });
  resources.push(sse.resource);
  const home = await Home.make();
  return {
    sse,
    home,
    [Symbol.asyncDispose]: async () => {
      await home[Symbol.asyncDispose]();
      await sse.close();
      await as.close();
    },
  };
}

for (const guardsPosts of [false, true]) {
  const how = guardsPosts ? "asks for a token first" : "says that there is nothing";
  Deno.test(`row 34: a server of HTTP+SSE that ${how} when it is posted to: sign-in, tools, call and bridge just work`, async (t) => {
    await using setting = await scene({ guardsPosts });
    const { sse, home } = setting;
    await t.step("add signs in and connects", async () => {
      const added = await home.run(["add", "demo", sse.url]);
      assert.equal(added.code, 0, added.stderr);
      assert.match(added.stdout, /✓ Connected to demo \(8 tools\)/);
      assert.ok(await until(() => sse.sessions.length === 0, 2_000), "the stream is closed");
    });
    await t.step("tools and call", async () => {
      const tools = await home.run(["tools", "demo", "--json"]);
      assert.equal(tools.code, 0, tools.stderr);
      assert.match(tools.stdout, /"whoami"/);
      const called = await home.run(["call", "demo", "whoami"]);
      assert.equal(called.code, 0, called.stderr);
      assert.match(called.stdout, /alice/);
      assert.match((await home.run(["list", "--json"])).stdout, /"transport": ?"auto"/);
    });
    await t.step("bridge", async () => {
      await using host = new Host(home, ["demo"]);
      assert.equal((await host.initialize()).result.serverInfo.name, "demo");
      assert.equal((await host.call("echo", { text: "hello" })).result.content[0].text, "hello");
      await host.send({
        jsonrpc: "2.0",
        id: "slow",
        method: "tools/call",
        params: { name: "slow", arguments: { ms: 40 }, _meta: { progressToken: "p" } },
      });
      await host.answer("slow");
      const progress = host.lines.filter(({ method }) => method === "notifications/progress");
      assert.deepEqual(progress.map(({ params }) => params.progress), [1, 2, 3, 4]);
      assert.equal((await host.call("large", { size: 2 ** 20 })).result.content[0].text.length, 2 ** 20);
      await sse.announce("notifications/tools/list_changed");
      assert.ok(await until(() => host.lines.some(({ method }) => /list_changed/.test(method ?? "")), 5_000));
      const { code, tookMs } = await host.end();
      assert.equal(code, 0);
      assert.ok(tookMs < 2_000, `${tookMs} ms`);
      assert.ok(await until(() => sse.sessions.length === 0, 2_000), "the stream is closed");
    });
    await t.step("login, told nothing more", async () => {
      const { code, stderr } = await home.run(["login", "demo"]);
      assert.equal(code, 0, stderr);
    });
    await t.step("an entry whose transport is known posts nothing to the stream's URL", async () => {
      assert.equal((await home.run(["set", "demo", "--transport", "sse"])).code, 0);
      const before = sse.requests("POST /sse").length;
      const { code, stderr } = await home.run(["call", "demo", "echo", "text=x"]);
      assert.equal(code, 0, stderr);
      assert.equal(sse.requests("POST /sse").length, before);
      const wrong = await home.run(["set", "demo", "--transport", "http"]);
      assert.equal(wrong.code, 0);
      const failed = await home.run(["tools", "demo"]);
      assert.equal(failed.code, 3);
      assert.match(failed.stderr, /HTTP 404/);
    });
  });
}

Deno.test("tokens that are bound to a key are proven for the stream and for each message (RFC 9449)", async () => {
  await using setting = await scene({ dpop: "require", dpopNonce: true });
  const { sse, home } = setting;
  const added = await home.run(["add", "demo", sse.url, "--transport", "sse"]);
  assert.equal(added.code, 0, added.stderr);
  await using host = new Host(home, ["demo"]);
  await host.initialize();
  assert.equal((await host.call("whoami")).result.content[0].text, "alice");
  assert.ok(sse.acceptedProofs >= 8, `${sse.acceptedProofs}`);
  await host.end();
});

Deno.test("row 36: the server restarts under a bridge: a call in flight gets a coded error, the next one its answer", async () => {
  await using setting = await scene();
  const { sse, home } = setting;
  assert.equal((await home.run(["add", "demo", sse.url])).code, 0);
  await using host = new Host(home, ["demo"]);
  await host.initialize();
  await host.send({
    jsonrpc: "2.0",
    id: "lost",
    method: "tools/call",
    params: { name: "slow", arguments: { ms: 20_000 } },
  });
  assert.ok(await until(() => calls(sse, "slow") === 1, 5_000));
  await sse.forgetSessions();
  const lost = await host.answer("lost");
  assert.equal(lost.error?.data.code, "NETWORK_ERROR");
  assert.equal((await host.call("echo", { text: "after" })).result.content[0].text, "after");
  assert.equal(calls(sse, "slow"), 1, "it is not sent twice");
  assert.equal((await host.end()).code, 0);
  assert.equal(host.lines.filter(({ id }) => id === "lost").length, 1);
});

Deno.test("row 37: two machines behind a load balancer that goes by its cookie: each session stays where it is", async (t) => {
  for (const kind of ["http", "sse"] as const) {
    await t.step(kind, async () => {
      const machines = kind === "sse"
        ? [await startSseServer({ open: true }), await startSseServer({ open: true })]
        : [await startMcpServer({ open: true }), await startMcpServer({ open: true })];
      await using home = await Home.make();
      await using balancer = await startLoadBalancer(machines.map(({ url }) => new URL(url).origin));
      const url = `${balancer.origin}/${kind === "sse" ? "sse" : "mcp"}`;
      {
        await using host = new Host(home, [url]);
        await host.initialize();
        for (let i = 0; i < 6; i++) {
          assert.equal((await host.call("echo", { text: `${i}` })).result?.content[0].text, `${i}`);
        }
        const [first] = balancer.places.slice(-1);
        assert.deepEqual(new Set(balancer.places.slice(-6)), new Set([first]));
        assert.ok(!host.bridge.stderr.includes("lb=m"));
        assert.equal((await host.end()).code, 0);
      }
      const added = await home.run(["add", "demo", url]);
      assert.equal(added.code, 0, added.stderr);
      assert.match(added.stdout, /8 tools/);
      const stored = [...Deno.readDirSync(home.store)].filter(({ isFile }) => isFile);
      for (const { name } of stored) {
        assert.ok(!(await Deno.readTextFile(`${home.store}/${name}`).catch(() => "")).includes("lb=m"), name);
      }
      await balancer.close();
      for (const machine of machines) await machine.close();
    });
  }
});

Deno.test("row 37: a proxy that cuts the stream in the middle of a call: one coded error, and everything works after it", async () => {
  await using machine = await startSseServer({ open: true });
  await using proxy = await startLoadBalancer([new URL(machine.url).origin]);
  await using home = await Home.make();
  await using host = new Host(home, [`${proxy.origin}/sse`]);
  await host.initialize();
  await host.send({
    jsonrpc: "2.0",
    id: "cut",
    method: "tools/call",
    params: { name: "slow", arguments: { ms: 20_000 } },
  });
  assert.ok(await until(() => calls(machine, "slow") === 1, 5_000));
  proxy.cut();
  assert.equal((await host.answer("cut")).error?.data.code, "NETWORK_ERROR");
  assert.equal((await host.call("echo", { text: "after" })).result.content[0].text, "after");
  const [before] = machine.sessions;
  proxy.cut();
  // Nobody asks for anything: it comes back by itself, since the server may have something to say.
  assert.ok(await until(() => machine.sessions.length === 1 && machine.sessions[0] !== before, 8_000));
  await machine.announce("notifications/tools/list_changed");
  assert.ok(await until(() => host.lines.some(({ method }) => /list_changed/.test(method ?? "")), 8_000));
  assert.equal((await host.end()).code, 0);
});

Deno.test("the reference server over HTTP+SSE: add, tools, call and a host through the bridge", async (t) => {
  await using everything = await startEverything("sse");
  await using home = await Home.make();
  await t.step("add, tools, call", async () => {
    const added = await home.run(["add", "everything", everything.url]);
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.stdout, /✓ Connected to everything \(no sign-in needed, \d+ tools\)/);
    assert.match((await home.run(["tools", "everything"])).stdout, /echo/);
    const called = await home.run(["call", "everything", "echo", "message=hello"]);
    assert.equal(called.code, 0, called.stderr);
    assert.match(called.stdout, /hello/);
  });
  await t.step("bridge", async () => {
    await using host = new Host(home, ["everything"]);
    const { result } = await host.initialize();
    assert.match(JSON.stringify(result.serverInfo), /everything/);
    assert.ok((await host.request("tools/list")).result.tools.length > 5);
    assert.ok((await host.request("resources/list")).result.resources.length > 0);
    assert.ok((await host.request("prompts/list")).result.prompts.length > 0);
    const all = await Promise.all(
      Array.from({ length: 16 }, (_, index) => host.call("echo", { message: `${index}` })),
    );
    all.forEach(({ result }, index) => assert.match(result.content[0].text, new RegExp(`\\b${index}\\b`)));
    assert.equal((await host.end()).code, 0);
  });
});

Deno.test("row 34: what a server says with 400 reaches the user, from add and through the bridge (vercel/eve#3547)", async () => {
  const why =
    "App is not enabled for Slack MCP server access. Please enable it here: https://slack.example/apps";
  const seen: string[] = [];
  await using server = await startHttpFront(({ recorded, response }) => {
    seen.push(recorded.method);
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id: null, error: { code: -32600, message: why } }));
    return Promise.resolve();
  });
  await using home = await Home.make();
  const { code, stderr } = await home.run(["add", "demo", `${server.origin}/mcp`]);
  assert.notEqual(code, 0);
  assert.ok(stderr.includes("App is not enabled for Slack MCP server access"), stderr);
  await using host = new Host(home, [`${server.origin}/mcp`]);
  const { error } = await host.request("initialize", { protocolVersion: "2025-11-25", capabilities: {} });
  assert.equal(error?.message, why);
  await host.end();
  assert.deepEqual(new Set(seen), new Set(["POST"]));
});

Deno.test("row 34: where there is neither transport, the first answer is told, body and all (FastGPT#7154)", async () => {
  await using server = await startHttpFront(({ recorded, response }) => {
    if (recorded.method === "POST") {
      response.writeHead(404, { "content-type": "text/plain" }).end("No such workspace");
    } else response.writeHead(405).end();
    return Promise.resolve();
  });
  await using home = await Home.make();
  const { code, stderr } = await home.run(["add", "demo", `${server.origin}/mcp`]);
  assert.equal(code, 3);
  assert.match(
    stderr,
    /"initialize": the server answered HTTP 404: No such workspace; and by HTTP\+SSE: .*HTTP 405/,
  );
});

function calls(server: RunningSseServer, tool: string): number {
  return server.requests("POST /messages").filter(({ body }) => body.includes(`"name":"${tool}"`)).length;
}

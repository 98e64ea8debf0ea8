/**
 * The bridge, used as a person uses it through a host: the row of the list of features, part by part, in front of real
 * servers.
 *
 * @see features, "Use"; behaviours rows 12, 36, 38; MCP transports of every revision (T2, T5, T8, T10, T17)
 * @module
 */
import assert from "node:assert/strict";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { startSseServer } from "../../scripts/demo/servers/sse_server.ts";
import { startWebSocketMcpServer } from "../../scripts/demo/servers/websocket_server.ts";
import { startAuthorizationServer } from "../../scripts/demo/servers/authorization_server.ts";
import { Host } from "./host.ts";
import { done } from "./keeping.ts";
import { processesOf, until } from "./processes.ts";
import { FROM_CHECKOUT, Home } from "./program.ts";
import { startResumableServer } from "./resumable_server.ts";
import { BY_HAND, changed, LOGIN, pause, textOf, toolsOf } from "./waiting.ts";

import { startWire } from "./wire.ts";

const ROW =
  "Use: bridge: stdio to Streamable HTTP, HTTP+SSE, WebSocket; every protocol revision; sessions, resumption, cancellation; answers at once while sign-in is pending (row 12); reconnects after sign-in (row 36); never orphaned (row 38)";

/** What a host of the stateless era says in each request. */
const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "host", version: "1.0.0" },
};

const clientInfo = { name: "host", version: "1.0.0" };

Deno.test(ROW, async (t) => {
  await using as = await startAuthorizationServer();
  await using http = await startMcpServer({ authorizationServer: as });
  await using stateless = await startMcpServer({ authorizationServer: as, sdk2: "stateless" });
  await using sse = await startSseServer({ authorizationServer: as });
  await using socket = startWebSocketMcpServer({ authorizationServer: as });
  await using home = await Home.make();
  const urls = { http: http.url, stateless: stateless.url, sse: sse.url, socket: socket.socketUrl };

  for (const [name, url] of Object.entries(urls)) {
    await t.step(`${name}: added by its URL, and in a host by its name`, async () => {
      await done(home, ["add", name, url]);
      await using host = new Host(home, [name]);
      const { result } = await host.initialize();
      assert.equal(result.protocolVersion, "2025-11-25");
      assert.ok(toolsOf(await host.request("tools/list", {})).includes("add"));
      assert.deepEqual((await host.call("add", { a: 2, b: 3 })).result.structuredContent, { sum: 5 });
      assert.equal(textOf(await host.call("whoami")), "alice");
      assert.equal((await host.end()).code, 0);
    });
  }

  for (const name of ["http", "stateless"] as const) {
    for (const protocolVersion of ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]) {
      await t.step(`a host of ${protocolVersion} in front of ${name}`, async () => {
        await using host = new Host(home, [name]);
        const { result } = await host.request("initialize", {
          protocolVersion,
          capabilities: {},
          clientInfo,
        });
        assert.equal(result.protocolVersion, protocolVersion);
        await host.send({ jsonrpc: "2.0", method: "notifications/initialized" });
        assert.equal(textOf(await host.call("whoami")), "alice");
      });
    }
    await t.step(`a host of 2026-07-28 in front of ${name}`, async () => {
      await using host = new Host(home, [name]);
      const { result } = await host.request("server/discover", { _meta: META });
      assert.ok(result.supportedVersions.includes("2026-07-28"), JSON.stringify(result));
      const called = await host.request("tools/call", { name: "whoami", arguments: {}, _meta: META });
      assert.equal(called.result?.resultType, "complete");
      assert.equal(textOf(called), "alice");
    });
  }

  await t.step(
    "sessions: one that the server forgets is opened again, and the host's end ends it",
    async () => {
      await using host = new Host(home, ["http"]);
      await host.initialize();
      await http.forgetSessions();
      assert.equal(textOf(await host.call("whoami")), "alice");
      assert.equal(http.sessions.length, 1);
      await host.end();
      assert.deepEqual(http.sessions, []);
    },
  );

  await t.step(
    "a server that refuses the GET stream (row 35): POST alone, and it is asked once",
    async () => {
      const order = http.fail("GET /mcp", Infinity, () => new Response(null, { status: 405 }));
      const before = http.requests("GET /mcp").length;
      await using host = new Host(home, ["http"]);
      await host.initialize();
      assert.ok(await until(() => http.requests("GET /mcp").length > before, 5_000));
      await pause(2_500);
      assert.equal(textOf(await host.call("whoami")), "alice");
      assert.equal(http.requests("GET /mcp").length, before + 1);
      order.end();
    },
  );

  await t.step(
    "resumption: a call whose connection is cut is answered, once, with all of its progress",
    async () => {
      await using resumable = await startResumableServer();
      await using wire = await startWire(resumable.port);
      await using host = new Host(home, [`http://127.0.0.1:${wire.port}/mcp`]);
      await host.initialize();
      const _meta = { progressToken: "p" };
      const params = { name: "slow", arguments: { ms: 2_000 }, _meta };
      await host.send({ jsonrpc: "2.0", id: "long", method: "tools/call", params });
      const steps = () => host.lines.flatMap(({ params }) => params?.progress ?? []);
      assert.ok(await until(() => steps().length >= 1, 10_000), host.bridge.stderr);
      wire.cut();
      assert.match(textOf(await host.answer("long")), /^Done after 2000 ms$/);
      assert.deepEqual(steps(), [1, 2, 3, 4]);
      assert.equal(host.lines.filter(({ id }) => id === "long").length, 1);
      assert.ok(wire.sent.some((head) => /^GET [^]*\nlast-event-id: \S/im.test(head)), "it was resumed");
    },
  );

  await t.step("cancellation: the server hears of it, in the way of its era", async () => {
    for (const [name, server] of [["http", http], ["stateless", stateless]] as const) {
      await using host = new Host(home, [name]);
      await host.initialize();
      const before = server.log.length;
      const params = { name: "slow", arguments: { ms: 30_000 } };
      // The second line's tool takes no time of its own.
      if (name === "stateless") {
        assert.equal(textOf(await host.call("whoami")), "alice");
        server.fail("POST /mcp", 1, "hang");
      }
      await host.send({ jsonrpc: "2.0", id: "given up", method: "tools/call", params });
      assert.ok(
        await until(() => server.log.slice(before).some(({ body }) => body.includes('"slow"')), 5_000),
      );
      const requestId = "given up";
      await host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId } });
      const notices = () =>
        server.log.slice(before).filter(({ body }) => body.includes("notifications/cancelled"));
      if (name === "http") assert.ok(await until(() => notices().length === 1, 5_000));
      assert.equal(textOf(await host.call("whoami")), "alice");
      if (name === "stateless") assert.equal(notices().length, 0, "its stream was closed, and nothing said");
      assert.ok(!host.lines.some(({ id }) => id === requestId));
    }
  });

  await t.step(
    "nobody is signed in: answered at once; signed in elsewhere: everything is there",
    async () => {
      await done(home, ["logout", "http"]);
      await using host = new Host(home, ["http"], BY_HAND);
      const started = performance.now();
      await host.initialize();
      assert.deepEqual(toolsOf(await host.request("tools/list", {})), [LOGIN]);
      assert.ok(performance.now() - started < 5_000, `${performance.now() - started} ms`);
      const from = host.lines.length;
      await done(home, ["login", "http"]);
      await changed(host, from);
      assert.ok(toolsOf(await host.request("tools/list", {})).includes("add"));
      assert.equal(textOf(await host.call("whoami")), "alice");
    },
  );

  await t.step("a host that is killed leaves nothing", async () => {
    const below = ["/bin/sh", "-c", '"$@"; exit 7', "host", ...FROM_CHECKOUT];
    for (const name of ["http", "sse", "socket"]) {
      await using host = new Host(home, [name], { command: below });
      await host.initialize();
      host.bridge.kill("SIGKILL");
      assert.ok(await home.isQuiet(3_500), `${name}: ${JSON.stringify(await processesOf(home.path))}`);
    }
  });
});

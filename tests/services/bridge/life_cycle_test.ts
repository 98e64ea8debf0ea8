/**
 * How a bridge ends: within two seconds, with every request answered, whatever host and server do.
 *
 * @see behaviours rows 36, 38
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { BRIDGE_DRAIN_MS } from "../../../lib/primitives/limits.ts";
import { RPC_LOCAL, RPC_UNREACHABLE } from "../../../lib/services/bridge/mod.ts";
import { eventually, Host, INITIALIZE } from "./host.ts";
import { answerTo, event, hang, type Script, startScriptedServer } from "./scripted_server.ts";

const hanging: Script = { "tools/call": hang };

Deno.test("a host that writes everything and closes its end at once gets every answer", async () => {
  await using server = await startScriptedServer({});
  await using host = new Host(server.url);
  host.send({ jsonrpc: "2.0", id: 0, method: "initialize", params: INITIALIZE });
  host.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  host.send({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  host.sendBytes(new TextEncoder().encode('{"jsonrpc":"2.0","id":2,"method":"prompts/list"}'));
  ok(await host.end() < 1000);
  deepEqual(host.lines.map(({ id }) => id).sort(), [0, 1, 2]);
  deepEqual(server.methods.slice(0, 2), ["initialize", "notifications/initialized"]);
  equal(server.methods.at(-1), "DELETE");
});

Deno.test("a call that hangs when the host closes its end gets an error, within two seconds in all", async () => {
  await using server = await startScriptedServer(hanging);
  await using host = new Host(server.url);
  await host.initialize();
  host.send({ jsonrpc: "2.0", id: 8, method: "tools/call" });
  await eventually(() => server.methods.includes("tools/call"), "the call");
  const took = await host.end();
  ok(took > 1000 && took < BRIDGE_DRAIN_MS, `ended after ${took} ms`);
  const { error } = await host.answer(8);
  equal(error?.code, RPC_UNREACHABLE);
  equal(error?.data.code, "TIMEOUT");
  equal(server.methods.at(-1), "DELETE");
});

Deno.test("a server that answers nothing at all, DELETE included, does not hold up the end", async () => {
  await using server = await startScriptedServer({ ...hanging, DELETE: hang });
  await using host = new Host(server.url);
  await host.initialize();
  host.send({ jsonrpc: "2.0", id: 8, method: "tools/call" });
  await eventually(() => server.methods.includes("tools/call"), "the call");
  const took = await host.end();
  ok(took < BRIDGE_DRAIN_MS, `ended after ${took} ms`);
  equal(host.answers(8), 1);
});

Deno.test("a server that refuses DELETE is left in peace", async () => {
  await using server = await startScriptedServer({
    DELETE: ({ response }) => void response.writeHead(405).end(),
  });
  await using host = new Host(server.url);
  await host.initialize();
  ok(await host.end() < 1000);
  deepEqual(host.log, []);
});

Deno.test("without a session there is no DELETE", async () => {
  await using server = await startScriptedServer({
    initialize: (call) => call.result({ protocolVersion: "2025-11-25" }),
  });
  await using host = new Host(server.url);
  await host.initialize();
  await host.end();
  ok(!server.methods.includes("DELETE"));
});

Deno.test("the signal ends it at once, with an error for what is pending and for what waits behind it", async () => {
  const controller = new AbortController();
  await using server = await startScriptedServer({ initialize: hang });
  await using host = new Host(server.url, { signal: controller.signal });
  host.send({ jsonrpc: "2.0", id: 0, method: "initialize", params: INITIALIZE });
  host.send({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  await eventually(() => server.methods.includes("initialize"), "initialize");
  const started = performance.now();
  controller.abort();
  await host.ended;
  ok(performance.now() - started < 500);
  for (const id of [0, 1]) {
    equal(host.answers(id), 1);
    const { error } = await host.answer(id);
    equal(error?.code, RPC_LOCAL);
    equal(error?.data.code, "AUTH_CANCELLED");
  }
  deepEqual(server.methods, ["initialize"]);
});

Deno.test("a signal that has fired before the start ends it before anything is sent", async () => {
  await using server = await startScriptedServer({});
  await using host = new Host(server.url, { signal: AbortSignal.abort() });
  host.send({ jsonrpc: "2.0", id: 0, method: "initialize", params: INITIALIZE });
  await host.ended;
  deepEqual(server.methods, []);
});

Deno.test("row 38: a host that does not listen any more ends it, and the session is closed", async () => {
  let writes = 0;
  await using server = await startScriptedServer({});
  await using host = new Host(server.url, {
    write: () => {
      if (++writes > 1) return Promise.reject(new Error("Broken pipe (os error 32)"));
      return Promise.resolve();
    },
  });
  host.send({ jsonrpc: "2.0", id: 0, method: "initialize", params: INITIALIZE });
  await eventually(() => writes === 1, "the first answer");
  host.send({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  await host.ended;
  equal(writes, 2);
  equal(server.methods.at(-1), "DELETE");
  ok(host.log.some((line) => /Broken pipe/.test(line)));
});

Deno.test("a host that has stopped reading does not keep a bridge alive whose input has ended", async () => {
  await using server = await startScriptedServer({});
  await using host = new Host(server.url, { write: () => new Promise(() => {}) });
  host.send({ jsonrpc: "2.0", id: 0, method: "initialize", params: INITIALIZE });
  await eventually(() => server.methods.includes("initialize"), "initialize");
  ok(await host.end() < BRIDGE_DRAIN_MS);
});

Deno.test("a cancelled request is owed nothing: its late answer is dropped and the end does not wait for it", async () => {
  let late = () => {};
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      call.stream(": wait\n\n");
      late = () => void call.response.write(event(answerTo(call, "late")));
    },
    "notifications/cancelled": (call) => {
      late();
      setTimeout(() => call.response.writeHead(202).end(), 20);
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  host.send({ jsonrpc: "2.0", id: 8, method: "tools/call" });
  await eventually(() => server.methods.includes("tools/call"), "the call");
  host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 8, reason: "no" } });
  await eventually(() => server.methods.includes("notifications/cancelled"), "the cancellation");
  ok(await host.end() < 1000);
  equal(host.answers(8), 0);
  const [cancelled] = server.log.filter((request) =>
    JSON.stringify(request.json())?.includes("notifications/cancelled")
  );
  deepEqual(cancelled!.json(), {
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId: 8, reason: "no" },
  });
});

/**
 * What a bridge does while nothing seems to happen: it notices that the machine slept, that its server is silent or
 * gone, and it keeps a connection alive where that was asked for.
 *
 * @see behaviours row 37
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Lines } from "../../../lib/services/bridge/mod.ts";
import { watch, type Watched, type WatchTimes } from "../../../lib/services/bridge/life/watch.ts";
import { type Outbound, toOutbound } from "../../../lib/services/bridge/transports/remote.ts";
import { parseEnvelope } from "../../../lib/primitives/mcp/jsonrpc.ts";
import { eventually, Host } from "./host.ts";
import { answerTo, event, hang, startScriptedServer } from "./scripted_server.ts";
import { startScriptedSse } from "./scripted_sse.ts";

const TIMES: WatchTimes = {
  tick: 5_000,
  jump: 10_000,
  longSleep: 60_000,
  grace: 60_000,
  unused: 30_000,
  silence: 30_000,
  reach: 5_000,
  answer: 15_000,
  busyAnswer: 60_000,
};

/** A bridge and its world, by the clock of a test. */
class Scene implements Watched, Lines {
  sent = 1;
  heard = 1;
  readonly exchanges = new Set<Outbound>();
  onHeard: Watched["onHeard"];
  beforeSend: Watched["beforeSend"];
  isOneChannel = false;
  /** What was done to it, in order. */
  readonly events: string[] = [];
  readonly log: string[] = [];
  alive = true;
  reachable = true;
  #wall = 1_000_000;
  #awake = 0;
  readonly #stop = new AbortController();
  #step: ((ms: number) => void) | undefined;
  #waiting: Promise<void> = Promise.resolve();
  readonly done: Promise<void>;

  constructor(keepAliveMs?: number) {
    this.done = watch(this, {
      lines: this,
      keepAliveMs,
      times: TIMES,
      log: (line) => void this.log.push(line),
      signal: this.#stop.signal,
      clocks: { wall: () => this.#wall, awake: () => this.#awake },
      pause: (ms, signal) =>
        new Promise((resolve, reject) => {
          signal.addEventListener("abort", reject, { once: true });
          this.#step = (sleptMs) => {
            this.#awake += ms;
            this.#wall += ms + sleptMs;
            resolve();
          };
          this.#idle?.();
        }),
    });
  }

  #idle: (() => void) | undefined;

  isAlive(timeoutMs: number): Promise<boolean> {
    this.events.push(`ask ${timeoutMs}`);
    return Promise.resolve(this.alive);
  }

  reopen(isLost: boolean): void {
    this.events.push(isLost ? "reopen, lost" : "reopen");
  }

  renew(): Promise<void> {
    this.events.push("renew");
    return Promise.resolve();
  }

  isReachable(): Promise<boolean> {
    this.events.push("reach");
    return Promise.resolve(this.reachable);
  }

  /** A request under way. */
  begin(): Outbound {
    const text = '{"jsonrpc":"2.0","id":1,"method":"tools/call"}';
    const outbound = toOutbound(new TextEncoder().encode(text), parseEnvelope(text));
    this.exchanges.add(outbound);
    outbound.controller.signal.addEventListener("abort", () => this.exchanges.delete(outbound));
    return outbound;
  }

  /** Lets time pass, look by look; the machine sleeps during the first. */
  async pass(ms: number, sleptMs = 0): Promise<void> {
    for (let passed = 0, slept = sleptMs; passed < ms; passed += TIMES.tick, slept = 0) {
      this.#waiting = new Promise((resolve) => this.#idle = resolve);
      this.#step?.(slept);
      await this.#waiting;
    }
  }

  /** Puts the machine to sleep; nothing is looked at. */
  sleep(ms: number): void {
    this.#wall += ms;
  }

  /** A machine whose only clock goes on while it sleeps, and one that was stopped. */
  async late(ms: number): Promise<void> {
    this.#awake += ms;
    this.#wall += ms;
    await this.pass(TIMES.tick);
  }

  async end(): Promise<void> {
    this.#stop.abort(new Error("the end"));
    await this.done;
  }
}

Deno.test("row 37: after a sleep connections are new, streams are opened again and the server is asked", async () => {
  const scene = new Scene();
  await scene.pass(20_000);
  deepEqual(scene.events, []);
  await scene.pass(5_000, 3_600_000);
  deepEqual(scene.events, ["renew", "reopen", "ask 15000"]);
  match(scene.log.join(), /asleep for 3600 s/);
  await scene.pass(20_000);
  equal(scene.events.length, 3, "once");
  await scene.end();
});

Deno.test("row 37: a look that comes much too late was a sleep as well", async () => {
  const scene = new Scene();
  await scene.late(30_000);
  deepEqual(scene.events, ["renew", "reopen", "ask 15000"]);
  await scene.end();
});

Deno.test("row 37: a message right after the sleep waits for new connections, before anybody has looked", async () => {
  const scene = new Scene();
  await scene.pass(5_000);
  equal(scene.beforeSend?.(), undefined);
  scene.sleep(600_000);
  const [first, second] = [scene.beforeSend?.(), scene.beforeSend?.()];
  ok(first instanceof Promise);
  await Promise.all([first, second]);
  equal(scene.beforeSend?.(), undefined);
  deepEqual(scene.events, ["renew"]);
  await scene.pass(5_000);
  deepEqual(scene.events.slice(-2), ["reopen", "ask 15000"]);
  await scene.end();
});

Deno.test("row 37: a clock that is set by a little, or back, is no sleep", async () => {
  const scene = new Scene();
  await scene.pass(5_000, 3_000);
  await scene.pass(5_000, -3_600_000);
  scene.heard++;
  await scene.late(4_000);
  deepEqual(scene.events, []);
  await scene.end();
});

Deno.test("row 37: what was under way during a long sleep ends with an error, unless it is heard of", async () => {
  const scene = new Scene();
  const [dead, living] = [scene.begin(), scene.begin()];
  await scene.pass(5_000, 120_000);
  scene.onHeard?.({ messages: [], batch: false, payload: "", origin: living });
  const later = scene.begin();
  for (let i = 0; i < 12; i++) {
    scene.heard++;
    await scene.pass(5_000);
  }
  ok(dead.controller.signal.aborted);
  match(String(dead.controller.signal.reason), /not survived the sleep/);
  equal(dead.controller.signal.reason.code, "NETWORK_ERROR");
  ok(!living.controller.signal.aborted && !later.controller.signal.aborted);
  equal(scene.onHeard, undefined);
  await scene.end();
});

Deno.test("row 37: on a channel of all answers the server that answers has answers for all", async () => {
  const scene = new Scene();
  scene.isOneChannel = true;
  const call = scene.begin();
  await scene.pass(5_000, 120_000);
  deepEqual(scene.events.slice(-2), ["reopen", "ask 60000"]);
  for (let i = 0; i < 20; i++) await scene.pass(5_000);
  ok(!call.controller.signal.aborted);
  await scene.end();
});

Deno.test("row 37: a nap ends nothing that is under way", async () => {
  const scene = new Scene();
  const call = scene.begin();
  await scene.pass(5_000, 30_000);
  for (let i = 0; i < 40; i++) await scene.pass(5_000);
  ok(!call.controller.signal.aborted);
  await scene.end();
});

Deno.test("row 37: connections that were idle for half a minute are not used again", async () => {
  const scene = new Scene();
  await scene.pass(300_000);
  deepEqual(scene.events, ["renew"]);
  scene.sent++;
  await scene.pass(30_000);
  deepEqual(scene.events, ["renew"]);
  await scene.pass(20_000);
  deepEqual(scene.events, ["renew", "renew"]);
  await scene.end();
});

Deno.test("row 37: a server that computes in silence is looked for less and less often, and left in peace", async () => {
  const scene = new Scene();
  const call = scene.begin();
  await scene.pass(600_000);
  ok(!call.controller.signal.aborted);
  const looks = scene.events.filter((each) => each === "reach").length;
  ok(looks >= 3 && looks <= 6, `${looks} looks in ten minutes`);
  equal(scene.events.filter((each) => each.startsWith("ask")).length, 0);
  await scene.end();
});

Deno.test("row 37: what waits for a server that cannot be reached any more ends within a minute", async () => {
  const scene = new Scene();
  const call = scene.begin();
  scene.reachable = false;
  await scene.pass(30_000);
  ok(!call.controller.signal.aborted, "one look is not enough");
  await scene.pass(30_000);
  ok(call.controller.signal.aborted);
  match(String(call.controller.signal.reason), /cannot be reached any more/);
  await scene.end();
});

Deno.test("row 37: a network that comes back in time costs nothing", async () => {
  const scene = new Scene();
  const call = scene.begin();
  scene.reachable = false;
  await scene.pass(40_000);
  scene.reachable = true;
  await scene.pass(5_000);
  scene.reachable = false;
  await scene.pass(5_000);
  ok(!call.controller.signal.aborted);
  await scene.end();
});

Deno.test("row 37: keep-alive asks after each silence, and says once that nobody answers", async () => {
  const scene = new Scene(60_000);
  await scene.pass(55_000);
  deepEqual(scene.events.filter((each) => each !== "renew"), []);
  await scene.pass(5_000);
  deepEqual(scene.events.filter((each) => each !== "renew"), ["ask 15000"]);
  scene.heard++;
  await scene.pass(60_000);
  equal(scene.events.filter((each) => each === "ask 15000").length, 1);
  scene.alive = false;
  await scene.pass(60_000);
  ok(scene.events.includes("reopen, lost"));
  await scene.pass(60_000);
  equal(scene.log.filter((line) => line.includes("no sign of life")).length, 1);
  await scene.end();
});

/** Times that a test can wait for. */
const QUICK = { tick: 20, answer: 200, busyAnswer: 400 };

Deno.test("row 37: the pings of keep-alive and their answers stay between bridge and server", async () => {
  await using server = await startScriptedServer({
    GET: async (call) => {
      call.stream(": here\n\n");
      await hang(call);
    },
    ping: (call) => call.result({}),
  });
  await using host = new Host(server.url, { more: { keepAliveMs: 50, watchTimes: QUICK } });
  await host.initialize();
  await eventually(() => server.methods.filter((method) => method === "ping").length >= 3, "pings");
  deepEqual(host.lines.map(({ id }) => id), ["initialize"]);
  deepEqual(host.log, []);
  const [ping] = server.log.map((each) => each.json() as { id?: string; method?: string }).filter((each) =>
    each?.method === "ping"
  );
  match(ping?.id ?? "", /^mcp-auth-alive-/);
  equal(
    (await host.request("tools/list", {}, "mcp-auth-alive-1")).result.method,
    "tools/list",
    "no id is taken from the host",
  );
});

Deno.test("row 37: a stateless server is asked with server/discover, as its host would ask", async () => {
  await using server = await startScriptedServer({
    "server/discover": (call) => call.result({ supportedVersions: ["2026-07-28"], capabilities: {} }),
  });
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "host", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  await using host = new Host(server.url, { more: { keepAliveMs: 50, watchTimes: QUICK } });
  await host.request("tools/list", { _meta: { ...meta, progressToken: "p" } });
  const asked = () => server.log.find((each) => String(each.body).includes("mcp-auth-alive"));
  await eventually(() => asked() !== undefined, "a question");
  const { method, params } = asked()?.json() as { method: string; params: unknown };
  equal(method, "server/discover");
  deepEqual(params, { _meta: meta });
  equal(asked()?.headers.get("mcp-method"), "server/discover");
  ok(!server.methods.includes("ping"));
  equal(host.lines.length, 1);
});

Deno.test("row 37: a server that refuses to be asked is there", async () => {
  await using server = await startScriptedServer({
    ping: (call) =>
      call.json(
        `{"jsonrpc":"2.0","id":${JSON.stringify(call.message.id)},"error":{"code":-32601,"message":"no"}}`,
        404,
      ),
  });
  await using host = new Host(server.url, { more: { keepAliveMs: 50, watchTimes: QUICK } });
  await host.initialize();
  await eventually(() => server.methods.filter((method) => method === "ping").length >= 2, "pings");
  deepEqual(host.log, []);
  equal(host.lines.length, 1);
});

Deno.test("row 37: without an answer streams are opened again from where they were, and it is said once", async () => {
  const positions: (string | null)[] = [];
  await using server = await startScriptedServer({
    GET: async (call) => {
      positions.push(call.exchange.recorded.headers.get("last-event-id"));
      call.stream(
        event({ jsonrpc: "2.0", method: "notifications/message", params: {} }, `id: e${positions.length}\n`),
      );
      await hang(call);
    },
    ping: hang,
  });
  await using host = new Host(server.url, { more: { keepAliveMs: 50, watchTimes: QUICK } });
  await host.initialize();
  await eventually(() => positions.length >= 3, "the stream is opened again");
  deepEqual(positions.slice(0, 3), [null, "e1", "e2"]);
  ok(host.log.filter((line) => line.includes("no sign of life")).length >= 1);
});

Deno.test("row 37: an answer that can be resumed is, after a sleep, and comes once", async () => {
  let gets = 0;
  await using server = await startScriptedServer({
    "tools/call": async (call) => {
      call.stream(
        event({ jsonrpc: "2.0", method: "notifications/progress", params: { n: 1 } }, "id: a\nretry: 10\n"),
      );
      await hang(call);
    },
    GET: async (call) => {
      if (call.exchange.recorded.headers.get("last-event-id") !== "a") {
        return void call.response.writeHead(405).end();
      }
      gets++;
      call.stream(event({ jsonrpc: "2.0", id: "c", result: { done: true } }, "id: b\n"));
      call.response.end();
      await Promise.resolve();
    },
    ping: (call) => call.result({}),
  });
  // Every look is late by more than this: the machine seems to sleep all the time.
  const watchTimes = { ...QUICK, tick: 60, jump: -1_000 };
  await using host = new Host(server.url, { more: { keepAliveMs: 600_000, watchTimes } });
  await host.initialize();
  host.send({ jsonrpc: "2.0", id: "c", method: "tools/call", params: { name: "x" } });
  deepEqual((await host.answer("c")).result, { done: true });
  equal(gets, 1);
  equal(host.answers("c"), 1);
});

Deno.test("row 37: a call to a server that is cut off without a word ends with a coded error", async () => {
  await using server = await startScriptedServer({ "tools/call": hang });
  const lines: Lines = { renew: () => Promise.resolve(), isReachable: () => Promise.resolve(false) };
  await using host = new Host(server.url, { more: { lines, watchTimes: { tick: 20, silence: 50 } } });
  await host.initialize();
  const { error } = await host.request("tools/call", { name: "x" });
  equal(error?.data.code, "NETWORK_ERROR");
  match(error?.message ?? "", /cannot be reached any more/);
  equal((await host.request("tools/list")).result.method, "tools/list", "the bridge lives on");
});

Deno.test("row 37: the server's pings of an answer that is computed for long are no business of the watch", async () => {
  await using server = await startScriptedServer({
    "tools/call": async (call) => {
      await new Promise((resolve) => setTimeout(resolve, 400));
      call.json(JSON.stringify(answerTo(call, { late: true })));
    },
    ping: hang,
  });
  const lines: Lines = { renew: () => Promise.resolve(), isReachable: () => Promise.resolve(true) };
  const watchTimes = { tick: 20, silence: 50, unused: 50, answer: 50, busyAnswer: 100 };
  await using host = new Host(server.url, { more: { lines, keepAliveMs: 60, watchTimes } });
  await host.initialize();
  deepEqual((await host.request("tools/call", { name: "x" })).result, { late: true });
});

Deno.test("row 37: a stream of HTTP+SSE that died without a word is noticed by keep-alive, and replaced", async () => {
  await using server = await startScriptedSse({
    on: {
      // The first stream carries no more than the opening of the session.
      ping: (call) => call.session.number === 1 ? void call.response.writeHead(202).end() : call.result({}),
    },
  });
  await using host = new Host(server.url, { transport: "sse", more: { keepAliveMs: 50, watchTimes: QUICK } });
  await host.initialize();
  await eventually(() => server.seen.filter((each) => each === "GET").length >= 2, "another stream");
  equal((await host.request("tools/list", {}, "after")).error, undefined);
  ok(host.log.some((line) => line.includes("no sign of life")));
});

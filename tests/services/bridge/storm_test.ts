/**
 * Everything that goes wrong at once: cut connections, half answers, resumed streams, lost sessions. Each call gets
 * exactly one answer. The faults follow from a seed, so that a failure can be repeated.
 *
 * @see behaviours rows 36, 37
 * @module
 */
import { equal, ok } from "node:assert/strict";
import { Host } from "./host.ts";
import { answerTo, type Call, event, startScriptedServer } from "./scripted_server.ts";

const CALLS = 1_500;
const AT_ONCE = 50;

class Storm {
  readonly #unfinished = new Map<string, unknown>();
  #session = 1;
  #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get sessions(): number {
    return this.#session;
  }

  initialize(call: Call): void {
    const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: {} };
    const body = JSON.stringify({ jsonrpc: "2.0", id: call.message.id, result });
    call.json(body, 200, { "mcp-session-id": `s${this.#session}` });
  }

  get(call: Call): void {
    const lastEventId = call.exchange.recorded.headers.get("last-event-id");
    if (!this.#isKnown(call)) return void call.response.writeHead(404).end();
    if (lastEventId === null || !this.#unfinished.has(lastEventId)) {
      call.stream(": welcome\n\n");
      if (this.#random() < 0.5) call.response.end();
      return;
    }
    call.stream("retry: 5\n\n");
    if (this.#random() < 0.3) return void call.response.end();
    call.response.end(event({ jsonrpc: "2.0", id: this.#unfinished.get(lastEventId), result: {} }));
  }

  async call(call: Call): Promise<void> {
    if (this.#random() < 0.005) this.#session++;
    if (!this.#isKnown(call)) return void call.response.writeHead(404).end();
    if (this.#random() < 0.5) await new Promise((resolve) => setTimeout(resolve, this.#random() * 10));
    const { response, exchange } = call;
    const die = () => void response.destroy();
    const dice = this.#random();
    if (dice < 0.05) return void exchange.request.socket.destroy();
    if (dice < 0.1) {
      response.writeHead(200, { "content-type": "application/json" });
      return void response.write('{"jsonrpc', die);
    }
    if (dice < 0.15) {
      call.stream(": soon\n\n");
      return void response.write("data: {", die);
    }
    if (dice < 0.2) return void response.writeHead(500).end("no");
    if (dice < 0.3) {
      this.#unfinished.set(`e${call.message.id}`, call.message.id);
      call.stream(`retry: 5\nid: e${call.message.id}\ndata: \n\n`);
      return void response.end();
    }
    if (dice < 0.35) return call.stream(event(answerTo(call)), event(answerTo(call)));
    if (dice < 0.6) {
      call.stream(event(answerTo(call)));
      return void response.end();
    }
    call.result({});
  }

  #isKnown(call: Call): boolean {
    return call.exchange.recorded.headers.get("mcp-session-id") === `s${this.#session}`;
  }

  /** A linear congruential generator: good enough for weather. */
  #random(): number {
    this.#seed = (this.#seed * 1103515245 + 12345) & 0x7fffffff;
    return this.#seed / 0x7fffffff;
  }
}

Deno.test("in a storm of faults each call gets exactly one answer", async () => {
  const storm = new Storm(42);
  await using server = await startScriptedServer({
    initialize: (call) => storm.initialize(call),
    GET: (call) => storm.get(call),
    "tools/call": (call) => storm.call(call),
  });
  await using host = new Host(server.url);
  await host.initialize();
  let next = 1;
  let failed = 0;
  const caller = async () => {
    while (next <= CALLS) if ((await host.request("tools/call", {}, next++)).error !== undefined) failed++;
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  ok(await host.end() < 1000);
  const counts = new Map<unknown, number>();
  for (const { id } of host.lines) counts.set(id, (counts.get(id) ?? 0) + 1);
  for (let id = 1; id <= CALLS; id++) equal(counts.get(id), 1, `answers to ${id}`);
  equal(host.answers("initialize"), 1);
  ok(failed > CALLS * 0.1 && failed < CALLS * 0.3, `${failed} calls failed`);
  ok(storm.sessions > 1, "no session was lost");
});

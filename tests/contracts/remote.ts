/**
 * What every {@linkcode Remote} does, whatever carries its messages. Each transport's test calls
 * {@linkcode testRemoteContract} with a place where the server of `remote_peer.ts` runs.
 *
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../lib/primitives/errors.ts";
import { parseEnvelope } from "../../lib/primitives/mcp/jsonrpc.ts";
import {
  type Inbound,
  type Outbound,
  type Receiver,
  type Remote,
  toOutbound,
} from "../../lib/services/bridge/transports/remote.ts";
import { until } from "../acceptance/processes.ts";
import type { Json } from "./remote_peer.ts";

/** A server that runs. */
export interface RemotePlace extends AsyncDisposable {
  /** A way to it. */
  open(receiver: Receiver): Remote;
  /** Whether it knows that its client has gone. */
  hasEnded(): boolean;
}

/** How long a test waits for what should come, in milliseconds. */
const WAIT_MS = 10_000;

/** A host on one side of a remote. */
export class RemoteHost implements Receiver, AsyncDisposable {
  /** Everything that came, in order. */
  readonly messages: Json[] = [];
  readonly remote: Remote;
  readonly #answered = new Set<unknown>();
  /** Answers what the server asks. */
  onRequest: (message: Json) => Json = () => ({ roots: [] });

  constructor(place: RemotePlace) {
    this.remote = place.open(this);
  }

  receive({ payload }: Inbound): void {
    const text = typeof payload === "string" ? payload : new TextDecoder().decode(payload);
    for (const message of [JSON.parse(text)].flat()) {
      this.messages.push(message);
      if (message.method === undefined) this.#answered.add(message.id);
      else if (message.id !== undefined) {
        const answer = { jsonrpc: "2.0", id: message.id, result: this.onRequest(message) };
        void this.remote.send(outboundOf(answer)).catch(() => {});
      }
    }
  }

  owes({ requests }: Outbound): boolean {
    return requests.some((id) => !this.#answered.has(id));
  }

  /** Makes a request and returns its result. */
  async request(method: string, params: Json = {}, id: string | number = crypto.randomUUID()): Promise<Json> {
    await this.remote.send(outboundOf({ jsonrpc: "2.0", id, method, params }));
    return this.answers(id)[0]?.result;
  }

  async notify(method: string, params: Json = {}): Promise<void> {
    await this.remote.send(outboundOf({ jsonrpc: "2.0", method, params }));
  }

  /** The answers to a request. */
  answers(id: string | number): readonly Json[] {
    return this.messages.filter((message) => message.id === id && message.method === undefined);
  }

  /** Opens the session. */
  async initialize(): Promise<Json> {
    const params = {
      protocolVersion: "2025-03-26",
      capabilities: {},
      clientInfo: { name: "h", version: "1" },
    };
    const result = await this.request("initialize", params, 0);
    await this.notify("notifications/initialized");
    this.remote.listen();
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remote.close(2_000);
  }
}

/** The message as it is sent. */
export function outboundOf(message: Json): Outbound {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  return toOutbound(new TextEncoder().encode(text), parseEnvelope(text));
}

/**
 * Registers the tests of the contract.
 *
 * @param adapter The adapter's name, for the names of the tests.
 * @param place Starts its server.
 */
export function testRemoteContract(adapter: string, place: () => Promise<RemotePlace>): void {
  function test(name: string, body: (host: RemoteHost, place: RemotePlace) => Promise<void>): void {
    Deno.test(`${adapter}: ${name}`, async () => {
      await using made = await place();
      await using host = new RemoteHost(made);
      await body(host, made);
    });
  }

  test("requests at once get one answer each, whatever their ids are made of", async (host) => {
    equal((await host.initialize()).serverInfo.name, "peer");
    const ids = [1, "1", -5, 2 ** 52, "", "ünï", ...Array.from({ length: 40 }, (_, i) => `many-${i}`)];
    const results = await Promise.all(ids.map((id, number) => host.request("echo", { number }, id)));
    deepEqual(results.map(({ number }) => number), ids.map((_, number) => number));
    for (const id of ids) equal(host.answers(id).length, 1, String(id));
  });

  test("each request of a batch gets its answer", async (host) => {
    await host.initialize();
    await host.remote.send(outboundOf([
      { jsonrpc: "2.0", id: "a", method: "echo", params: { which: "a" } },
      { jsonrpc: "2.0", method: "notifications/note", params: { number: 1 } },
      { jsonrpc: "2.0", id: "b", method: "echo", params: { which: "b" } },
    ]));
    deepEqual(["a", "b"].map((id) => host.answers(id).map(({ result }) => result.which)), [["a"], ["b"]]);
  });

  test("progress arrives in order and before the answer", async (host) => {
    await host.initialize();
    await Promise.all([5, 7].map((to) => host.request("count", { to, token: `t${to}` }, `count-${to}`)));
    for (const to of [5, 7]) {
      const all = host.messages.filter((message) =>
        message.params?.progressToken === `t${to}` || message.id === `count-${to}`
      );
      deepEqual(
        all.map((message) => message.params?.progress ?? "answer"),
        [...Array.from({ length: to }, (_, i) => i + 1), "answer"],
      );
    }
  });

  test("what the server asks is answered, several at once", async (host) => {
    await host.initialize();
    host.onRequest = ({ id }) => ({ roots: [id] });
    const answers = await Promise.all([1, 2, 3].map((number) => host.request("ask", { number })));
    deepEqual(answers.map(({ answer }) => answer.roots), [["question-1"], ["question-2"], ["question-3"]]);
  });

  test("notifications reach the server in the order in which they were delivered", async (host) => {
    await host.initialize();
    for (let number = 1; number <= 5; number++) await host.notify("notifications/note", { number });
    deepEqual((await host.request("noted")).numbers, [1, 2, 3, 4, 5]);
  });

  test("a cancellation reaches the server and ends the exchange", async (host) => {
    await host.initialize();
    const hanging = outboundOf({ jsonrpc: "2.0", id: "hanging", method: "hang", params: {} });
    const sent = host.remote.send(hanging).catch(() => {});
    await host.request("echo");
    const params = { requestId: "hanging" };
    const notice = outboundOf({ jsonrpc: "2.0", method: "notifications/cancelled", params });
    await host.remote.cancel(hanging, notice);
    await sent;
    deepEqual((await host.request("cancelled")).ids, ["hanging"]);
  });

  test("an exchange that nobody waits for any more ends", async (host) => {
    await host.initialize();
    const hanging = outboundOf({ jsonrpc: "2.0", id: "hanging", method: "hang", params: {} });
    const sent = host.remote.send(hanging);
    await host.request("echo");
    hanging.controller.abort(new McpAuthError("TIMEOUT", "Enough"));
    await rejects(sent);
    equal((await host.request("echo", { a: 1 })).a, 1);
  });

  test("a message of 8 MiB passes both ways", async (host) => {
    await host.initialize();
    const text = "é".repeat(4 * 1024 * 1024);
    equal((await host.request("echo", { text })).text, text);
    equal((await host.request("big", { length: 8 * 1024 * 1024 })).text.length, 8 * 1024 * 1024);
  });

  test("a lost connection fails what is in flight with a code, at once, and the next request works", async (host) => {
    await host.initialize();
    const hanging = ["a", "b"].map((id) =>
      host.request("hang", {}, id).then(() => undefined, (error) => error)
    );
    await host.request("echo");
    await host.request("cut").catch(() => {});
    for (const error of await Promise.all(hanging)) {
      ok(error instanceof McpAuthError, String(error));
      ok(["NETWORK_ERROR", "SERVER_ERROR"].includes(error.code), error.message);
      ok(error.hint?.includes("not known"), error.hint);
    }
    equal((await host.request("echo", { again: 1 })).again, 1);
    equal(host.answers(0).length, 1, "the host hears nothing of the session that is opened again");
  });

  test("closing ends it in time, and the server notices", async (host, place) => {
    await host.initialize();
    const hanging = host.request("hang").catch(() => {});
    const started = performance.now();
    await host.remote.close(2_000);
    ok(performance.now() - started < 2_500, `${performance.now() - started} ms`);
    ok(await until(() => place.hasEnded(), WAIT_MS), "the server knows");
    void hanging;
  });
}

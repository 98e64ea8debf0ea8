/**
 * Channels on either side, and what a remote makes of the odd things that may arrive on one.
 *
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { WEBSOCKET_BUFFER_MAX_BYTES } from "../../../lib/primitives/bridge_limits.ts";
import { MESSAGE_MAX_BYTES } from "../../../lib/primitives/limits.ts";
import {
  type Channel,
  type ChannelMessage,
  type Closure,
  LineChannel,
} from "../../../lib/services/bridge/transports/channel.ts";
import { ChannelRemote } from "../../../lib/services/bridge/transports/channel_remote.ts";
import type { Inbound } from "../../../lib/services/bridge/transports/remote.ts";
import { WebSocketChannel } from "../../../lib/services/bridge/transports/websocket_channel.ts";
import { outboundOf } from "../../contracts/remote.ts";

/** Two ends of one channel. */
interface Pair extends AsyncDisposable {
  readonly near: Channel;
  readonly far: Channel;
}

/** Lines over two pipes. */
function linePair(): Promise<Pair> {
  const [there, back] = [new TransformStream<Uint8Array>(), new TransformStream<Uint8Array>()];
  const end = (input: ReadableStream<Uint8Array>, output: WritableStream<Uint8Array>) => {
    const writer = output.getWriter();
    writer.closed.catch(() => {});
    return new LineChannel({
      input,
      output: { write: (chunk) => writer.write(chunk) },
      endOutput: () => writer.close(),
    });
  };
  const pair = { near: end(back.readable, there.writable), far: end(there.readable, back.writable) };
  return Promise.resolve({ ...pair, [Symbol.asyncDispose]: () => closeBoth(pair) });
}

/** A WebSocket, and the one that was accepted for it. */
async function webSocketPair(): Promise<Pair> {
  const accepted = Promise.withResolvers<WebSocket>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "mcp" });
    socket.onopen = () => accepted.resolve(socket);
    return response;
  });
  const socket = new WebSocket(`ws://127.0.0.1:${server.addr.port}/`, "mcp");
  await new Promise((resolve) => socket.onopen = resolve);
  const pair = { near: new WebSocketChannel(socket), far: new WebSocketChannel(await accepted.promise) };
  return {
    ...pair,
    [Symbol.asyncDispose]: async () => {
      await closeBoth(pair);
      await server.shutdown();
    },
  };
}

async function closeBoth({ near, far }: { readonly near: Channel; readonly far: Channel }): Promise<void> {
  await Promise.all([near.close(500), far.close(500)]);
}

const text = (message: ChannelMessage): string =>
  "tooLong" in message
    ? `too long: ${message.tooLong}`
    : typeof message.payload === "string"
    ? message.payload
    : new TextDecoder().decode(message.payload);

/** The next messages. */
async function take(channel: Channel, count: number): Promise<readonly string[]> {
  const taken: string[] = [];
  for await (const message of channel.messages()) {
    taken.push(text(message));
    if (taken.length === count) break;
  }
  return taken;
}

for (const [name, open] of [["lines", linePair], ["WebSocket", webSocketPair]] as const) {
  Deno.test(`${name}: messages pass whole and in order, from either side, as text or as bytes`, async () => {
    await using pair = await open();
    const sent = ['{"a":1}', '{"ü":"ñ"}', `{"big":"${"x".repeat(300_000)}"}`];
    for (const { from, to } of [{ from: pair.near, to: pair.far }, { from: pair.far, to: pair.near }]) {
      for (const message of sent) {
        await from.send(message === sent[1] ? new TextEncoder().encode(message) : message);
      }
      deepEqual(await take(to, 3), sent);
    }
  });

  Deno.test(`${name}: a close tells both sides, and drops what comes later`, async () => {
    await using pair = await open();
    const reading = take(pair.far, 99);
    const answering = take(pair.near, 99);
    await pair.near.send("{}");
    const closing = pair.near.close(2_000);
    const heard = await reading;
    if (name === "lines") await pair.far.close(100);
    await closing;
    deepEqual(heard, ["{}"]);
    equal((await pair.near.closed).byUs || (await pair.near.closed).code === 1000, true);
    await pair.far.closed;
    await pair.near.send('{"late":true}');
    await answering;
  });
}

for (
  const [name, open] of [
    ["lines", async () => (await linePair()).near],
    ["WebSocket", () => Promise.resolve(new WebSocketChannel(fakeSocket({})))],
  ] as const
) {
  Deno.test(`${name}: a close ends in time where the other side does not take part`, async () => {
    const channel = await open();
    const reading = take(channel, 99);
    const started = performance.now();
    await channel.close(200);
    const tookMs = performance.now() - started;
    ok(tookMs > 150 && tookMs < 1_500, `${tookMs} ms`);
    await reading;
  });
}

Deno.test("lines: one that is too long is told as such, and the next is read", async () => {
  const output: string[] = [];
  const long = new Uint8Array(1024 * 1024).fill(120);
  let left = MESSAGE_MAX_BYTES / long.length + 1;
  const channel = new LineChannel({
    input: new ReadableStream({
      pull: (controller) => {
        if (left-- > 0) return controller.enqueue(long);
        controller.enqueue(new TextEncoder().encode("\n{}\n"));
        controller.close();
      },
    }),
    output: { write: (chunk) => Promise.resolve(output.push(new TextDecoder().decode(chunk))) },
  });
  deepEqual(await take(channel, 2), [`too long: ${MESSAGE_MAX_BYTES + long.length}`, "{}"]);
  await channel.close(10);
});

Deno.test("lines: an output that breaks ends the channel, after what was still to be read", async () => {
  const input = new TransformStream<Uint8Array>();
  const writer = input.writable.getWriter();
  const channel = new LineChannel({
    input: input.readable,
    output: { write: () => Promise.reject(new Error("EPIPE")) },
  });
  const reading = take(channel, 99);
  channel.send("{}");
  await writer.write(new TextEncoder().encode('{"last":1}\n'));
  const { byUs, detail } = await channel.closed;
  deepEqual([byUs, detail], [false, "it reads or writes no more"]);
  deepEqual(await reading, ['{"last":1}']);
});

Deno.test("WebSocket: a full socket holds further messages back, in their order", async () => {
  let buffered = WEBSOCKET_BUFFER_MAX_BYTES + 1;
  const sent: string[] = [];
  const socket = fakeSocket({ send: (message) => void sent.push(message), buffered: () => buffered });
  const channel = new WebSocketChannel(socket);
  const waiting = ["1", "2", "3"].map((message) => channel.send(message));
  ok(waiting.every((each) => each !== undefined));
  await new Promise((resolve) => setTimeout(resolve, 30));
  deepEqual(sent, []);
  buffered = 0;
  await Promise.all(waiting);
  equal(channel.send("4"), undefined);
  deepEqual(sent, ["1", "2", "3", "4"]);
  await channel.close(10);
});

Deno.test("WebSocket: who is sent more than it takes loses the connection and no memory", async () => {
  const closes: number[] = [];
  const socket = fakeSocket({ close: (code) => void closes.push(code) });
  const channel = new WebSocketChannel(socket);
  const part = "x".repeat(MESSAGE_MAX_BYTES / 4);
  for (let i = 0; i < 5; i++) socket.onmessage?.(new MessageEvent("message", { data: part }));
  const { byUs, detail } = await channel.closed;
  deepEqual([byUs, detail, closes], [true, "it sent more than could be taken from it", [4013]]);
  deepEqual(await take(channel, 9), []);
});

Deno.test("WebSocket: what the server says as it closes is fit to be shown, without secrets", async () => {
  const socket = fakeSocket({});
  const channel = new WebSocketChannel(socket);
  const reason = "token=abcdefghijkl123456 \u001b[31mexpired";
  socket.onclose?.(new CloseEvent("close", { code: 4401, reason }));
  const { detail, code } = await channel.closed;
  equal(code, 4401);
  match(detail, /4401.*expired/);
  ok(!detail.includes("abcdefghijkl") && !detail.includes("\u001b"), detail);
});

/** As much of a socket as a channel looks at. */
function fakeSocket(does: {
  readonly send?: (message: string) => void;
  readonly close?: (code: number) => void;
  readonly buffered?: () => number;
}): WebSocket {
  const socket = {
    readyState: WebSocket.OPEN,
    get bufferedAmount() {
      return does.buffered?.() ?? 0;
    },
    send: (message: string) => does.send?.(message),
    close: (code: number) => does.close?.(code),
  };
  return socket as unknown as WebSocket;
}

/** A remote over a channel whose other end the test is. */
class Scene implements Channel {
  readonly closed: Promise<Closure>;
  readonly sent: string[] = [];
  readonly received: Inbound[] = [];
  readonly log: string[] = [];
  readonly remote: ChannelRemote;
  readonly end: (closure: Closure) => void;
  #arrived: ChannelMessage[] = [];
  #wake = () => {};
  #over = false;

  constructor(receive: (inbound: Inbound) => Promise<void> | void = () => {}) {
    const { promise, resolve } = Promise.withResolvers<Closure>();
    this.closed = promise;
    this.end = (closure) => {
      this.#over = true;
      resolve(closure);
      this.#wake();
    };
    this.remote = new ChannelRemote({
      channel: this,
      receiver: {
        receive: (inbound) => {
          this.received.push(inbound);
          return receive(inbound);
        },
        owes: () => true,
      },
      log: (message) => void this.log.push(message),
      explain: ({ detail }) => new McpAuthError("NETWORK_ERROR", `Lost: ${detail}`),
    });
  }

  async *messages(): AsyncGenerator<ChannelMessage> {
    while (true) {
      for (const message of this.#arrived.splice(0)) yield message;
      if (this.#arrived.length > 0) continue;
      if (this.#over) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  send(payload: Uint8Array | string): undefined {
    this.sent.push(typeof payload === "string" ? payload : new TextDecoder().decode(payload));
  }

  close(): Promise<void> {
    this.end({ byUs: true, detail: "closed" });
    return Promise.resolve();
  }

  arrive(...messages: readonly (string | { readonly tooLong: number })[]): void {
    for (const message of messages) {
      this.#arrived.push(typeof message === "string" ? { payload: message } : message);
    }
    this.#wake();
  }

  ask(id: unknown): Promise<void> {
    return this.remote.send(outboundOf({ jsonrpc: "2.0", id, method: "m" }));
  }
}

const answer = (id: unknown) => JSON.stringify({ jsonrpc: "2.0", id, result: {} });

Deno.test("a remote on a channel: what arrived before the end is taken before the end", async () => {
  const scene = new Scene();
  const asked = scene.ask(1);
  scene.arrive(answer(1));
  scene.end({ byUs: false, detail: "gone" });
  await asked;
  await rejects(scene.ask(2), /Lost: gone/);
});

Deno.test("a remote on a channel: a slow receiver is waited for before the next message", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const scene = new Scene(() => promise);
  const asked = [scene.ask(1), scene.ask(2)];
  scene.arrive(answer(1), answer(2));
  await new Promise((done) => setTimeout(done, 10));
  equal(scene.received.length, 1);
  resolve();
  await Promise.all(asked);
  equal(scene.received.length, 2);
  await scene.close();
});

Deno.test("a remote on a channel: while something waits to be taken, the server is not silent", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const scene = new Scene(() => promise);
  const asked = scene.ask(1);
  scene.arrive(answer(1));
  await new Promise((done) => setTimeout(done, 20));
  ok(performance.now() - scene.remote.heardAt < 10);
  resolve();
  await asked;
  await new Promise((done) => setTimeout(done, 20));
  ok(performance.now() - scene.remote.heardAt >= 15);
  await scene.close();
});

Deno.test("a remote on a channel: ids of one look and two types are two ids", async () => {
  const scene = new Scene();
  const [number, string] = [scene.ask(1), scene.ask("1")];
  scene.arrive(answer("1"));
  await string;
  equal(scene.received[0]?.origin?.requests[0], "1");
  scene.arrive(answer(1));
  await number;
  await scene.close();
});

Deno.test("a remote on a channel: ids beyond JavaScript's whole numbers are told apart", async () => {
  const scene = new Scene();
  const [one, other] = ["90071992547409931", "90071992547409932"].map((id) => ({
    asked: scene.remote.send(outboundOf(`{"jsonrpc":"2.0","id":${id},"method":"m"}`)),
    answer: `{"jsonrpc":"2.0","id":${id},"result":{}}`,
  }));
  scene.arrive(other!.answer);
  await other!.asked;
  equal(scene.received[0]?.payload, other!.answer);
  scene.arrive(one!.answer);
  await one!.asked;
  await scene.close();
});

Deno.test("a remote on a channel: an error without an id is about the one request that there is", async () => {
  const scene = new Scene();
  const asked = scene.ask("a");
  scene.arrive('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}');
  await asked;
  deepEqual(scene.received[0]?.messages[0], {
    kind: "response",
    id: "a",
    value: { id: "a", error: { code: -32700, message: "what?" } },
  });
  await scene.close();
});

Deno.test("a remote on a channel: answers to several exchanges may come as one batch", async () => {
  const scene = new Scene();
  const asked = [scene.ask(1), scene.ask(2)];
  scene.arrive(`[${answer(1)},${answer(2)}]`);
  await Promise.all(asked);
  deepEqual([scene.received.length, scene.received[0]?.origin], [1, undefined]);
  await scene.close();
});

Deno.test("a remote on a channel: an answer that is too long fails whoever waits, and the channel goes on", async () => {
  const scene = new Scene();
  const asked = [scene.ask(1), scene.ask(2)].map((each) =>
    rejects(each, { code: "SERVER_ERROR", message: /99 bytes/ })
  );
  scene.arrive({ tooLong: 99 });
  await Promise.all(asked);
  const next = scene.ask(3);
  scene.arrive(answer(3));
  await next;
  await scene.close();
});

Deno.test("a remote on a channel: what is not JSON is logged without its secrets, and skipped", async () => {
  const scene = new Scene();
  const asked = scene.ask(1);
  scene.arrive("listening on 3000, token=abcdefghijkl1234", answer(1));
  await asked;
  match(scene.log[0] ?? "", /not JSON.*listening/);
  ok(!scene.log[0]?.includes("abcdefghijkl"), scene.log[0]);
  await scene.close();
});

Deno.test("a remote on a channel: a request of its own is answered to nobody else", async () => {
  const scene = new Scene();
  const { signal } = new AbortController();
  const body = new TextEncoder().encode('{"jsonrpc":"2.0","id":"own","method":"ping"}');
  const asked = scene.remote.ask("own", body, signal);
  scene.arrive(answer("own"));
  equal((await asked).id, "own");
  equal(scene.received.length, 0);
  const lost = scene.remote.ask("own", body, signal);
  scene.remote.drop("silent");
  await rejects(lost, /Lost: silent/);
});

Deno.test("a remote on a channel: once given up it fails at once, whatever the other side does", async () => {
  const scene = new Scene();
  const asked = scene.ask(1);
  scene.remote.drop("silent");
  await rejects(asked, /Lost: silent/);
  await rejects(scene.ask(2), /Lost: silent/);
});

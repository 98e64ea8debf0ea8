/**
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { readEvents, type StreamPosition } from "../../../lib/primitives/mcp/sse.ts";

const encoder = new TextEncoder();

/** A body as `fetch` gives it: a stream of bytes that can fill a buffer. */
function bytes(...given: Uint8Array<ArrayBuffer>[]): ReadableStream<Uint8Array> {
  const chunks = given.map((chunk) => chunk.slice());
  return new ReadableStream({
    type: "bytes",
    pull: (controller) => {
      const chunk = chunks.shift();
      if (chunk !== undefined) return controller.enqueue(chunk);
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

async function read(body: ReadableStream<Uint8Array>, max = 1000, position = fresh()): Promise<string[]> {
  return await Array.fromAsync(readEvents(body, position, max));
}

function fresh(): StreamPosition {
  return { lastEventId: undefined, retryMs: undefined };
}

const streams: readonly (readonly [string, string, string[]])[] = [
  ["one event", "event: message\ndata: {}\n\n", ["{}"]],
  ["data in several lines, joined by line feeds", 'data: {\ndata:   "a":1\ndata: }\n\n', ['{\n  "a":1\n}']],
  ["all three line endings", "data: 1\r\n\r\ndata: 2\r\rdata: 3\n\n", ["1", "2", "3"]],
  [
    "comments, unknown fields and events of other types, which are left out",
    ": hi\nx: y\ndata: 1\n\nevent: ping\ndata: 2\n\n",
    ["1"],
  ],
  ["a priming event, which carries nothing", "id: 1\ndata: \n\n", []],
  ["an event that was never finished", "data: 1\n\ndata: 2\n", ["1"]],
  ["a byte order mark at the start alone", "\ufeffdata: a\ufeffb\n\n", ["a\ufeffb"]],
];

for (const [description, text, events] of streams) {
  Deno.test(`readEvents() reads ${description}, whole and byte by byte`, async () => {
    const all = encoder.encode(text);
    deepEqual(await read(bytes(all)), events);
    deepEqual(await read(bytes(...[...all].map((byte) => new Uint8Array([byte])))), events);
    deepEqual(await read(ReadableStream.from([all])), events);
  });
}

Deno.test("readEvents() puts characters together that were split over chunks", async () => {
  const text = "data: aé€😀\ufeffz\n\ndata: 漢字\n\n";
  const all = encoder.encode(text);
  for (let cut = 1; cut < all.length; cut++) {
    deepEqual(
      await read(bytes(all.slice(0, cut), all.slice(cut))),
      ["aé€😀\ufeffz", "漢字"],
      `cut at ${cut}`,
    );
  }
});

Deno.test("readEvents() keeps the position over several streams (T5)", async () => {
  const position = fresh();
  await read(bytes(encoder.encode("id: 7\nretry: 1500\ndata: \n\n")), 1000, position);
  deepEqual(position, { lastEventId: "7", retryMs: 1500 });
  await read(bytes(encoder.encode("data: x\n\nid: 8\n\nretry: soon\n\n")), 1000, position);
  deepEqual(position, { lastEventId: "8", retryMs: 1500 });
  await read(bytes(encoder.encode("id:\ndata: x\n\n")), 1000, position);
  equal(position.lastEventId, undefined);
});

Deno.test("readEvents() refuses an event over the limit, in one line or many, and cancels the stream", async () => {
  for (
    const text of [`data: ${"x".repeat(200)}\n\n`, `data: ${"x".repeat(200)}`, "data: xxxxxxxxx\n".repeat(20)]
  ) {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(encoder.encode(text)),
      cancel: () => void (cancelled = true),
    });
    await rejects(read(body, 100), (error) => error instanceof McpAuthError && error.code === "SERVER_ERROR");
    ok(cancelled);
  }
});

Deno.test("readEvents() cancels the stream when its reader stops early", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode("data: 1\n\ndata: 2\n\n")),
    cancel: () => void (cancelled = true),
  });
  for await (const data of readEvents(body, fresh(), 100)) {
    equal(data, "1");
    break;
  }
  ok(cancelled);
});

Deno.test("readEvents() reads an event of 16 MiB in linear time", async () => {
  const time = async (size: number) => {
    const chunk = encoder.encode("x".repeat(16 * 1024));
    const chunks = Array.from({ length: size / chunk.length }, () => chunk);
    const started = performance.now();
    const [event] = await read(bytes(encoder.encode("data: "), ...chunks, encoder.encode("\n\n")), size);
    equal(event?.length, size);
    return performance.now() - started;
  };
  await time(1024 * 1024);
  const short = Math.max(await time(2 * 1024 * 1024), 10);
  const long = await time(16 * 1024 * 1024);
  ok(long < short * 40, `8 times as much took ${long} ms against ${short} ms`);
});

/**
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio (T19)
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import fc from "fast-check";
import { type Frame, LineFramer, readFrames } from "../../../lib/primitives/mcp/stdio.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

function shown(frames: readonly Frame[]): (string | number)[] {
  return frames.map((frame) => "line" in frame ? decoder.decode(frame.line) : frame.tooLong);
}

function frame(chunks: readonly Uint8Array<ArrayBuffer>[], max = 1000): (string | number)[] {
  const framer = new LineFramer(max);
  return shown([...chunks.flatMap((chunk) => framer.push(chunk)), ...framer.end()]);
}

Deno.test("lines are cut at line feeds, with or without carriage return, the last also without", () => {
  deepEqual(frame([encoder.encode("a\nb\r\nc")]), ["a", "b", "c"]);
});

Deno.test("blank lines are left out, and spaces within a line are kept", () => {
  deepEqual(frame([encoder.encode("\n\r\n \t\n a \n\n")]), [" a "]);
});

Deno.test("bytes are kept however they are cut into chunks", () => {
  const line = fc.string({ unit: "binary", minLength: 1 }).map((text) => `"${text.replace(/[\r\n]/g, "")}"`);
  fc.assert(fc.property(fc.array(line), fc.array(fc.nat(200)), (lines, cuts) => {
    const bytes = encoder.encode(lines.map((one) => `${one}\n`).join(""));
    const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
    const chunks = at.slice(1).map((end, i) => bytes.slice(at[i], end));
    deepEqual(frame(chunks, 10_000), lines.map((one) => decoder.decode(encoder.encode(one))));
  }));
});

Deno.test("a line over the limit is reported once with its length, and the next is read", () => {
  const chunks = ["12345", "67890", "1\nnext\n", "x".repeat(11)].map((text) => encoder.encode(text));
  deepEqual(frame(chunks, 10), [11, "next", 11]);
  deepEqual(frame([encoder.encode("1234567890\n")], 10), ["1234567890"]);
});

Deno.test("a line of 32 MiB in small chunks is put together in linear time", () => {
  const framer = new LineFramer(64 * 1024 * 1024);
  const chunk = encoder.encode("x".repeat(4096));
  const time = (chunks: number) => {
    const started = performance.now();
    for (let i = 0; i < chunks; i++) equal(framer.push(chunk).length, 0);
    const [line] = framer.push(encoder.encode("\n"));
    ok(line !== undefined && "line" in line && line.line.length === chunks * 4096);
    return performance.now() - started;
  };
  time(64);
  const short = Math.max(time(1024), 5);
  const long = time(8192);
  ok(long < short * 40, `8 times as much took ${long} ms against ${short} ms`);
});

Deno.test("readFrames() ends with its stream, and fails with it", async () => {
  const frames: Frame[] = [];
  for await (const one of readFrames(ReadableStream.from([encoder.encode("a\n"), encoder.encode("b")]), 10)) {
    frames.push(one);
  }
  deepEqual(shown(frames), ["a", "b"]);
  const broken = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("broken")),
  });
  await rejects(async () => await Array.fromAsync(readFrames(broken, 10)), /broken/);
});

Deno.test("readFrames() ends when its signal fires, also in the middle of a read, and drops half a line", async () => {
  let cancelled = false;
  const input = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode("a\nhalf")),
    cancel: () => void (cancelled = true),
  });
  const controller = new AbortController();
  const frames: Frame[] = [];
  setTimeout(() => controller.abort(), 10);
  for await (const one of readFrames(input, 10, controller.signal)) frames.push(one);
  deepEqual(shown(frames), ["a"]);
  ok(cancelled);
});

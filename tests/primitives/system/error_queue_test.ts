import { deepEqual, equal, match, ok } from "node:assert/strict";
import { ErrorQueue } from "../../../lib/primitives/system/error_queue.ts";

/** A reader that takes nothing until it is told to. */
class Reader {
  text = "";
  #open: (() => void) | undefined;
  #isOpen = false;

  readonly write = async (bytes: Uint8Array): Promise<number> => {
    if (!this.#isOpen) await new Promise<void>((resolve) => this.#open = resolve);
    const part = bytes.subarray(0, 1_000);
    this.text += new TextDecoder().decode(part);
    return part.length;
  };

  open(): void {
    this.#isOpen = true;
    this.#open?.();
  }
}

Deno.test("lines go out whole and in order, however the reader takes them", async () => {
  const reader = new Reader();
  const queue = new ErrorQueue(reader.write);
  const lines = Array.from({ length: 500 }, (_, index) => `line ${index}\n`);
  for (const line of lines) queue.push(line);
  reader.open();
  await queue.flushed(5_000);
  equal(reader.text, lines.join(""));
});

Deno.test("row 38: where nobody reads lines are left out, and nothing waits; who reads again is told so", async () => {
  const reader = new Reader();
  const queue = new ErrorQueue(reader.write);
  for (let i = 0; i < 10_000; i++) queue.push(`${"x".repeat(100)}\n`);
  const started = performance.now();
  await queue.flushed(20);
  ok(performance.now() - started < 1_000);
  reader.open();
  await queue.flushed(5_000);
  ok(reader.text.length < 70 * 1024, `${reader.text.length}`);
  match(reader.text, /\n\(\d+ lines were left out: nobody read them\)\n$/);
  queue.push("again\n");
  await queue.flushed(5_000);
  ok(reader.text.endsWith("again\n"));
});

Deno.test("a reader that has gone is no error, and nothing is kept for it", async () => {
  let writes = 0;
  const queue = new ErrorQueue(() => {
    writes++;
    return Promise.reject(new Deno.errors.BrokenPipe());
  });
  for (let i = 0; i < 10; i++) {
    queue.push("x\n");
    await queue.flushed(1_000);
  }
  equal(writes, 1);
});

Deno.test("with nothing to write there is nothing to wait for", async () => {
  const written: number[] = [];
  await new ErrorQueue((bytes) => Promise.resolve(written.push(bytes.length))).flushed(60_000);
  deepEqual(written, []);
});

/**
 * Lines for standard error that nobody waits for. A host that does not read its program's standard error fills the pipe,
 * and a write to a full pipe stops the whole program: it would neither answer nor notice that its host has gone. What
 * the reader does not take in time is left out, and said to be once it reads again.
 *
 * @see behaviours row 38
 * @module
 */
import { ERROR_BACKLOG_MAX_CHARS } from "../bridge_limits.ts";

/** Lines on their way to standard error. */
export interface LineQueue {
  /** Hands over lines, each with its end; returns at once and never fails. */
  push(text: string): void;
  /**
   * Resolves when they are written, or nobody reads them.
   *
   * @param timeoutMs How long that may take, in milliseconds.
   */
  flushed(timeoutMs: number): Promise<void>;
}

/** What writes them: all of a chunk, or a part of it. */
export type WriteBytes = (bytes: Uint8Array) => Promise<number>;

/** A queue of this process's standard error. From its first line on nothing else is to write there. */
export class ErrorQueue implements LineQueue {
  readonly #write: WriteBytes;
  #waiting: string[] = [];
  #chars = 0;
  #leftOut = 0;
  #writing: Promise<void> | undefined;
  #broken = false;

  /** @param write Where the lines go; standard error when left out. */
  constructor(write: WriteBytes = (bytes) => Deno.stderr.write(bytes)) {
    this.#write = write;
  }

  /** @inheritdoc */
  push(text: string): void {
    if (this.#broken) return;
    if (this.#chars + text.length > ERROR_BACKLOG_MAX_CHARS) {
      this.#leftOut++;
      return;
    }
    this.#waiting.push(text);
    this.#chars += text.length;
    this.#writing ??= this.#run();
  }

  /** @inheritdoc */
  async flushed(timeoutMs: number): Promise<void> {
    if (this.#writing === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<void>((resolve) => timer = setTimeout(resolve, timeoutMs));
    await Promise.race([this.#writing, limit]);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    const encoder = new TextEncoder();
    try {
      while (this.#waiting.length > 0) {
        const text = this.#waiting.splice(0).join("");
        const bytes = encoder.encode(text);
        for (let at = 0; at < bytes.length;) at += await this.#write(bytes.subarray(at));
        this.#chars -= text.length;
        if (this.#leftOut === 0) continue;
        this.#waiting.push(`(${this.#leftOut} lines were left out: nobody read them)\n`);
        this.#chars += this.#waiting.at(-1)!.length;
        this.#leftOut = 0;
      }
    } catch {
      // Nobody can be told that nobody reads.
      this.#broken = true;
      this.#waiting = [];
    }
    this.#writing = undefined;
  }
}

/**
 * Standard input and output as a port. Results go out with synchronous writes, so that they are whole when the process
 * ends; a reader that has gone away is not an error of ours.
 *
 * @module
 */

import type { LineQueue } from "./error_queue.ts";

/** The three standard streams. */
export interface Terminal {
  /** Writes text to standard output: results only. */
  out(text: string): void;
  /** Writes text to standard error: everything else. */
  err(text: string): void;
  /** Lines to standard error that no full pipe holds up; not to be mixed with {@linkcode err}. Left out where all is kept. */
  errQueue?(): Promise<LineQueue>;
  /** Writes bytes to standard output, waiting for a slow reader; rejects when the reader has gone. */
  write(chunk: Uint8Array): Promise<void>;
  /** Standard input, byte for byte; taken at most once. */
  input(): ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Whether a person can answer a prompt: standard input and standard error are terminals. */
  isInteractive(): boolean;
  /** Whether standard output is a terminal. */
  isOutTerminal(): boolean;
  /**
   * Makes ready to read lines of standard input, as a person pastes them; nothing of them is shown. Not to be mixed with
   * {@linkcode input}.
   *
   * @returns Waits for a line: cut at 32,768 characters, undefined at the end of the input. It rejects with the signal's
   *   reason, and with `AUTH_CANCELLED` for Ctrl-C where the terminal makes no signal of it. Once the signal fires, the
   *   terminal is as it was.
   */
  lineReader(): Promise<(signal: AbortSignal) => Promise<string | undefined>>;
  /** How many columns the terminal on standard error has; undefined where it is none. */
  columns(): number | undefined;
}

/** The streams of this process. */
export const systemTerminal: Terminal = {
  out: (text) => writeAll(Deno.stdout, text),
  err: (text) => writeAll(Deno.stderr, text),
  errQueue: async () => new (await import("./error_queue.ts")).ErrorQueue(),
  write: async (chunk) => {
    for (let offset = 0; offset < chunk.byteLength;) {
      offset += await Deno.stdout.write(chunk.subarray(offset));
    }
  },
  input: () => Deno.stdin.readable,
  isInteractive: () => Deno.stdin.isTerminal() && Deno.stderr.isTerminal(),
  isOutTerminal: () => Deno.stdout.isTerminal(),
  lineReader: async () => {
    const { readTypedLine } = await import("./typed_lines.ts");
    const { PASTED_LINE_MAX_CHARS: max } = await import("../limits.ts");
    return (signal) => readTypedLine({ max, signal, show: (text) => writeAll(Deno.stderr, text) });
  },
  columns: () => {
    if (!Deno.stderr.isTerminal()) return undefined;
    try {
      return Deno.consoleSize().columns;
    } catch {
      return undefined;
    }
  },
};

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let offset = 0; offset < bytes.byteLength;) {
    try {
      offset += stream.writeSync(bytes.subarray(offset));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) return;
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
    }
  }
}

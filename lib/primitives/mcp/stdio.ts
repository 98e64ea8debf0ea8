/**
 * The framing of the stdio transport: one message is one line. Bytes are kept as they came, so that what is sent on is
 * what was received; a line over the limit is reported once and skipped to its end, so that it costs no memory and the
 * next message is read.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio
 * @module
 */

/** One line without its line ending, or the length of one that was too long. */
export type Frame = { readonly line: Uint8Array<ArrayBuffer> } | { readonly tooLong: number };

const LF = 10;
const CR = 13;

/** Cuts chunks of bytes into lines. Each byte is looked at once, however a line is spread over chunks. */
export class LineFramer {
  readonly #maxBytes: number;
  #parts: Uint8Array<ArrayBuffer>[] = [];
  #length = 0;

  /** @param maxBytes The longest line handed over. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes the next bytes.
   *
   * @returns The lines they complete; blank ones are left out.
   */
  push(chunk: Uint8Array<ArrayBuffer>): Frame[] {
    const frames: Frame[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      this.#append(chunk.subarray(start, end));
      this.#finish(frames);
      start = end + 1;
    }
    if (start < chunk.length) this.#append(chunk.subarray(start));
    return frames;
  }

  /** The last line, where the input ended without a line ending. */
  end(): Frame[] {
    const frames: Frame[] = [];
    this.#finish(frames);
    return frames;
  }

  #append(part: Uint8Array<ArrayBuffer>): void {
    this.#length += part.length;
    if (this.#length > this.#maxBytes) this.#parts = [];
    else this.#parts.push(part);
  }

  #finish(frames: Frame[]): void {
    const length = this.#length;
    const parts = this.#parts;
    this.#length = 0;
    this.#parts = [];
    if (length > this.#maxBytes) {
      frames.push({ tooLong: length });
      return;
    }
    let line = parts.length === 1 ? parts[0]! : join(parts, length);
    if (line.at(-1) === CR) line = line.subarray(0, -1);
    if (!isBlank(line)) frames.push({ line });
  }
}

/**
 * Reads a stream of bytes as lines, until it ends or the signal fires.
 *
 * @param input Where the lines come from; cancelled when the reader stops early.
 * @param maxBytes The longest line handed over.
 * @param signal Ends the reading without an error.
 * @throws Whatever the stream fails with.
 */
export async function* readFrames(
  input: ReadableStream<Uint8Array>,
  maxBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<Frame, void, void> {
  const framer = new LineFramer(maxBytes);
  const reader = input.getReader();
  // Not awaited: a read of a terminal or a pipe cannot be taken back, and the cancellation would wait for it.
  const stop = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", stop, { once: true });
  try {
    while (!signal?.aborted) {
      const { done, value } = await reader.read();
      if (signal?.aborted) return;
      const frames = done ? framer.end() : framer.push(value as Uint8Array<ArrayBuffer>);
      for (const frame of frames) yield frame;
      if (done) return;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Nothing but spaces, tabs and carriage returns. */
function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 32 || byte === 9 || byte === CR);
}

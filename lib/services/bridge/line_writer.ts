/**
 * Writes messages as lines, in the order they were handed over and never two at a time. What gathers while a write is
 * under way goes out as one, which is what makes many small messages cheap.
 *
 * @module
 */
import { HOST_BACKLOG_MAX_BYTES } from "../../primitives/bridge_limits.ts";
import { MESSAGE_MAX_BYTES } from "../../primitives/limits.ts";

/** Where the lines go. */
export interface ByteSink {
  /** Writes all of the chunk. */
  write(chunk: Uint8Array): Promise<unknown>;
}

/** Who is told how the writing goes. */
export interface LineWriterEvents {
  /** A message was handed over. */
  readonly pushed?: ((payload: Uint8Array | string) => void) | undefined;
  /** Everything handed over so far is written. */
  readonly drained?: () => void;
  /** A write has failed; everything handed over from now on is dropped. */
  readonly failed: (error: unknown) => void;
}

const LF = 10;
const CR = 13;
const SPACE = 32;
const LINE_END = new Uint8Array([LF]);
/** Up to this length messages are copied together; longer ones are written as they are. */
const JOINED_MAX_BYTES = 64 * 1024;

/** Turns messages into lines of one sink. */
export class LineWriter {
  readonly #sink: ByteSink;
  readonly #events: LineWriterEvents;
  readonly #encoder = new TextEncoder();
  #lines: Uint8Array[] = [];
  #backlog = 0;
  #writing: Promise<void> | undefined;
  #broken = false;

  /**
   * @param sink Where the lines go.
   * @param events Who is told how it goes.
   */
  constructor(sink: ByteSink, events: LineWriterEvents) {
    this.#sink = sink;
    this.#events = events;
  }

  /** True while more waits to be written than one message may hold. */
  get congested(): boolean {
    return this.#backlog > MESSAGE_MAX_BYTES;
  }

  /**
   * Writes one message. Line breaks in it become spaces: between the tokens of JSON they mean the same.
   *
   * @param payload One JSON text.
   * @param isOneLine Known to have no line breaks in it.
   * @returns A promise to wait for before more is read, where the other side is slow to take its lines.
   */
  push(payload: Uint8Array | string, isOneLine = false): Promise<void> | undefined {
    if (this.#broken) return undefined;
    this.#events.pushed?.(payload);
    const line = typeof payload === "string" ? this.#encoder.encode(payload) : payload;
    if (!isOneLine) {
      replaceAll(line, LF);
      replaceAll(line, CR);
    }
    this.#lines.push(line);
    this.#backlog += line.length + 1;
    this.#writing ??= this.#write();
    return this.#backlog > HOST_BACKLOG_MAX_BYTES ? this.#writing : undefined;
  }

  /** Resolves when everything handed over is written, or writing has failed. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    try {
      while (this.#lines.length > 0) {
        const lines = this.#lines;
        this.#lines = [];
        for (const chunk of chunksOf(lines)) {
          await this.#sink.write(chunk);
          this.#backlog -= chunk.length;
        }
      }
    } catch (error) {
      this.#broken = true;
      this.#lines = [];
      this.#backlog = 0;
      this.#events.failed(error);
    } finally {
      this.#writing = undefined;
    }
    this.#events.drained?.();
  }
}

/** The lines with their ends, small ones joined. */
function* chunksOf(lines: readonly Uint8Array[]): Generator<Uint8Array> {
  let first = 0;
  let size = 0;
  for (let i = 0; i < lines.length; i++) {
    const length = lines[i]!.length + 1;
    if (size > 0 && size + length > JOINED_MAX_BYTES) {
      yield joined(lines, first, i, size);
      first = i;
      size = 0;
    }
    if (length > JOINED_MAX_BYTES) {
      yield lines[i]!;
      yield LINE_END;
      first = i + 1;
    } else size += length;
  }
  if (size > 0) yield joined(lines, first, lines.length, size);
}

function joined(lines: readonly Uint8Array[], from: number, to: number, size: number): Uint8Array {
  const chunk = new Uint8Array(size);
  let offset = 0;
  for (let i = from; i < to; i++) {
    chunk.set(lines[i]!, offset);
    offset += lines[i]!.length + 1;
    chunk[offset - 1] = LF;
  }
  return chunk;
}

function replaceAll(line: Uint8Array, byte: number): void {
  for (let at = line.indexOf(byte); at !== -1; at = line.indexOf(byte, at + 1)) line[at] = SPACE;
}

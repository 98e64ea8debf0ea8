/**
 * The port of whatever carries whole JSON-RPC messages both ways, on either side: towards a server or towards a host.
 * It knows nothing of requests; it says what arrived, and once, why it is over. Reading slowly is how a reader asks for
 * less, and a promise is how a channel does.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports (custom transports)
 * @module
 */
import { CHANNEL_GRACE_MS } from "../../../primitives/bridge_limits.ts";
import { MESSAGE_MAX_BYTES } from "../../../primitives/limits.ts";
import { readFrames } from "../../../primitives/mcp/stdio.ts";
import { type ByteSink, LineWriter } from "../line_writer.ts";

/** One message, whole, or the length in bytes of one that was too long to be taken. */
export type ChannelMessage =
  | { readonly payload: Uint8Array<ArrayBuffer> | string }
  | { readonly tooLong: number };

/** Why a channel is over. */
export interface Closure {
  /** Whether this side closed it. */
  readonly byUs: boolean;
  /** What happened, as the end of a sentence; fit to be shown. */
  readonly detail: string;
  /** The WebSocket close code, or the exit code of a program. */
  readonly code?: number | undefined;
}

/** A channel that is open, or was. */
export interface Channel {
  /** Resolves once it is over; never rejects. */
  readonly closed: Promise<Closure>;
  /** What arrives, in order, until the channel is over; to be read once. */
  messages(): AsyncIterable<ChannelMessage>;
  /**
   * Sends one message; what is sent after the end is dropped.
   *
   * @param payload One JSON text. It may be changed where that does not change what it says.
   * @returns A promise to wait for before more is sent, where the other side is slow. It does not reject.
   */
  send(payload: Uint8Array<ArrayBuffer> | string): Promise<void> | undefined;
  /**
   * Ends it, orderly where the other side takes part; over it is in any case.
   *
   * @param timeoutMs How long the other side may take, in milliseconds.
   */
  close(timeoutMs: number): Promise<void>;
}

/** What {@linkcode LineChannel} runs on. */
export interface LineChannelOptions {
  /** What arrives, one message a line. */
  readonly input: ReadableStream<Uint8Array>;
  /** Where the messages go, one a line. */
  readonly output: ByteSink;
  /** Ends the output, so that the other side knows. */
  readonly endOutput?: (() => Promise<void>) | undefined;
}

/** Lines over two byte streams, as hosts and servers on this machine speak (T19). */
export class LineChannel implements Channel {
  readonly closed: Promise<Closure>;
  readonly #options: LineChannelOptions;
  readonly #writer: LineWriter;
  readonly #stop = new AbortController();
  #closing = false;
  #grace: ReturnType<typeof setTimeout> | undefined;
  readonly #resolve: (closure: Closure) => void;

  /** @param options Its two ends. */
  constructor(options: LineChannelOptions) {
    this.#options = options;
    ({ promise: this.closed, resolve: this.#resolve } = Promise.withResolvers<Closure>());
    this.#writer = new LineWriter(options.output, {
      // What it had still to say may be on its way.
      failed: () => this.#grace ??= setTimeout(() => this.#stop.abort(), CHANNEL_GRACE_MS),
    });
  }

  /** @inheritdoc */
  async *messages(): AsyncGenerator<ChannelMessage, void, void> {
    try {
      for await (const frame of readFrames(this.#options.input, MESSAGE_MAX_BYTES, this.#stop.signal)) {
        yield "line" in frame ? { payload: frame.line } : frame;
      }
      this.#end(
        this.#closing
          ? { byUs: true, detail: "it was closed" }
          : { byUs: false, detail: "it reads or writes no more" },
      );
    } catch (error) {
      this.#end({ byUs: false, detail: error instanceof Error ? error.message : String(error) });
    }
  }

  /** @inheritdoc */
  send(payload: Uint8Array<ArrayBuffer> | string): Promise<void> | undefined {
    return this.#writer.push(payload);
  }

  /** Closes the output, and waits for the other side to close its own (T19). */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true;
    const timer = setTimeout(() => this.#stop.abort(), timeoutMs);
    const ended = this.#writer.flushed().then(() => this.#options.endOutput?.()).then(() => this.closed);
    await Promise.race([ended.catch(() => {}), aborted(this.#stop.signal)]);
    clearTimeout(timer);
    this.#stop.abort();
    this.#end({ byUs: true, detail: "it was closed" });
  }

  #end(closure: Closure): void {
    clearTimeout(this.#grace);
    this.#resolve(closure);
  }
}

/** Resolves when the signal fires. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/**
 * The stream that an HTTP+SSE server is reached by, kept there: opened once for all who want it, and opened again when it
 * is lost, at once for a message that needs it and after a while by itself, since the server may have something to say.
 *
 * @see behaviours rows 36, 37
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { STREAM_PAUSE_MAX_MS, STREAM_TRIES_MAX } from "../../../primitives/bridge_limits.ts";
import type { StreamPosition } from "../../../primitives/mcp/sse.ts";
import { pause } from "../../../primitives/system/clock.ts";
import { connectionLost } from "./answer.ts";
import { type SseLink, StreamRefused } from "./sse_link.ts";
import { reopenPause } from "./standing_stream.ts";

/** What {@linkcode SseConnection} takes. */
export interface SseConnectionOptions {
  /** Opens a stream. */
  readonly open: (signal: AbortSignal) => Promise<SseLink>;
  /** Makes a new stream ready for messages: its session is not open yet. */
  readonly prepare: (link: SseLink) => Promise<void>;
  /** Is told that nothing can come on a stream any more, and why. */
  readonly lost: (link: SseLink, error: McpAuthError) => void;
  /** Whether a lost stream is to be opened again, though nobody sends anything. */
  readonly isWanted: () => boolean;
  /** Holds the server's `retry`. */
  readonly position: StreamPosition;
  /** Gets one line for what nobody is told otherwise. */
  readonly log: (message: string) => void;
}

/** One stream after the other. */
export class SseConnection {
  readonly #options: SseConnectionOptions;
  readonly #closing = new AbortController();
  #link: SseLink | undefined;
  /** The stream with its session open; pending while that is being done. */
  #ready: Promise<SseLink> | undefined;
  #reconnecting: Promise<void> | undefined;
  /** Streams in a row that did not last. */
  #failures = 0;

  /** @inheritdoc */
  constructor(options: SseConnectionOptions) {
    this.#options = options;
  }

  /** The stream, from when its endpoint is known; undefined while there is none. */
  get link(): SseLink | undefined {
    return this.#link;
  }

  /** Aborted when the connection is closed, with what whoever uses it is told. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * The stream with its session open.
   *
   * @throws {McpAuthError} When it cannot be opened: for this time, the next one who asks tries again.
   */
  ready(): Promise<SseLink> {
    if (this.#ready !== undefined) return this.#ready;
    const ready = this.#connect();
    this.#ready = ready;
    ready.catch(() => {
      if (this.#ready === ready) this.#ready = undefined;
    });
    return ready;
  }

  /** Gives up a stream, and opens another in its place where that is wanted. */
  drop(link: SseLink, cause?: unknown): void {
    link.close();
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#ready = undefined;
    const lasted = performance.now() - link.since > STREAM_PAUSE_MAX_MS;
    this.#failures = lasted ? 0 : this.#failures + 1;
    const { aborted, reason } = this.closing;
    this.#options.lost(
      link,
      aborted ? reason : cause instanceof McpAuthError ? cause : connectionLost(cause),
    );
    if (aborted || !this.#options.isWanted()) return;
    this.#reconnecting ??= this.#keepTrying().finally(() => this.#reconnecting = undefined);
  }

  /**
   * Ends the stream, and what opens it.
   *
   * @param reason What whoever waits for it is told.
   * @param timeoutMs How long that may take, in milliseconds.
   */
  async close(reason: McpAuthError, timeoutMs: number): Promise<void> {
    this.#closing.abort(reason);
    const link = this.#link;
    link?.close();
    const limit = new AbortController();
    const ended = Promise.allSettled([link?.ended, this.#ready, this.#reconnecting]);
    await Promise.race([ended, pause(timeoutMs, limit.signal).catch(() => {})]);
    limit.abort();
  }

  async #connect(): Promise<SseLink> {
    const link = await this.#options.open(this.closing);
    this.#link = link;
    void link.ended.then((cause) => this.drop(link, cause));
    try {
      await this.#options.prepare(link);
      return link;
    } catch (error) {
      this.drop(link);
      throw error;
    }
  }

  async #keepTrying(): Promise<void> {
    const signal = this.closing;
    while (!signal.aborted && this.#link === undefined) {
      try {
        await pause(this.#pauseMs(), signal);
        await this.ready();
      } catch (error) {
        if (signal.aborted) return;
        this.#failures++;
        this.#options.log(
          `Cannot open the event stream again: ${error instanceof Error ? error.message : error}`,
        );
        if (!isPassing(error)) return;
      }
    }
  }

  /** What the server asks for, but longer each time where that has not helped: a new stream costs a new session. */
  #pauseMs(): number {
    const { position } = this.#options;
    const asked = reopenPause(position, this.#failures);
    const further = this.#failures - STREAM_TRIES_MAX;
    if (further <= 0) return asked;
    return Math.max(asked, reopenPause({ lastEventId: undefined, retryMs: undefined }, further));
  }
}

/** Whether trying once more may help, with nobody doing anything about it. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof McpAuthError)) return false;
  if (error instanceof StreamRefused) return error.status >= 500 || error.status === 429;
  return error.code === "NETWORK_ERROR" || error.code === "TIMEOUT";
}

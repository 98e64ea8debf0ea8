/**
 * The stream on which a server sends requests and notifications of its own accord, opened by GET. It is optional: a
 * server that does not offer it is served by POST alone. Once it was there it is kept open, through lost connections
 * and idle cuts, from where it broke off.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#listening-for-messages-from-the-server (T4, T5)
 * @see behaviours rows 35, 37
 * @module
 */
import { type ErrorCode, McpAuthError } from "../../../primitives/errors.ts";
import {
  STREAM_PAUSE_MAX_MS,
  STREAM_PAUSE_MS,
  STREAM_RETRY_MAX_MS,
  STREAM_TRIES_MAX,
} from "../../../primitives/bridge_limits.ts";
import type { StreamPosition } from "../../../primitives/mcp/sse.ts";
import { pause } from "../../../primitives/system/clock.ts";
import { drain, mediaType } from "./failure.ts";

/** What the stream needs of its transport. */
export interface StandingLink {
  /** Sends the GET. */
  open(position: StreamPosition, signal: AbortSignal): Promise<Response>;
  /** Reads one response to its end; resolves with the number of events, also when the connection was lost. */
  read(response: Response, position: StreamPosition): Promise<number>;
  /** Opens a new session; the stream is then restarted by whoever did. */
  renew(): Promise<void>;
  log(message: string): void;
}

/** Failures that only a person can end: there is no point in trying until some request has succeeded. */
const SIGN_IN: ReadonlySet<ErrorCode> = new Set([
  "AUTH_REQUIRED",
  "AUTH_FAILED",
  "AUTH_CANCELLED",
  "TOKEN_EXPIRED",
  "TOKEN_REFRESH_FAILED",
  "INSUFFICIENT_SCOPE",
]);

/** What outlives the connections of one stream. */
interface Stretch {
  readonly position: StreamPosition;
  /** Whether the server has opened it once. */
  offered: boolean;
}

/** Keeps the stream open from {@linkcode start} to {@linkcode stop}. */
export class StandingStream {
  readonly #link: StandingLink;
  #controller: AbortController | undefined;
  #task: Promise<void> = Promise.resolve();
  readonly #bell = new Bell();
  /** What is known of the stream while it is kept open. */
  #stretch: Stretch | undefined;

  /** @param link The transport it belongs to. */
  constructor(link: StandingLink) {
    this.#link = link;
  }

  /** Opens the stream, afresh where it is open already. */
  start(): void {
    this.#begin({ position: { lastEventId: undefined, retryMs: undefined }, offered: false });
  }

  /** Opens it anew from where it is, unless the server does not offer it. */
  reopen(): void {
    if (this.#stretch !== undefined) this.#begin(this.#stretch);
  }

  /** True from start to stop, also where the server does not offer the stream. */
  get started(): boolean {
    return this.#controller !== undefined;
  }

  /** A request has succeeded: a stream that waits for a sign-in is tried again. */
  wake(): void {
    this.#bell.ring();
  }

  /** Closes it; resolves when nothing of it is under way any more. */
  async stop(): Promise<void> {
    this.#controller?.abort();
    this.#controller = this.#stretch = undefined;
    await this.#task;
  }

  #begin(stretch: Stretch): void {
    this.#controller?.abort();
    const controller = this.#controller = new AbortController();
    this.#stretch = stretch;
    const running = this.#run(controller.signal, stretch).catch(() => {}).then(() => {
      if (this.#controller === controller) this.#stretch = undefined;
    });
    this.#task = Promise.all([this.#task, running]).then(() => {});
  }

  async #run(signal: AbortSignal, stretch: Stretch): Promise<void> {
    const { position } = stretch;
    for (let failures = 0; !signal.aborted;) {
      const since = performance.now();
      failures++;
      try {
        const response = await this.#link.open(position, signal);
        if (isEventStream(response)) {
          stretch.offered = true;
          const events = await this.#link.read(response, position);
          if (events > 0 || performance.now() - since > STREAM_PAUSE_MAX_MS) failures = 0;
        } else {
          await drain(response);
          const { status } = response;
          if (stretch.offered && status === 404) return await this.#link.renew();
          if (status < 500 && (!stretch.offered || status === 405)) return;
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#link.log(
          `Cannot keep the server's stream open: ${error instanceof Error ? error.message : error}`,
        );
        if (error instanceof McpAuthError && SIGN_IN.has(error.code)) await this.#bell.rung(signal);
      }
      if (!stretch.offered && failures >= STREAM_TRIES_MAX) return;
      await pause(reopenPause(position, failures), signal);
    }
  }
}

/** For one who waits until there is reason to try again. */
export class Bell {
  #wake: (() => void) | undefined;

  /** Wakes who waits, if anybody does. */
  ring(): void {
    this.#wake?.();
  }

  /** Resolves at the next ring, and when the signal fires. */
  rung(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wake = undefined;
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

/** True for a successful response whose body is an event stream. */
export function isEventStream(response: Response): response is Response & { readonly body: ReadableStream } {
  return response.ok && response.body !== null && mediaType(response) === "text/event-stream";
}

/**
 * How long to wait before a stream is opened again, in milliseconds: what the server said, else longer each time.
 *
 * @param position Holds the server's `retry`.
 * @param failures How often in a row the stream brought nothing.
 */
export function reopenPause(position: StreamPosition, failures: number): number {
  if (position.retryMs !== undefined) {
    const asked = Math.min(position.retryMs, STREAM_RETRY_MAX_MS);
    return failures > STREAM_TRIES_MAX ? Math.max(asked, STREAM_PAUSE_MS) : asked;
  }
  const doubled = STREAM_PAUSE_MS * 2 ** Math.min(Math.max(failures - 1, 0), 10);
  return Math.min(doubled, STREAM_PAUSE_MAX_MS) * (0.75 + Math.random() * 0.5);
}

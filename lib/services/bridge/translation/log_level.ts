/**
 * Log messages of a stateful server for a host that says with each request which it wants: the level is set at the server
 * when it changes, and what nobody has asked for is not passed on.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/changelog (T9, T10)
 * @module
 */
import { HTTP_TIMEOUT_MS } from "../../../primitives/limits.ts";
import type { OwnRequests } from "./own_requests.ts";

/** From the least severe to the most. */
const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/** The level of one session. */
export class LogLevel {
  readonly #own: OwnRequests;
  readonly #log: (message: string) => void;
  readonly #closing: AbortSignal;
  #level: string | undefined;
  #changed: Promise<void> = Promise.resolve();

  /**
   * @param own Makes the requests.
   * @param log Gets one line for what the host is not told.
   * @param closing Ends them.
   */
  constructor(own: OwnRequests, log: (message: string) => void, closing: AbortSignal) {
    this.#own = own;
    this.#log = log;
    this.#closing = closing;
  }

  /** What was set last; undefined where nothing was. */
  get current(): string | undefined {
    return this.#level;
  }

  /** Has the server log as a request wants it; resolves when that is so, or cannot be. */
  async want(level: string | undefined): Promise<void> {
    if (level === undefined || !LEVELS.includes(level)) return;
    if (level !== this.#level) {
      this.#level = level;
      this.#changed = this.#changed.then(() => this.#set(level));
    }
    await this.#changed;
  }

  /**
   * Whether a message is for the host.
   *
   * @param severity The message's own, unchecked.
   * @param wanted What the request that it came with asked for; "any" where it came with none.
   */
  passes(severity: unknown, wanted: string | undefined | "any"): boolean {
    const least = wanted === "any" ? this.#level : wanted;
    if (least === undefined || typeof severity !== "string") return false;
    return !LEVELS.includes(severity) || LEVELS.indexOf(severity) >= LEVELS.indexOf(least);
  }

  async #set(level: string): Promise<void> {
    try {
      const bounds = { signal: this.#closing, timeoutMs: HTTP_TIMEOUT_MS };
      await this.#own.request("logging/setLevel", { level }, bounds);
    } catch (error) {
      this.#log(
        `Cannot set the level of the server's log: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
}

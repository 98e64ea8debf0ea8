/**
 * Looks again and again whether something has changed that nobody tells: a sign-in in another terminal, a server that can
 * be reached again. Changes of the store by other processes are not announced, so that it has to be looked at.
 *
 * @module
 */
import {
  SIGN_IN_POLL_FAST_MS,
  SIGN_IN_POLL_MS,
  SIGN_IN_POLL_SLOW_MS,
} from "../../../primitives/bridge_limits.ts";
import { pause } from "../../../primitives/system/clock.ts";

/** What is looked at. */
export interface Outlook {
  /** Whether there is still something to wait for. */
  readonly isWaiting: boolean;
  /** Looks once; false for a failure, after which the pauses get longer. Does not reject. */
  look(): Promise<boolean>;
}

/** Looks, as long as there is something to wait for. */
export class Lookout {
  readonly #outlook: Outlook;
  readonly #signal: AbortSignal;
  #isLooking = false;
  #heardAt = performance.now();

  /**
   * @param outlook What is looked at.
   * @param signal Ends it.
   */
  constructor(outlook: Outlook, signal: AbortSignal) {
    this.#outlook = outlook;
    this.#signal = signal;
  }

  /** Somebody is there who may wait: looks are frequent for a while. */
  hear(): void {
    this.#heardAt = performance.now();
  }

  /** Starts to look, unless that is under way. */
  start(): void {
    if (!this.#isLooking) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isLooking = true;
    try {
      for (let failures = 0; this.#outlook.isWaiting;) {
        const isQuiet = performance.now() - this.#heardAt > SIGN_IN_POLL_FAST_MS;
        const pauseMs = SIGN_IN_POLL_MS * 2 ** Math.min(failures, 4);
        await pause(isQuiet ? SIGN_IN_POLL_SLOW_MS : pauseMs, this.#signal);
        failures = await this.#outlook.look() ? 0 : failures + 1;
      }
    } catch {
      // The bridge is ending.
    } finally {
      this.#isLooking = false;
    }
  }
}

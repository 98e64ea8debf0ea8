/**
 * A sliding window: so many attempts in any stretch of so long. The times of the last attempts are all that it keeps,
 * in a log that is a port, so that the same rule holds across processes with a store, and in memory without one.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { STORE_CHANGE_TRIES_MAX } from "../../primitives/limits.ts";
import type { Clock } from "../../primitives/system/clock.ts";

/** How many attempts fit into a window. */
export interface RateRule {
  /** Attempts in one window. */
  readonly limit: number;
  /** The window, in ms. */
  readonly windowMs: number;
}

/** Where the times of attempts are kept, by a key. */
export interface AttemptLog {
  /** The times (ms since the epoch, oldest first) with the version that a write names; null for none yet. */
  read(key: string): Promise<{ readonly times: readonly number[]; readonly version: string | null }>;
  /** Writes the times, if the version is still that one. */
  write(key: string, times: readonly number[], version: string | null): Promise<boolean>;
}

/** The outcome of {@linkcode admit}. */
export type Admission =
  | { readonly admitted: true; readonly times: readonly number[] }
  | { readonly admitted: false; readonly retryAfterMs: number };

/**
 * Judges one more attempt. Pure: the time is passed in.
 *
 * @param rule The window.
 * @param times The times of earlier attempts, in ms and in any order. One that is ahead by less than the window counts as
 * now, since the clocks of machines differ; one that is further ahead was written before the clock was set back, and is
 * forgotten: it would hold until the clock is there again.
 * @param now Milliseconds since the epoch.
 * @returns The times to keep, this attempt with them; or how long to wait, in ms.
 */
export function admit({ limit, windowMs }: RateRule, times: readonly number[], now: number): Admission {
  const recent = times
    .filter((time) => Math.abs(now - time) < windowMs)
    .map((time) => Math.min(time, now))
    .sort((a, b) => a - b);
  if (recent.length < limit) return { admitted: true, times: [...recent, now] };
  return { admitted: false, retryAfterMs: Math.max(1, (recent.at(-limit) ?? now) + windowMs - now) };
}

/** Counts attempts by key, and refuses those that are too many. */
export class RateLimiter {
  readonly #rule: RateRule;
  readonly #log: AttemptLog;
  readonly #clock: Clock;

  /**
   * @param rule How many attempts in how long.
   * @param log Where attempts are kept.
   * @param clock The time.
   */
  constructor(rule: RateRule, log: AttemptLog, clock: Clock) {
    this.#rule = rule;
    this.#log = log;
    this.#clock = clock;
  }

  /**
   * Counts an attempt.
   *
   * @param key What is attempted on, such as an entry's name.
   * @param action For the message: `Cannot <action>`.
   * @throws {McpAuthError} `RATE_LIMITED` when there were too many; it is not counted then.
   */
  async attempt(key: string, action: string): Promise<void> {
    for (let tries = 0; tries < STORE_CHANGE_TRIES_MAX; tries++) {
      const { times, version } = await this.#log.read(key);
      const admission = admit(this.#rule, times, this.#clock.now());
      if (!admission.admitted) throw tooMany(action, this.#rule, admission.retryAfterMs);
      if (await this.#log.write(key, admission.times, version)) return;
    }
    throw new McpAuthError("STORE_UNAVAILABLE", `Cannot ${action}: other processes keep trying it too`, {
      hint: "Try again",
    });
  }
}

/**
 * The error for too many attempts.
 *
 * @param action For the message: `Cannot <action>`.
 * @param rule The rule that was broken.
 * @param retryAfterMs When the next attempt fits, in ms from now.
 */
export function tooMany(action: string, { limit, windowMs }: RateRule, retryAfterMs: number): McpAuthError {
  return new McpAuthError(
    "RATE_LIMITED",
    `Cannot ${action}: more than ${limit} times in ${Math.round(windowMs / 1000)} s`,
    {
      hint: `Try again in ${
        Math.ceil(retryAfterMs / 1000)
      } s, and look for what keeps trying: mcp-auth audit`,
    },
  );
}

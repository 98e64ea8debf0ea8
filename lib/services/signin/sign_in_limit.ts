/**
 * How often sign-ins to one entry may be opened, across all processes with its store. A person never gets there; a host
 * that starts a bridge again and again does, and would open a browser tab each time. What is refused is not counted, so
 * that the limit cannot hold longer than its window.
 *
 * @see behaviours rows 11 and 33
 * @module
 */
import { SIGN_INS_MAX, SIGN_INS_WINDOW_MS } from "../../primitives/limits.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import { admit, type AttemptLog, RateLimiter, type RateRule, tooMany } from "../rate_limit/mod.ts";

const RULE: RateRule = { limit: SIGN_INS_MAX, windowMs: SIGN_INS_WINDOW_MS };

/** The limit of one entry. */
export interface SignInLimit {
  /** Refuses with `RATE_LIMITED` when another sign-in would be too many; counts nothing. */
  check(): Promise<void>;
  /** Counts a sign-in that is about to be opened, or refuses it with `RATE_LIMITED`. */
  count(): Promise<void>;
}

/**
 * Makes the limit of an entry.
 *
 * @param log Where attempts are kept.
 * @param clock The time.
 * @param name The entry's name.
 */
export function signInLimit(log: AttemptLog, clock: Clock, name: string): SignInLimit {
  const action = `sign in to "${name}"`;
  const limiter = new RateLimiter(RULE, log, clock);
  return {
    check: async () => {
      const { times } = await log.read(name);
      const admission = admit(RULE, times, clock.now());
      if (!admission.admitted) throw tooMany(action, RULE, admission.retryAfterMs);
    },
    count: () => limiter.attempt(name, action),
  };
}

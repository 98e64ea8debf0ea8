/**
 * A clock that stands still until a test moves it.
 *
 * @module
 */
import type { Clock } from "../../lib/primitives/system/clock.ts";

/** A clock that is set by hand. */
export interface FakeClock extends Clock {
  /** Milliseconds since the epoch, as {@linkcode Clock.now} will tell. */
  time: number;
}

/** Returns a clock that shows the given time, in milliseconds since the epoch. */
export function fakeClock(time = Date.UTC(2026, 0, 1)): FakeClock {
  return {
    time,
    now() {
      return this.time;
    },
  };
}

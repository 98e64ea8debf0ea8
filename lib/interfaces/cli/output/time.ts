/**
 * Times as people read them.
 *
 * @module
 */

/**
 * How long until a moment, such as `in 59 min` or `2 h ago`.
 *
 * @param at Milliseconds since the epoch.
 * @param now Milliseconds since the epoch.
 */
export function relativeTime(at: number, now: number): string {
  const seconds = Math.round(Math.abs(at - now) / 1000);
  const amount = seconds < 90
    ? `${seconds} s`
    : seconds < 90 * 60
    ? `${Math.round(seconds / 60)} min`
    : seconds < 36 * 3600
    ? `${Math.round(seconds / 3600)} h`
    : `${Math.round(seconds / 86_400)} days`;
  return at >= now ? `in ${amount}` : `${amount} ago`;
}

/** A moment as `--json` gives it: ISO 8601 in UTC; null where it is not known. */
export function isoTime(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}

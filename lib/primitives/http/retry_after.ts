/**
 * How long a server asks to be left alone. A date is read against the server's own `Date`, so that it does not matter
 * how wrong either clock is.
 *
 * @see RFC 9110 section 10.2.3
 * @module
 */

/**
 * Reads `Retry-After`.
 *
 * @param headers The headers of a response.
 * @returns Milliseconds from now, 0 for a date that has passed; undefined where the header says nothing.
 */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  if (!/^[a-z]{3,9},? /i.test(value)) return undefined;
  const until = Date.parse(value);
  const dated = Date.parse(headers.get("date") ?? "");
  if (Number.isNaN(until)) return undefined;
  return Math.max(0, until - (Number.isNaN(dated) ? Date.now() : dated));
}

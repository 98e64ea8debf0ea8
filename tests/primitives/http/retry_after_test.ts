/**
 * How long a server asks to be left alone.
 *
 * @see RFC 9110 section 10.2.3
 */
import { equal, ok } from "node:assert/strict";
import { retryAfterMs } from "../../../lib/primitives/http/retry_after.ts";

const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";

const TABLE:
  readonly (readonly [description: string, headers: Record<string, string>, ms: number | undefined])[] = [
    ["no header", {}, undefined],
    ["an empty header", { "retry-after": "" }, undefined],
    ["seconds", { "retry-after": "120" }, 120_000],
    ["no seconds at all", { "retry-after": "0" }, 0],
    ["seconds with spaces", { "retry-after": "  7 " }, 7_000],
    ["a fraction", { "retry-after": "1.5" }, undefined],
    ["a negative number", { "retry-after": "-1" }, undefined],
    ["a word", { "retry-after": "soon" }, undefined],
    ["two values", { "retry-after": "1, 2" }, undefined],
    [
      "a date, against the server's own",
      { "retry-after": "Sun, 06 Nov 1994 08:50:07 GMT", date: DATE },
      30_000,
    ],
    ["a date that is the server's now", { "retry-after": DATE, date: DATE }, 0],
    ["a date that has passed", { "retry-after": "Sun, 06 Nov 1994 08:00:00 GMT", date: DATE }, 0],
    ["a date of RFC 850", { "retry-after": "Sunday, 06-Nov-94 08:50:07 GMT", date: DATE }, 30_000],
    ["a date that is none", { "retry-after": "Sun, 99 Nov 1994", date: DATE }, undefined],
    ["a date long past, where the server tells none of its own", { "retry-after": DATE }, 0],
  ];

for (const [description, headers, ms] of TABLE) {
  Deno.test(`Retry-After: ${description}`, () => equal(retryAfterMs(new Headers(headers)), ms));
}

Deno.test("Retry-After: without a date of the server's own, this machine's clock is what there is", () => {
  const ms = retryAfterMs(new Headers({ "retry-after": new Date(Date.now() + 60_000).toUTCString() })) ?? 0;
  ok(ms > 50_000 && ms <= 60_000, String(ms));
});

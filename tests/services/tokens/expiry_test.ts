import { equal } from "node:assert/strict";
import { type Freshness, freshnessOf, type Lifetime } from "../../../lib/services/tokens/mod.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.UTC(2026, 5, 1);

/** A token that was obtained `age` ms ago and lives for `life` ms. */
function token(age: number, life: number): Lifetime {
  return { obtainedAt: NOW - age, expiresAt: NOW - age + life };
}

const TABLE: readonly (readonly [description: string, lifetime: Lifetime, expected: Freshness])[] = [
  ["a new token of an hour is fresh", token(0, HOUR), "fresh"],
  ["with exactly 5 minutes left it is fresh", token(55 * MINUTE, HOUR), "fresh"],
  ["with less than 5 minutes left it is due", token(55 * MINUTE + 1, HOUR), "due"],
  ["in its last millisecond it is due", token(HOUR - 1, HOUR), "due"],
  ["at its expiry it is expired", token(HOUR, HOUR), "expired"],
  ["long after its expiry it is expired", token(30 * HOUR, HOUR), "expired"],
  ["a token of 10 minutes is fresh with 2 left", token(8 * MINUTE, 10 * MINUTE), "fresh"],
  ["a token of 10 minutes is due with less than 2 left", token(8 * MINUTE + 1, 10 * MINUTE), "due"],
  ["a new token of a minute is fresh", token(0, MINUTE), "fresh"],
  ["a token of a minute is due in its last 12 seconds", token(48_001, MINUTE), "due"],
  ["at 25 minutes both margins meet: fresh with 5 minutes left", token(20 * MINUTE, 25 * MINUTE), "fresh"],
  ["at 25 minutes both margins meet: due with less", token(20 * MINUTE + 1, 25 * MINUTE), "due"],
  ["an unknown expiry is fresh", { obtainedAt: NOW }, "fresh"],
  ["an unknown expiry is fresh after years", { obtainedAt: NOW - 99_999 * HOUR }, "fresh"],
  ["an undefined expiry counts as unknown", { obtainedAt: NOW, expiresAt: undefined }, "fresh"],
  ["a clock that jumped forward past the expiry: expired", token(2 * HOUR, HOUR), "expired"],
  ["a clock that was set back by a little: fresh", token(-4 * MINUTE, HOUR), "fresh"],
  ["a clock that was set back by more than the margin: due", token(-6 * MINUTE, HOUR), "due"],
  ["a clock that was set back by days: due, not fresh for days", token(-72 * HOUR, HOUR), "due"],
  ["a clock that was set back by more than a short life's margin: due", token(-13_000, MINUTE), "due"],
  ["an expiry before it was obtained, still to come: due", {
    obtainedAt: NOW + HOUR,
    expiresAt: NOW + 1,
  }, "due"],
];

for (const [description, lifetime, expected] of TABLE) {
  Deno.test(`freshness: ${description}`, () => equal(freshnessOf(lifetime, NOW), expected));
}

/** A sliding window: what it admits, for how long it refuses, and what clocks and siblings can do to it. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import fc from "fast-check";
import { STORE_CHANGE_TRIES_MAX } from "../../../lib/primitives/limits.ts";
import {
  admit,
  type AttemptLog,
  RateLimiter,
  type RateRule,
  tooMany,
} from "../../../lib/services/rate_limit/mod.ts";
import { fakeClock } from "../../fakes/clock.ts";
import { coded, showable } from "../../primitives/coded_error.ts";

const RULE: RateRule = { limit: 3, windowMs: 1_000 };
const NOW = 1_000_000;

const TABLE:
  readonly (readonly [name: string, times: readonly number[], retryAfterMs: number | undefined])[] = [
    ["nothing before", [], undefined],
    ["one less than the limit", [NOW - 2, NOW - 1], undefined],
    ["the limit, just now", [NOW, NOW, NOW], 1_000],
    ["the limit, the first of it nearly over", [NOW - 999, NOW - 5, NOW - 1], 1],
    ["the limit, the first of it over", [NOW - 1_000, NOW - 5, NOW - 1], undefined],
    ["more than the limit, since it was higher before", [
      NOW - 900,
      NOW - 800,
      NOW - 300,
      NOW - 200,
      NOW - 100,
    ], 700],
    ["in any order", [NOW - 1, NOW - 999, NOW - 5], 1],
    ["ahead by less than the window: another machine's clock", [NOW + 999, NOW + 5, NOW + 1], 1_000],
    ["ahead by the window: the clock was set back", [NOW + 1_000, NOW + 5_000, NOW + 86_400_000], undefined],
    ["no times at all", [NaN, Infinity, -Infinity], undefined],
  ];

for (const [name, times, retryAfterMs] of TABLE) {
  Deno.test(`an attempt is judged by those before it: ${name}`, () => {
    const admission = admit(RULE, times, NOW);
    if (retryAfterMs !== undefined) deepEqual(admission, { admitted: false, retryAfterMs });
    else ok(admission.admitted && admission.times.at(-1) === NOW);
  });
}

Deno.test("only times of the window are kept, so that they cannot pile up", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: NOW - 3_000, max: NOW + 3_000 })), (times) => {
    const admission = admit(RULE, times, NOW);
    if (!admission.admitted) return admission.retryAfterMs >= 1 && admission.retryAfterMs <= RULE.windowMs;
    return admission.times.length <= RULE.limit &&
      admission.times.every((time) => time > NOW - 1_000 && time <= NOW);
  }));
});

Deno.test("however attempts come, no window holds more than the limit, and whoever waits as told gets in", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 60 }), (gaps) => {
    const admitted: number[] = [];
    let times: readonly number[] = [];
    let now = NOW;
    for (const gap of gaps) {
      now += gap;
      let admission = admit(RULE, times, now);
      if (!admission.admitted && gap % 2 === 0) {
        ok(!admit(RULE, times, now + admission.retryAfterMs - 1).admitted, "a moment earlier is too early");
        now += admission.retryAfterMs;
        admission = admit(RULE, times, now);
        ok(admission.admitted);
      }
      if (!admission.admitted) continue;
      times = admission.times;
      admitted.push(now);
    }
    for (const [index, time] of admitted.entries()) {
      const third = admitted[index + RULE.limit];
      ok(third === undefined || third - time >= RULE.windowMs);
    }
  }));
});

Deno.test("a clock that is set back by a day does not lock anybody out for a day", () => {
  const day = 86_400_000;
  for (const back of [1, 500, 999, 1_000, day]) {
    const times = [NOW, NOW, NOW];
    const now = NOW - back;
    const admission = admit(RULE, times, now);
    ok(admission.admitted || admit(RULE, times, now + 2 * RULE.windowMs).admitted, `${back}`);
  }
});

/** Attempts in memory, under versions. */
class MemoryLog implements AttemptLog {
  readonly kept = new Map<string, { readonly times: readonly number[]; readonly version: string }>();
  /** How many of the next writes find that a sibling was faster. */
  overtaken = 0;

  read(key: string): Promise<{ readonly times: readonly number[]; readonly version: string | null }> {
    return Promise.resolve(this.kept.get(key) ?? { times: [], version: null });
  }

  write(key: string, times: readonly number[], version: string | null): Promise<boolean> {
    const isOvertaken = this.overtaken > 0;
    if (isOvertaken) this.overtaken--;
    if (isOvertaken || (this.kept.get(key)?.version ?? null) !== version) return Promise.resolve(false);
    this.kept.set(key, { times, version: crypto.randomUUID() });
    return Promise.resolve(true);
  }
}

Deno.test("attempts are counted by key, refused ones are not, and the error says when to try again", async () => {
  const log = new MemoryLog();
  const clock = fakeClock(NOW);
  const limiter = new RateLimiter({ limit: 2, windowMs: 60_000 }, log, clock);
  await limiter.attempt("one", "sign in");
  clock.time += 10_000;
  await limiter.attempt("one", "sign in");
  await limiter.attempt("other", "sign in");
  for (let tries = 0; tries < 5; tries++) {
    await rejects(limiter.attempt("one", "sign in"), (error) => {
      coded("RATE_LIMITED", /^Cannot sign in: more than 2 times in 60 s$/)(error);
      showable(error);
      match(error.hint ?? "", /^Try again in 50 s, .*mcp-auth audit$/);
      return true;
    });
  }
  equal(log.kept.get("one")?.times.length, 2);
  clock.time += 50_000;
  await limiter.attempt("one", "sign in");
});

Deno.test("of attempts at once, in processes that overtake each other, no more than the limit get in", async () => {
  const log = new MemoryLog();
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => new RateLimiter(RULE, log, fakeClock(NOW)).attempt("one", "sign in")),
  );
  equal(outcomes.filter(({ status }) => status === "fulfilled").length, RULE.limit);
});

Deno.test("whoever is overtaken again and again ends with an error, not never", async () => {
  const log = new MemoryLog();
  log.overtaken = STORE_CHANGE_TRIES_MAX - 1;
  const limiter = new RateLimiter(RULE, log, fakeClock(NOW));
  await limiter.attempt("one", "sign in");
  log.overtaken = STORE_CHANGE_TRIES_MAX;
  await rejects(
    limiter.attempt("one", "sign in"),
    coded("STORE_UNAVAILABLE", /other processes keep trying it too/),
  );
});

Deno.test("the shortest wait that is told is a second", () => {
  match(tooMany("sign in", RULE, 1).hint ?? "", /^Try again in 1 s,/);
});

/**
 * The table says what happened, and a run that has proved nothing has not passed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../../../scripts/torture/random.ts";
import { failureText, merged, passed, table, Tally } from "../../../scripts/torture/result.ts";

function tally(scenario: string, rounds: number): Tally {
  const made = new Tally(scenario);
  for (let round = 0; round < rounds; round++) made.round();
  return made;
}

const LOSS = { kind: "loss", round: 3, what: "the session is gone", detail: "seed a\n$ mcp-auth" } as const;

Deno.test("a run has passed only when each scenario ran, and nothing was lost or broken", () => {
  const good = tally("race", 2).result();
  assert.ok(passed([good], false));
  assert.ok(!passed([], false));
  assert.ok(!passed([tally("race", 0).result()], false));
  for (const kind of ["loss", "broken"] as const) {
    const bad = tally("kills", 2);
    bad.fail({ ...LOSS, kind });
    assert.ok(!passed([good, bad.result()], true));
  }
  const skipped = { ...tally("lost", 0).result(), skipped: "needs nft" };
  assert.ok(!passed([good, skipped], false));
  assert.ok(passed([good, skipped], true));
});

Deno.test("the table has a row for each scenario, with its verdict and its counts", () => {
  const race = tally("race", 50);
  race.count("tokens", 1600);
  race.most("requests in one round", 1);
  const bad = tally("kills", 300);
  bad.fail(LOSS);
  bad.fail({ ...LOSS, kind: "broken" });
  const text = table([race.result(), bad.result(), { ...tally("lost", 0).result(), skipped: "needs nft" }]);
  assert.match(text, /^race +50 +\d +0 +0 +ok +1600 tokens, at most 1 requests in one round$/m);
  assert.match(text, /^kills +300 +\d +1 +1 +FAILED$/m);
  assert.match(text, /^lost +0 +\d +0 +0 +SKIPPED +needs nft$/m);
  assert.equal(
    failureText("kills", LOSS),
    "LOSS in kills, round 3: the session is gone\n  | seed a\n  | $ mcp-auth",
  );
});

Deno.test("several outcomes of a scenario become one: counts add up, peaks do not, no failure is forgotten", () => {
  const first = tally("kills", 2);
  first.count("killed", 1);
  first.most("requests", 5);
  const second = tally("kills", 3);
  second.count("killed", 2);
  second.most("requests", 4);
  second.fail(LOSS);
  const [kills, race, ...none] = merged([first.result(), tally("race", 1).result(), second.result()]);
  assert.deepEqual(none, []);
  assert.deepEqual([kills?.rounds, kills?.counts, kills?.peaks], [5, { killed: 3 }, { requests: 5 }]);
  assert.deepEqual(kills?.failures, [LOSS]);
  assert.equal(race?.scenario, "race");
});

Deno.test("all choices follow from the seed, and those of one round from its name alone", () => {
  const numbers = (random: Random) => Array.from({ length: 20 }, () => random.next());
  assert.deepEqual(numbers(new Random("a")), numbers(new Random("a")));
  assert.notDeepEqual(numbers(new Random("a")), numbers(new Random("b")));
  const used = new Random("a");
  numbers(used);
  assert.deepEqual(numbers(used.branch(7)), numbers(new Random("a").branch(7)));
  assert.notDeepEqual(numbers(used.branch(7)), numbers(used.branch(8)));
});

Deno.test("choices are spread over what there is to choose from", () => {
  const random = new Random("spread");
  const counts = new Map<number, number>();
  for (let count = 0; count < 4_000; count++) {
    const chosen = random.whole(1, 4);
    counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].toSorted(), [1, 2, 3, 4]);
  for (const count of counts.values()) assert.ok(count > 850 && count < 1_150, String(count));
  assert.ok(random.between(5, 6) >= 5);
  assert.equal(random.chance(0), false);
  assert.equal(random.chance(1), true);
});

/**
 * The clock of the client jumps a day ahead and a day back, also while the server fails, so that what was noted for
 * later was noted in another time: every ask gives a good token, and nobody waits for a day.
 *
 * @module
 * @see behaviours row 5
 */
import { jsonFault } from "../demo/servers/faults.ts";
import { type Arena, roundsOf } from "./arena.ts";
import type { Home } from "./home.ts";
import { needsSignIn, objectionsToEnd, objectionsToReuse } from "./judge.ts";
import { pause } from "../../lib/primitives/system/clock.ts";
import type { Run, RunOptions } from "./process.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./result.ts";
import { scriptedBrowser, World } from "./world.ts";

const OFFSETS = ["+1d", "-1d", "+0"] as const;
/** Pauses after failures are shorter. */
const RECOVERY_MS = 10_000;

/** Runs the scenario. */
export async function clock(arena: Arena, tally: Tally): Promise<void> {
  await using world = await World.start(arena, tally);
  const home = await world.home();
  for (const round of roundsOf(arena.settings, 4, 25)) {
    arena.signal.throwIfAborted();
    const random = arena.random.branch("clock").branch(round);
    const name = `timed-${round}`;
    await home.signIn(name, at(random.pick(OFFSETS)));
    await jumpOnce(home, name, round, random);
    tally.round();
    arena.say(`clock: round ${round} done`);
  }
}

async function jumpOnce(home: Home, name: string, round: number, random: Random): Promise<void> {
  const { world } = home;
  const { ledger, tally } = world;
  const mark = ledger.length;
  const offsets = [...Array.from({ length: random.whole(2, 4) }, () => random.pick(OFFSETS)), "+0" as const];
  for (const offset of offsets) {
    if (random.chance(0.4)) {
      const retryAfter = { "retry-after": random.pick(["1", "3"]) };
      const fault = jsonFault(random.pick([500, 429]), {}, retryAfter);
      const order = world.as.fail("POST /token", Infinity, fault);
      const failing = await home.run(["refresh", name, "--json"], at(random.pick(OFFSETS)));
      order.end();
      tally.count("failures at another time");
      const [objection] = objectionsToEnd(failing);
      if (objection !== undefined) world.fail(objection.kind, round, objection.what, [failing]);
    }
    const { runs, good } = await askUntilGood(home, name, at(offset));
    tally.count("asks", runs.length);
    tally.count(`at ${offset}`);
    if (good) continue;
    const last = runs.at(-1)!;
    const kind = needsSignIn(last) ? "loss" : "broken";
    return world.fail(kind, round, `no good token when the clock jumped to ${offset}`, runs.slice(-2));
  }
  for (const { kind, what } of objectionsToReuse(ledger.refreshes(mark))) world.fail(kind, round, what);
}

async function askUntilGood(home: Home, name: string, options: RunOptions) {
  const runs: Run[] = [];
  const end = performance.now() + RECOVERY_MS;
  for (;;) {
    const { run, good } = await home.askForToken(name, options);
    runs.push(run);
    if (good || needsSignIn(run) || performance.now() > end) return { runs, good };
    await pause(500, home.world.arena.signal);
  }
}

/** A run whose clock is wrong. */
function at(offset: typeof OFFSETS[number]): RunOptions {
  if (offset === "+0") return {};
  // The browser is on the server's time: cookies of another day are none.
  const browser = `env -u LD_PRELOAD -u FAKETIME ${scriptedBrowser()}`;
  return { before: ["faketime", "-f", offset], env: { BROWSER: browser } };
}

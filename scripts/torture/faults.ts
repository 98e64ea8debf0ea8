/**
 * The same 32 processes while the authorization server answers 500, 429 or a page, resets the connection, or does not
 * answer at all: no credential is lost, the server is not stormed, and once it is itself again, and the pause that the
 * product takes is over, the next ask gives a good token without a sign-in.
 *
 * @module
 * @see behaviours rows 3 and 33
 */
import { type Fault, htmlFault, jsonFault } from "../demo/servers/faults.ts";
import { type Arena, roundsOf } from "./arena.ts";
import type { Home } from "./home.ts";
import { needsSignIn, objectionsToEnd, objectionsToFailing, objectionsToStorm } from "./judge.ts";
import { pause } from "../../lib/primitives/system/clock.ts";
import type { Run } from "./process.ts";
import { culprits, ENTRIES, expireToken, goodTokens, PROCESSES } from "./race.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./result.ts";
import { World } from "./world.ts";

/** How a server fails, and what it asks for. */
interface Trouble {
  readonly name: string;
  readonly fault: Fault;
  readonly retryAfterMs: number;
}

/** The troubles in turn. */
function troubleOf(round: number, random: Random): Trouble {
  const seconds = random.whole(1, 4);
  const troubles: readonly Trouble[] = [
    { name: "500", fault: jsonFault(500, { error: "server_error" }), retryAfterMs: 0 },
    {
      name: "429",
      fault: jsonFault(429, {}, { "retry-after": String(seconds) }),
      retryAfterMs: seconds * 1000,
    },
    { name: "reset", fault: "reset", retryAfterMs: 0 },
    { name: "HTML", fault: htmlFault(random.pick([200, 400, 403, 502])), retryAfterMs: 0 },
    { name: "hang", fault: "hang", retryAfterMs: 0 },
  ];
  return troubles[round % troubles.length]!;
}

/** How long after the fault a good token may take, beside what the server asked for, in ms. */
const RECOVERY_MS = 10_000;
/** Between two asks after the fault, in ms. */
const ASK_EVERY_MS = 400;

/** Runs the scenario. */
export async function faults(arena: Arena, tally: Tally): Promise<void> {
  await using world = await World.start(arena, tally);
  const home = await world.home();
  for (const name of ENTRIES) await home.signIn(name);
  for (const round of roundsOf(arena.settings, 5, 50)) {
    arena.signal.throwIfAborted();
    const random = arena.random.branch("faults").branch(round);
    const trouble = troubleOf(round, random);
    await failOnce(home, round, ENTRIES[round % ENTRIES.length]!, trouble, random);
    tally.round();
    arena.say(`faults: round ${round} (${trouble.name}) done`);
  }
}

async function failOnce(
  home: Home,
  round: number,
  name: string,
  { name: what, fault, retryAfterMs }: Trouble,
  random: Random,
): Promise<void> {
  const { world } = home;
  const { ledger, tally } = world;
  await expireToken(home, name);
  const mark = ledger.length;
  const order = world.as.fail("POST /token", Infinity, fault);
  const wave = (count: number) =>
    Promise.all(
      Array.from({ length: count }, () => home.run(["token", name, ...random.pick([[], ["--json"]])])),
    );
  const runs: Run[] = await wave(PROCESSES);
  await pause(random.between(0, 800), world.arena.signal);
  runs.push(...await wave(PROCESSES / 4));
  order.end();
  const failed = ledger.refreshes(mark);
  const lastTry = failed.at(-1)?.at ?? Date.now();

  const objections = [
    ...objectionsToFailing(runs),
    ...objectionsToStorm({ times: failed.map(({ at }) => at), retryAfterMs }),
  ];
  if (failed.length === 0) objections.push({ kind: "broken", what: "nobody asked the server" });
  if (runs.some(({ code }) => code === 0)) {
    objections.push({ kind: "broken", what: "a token was printed that cannot be good" });
  }
  const recovered = await recover(home, name, retryAfterMs - (Date.now() - lastTry));
  runs.push(...recovered.runs);
  objections.push(...recovered.runs.flatMap((run) => [...objectionsToEnd(run)]));
  if (!recovered.good) {
    const lost = recovered.runs.some(needsSignIn);
    objections.push({ kind: lost ? "loss" : "broken", what: `no good token after the ${what} was over` });
  }
  tally.count("processes", runs.length);
  tally.count("requests to a failing server", failed.length);
  tally.most("requests in one round", failed.length);
  for (const objection of objections) {
    world.fail(objection.kind, round, `${what}: ${objection.what}`, culprits(runs));
  }
  if (!recovered.good) await home.must(["login", name]);
}

/** Asks until there is a good token. */
async function recover(home: Home, name: string, afterMs: number): Promise<{ good: boolean; runs: Run[] }> {
  const { world } = home;
  const end = performance.now() + Math.max(0, afterMs) + RECOVERY_MS;
  const runs: Run[] = [];
  do {
    const run = await home.run(["token", name]);
    runs.push(run);
    if ((await goodTokens(world, [run])).size > 0) return { good: true, runs };
    if (needsSignIn(run)) break;
    await pause(ASK_EVERY_MS, world.arena.signal);
  } while (performance.now() < end);
  return { good: false, runs };
}

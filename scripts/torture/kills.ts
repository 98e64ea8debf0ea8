/**
 * Commands killed with SIGKILL at a random moment: `refresh`, `add`, `logout` and the changes of the keystore, some of
 * them while the token endpoint is slow, so that the blow falls between the request and the write of its answer. After
 * each the store opens, every record is whole, and every entry has its credential; except that a refresh token may have
 * been spent in flight, which the server confirms and the product has to report as that.
 *
 * @module
 * @see behaviours rows 1 and 48
 */
import { type Arena, roundsOf } from "./arena.ts";
import { killKeystoreChange } from "./kills_keystore.ts";
import { judgeCredential, objectionsToEnd } from "./judge.ts";
import { type Entry, KILLED, Lane } from "./lane.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./result.ts";
import { World } from "./world.ts";

/** Lanes beside each other: one for each core of a small machine. */
const LANES = 2;
/** Entries of each: one alone would get more token responses in half a minute than any entry may. */
const ENTRIES = 4;
/** Some commands end before the blow falls. */
const ROUNDS_PER_KILL_MAX = 3;
/** What is killed, each as often as it stands here. */
const VICTIMS = ["refresh", "refresh", "refresh", "refresh", "add", "logout", "rekey", "use"] as const;

/** Runs the scenario: rounds until there were as many kills as there are to be rounds. */
export async function kills(arena: Arena, tally: Tally): Promise<void> {
  const { length: wanted } = roundsOf(arena.settings, 40, 300);
  const { from } = arena.settings;
  const last = from + ROUNDS_PER_KILL_MAX * wanted;
  await Promise.all(Array.from({ length: LANES }, async (_, index) => {
    await using world = await World.start(arena, tally, { world: index });
    const lane = new Lane(world, await world.home());
    await lane.signIn(["--keystore", "file"]);
    while (lane.entries.length < ENTRIES) await lane.signIn();
    await measure(lane);
    for (let round = from + index; round < last && tally.counted(KILLED) < wanted; round += LANES) {
      arena.signal.throwIfAborted();
      const random = arena.random.branch("kills").branch(round);
      const victim = random.pick(VICTIMS);
      await kill(lane, victim, round, random);
      tally.round();
      tally.count(`of ${victim}`);
      arena.say(`kills: round ${round} (${victim}) done`);
    }
  }));
  if (tally.counted(KILLED) < wanted) {
    throw new Error(`Only ${tally.counted(KILLED)} of ${wanted} were killed`);
  }
}

async function measure(lane: Lane): Promise<void> {
  const entry = lane.entries[0]!;
  for (
    const [name, args] of [
      ["refresh", ["refresh", entry.name]],
      ["rekey", ["keystore", "rekey"]],
      ["logout", ["logout", entry.name]],
    ] as const
  ) {
    const { ms } = await lane.home.must(args, { env: lane.env });
    lane.usualMs.set(name, ms);
  }
  await lane.replace(entry);
}

async function kill(
  lane: Lane,
  victim: typeof VICTIMS[number],
  round: number,
  random: Random,
): Promise<void> {
  switch (victim) {
    case "refresh":
      return await killRefresh(lane, round, random);
    case "add":
      return await killAdd(lane, round, random);
    case "logout":
      return await killLogout(lane, round, random);
    default:
      return await killKeystoreChange(lane, victim, round, random);
  }
}

async function killRefresh(lane: Lane, round: number, random: Random): Promise<void> {
  const { world } = lane;
  const { tally, ledger } = world;
  const entry = random.pick(lane.entries);
  const mark = ledger.length;
  const usualMs = lane.usualMs.get("refresh")!;
  // Somebody else may be at it too, and take over from the one that is killed.
  const sibling = random.chance(0.3) ? lane.run(["refresh", entry.name, "--json"]) : undefined;
  const struck = await lane.strike(["refresh", entry.name], { targets: ["POST /token"], usualMs }, random);
  if (struck.killed) tally.count(KILLED);
  const taken = await sibling;
  await lane.isWhole(round, struck);
  const spent = ledger.refreshes(mark).findLast(({ issued }) => issued !== undefined);
  const next = await lane.run(["refresh", entry.name, "--json"]);
  const stored = ledger.refreshes(mark).some(({ presented }) => presented === spent?.issued?.refresh);
  const inFlight = struck.killed && spent !== undefined && !stored && isAround(spent.at, struck.at);
  const asked = await lane.home.askForToken(entry.name, { env: lane.env });
  const verdicts = [
    ...taken === undefined ? [] : [judgeCredential(taken, inFlight, true)],
    judgeCredential(next, inFlight, asked.good),
  ];
  lane.follow(entry);
  const verdict = verdicts.find((each) => typeof each !== "string") ??
    verdicts.find((each) => each === "spent in flight") ?? "kept";
  if (verdict === "kept") return tally.count("kept");
  if (verdict === "spent in flight") tally.count("spent in flight and reported");
  else {
    const runs = [next, ...taken === undefined ? [] : [taken], asked.run, struck.run];
    world.fail(verdict.kind, round, `refresh: ${verdict.what}`, runs);
  }
  await lane.replace(entry);
}

/** Whether an exchange was under way when the blow fell: a request that had left may arrive after it. */
function isAround(exchangedAt: number, struckAt: number): boolean {
  return Math.abs(struckAt - exchangedAt) < IN_FLIGHT_MS;
}

/** An answer that is held for 200 ms, and the write of it, on a busy machine; in ms. */
const IN_FLIGHT_MS = 1_500;

async function killAdd(lane: Lane, round: number, random: Random): Promise<void> {
  const { world } = lane;
  const name = lane.newName();
  const mark = world.ledger.length;
  const args = ["add", name, world.mcp.url];
  const targets = ["POST /token", "POST /reg", "GET /auth"];
  const struck = await lane.strike(args, { targets, usualMs: lane.usualMs.get("add")! }, random);
  if (struck.killed) world.tally.count(KILLED);
  await lane.isWhole(round, struck);
  const status = await lane.run(["status", name, "--json"]);
  if (status.code === 5) {
    world.tally.count("not added");
    if (random.chance(0.5)) return;
    const again = await lane.run(args);
    if (again.code !== 0) {
      return world.fail("broken", round, "add: it cannot be added again", [again, struck.run]);
    }
  } else {
    const state = status.code === 0 ? JSON.parse(status.stdout).state : undefined;
    if (state !== "signed-in") {
      return world.fail("broken", round, `add: half of it is there (${state})`, [status, struck.run]);
    }
    world.tally.count("kept");
  }
  const asked = await lane.home.askForToken(name, { env: lane.env });
  if (!asked.good) return world.fail("loss", round, "add: its token is not good", [asked.run, struck.run]);
  const entry = lane.keep(name, mark);
  const other = random.pick(lane.entries.filter((each) => each !== entry));
  lane.entries.splice(lane.entries.indexOf(other), 1);
  await lane.home.must(["remove", other.name], { env: lane.env });
}

async function killLogout(lane: Lane, round: number, random: Random): Promise<void> {
  const { world } = lane;
  const { tally, ledger } = world;
  const entry = random.pick(lane.entries);
  const struck = await lane.strike(
    ["logout", entry.name],
    { targets: ["POST /token/revocation"], usualMs: lane.usualMs.get("logout")! },
    random,
  );
  if (struck.killed) tally.count(KILLED);
  await lane.isWhole(round, struck);
  const state = await stateOf(lane, entry, round);
  const alive = await ledger.isAlive(entry.refreshToken);
  if (state === "not-signed-in") {
    tally.count("signed out");
    if (alive) {
      world.fail("broken", round, "logout: forgotten here, and good at the server still", [struck.run]);
    }
  } else if (alive && random.chance(0.5)) {
    const asked = await lane.home.askForToken(entry.name, { env: lane.env });
    if (asked.good) return tally.count("kept");
    world.fail("loss", round, "logout: its token is not good", [asked.run, struck.run]);
  } else {
    const again = await lane.run(["logout", entry.name]);
    const [objection] = objectionsToEnd(again);
    const left = await stateOf(lane, entry, round);
    if (objection !== undefined || again.code !== 0 || left !== "not-signed-in") {
      const what = objection?.what ?? `it cannot be finished (${left})`;
      world.fail("broken", round, `logout: ${what}`, [again, struck.run]);
    } else if (await ledger.isAlive(entry.refreshToken)) {
      world.fail("broken", round, "logout: its refresh token is good still", [again, struck.run]);
    }
    tally.count("signed out");
  }
  await lane.replace(entry);
}

async function stateOf(lane: Lane, entry: Entry, round: number): Promise<unknown> {
  const status = await lane.run(["status", entry.name, "--json"]);
  if (status.code === 0) return JSON.parse(status.stdout).state;
  lane.world.fail("broken", round, `"status" ended with ${status.code}`, [status]);
  return undefined;
}

/**
 * 32 processes ask for a token at the same moment, when it has just expired, from a server that ends the session of
 * whoever presents a refresh token twice: one refresh, 32 good tokens, and the session goes on.
 *
 * In every second round they are held at the entry's lock until all 32 stand there, each of them having seen the old
 * token and decided to refresh it: nothing can be closer together.
 *
 * @module
 * @see behaviours row 1
 */
import { sha256Hex } from "../../lib/primitives/crypto/digest.ts";
import { type Arena, roundsOf } from "./arena.ts";
import type { Home } from "./home.ts";
import { objectionsToRace, tokenOf } from "./judge.ts";
import { pause } from "../../lib/primitives/system/clock.ts";
import { type Run, until } from "./process.ts";
import type { Tally } from "./result.ts";
import { World } from "./world.ts";

/** How many ask at once. */
export const PROCESSES = 32;
/** The life of a token that is about to expire, in seconds. */
const SHORT_LIFE_S = 1;
const LONG_LIFE_S = 3600;
/** How long the processes may take to get to the lock, in ms: below what they wait there. */
const GATHER_MS = 12_000;
/** Entries in turn: one alone would get more token responses in half a minute than any entry may. */
export const ENTRIES = ["raced-0", "raced-1", "raced-2", "raced-3"] as const;

/** Runs the scenario. */
export async function race(arena: Arena, tally: Tally): Promise<void> {
  await using world = await World.start(arena, tally);
  const home = await world.home();
  for (const name of ENTRIES) await home.signIn(name);
  for (const round of roundsOf(arena.settings, 5, 50)) {
    arena.signal.throwIfAborted();
    await raceOnce(world, home, round);
    tally.round();
    arena.say(`race: round ${round} done`);
  }
}

async function raceOnce(world: World, home: Home, round: number): Promise<void> {
  const { arena, ledger, tally } = world;
  const random = arena.random.branch("race").branch(round);
  const atLock = round % 2 === 1;
  const name = ENTRIES[round % ENTRIES.length]!;
  await expireToken(home, name);
  const mark = ledger.length;
  if (random.chance(0.5)) world.as.fail("POST /token", 1, { delayMs: random.whole(1, 700) });
  const form = () => random.pick([[], [], ["--json"], ["--header"]]);
  const ask = () => Array.from({ length: PROCESSES }, () => home.start(["token", name, ...form()]));
  const running = atLock ? await gathered(home, round, name, ask) : ask();
  const runs = await Promise.all(running.map(({ outcome }) => outcome));
  const refreshes = ledger.refreshes(mark);
  const last = refreshes.findLast(({ issued }) => issued?.refresh !== undefined)?.issued?.refresh;
  const objections = objectionsToRace({
    runs,
    refreshes,
    good: await goodTokens(world, runs),
    sessionAlive: last !== undefined && await ledger.isAlive(last),
  });
  tally.count("tokens", runs.filter((run) => tokenOf(run) !== undefined).length);
  tally.count("refreshes", refreshes.length);
  tally.count(atLock ? "rounds from the lock" : "rounds from the start", 1);
  for (const { kind, what } of objections) world.fail(kind, round, what, culprits(runs));
  // A session that is gone would make every later round fail for it.
  if (objections.some(({ kind }) => kind === "loss")) await home.must(["login", name]);
}

/** Leaves an entry with a token that expires this moment, for the server as well. */
export async function expireToken(home: Home, name: string): Promise<void> {
  const { world } = home;
  world.life = SHORT_LIFE_S;
  await home.must(["refresh", name]);
  world.life = LONG_LIFE_S;
  await pause(SHORT_LIFE_S * 1000, world.arena.signal);
}

/** The tokens that the server takes, among those that were printed. */
export async function goodTokens(world: World, runs: readonly Run[]): Promise<ReadonlySet<string>> {
  const good = new Set<string>();
  for (const token of new Set(runs.map(tokenOf))) {
    if (token !== undefined && await world.accepts(token)) good.add(token);
  }
  return good;
}

/** The runs that went wrong before those that went well. */
export function culprits(runs: readonly Run[]): readonly Run[] {
  return runs.toSorted((a, b) => Number(a.code === 0) - Number(b.code === 0));
}

/** Holds processes at the entry's lock until all of them are there. */
async function gathered(
  home: Home,
  round: number,
  name: string,
  start: () => ReturnType<Home["start"]>[],
): Promise<ReturnType<Home["start"]>[]> {
  const { world } = home;
  const path = findBelow(home.store, `${await sha256Hex(name)}.lock`);
  if (path === undefined) throw new Error(`Cannot find the lock of "${name}" below ${home.store}`);
  using file = await Deno.open(path, { write: true });
  await file.lock(true);
  const mark = world.ledger.length;
  const running = start();
  const isThere = ({ pid, ended }: { pid: number; ended: boolean }) => !ended && hasOpen(pid, path);
  if (!await until(() => running.every(isThere), GATHER_MS, world.arena.signal)) {
    const there = running.filter(isThere).length;
    world.fail("broken", round, `only ${there} of ${running.length} processes came to the lock`);
  }
  if (world.ledger.refreshes(mark).length > 0) {
    world.fail("broken", round, "a refresh was begun without the lock");
  }
  return running;
}

function findBelow(folder: string, file: string): string | undefined {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const found = isDirectory ? findBelow(`${folder}/${name}`, file) : name === file && `${folder}/${name}`;
    if (found) return found;
  }
  return undefined;
}

function hasOpen(pid: number, path: string): boolean {
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      try {
        if (Deno.readLinkSync(`/proc/${pid}/fd/${name}`) === path) return true;
      } catch {
        // It was closed this moment.
      }
    }
  } catch {
    // The process has ended.
  }
  return false;
}

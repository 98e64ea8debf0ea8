/**
 * A disk that is full to the last block, or nearly, and a folder that cannot be written to: every command ends with a
 * code, and once there is space again every entry has its credential. A refresh that the disk has no room for must not
 * be begun: its answer could not be kept.
 *
 * @module
 */
import { type Arena, roundsOf } from "./arena.ts";
import type { Home } from "./home.ts";
import { errorOf, judgeCredential, objectionsToEnd } from "./judge.ts";
import { must } from "./namespaces.ts";
import type { Run } from "./process.ts";
import { expireToken } from "./race.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./result.ts";
import { World } from "./world.ts";

const ENTRY = "stored";
/** Room for a store and little else. */
const DISK = "4m";
const BLOCK = 4096;
/** Up to so many blocks are left free: an open store takes about twenty for itself. */
const BLOCKS_LEFT_MAX = 40;

/** Codes that a disk may be the reason of. */
const DISK_CODES: ReadonlySet<string> = new Set([
  "STORE_UNAVAILABLE",
  "PERMISSION_DENIED",
  "KEYSTORE_UNAVAILABLE",
]);

/** What the disk does, in turn. */
const TROUBLES = [readOnlyOnce, fullOnce, filledMeanwhileOnce, fullOnce] as const;

/** Runs the scenario; in a mount namespace of its own. */
export async function disk(arena: Arena, tally: Tally): Promise<void> {
  await using world = await World.start(arena, tally);
  for (const round of roundsOf(arena.settings, 8, 40)) {
    arena.signal.throwIfAborted();
    const random = arena.random.branch("disk").branch(round);
    const home = await world.home();
    await must("mount", ["-t", "tmpfs", "-o", `size=${DISK},mode=700`, "tmpfs", home.path]);
    try {
      await home.signIn(ENTRY);
      await TROUBLES[round % TROUBLES.length]!(home, round, random);
    } finally {
      try {
        await world.leave(home);
      } finally {
        await must("umount", ["-l", home.path]);
      }
    }
    tally.round();
    arena.say(`disk: round ${round} done`);
  }
}

async function fullOnce(home: Home, round: number, random: Random): Promise<void> {
  const isOver = random.chance(0.5);
  if (isOver) await expireToken(home, ENTRY);
  const left = random.chance(0.3) ? 0 : random.whole(1, BLOCKS_LEFT_MAX);
  fill(`${home.path}/filler`, left * BLOCK);
  home.world.tally.count("full disks");
  const runs = await tryCommands(home, random);
  await Deno.remove(`${home.path}/filler`);
  await judgeAfter(home, round, `a disk with ${left} blocks left`, runs, isOver);
}

/** The disk fills up while the server has the refresh token: there was room when it was sent. */
async function filledMeanwhileOnce(home: Home, round: number, random: Random): Promise<void> {
  const { world } = home;
  const isOver = random.chance(0.5);
  if (isOver) await expireToken(home, ENTRY);
  let blocks = 0;
  const order = world.as.fail("POST /token", 1, {
    until: () => {
      blocks = fill(`${home.path}/filler`, 0) / BLOCK;
      return Promise.resolve();
    },
  });
  const run = await home.run([isOver ? "token" : "refresh", ENTRY, "--json"]);
  order.end();
  world.tally.count("disks that filled up meanwhile");
  if (blocks === 0) world.fail("broken", round, "the disk was not filled", [run]);
  const runs = [run, ...await tryCommands(home, random)];
  await Deno.remove(`${home.path}/filler`);
  await judgeAfter(home, round, "a disk that filled up meanwhile", runs, isOver);
}

async function readOnlyOnce(home: Home, round: number, random: Random): Promise<void> {
  const isOver = random.chance(0.5);
  if (isOver) await expireToken(home, ENTRY);
  await must("mount", ["-o", "remount,ro", home.path]);
  home.world.tally.count("read-only folders");
  const runs = await tryCommands(home, random);
  await must("mount", ["-o", "remount,rw", home.path]);
  await judgeAfter(home, round, "a read-only folder", runs, isOver);
}

/** Some commands, one after the other, in any order. */
async function tryCommands(home: Home, random: Random): Promise<readonly Run[]> {
  const commands = [
    ["token", ENTRY],
    ["refresh", ENTRY, "--json"],
    ["status", ENTRY, "--json"],
    ["list", "--json"],
    ["add", "another", home.world.mcp.url, "--json"],
    ["logout", "nobody", "--json"],
    ["keystore", "rekey", "--json"],
  ];
  const runs: Run[] = [];
  for (let count = random.whole(1, 4); count > 0; count--) runs.push(await home.run(random.pick(commands)));
  // One at least needs room for what the server gives.
  runs.push(await home.run(["refresh", ENTRY, "--json"]));
  return runs;
}

async function judgeAfter(
  home: Home,
  round: number,
  where: string,
  runs: readonly Run[],
  isOver: boolean,
): Promise<void> {
  const { world } = home;
  const { tally } = world;
  for (const run of runs) {
    const code = errorOf(run)?.code;
    tally.count(run.code === 0 ? "commands that went well" : "coded errors");
    const [objection] = objectionsToEnd(run);
    if (objection !== undefined) world.fail("broken", round, `${where}: ${objection.what}`, [run]);
    else if (
      code !== undefined && code !== "NOT_FOUND" && code !== "CONFIG_INVALID" && !DISK_CODES.has(code)
    ) {
      world.fail("broken", round, `${where}: the code is ${code}`, [run]);
    }
  }
  const asked = await home.askForToken(ENTRY);
  const next = await home.run(["refresh", ENTRY, "--json"]);
  const after = await home.askForToken(ENTRY);
  const listed = await home.run(["list", "--json"]);
  // Here nothing is in flight that could be lost: what cannot be stored must not be asked for.
  const verdict = judgeCredential(next, false, after.good && (asked.good || isOver));
  if (verdict === "kept") tally.count("kept");
  else if (typeof verdict !== "string") {
    world.fail(verdict.kind, round, `${where}: ${verdict.what}`, [next, asked.run, listed, ...runs]);
  }
  if (listed.code !== 0) world.fail("broken", round, `${where}: the store does not open`, [listed, ...runs]);
}

/** Fills the disk up to some bytes; how many it wrote. */
function fill(path: string, leftBytes: number): number {
  using file = Deno.openSync(path, { write: true, create: true });
  const block = new Uint8Array(BLOCK);
  let written = 0;
  try {
    for (;;) written += file.writeSync(block);
  } catch {
    // It is full.
  }
  const length = Math.max(0, Math.floor(written / BLOCK) * BLOCK - leftBytes);
  file.truncateSync(length);
  return length;
}

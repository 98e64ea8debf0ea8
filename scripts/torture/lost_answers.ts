/**
 * The refresh request arrives, the server spends the refresh token, and the packets of its answer are dropped on the
 * wire: for good, or until TCP sends them again; while the client waits, or is killed; at a server that rotates, and at
 * one that does not. Sometimes the request itself is dropped. The next ask either recovers or says exactly what
 * happened, and nobody is sent to sign in whose refresh token was not spent.
 *
 * @module
 * @see behaviours rows 1 and 3
 */
import { type Arena, roundsOf } from "./arena.ts";
import { type CredentialVerdict, judgeCredential, objectionsToEnd } from "./judge.ts";
import { type Entry, Lane } from "./lane.ts";
import { pause } from "../../lib/primitives/system/clock.ts";
import type { Run } from "./process.ts";
import { expireToken } from "./race.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./result.ts";
import { Wire } from "./wire.ts";
import { World } from "./world.ts";

/** Rounds wait for most of their time: so many are under way at once, each with servers of its own. */
const LANES = 4;

/** What becomes of the answer. */
const LOSSES = [
  "lost",
  "killed while waiting",
  "late",
  "lost",
  "request lost",
  "lost without rotation",
] as const;

/** How long the next ask may have to be repeated until the pause after the failure is over, in ms. */
const RECOVERY_MS = 20_000;
const ASK_EVERY_MS = 500;
/** A refresh is given up after 10 s: a late answer comes before. */
const LATE_MS = 3_000;

/** Runs the scenario. */
export async function lostAnswers(arena: Arena, tally: Tally): Promise<void> {
  const wire = await Wire.lay();
  const rounds = roundsOf(arena.settings, 6, 50);
  await Promise.all(Array.from({ length: LANES }, async (_, index) => {
    await using rotating = await World.start(arena, tally, { world: index });
    await using lasting = await World.start(arena, tally, {
      world: LANES + index,
      rotateRefreshTokens: false,
    });
    const lanes = await Promise.all(
      [rotating, lasting].map(async (world) => new Lane(world, await world.home())),
    );
    for (const lane of lanes) await lane.signIn(["--keystore", "file"]);
    for (const round of rounds.filter((each) => each % LANES === index)) {
      arena.signal.throwIfAborted();
      const random = arena.random.branch("lost").branch(round);
      const loss = LOSSES[round % LOSSES.length]!;
      await loseOnce(lanes[loss === "lost without rotation" ? 1 : 0]!, wire, loss, round, random);
      tally.round();
      arena.say(`lost: round ${round} (${loss}) done`);
    }
  }));
  const dropped = await wire.dropped();
  tally.count("packets dropped", dropped);
  if (dropped === 0) throw new Error("The wire has dropped nothing");
}

async function loseOnce(
  lane: Lane,
  wire: Wire,
  loss: typeof LOSSES[number],
  round: number,
  random: Random,
): Promise<void> {
  const { world } = lane;
  const { ledger, tally } = world;
  const entry = lane.entries[0]!;
  const isOver = random.chance(0.5);
  if (isOver) {
    await expireToken(lane.home, entry.name);
    lane.follow(entry);
  }
  const mark = ledger.length;
  const args = isOver ? ["token", entry.name, "--json"] : ["refresh", entry.name, "--json"];
  const first = await ask(lane, wire, loss, args, random);
  const { tokens, run } = first;
  const spent = isSpent(lane, entry, mark);
  const runs = [run, ...await askAgain(lane, entry)];
  const last = runs.at(-1)!;
  const asked = await lane.home.askForToken(entry.name, { env: lane.env });
  lane.follow(entry);

  tally.count(loss);
  tally.count("answers dropped", tokens);
  const objections: Exclude<CredentialVerdict, string>[] = [];
  if (loss === "late") {
    if (run.code !== 0) objections.push({ kind: "broken", what: "an answer that came late was not taken" });
  } else if (loss !== "killed while waiting") {
    objections.push(...objectionsToEnd(run));
    if (run.code === 0) objections.push({ kind: "broken", what: "it says that it went well" });
  }
  const verdict = judgeCredential(last, spent && loss !== "late", asked.good);
  if (typeof verdict !== "string") objections.push(verdict);
  else tally.count(verdict === "kept" ? "recovered" : "spent in flight and reported");
  for (const { kind, what } of objections) world.fail(kind, round, `${loss}: ${what}`, [...runs, asked.run]);
  if (verdict !== "kept") await lane.replace(entry);
}

/** Whether the server has replaced the refresh token since a mark, by one that nobody has got. */
function isSpent(lane: Lane, { refreshToken }: Entry, mark: number): boolean {
  return lane.world.ledger.refreshes(mark).some(({ presented, issued }) =>
    presented === refreshToken && issued?.refresh !== undefined && issued.refresh !== refreshToken
  );
}

/** One ask whose answer, or whose request, is dropped. */
async function ask(
  lane: Lane,
  wire: Wire,
  loss: typeof LOSSES[number],
  args: readonly string[],
  random: Random,
): Promise<{ run: Run; tokens: number }> {
  const { as, arena } = lane.world;
  const port = Number(new URL(as.issuer).port);
  if (loss === "request lost") {
    await using _cut = await wire.cutOff(port);
    return { run: await lane.run(args), tokens: 0 };
  }
  await using cuts = new AsyncDisposableStack();
  const dropped = Promise.withResolvers<AsyncDisposable>();
  let tokens = 0;
  const order = as.fail("POST /token", Infinity, {
    until: async ({ clientPort }) => {
      tokens++;
      dropped.resolve(cuts.use(await wire.loseAnswers(port, clientPort!)));
    },
  });
  const running = lane.home.start(args, { env: lane.env });
  const first = await Promise.race([dropped.promise, running.outcome.then(() => undefined)]);
  if (first !== undefined && loss === "killed while waiting") {
    await pause(random.between(0, LATE_MS), arena.signal);
    running.kill();
  } else if (first !== undefined && loss === "late") {
    await pause(random.between(200, LATE_MS), arena.signal);
    order.end();
    await first[Symbol.asyncDispose]();
  }
  const run = await running.outcome;
  order.end();
  return { run, tokens };
}

/** Asks until the answer is a token, or that a sign-in is needed. */
async function askAgain(lane: Lane, entry: Entry): Promise<readonly Run[]> {
  const runs: Run[] = [];
  const end = performance.now() + RECOVERY_MS;
  do {
    if (runs.length > 0) await pause(ASK_EVERY_MS, lane.world.arena.signal);
    runs.push(await lane.run(["refresh", entry.name, "--json"]));
  } while (runs.at(-1)!.code === 3 && performance.now() < end);
  return runs;
}

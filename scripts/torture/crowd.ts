/**
 * 20 processes open the store at once: a store that is not there yet, which all of them make, and one that is in use.
 * Each does what it was asked to, and everything that was written is there.
 *
 * @module
 * @see behaviours row 43
 */
import { startMcpServer } from "../demo/servers/mcp_server.ts";
import { type Arena, roundsOf } from "./arena.ts";
import { objectionsToEnd } from "./judge.ts";
import type { Run } from "./process.ts";
import { culprits } from "./race.ts";
import type { Tally } from "./result.ts";
import { World } from "./world.ts";

const PROCESSES = 20;
const ENTRY = "signed-in";

/** Runs the scenario. */
export async function crowd(arena: Arena, tally: Tally): Promise<void> {
  await using world = await World.start(arena, tally);
  await using open = await startMcpServer({ open: true });
  for (const round of roundsOf(arena.settings, 3, 20)) {
    arena.signal.throwIfAborted();
    const random = arena.random.branch("crowd").branch(round);
    const home = await world.home();
    const names = Array.from({ length: PROCESSES }, (_, index) => `entry-${String(index).padStart(2, "0")}`);
    const added = await Promise.all(names.map((name) => home.run(["add", name, open.url])));
    await home.signIn(ENTRY);
    const mixed = await Promise.all(names.map((name) =>
      home.run(random.pick([
        ["token", ENTRY],
        ["status", ENTRY, "--json"],
        ["list", "--json"],
        ["rename", name, `${name}-renamed`],
        ["set", name, "--header", "X-Torture: yes"],
        ["exec", ENTRY, "--", "sleep", "0.1"],
        ["exec", ENTRY, "--fd", "3", "--", "sh", "-c", "cat <&3 >/dev/null; sleep 0.1"],
      ]))
    ));
    const listed = await home.run(["list", "--json"]);
    const runs: readonly Run[] = [...added, ...mixed, listed];
    tally.count("processes", runs.length);
    for (const run of runs) {
      for (const { kind, what } of objectionsToEnd(run)) world.fail(kind, round, what, [run]);
    }
    const failed = runs.filter(({ code }) => code !== 0);
    if (failed.length > 0) world.fail("broken", round, `${failed.length} commands failed`, culprits(failed));
    const entries: { name: string }[] = listed.code === 0 ? JSON.parse(listed.stdout) : [];
    const renamed = new Map(
      mixed.filter(({ args }) => args[0] === "rename").map(({ args }) => [args[1], args[2]]),
    );
    const there = new Set(entries.map(({ name }) => name));
    const missing = [...names.map((name) => renamed.get(name) ?? name), ENTRY].filter((name) =>
      !there.has(name!)
    );
    if (missing.length > 0) world.fail("loss", round, `entries are gone: ${missing.join(", ")}`, [listed]);
    const asked = await home.askForToken(ENTRY);
    if (!asked.good) world.fail("loss", round, "its token is not good", [asked.run]);
    tally.round();
    arena.say(`crowd: round ${round} done`);
  }
}

/**
 * The scenarios by their names, and how a list of them is run: each with servers of its own, some in a network or a file
 * system of their own. What breaks one ends it alone.
 *
 * @module
 */
import { type Arena, SECRETS_ROW, type Settings } from "./arena.ts";
import { clock } from "./clock.ts";
import { crowd } from "./crowd.ts";
import { disk } from "./disk.ts";
import { faults } from "./faults.ts";
import { keychain } from "./keychain.ts";
import { kills } from "./kills.ts";
import { lostAnswers } from "./lost_answers.ts";
import { type Namespace, runApart, whyNot } from "./namespaces.ts";
import { ProcessWatch } from "./process_watch.ts";
import { race } from "./race.ts";
import { Random } from "./random.ts";
import { type Result, Tally } from "./result.ts";

interface Scenario {
  readonly run: (arena: Arena, tally: Tally) => Promise<void>;
  /** What it needs for itself alone. */
  readonly namespace?: Namespace;
  /** Programs of the system that it needs. */
  readonly tools?: readonly string[];
}

/** The scenarios in the order in which they run. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  race: { run: race },
  faults: { run: faults },
  kills: { run: kills },
  lost: { run: lostAnswers, namespace: "net", tools: ["ip", "nft"] },
  disk: { run: disk, namespace: "mount", tools: ["mount", "umount"] },
  clock: { run: clock, tools: ["faketime"] },
  keychain: { run: keychain, tools: ["dbus-run-session", "gnome-keyring-daemon", "secret-tool"] },
  crowd: { run: crowd },
};

/** How scenarios are run. */
export interface Course {
  readonly settings: Settings;
  /** A folder for everything. */
  readonly root: string;
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
  /** Tells a person how far it is. */
  readonly say: (line: string) => void;
  /** The namespace that this process is in already. */
  readonly inside: string | undefined;
}

/**
 * Runs scenarios one after the other.
 *
 * @param names Their names.
 * @param course How.
 * @returns What they come to, and what the search for secrets does; a scenario may be there more than once.
 */
export async function runScenarios(names: readonly string[], course: Course): Promise<readonly Result[]> {
  const { settings, root, signal, say } = course;
  using watch = new ProcessWatch(root);
  const secrets = new Tally(SECRETS_ROW);
  const random = new Random(settings.seed);
  const arena: Arena = { settings, random, root, watch, signal, secrets, sightings: [], say };
  const results: Result[] = [];
  for (const name of names) {
    say(`${name} ...`);
    const tally = new Tally(name);
    try {
      results.push(...await runScenario(name, arena, tally, course.inside));
    } catch (error) {
      signal.throwIfAborted();
      const detail = error instanceof Error ? error.stack ?? error.message : String(error);
      tally.fail({ kind: "broken", round: 0, what: "the scenario ended early", detail });
      results.push(tally.result());
    }
  }
  // Where nothing could run there was nothing to search.
  const isIdle = results.every(({ skipped }) => skipped !== undefined);
  return isIdle ? results : [...results, { ...secrets.result(), seconds: 0 }];
}

async function runScenario(
  name: string,
  arena: Arena,
  tally: Tally,
  inside: string | undefined,
): Promise<readonly Result[]> {
  const { run, namespace, tools = [] } = SCENARIOS[name]!;
  const obstacle = inside === undefined ? await whyNot(tools, namespace) : undefined;
  if (obstacle !== undefined) return [{ ...tally.result(), skipped: obstacle }];
  if (namespace !== undefined && inside !== namespace) return await runApart(arena, name, namespace);
  await run(arena, tally);
  return [tally.result()];
}

/**
 * What all scenarios of one run share: the seed, the program, a folder for everything, and what was searched for
 * secrets.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { ProcessWatch, Sighting } from "./process_watch.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./result.ts";

/** What a run of the torture was asked to be. */
export interface Settings {
  readonly seed: string;
  /** The form for every change: fewer rounds. */
  readonly short: boolean;
  /** How many times the usual rounds. */
  readonly scale: number;
  /** The rounds of each scenario, in place of the usual ones. */
  readonly rounds: number | undefined;
  /** The first round: to run one again. */
  readonly from: number;
  /** The `main.ts` that is tortured. */
  readonly program: string;
  /** Nobody is told how far it is. */
  readonly quiet: boolean;
}

/** The surroundings of all scenarios. */
export interface Arena {
  readonly settings: Settings;
  readonly random: Random;
  /** A folder of its own, removed in the end. */
  readonly root: string;
  readonly watch: ProcessWatch;
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
  /** What became of the search for secrets in all scenarios. */
  readonly secrets: Tally;
  /** What was seen of processes and is not searched yet. */
  readonly sightings: Sighting[];
  /** Tells a person how far it is. */
  readonly say: (line: string) => void;
}

/** The row of the search. */
export const SECRETS_ROW = "secrets";

/** The rounds of a scenario. */
export function roundsOf({ rounds, short, scale, from }: Settings, forShort: number, forLong: number) {
  const count = rounds ?? (short ? forShort : Math.ceil(forLong * scale));
  return Array.from({ length: count }, (_, index) => from + index);
}

/** The path of a file of the checkout. */
export function checkoutPath(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

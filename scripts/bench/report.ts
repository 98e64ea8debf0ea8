/**
 * Sets the measurements side by side, with their ratios and what these may be.
 *
 * @module
 */
import { type Answer, ANSWERS, IN_FLIGHT, isLarge, LARGE_IN_FLIGHT, type Round } from "./bridges.ts";
import { KEYCHAIN_READ, KEYCHAIN_TOKEN } from "./start_up.ts";
import { median } from "./statistics.ts";
import type { BridgeName } from "./world.ts";

/** Everything that was measured. */
export interface Measurements {
  /** Milliseconds of whole processes, by program. */
  readonly startUp: ReadonlyMap<string, readonly number[]>;
  /** Why the keychain was not measured, where it was not. */
  readonly keychainMissing: string | undefined;
  /** One call without a bridge, in milliseconds, by the kind of answers: the median. */
  readonly directMs: ReadonlyMap<Answer, number>;
  /** The rounds by bridge. */
  readonly bridges: ReadonlyMap<BridgeName, readonly Round[]>;
}

/** What a ratio may be. */
export type Budget = { readonly atMost: number } | { readonly atLeast: number };

/** One line of the report. */
export interface Line {
  readonly what: string;
  readonly unit: "ms" | "calls/s" | "MiB";
  /** Medians by what was measured, NaN where it cannot be; the first is the product's, the second what it is compared with. */
  readonly medians: Readonly<Record<string, number>>;
  /** The first in relation to the second. */
  readonly ratio: number;
  readonly budget?: Budget;
  /** Whether the ratio is within the budget; undefined without one. */
  readonly kept?: boolean;
}

const PRODUCT = "mcp-auth";
const EMPTY = "empty deno run";
const MIB = 1_048_576;

/** Compares whole processes with an empty one. */
export function compareStartUp({ startUp, keychainMissing }: Measurements): Line[] {
  const medianOf = (name: string) => median(startUp.get(name) ?? []);
  const compare = (name: string, ms: number, budget?: Budget) =>
    line(name, "ms", { [PRODUCT]: ms, [EMPTY]: medianOf(EMPTY) }, budget);
  const lines = [...startUp.keys()].filter((name) => name !== EMPTY).map((name) =>
    compare(name, medianOf(name), name === "token" ? { atMost: 2 } : undefined)
  );
  if (keychainMissing !== undefined) {
    return [...lines, compare(`${KEYCHAIN_TOKEN}: not measured, it ${keychainMissing}`, NaN)];
  }
  const rest = medianOf(KEYCHAIN_TOKEN) - medianOf(KEYCHAIN_READ);
  return [...lines, compare(`${KEYCHAIN_TOKEN}, less one bare read`, rest, { atMost: 2 })];
}

/** Compares the bridges as processes: their start and their memory. */
export function compareBridges({ bridges }: Measurements): Line[] {
  const medians = mediansOf(bridges, WITHOUT_DPOP);
  const lines = [
    line("start to first reply", "ms", medians(({ firstReplyMs }) => firstReplyMs), { atMost: 0.25 }),
    line("peak memory", "MiB", medians(({ peakBytes }) => (peakBytes ?? NaN) / MIB), { atMost: 0.6 }),
    line(
      "peak memory, with answers of 1 MiB",
      "MiB",
      medians(({ peakAfterLargeBytes }) => (peakAfterLargeBytes ?? NaN) / MIB),
    ),
  ];
  return lines.filter(({ ratio }) => !Number.isNaN(ratio));
}

/**
 * Compares the calls of the bridges, by the kind of answers.
 *
 * @param subjects What is compared; the second is what the first is held against.
 */
export function compareCalls(
  { bridges, directMs }: Measurements,
  subjects: readonly BridgeName[] = WITHOUT_DPOP,
): Line[] {
  const medians = mediansOf(bridges, subjects);
  return ANSWERS.flatMap((answer) => {
    const of = (read: (round: Round) => number | undefined) => medians((round) => read(round) ?? NaN);
    const direct = directMs.get(answer) ?? NaN;
    const inFlight = isLarge(answer) ? LARGE_IN_FLIGHT : IN_FLIGHT;
    return [
      line(`${answer}: one call, p50`, "ms", of(({ calls }) => calls.get(answer)?.p50Ms)),
      line(`${answer}: one call, p99`, "ms", of(({ calls }) => calls.get(answer)?.p99Ms)),
      line(
        `${answer}: added to a call, p50`,
        "ms",
        of(({ calls }) => (calls.get(answer)?.p50Ms ?? NaN) - direct),
        { atMost: 0.4 },
      ),
      line(
        `${answer}: calls, ${inFlight} in flight`,
        "calls/s",
        of(({ calls }) => calls.get(answer)?.callsPerSecond),
        { atLeast: 2.5 },
      ),
    ];
  });
}

/** The bridges with a token that anybody may use who has it. */
const WITHOUT_DPOP: readonly BridgeName[] = ["mcp-auth", "mcp-remote", "supergateway", "pipe"];
/** The product with a token that is bound to a key, and the peers, which know no such tokens. */
export const WITH_DPOP: readonly BridgeName[] = ["mcp-auth, DPoP", "mcp-remote", "supergateway"];

function mediansOf(bridges: Measurements["bridges"], subjects: readonly BridgeName[]) {
  return (read: (round: Round) => number | readonly number[]) =>
    Object.fromEntries(subjects.map((name) => [name, median(bridges.get(name)?.flatMap(read) ?? [])]));
}

function line(what: string, unit: Line["unit"], medians: Line["medians"], budget?: Budget): Line {
  const [product = NaN, other = NaN] = Object.values(medians);
  const ratio = product / other;
  if (budget === undefined) return { what, unit, medians, ratio };
  const kept = "atMost" in budget ? ratio <= budget.atMost : ratio >= budget.atLeast;
  return { what, unit, medians, ratio, budget, kept };
}

/**
 * Prints lines as a table.
 *
 * @param title What all of them are about.
 * @param lines At least one; all with the same columns.
 */
export function table(title: string, lines: readonly Line[]): string {
  const subjects = Object.keys(lines[0]?.medians ?? {});
  const rows = [
    [title, ...subjects, "ratio", "budget"],
    ...lines.map(({ what, unit, medians, ratio, budget, kept }) => [
      `${what} (${unit})`,
      ...Object.values(medians).map(format),
      Number.isNaN(ratio) ? "-" : ratio.toFixed(2),
      budget === undefined ? "" : `${format(budget)} ${kept ? "ok" : "MISSED"}`,
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const align = (cell: string, column: number) =>
    column === 0 || column === widths.length - 1
      ? cell.padEnd(widths[column] ?? 0)
      : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(align).join("  ").trimEnd()).join("\n");
}

function format(value: number | Budget): string {
  if (Number.isNaN(value)) return "-";
  if (typeof value === "number") return value.toFixed(value < 10 ? 2 : value < 1_000 ? 1 : 0);
  return "atMost" in value ? `<= ${value.atMost}` : `>= ${value.atLeast}`;
}

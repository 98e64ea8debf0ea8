/**
 * What runs came to, for people.
 *
 * @module
 */
import type { RunResult } from "./run.ts";

/** Violations of one run that are printed; the rest is counted. */
const SHOWN_MAX = 10;
/** The last of what the bridge said that is printed beside them, in characters. */
const SAID_MAX = 3_000;

const HEADING = [
  "transport",
  "calls",
  "answered",
  "errors",
  "cancelled",
  "damaged",
  "repeated",
  "violations",
  "restarts",
  "refreshes",
  "tainted",
  "memory MiB",
  "slowest s",
  "end ms",
  "s",
];

/** One row for each run. */
export function table(results: readonly RunResult[]): string {
  const rows = [HEADING, ...results.map(rowOf)];
  const widths = HEADING.map((_heading, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()
  );
  const notes = results.map(({ kind, verdict, happened }) =>
    `${kind}: ${counts(happened)}; errors: ${counts(verdict.errors)}`
  );
  return [...lines, "", ...notes].join("\n");
}

function rowOf(
  { kind, calls, verdict, violations, restarts, refreshes, tainted, memory, endMs, seconds }: RunResult,
): string[] {
  const failed = Object.values(verdict.errors).reduce((sum, count) => sum + count, 0);
  const mebibytes = (bytes: number) => (bytes / 1_048_576).toFixed(0);
  return [
    kind,
    ...[
      calls,
      verdict.answers,
      failed,
      verdict.cancelled,
      verdict.damaged,
      verdict.repeated,
      violations.length,
      restarts,
      refreshes,
      tainted,
    ]
      .map(String),
    memory === undefined ? "-" : `${mebibytes(memory.middle)} -> ${mebibytes(memory.last)}`,
    (verdict.slowestMs / 1_000).toFixed(1),
    endMs.toFixed(0),
    seconds.toFixed(0),
  ];
}

function counts(of: Readonly<Record<string, number>>): string {
  const words = Object.entries(of).filter(([, count]) => count > 0).map(([name, count]) =>
    `${name} ${count}`
  );
  return words.length === 0 ? "none" : words.join(", ");
}

/** What was wrong with a run. */
export function reportText({ kind, violations, said }: RunResult): string {
  const shown = violations.slice(0, SHOWN_MAX).map(({ rule, what }) => `  ${rule}: ${what}`);
  const more = violations.length - shown.length;
  return [
    `\n${kind}: ${violations.length} violations`,
    ...shown,
    ...(more > 0 ? [`  and ${more} more`] : []),
    "  What the bridge said last:",
    ...said.slice(-SAID_MAX).split("\n").map((line) => `    ${line}`),
  ].join("\n");
}

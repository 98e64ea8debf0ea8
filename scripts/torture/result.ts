/**
 * What a scenario comes to, and how all of them are shown.
 *
 * @module
 */

/** What went wrong: a credential that is gone, or a promise that was not kept. */
export interface Failure {
  readonly kind: "loss" | "broken";
  readonly round: number;
  /** In one line. */
  readonly what: string;
  /** All that is needed to run it again and to understand it. */
  readonly detail: string;
}

/** The outcome of one scenario. */
export interface Result {
  readonly scenario: string;
  readonly rounds: number;
  /** 0 where it ran beside others. */
  readonly seconds: number;
  /** What was counted, in the order of showing. */
  readonly counts: Readonly<Record<string, number>>;
  /** The largest of what was measured. */
  readonly peaks: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
  /** Why it did not run. */
  readonly skipped?: string;
}

/** Collects what a scenario comes to. */
export class Tally {
  readonly scenario: string;
  readonly #counts: Record<string, number> = {};
  readonly #peaks: Record<string, number> = {};
  readonly #failures: Failure[] = [];
  readonly #startedAt = performance.now();
  #rounds = 0;

  constructor(scenario: string) {
    this.scenario = scenario;
  }

  /** The failures so far. */
  get failures(): readonly Failure[] {
    return this.#failures;
  }

  /** Counts a round. */
  round(): void {
    this.#rounds++;
  }

  /** Counts something. */
  count(what: string, by = 1): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + by;
  }

  /** How often something was counted. */
  counted(what: string): number {
    return this.#counts[what] ?? 0;
  }

  /** Notes the largest of something. */
  most(what: string, value: number): void {
    this.#peaks[what] = Math.max(this.#peaks[what] ?? 0, value);
  }

  /** Notes a failure. */
  fail(failure: Failure): void {
    this.#failures.push(failure);
  }

  /** The outcome. */
  result(): Result {
    return {
      scenario: this.scenario,
      rounds: this.#rounds,
      seconds: (performance.now() - this.#startedAt) / 1000,
      counts: this.#counts,
      peaks: this.#peaks,
      failures: this.#failures,
    };
  }
}

/** Several outcomes of each scenario as one, in the order in which they first come. */
export function merged(results: readonly Result[]): readonly Result[] {
  const groups = Map.groupBy(results, ({ scenario }) => scenario);
  return [...groups].map(([scenario, group]) => {
    const skipped = group.find((each) => each.skipped !== undefined)?.skipped;
    const sum = (read: (result: Result) => number) => group.reduce((total, each) => total + read(each), 0);
    return {
      scenario,
      rounds: sum(({ rounds }) => rounds),
      seconds: sum(({ seconds }) => seconds),
      counts: combined(group.map(({ counts }) => counts), (a, b) => a + b),
      peaks: combined(group.map(({ peaks }) => peaks), Math.max),
      failures: group.flatMap(({ failures }) => failures),
      ...skipped === undefined ? {} : { skipped },
    };
  });
}

function combined(
  records: readonly Result["counts"][],
  combine: (a: number, b: number) => number,
): Record<string, number> {
  const all: Record<string, number> = {};
  for (const [what, count] of records.flatMap(Object.entries<number>)) {
    const before = all[what];
    all[what] = before === undefined ? count : combine(before, count);
  }
  return all;
}

/** Whether a run of the torture has proved what it is for. A row that did not run proves nothing. */
export function passed(results: readonly Result[], maySkip: boolean): boolean {
  return results.length > 0 &&
    results.every(({ failures, rounds, skipped }) =>
      skipped === undefined ? failures.length === 0 && rounds > 0 : maySkip
    );
}

/** All outcomes as a table. */
export function table(results: readonly Result[]): string {
  const rows = [
    ["scenario", "rounds", "s", "lost", "broken", "verdict", "counted"],
    ...results.map(({ scenario, rounds, seconds, counts, peaks, failures, skipped }) => {
      const lost = failures.filter(({ kind }) => kind === "loss").length;
      return [
        scenario,
        String(rounds),
        seconds === 0 ? "" : seconds.toFixed(0),
        String(lost),
        String(failures.length - lost),
        skipped !== undefined ? "SKIPPED" : failures.length > 0 || rounds === 0 ? "FAILED" : "ok",
        skipped ?? [
          ...Object.entries(counts).map(([what, count]) => `${count} ${what}`),
          ...Object.entries(peaks).map(([what, peak]) => `at most ${peak} ${what}`),
        ].join(", "),
      ];
    }),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const isNumber = (column: number) => column >= 1 && column <= 4;
  return rows.map((row) =>
    row.map((cell, column) =>
      isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
    )
      .join("  ").trimEnd()
  ).join("\n");
}

/** One failure for a person. */
export function failureText(scenario: string, { kind, round, what, detail }: Failure): string {
  return `${kind === "loss" ? "LOSS" : "BROKEN"} in ${scenario}, round ${round}: ${what}\n${
    detail.replace(/^/gm, "  | ")
  }`;
}

/**
 * The difference of two texts, for a person: unified, with a few lines around each change.
 *
 * @module
 */
import { DIFF_LINE_MAX_CHARS, DIFF_LINES_MAX, SHOWN_TEXT_MAX_CHARS } from "../../primitives/limits.ts";
import { safeText } from "../../primitives/untrusted_text.ts";

/** Lines around a change. */
const CONTEXT = 3;

/** A line of a difference: it stays, goes or comes. */
interface DiffLine {
  readonly mark: " " | "-" | "+";
  readonly text: string;
}

/** A difference, as lines to be shown. */
export interface ShownDiff {
  /** Undefined where the texts are the same. */
  readonly text: string | undefined;
  /** The lines that go and come, without those around them: what a person agrees to. */
  readonly changes: string;
}

/**
 * Compares two texts.
 *
 * @param before What is there.
 * @param after What is to be there.
 * @param path The file, for the heading.
 * @param mask Makes a line fit to be shown, such as by taking secrets out.
 */
export function unifiedDiff(
  before: string,
  after: string,
  path: string,
  mask: (line: string) => string = (line) => line,
): ShownDiff {
  const lines = compared(linesOf(before), linesOf(after));
  const changes = lines.filter(({ mark }) => mark !== " ").map(({ mark, text }) => mark + text).join("\n");
  if (changes === "") return { text: undefined, changes };
  const name = safeText(path, 1_000);
  const hunks = hunksOf(lines).map(({ heading, start, end }) =>
    [heading, ...lines.slice(start, end).map(({ mark, text }) => mark + shown(mask(text), mark))].join("\n")
  );
  return { text: [`--- ${name}`, `+++ ${name}`, ...hunks].join("\n"), changes };
}

function linesOf(text: string): readonly string[] {
  if (text === "") return [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Control characters are shown as blanks; what a line is indented by is kept. What changes is not cut short (C77). */
function shown(line: string, mark: DiffLine["mark"]): string {
  const indent = /^[ \t]*/.exec(line)?.[0] ?? "";
  return indent +
    safeText(line.slice(indent.length), mark === " " ? SHOWN_TEXT_MAX_CHARS : DIFF_LINE_MAX_CHARS);
}

function hunksOf(lines: readonly DiffLine[]) {
  const hunks: { heading: string; start: number; end: number }[] = [];
  for (let at = 0; at < lines.length; at++) {
    if (lines[at]?.mark === " ") continue;
    const start = Math.max(hunks.at(-1)?.end ?? 0, at - CONTEXT);
    let last = at;
    for (let next = at; next < lines.length && next - last <= 2 * CONTEXT; next++) {
      if (lines[next]?.mark !== " ") last = next;
    }
    const end = Math.min(lines.length, last + CONTEXT + 1);
    hunks.push({ heading: heading(lines, start, end), start, end });
    at = end - 1;
  }
  return hunks;
}

function heading(lines: readonly DiffLine[], start: number, end: number): string {
  const count = (from: number, to: number, without: string) =>
    lines.slice(from, to).filter(({ mark }) => mark !== without).length;
  const range = (without: "+" | "-") => {
    const length = count(start, end, without);
    const first = count(0, start, without) + (length === 0 ? 0 : 1);
    return length === 1 ? `${first}` : `${first},${length}`;
  };
  return `@@ -${range("+")} +${range("-")} @@`;
}

function compared(before: readonly string[], after: readonly string[]): readonly DiffLine[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const stay = (lines: readonly string[]) => lines.map((text): DiffLine => ({ mark: " ", text }));
  return [
    ...stay(before.slice(0, start)),
    ...between(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...stay(before.slice(before.length - end)),
  ];
}

/** By the shortest way from one to the other (Myers), as long as that is short. */
function between(before: readonly string[], after: readonly string[]): readonly DiffLine[] {
  const steps: Map<number, number>[] = [];
  let reach = new Map<number, number>([[1, 0]]);
  for (let distance = 0; distance <= DIFF_LINES_MAX; distance++) {
    steps.push(reach);
    const next = new Map(reach);
    for (let diagonal = -distance; diagonal <= distance; diagonal += 2) {
      const down = diagonal === -distance ||
        diagonal !== distance && (reach.get(diagonal - 1) ?? -1) < (reach.get(diagonal + 1) ?? -1);
      let x = down ? reach.get(diagonal + 1) ?? 0 : (reach.get(diagonal - 1) ?? 0) + 1;
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x++;
      next.set(diagonal, x);
      if (x >= before.length && x - diagonal >= after.length) return traced(steps, before, after);
    }
    reach = next;
  }
  return [
    ...before.map((text): DiffLine => ({ mark: "-", text })),
    ...after.map((text): DiffLine => ({ mark: "+", text })),
  ];
}

function traced(
  steps: readonly ReadonlyMap<number, number>[],
  before: readonly string[],
  after: readonly string[],
): readonly DiffLine[] {
  const lines: DiffLine[] = [];
  let [x, y] = [before.length, after.length];
  for (let distance = steps.length - 1; distance >= 0; distance--) {
    const reach = steps[distance]!;
    const diagonal = x - y;
    const down = diagonal === -distance ||
      diagonal !== distance && (reach.get(diagonal - 1) ?? -1) < (reach.get(diagonal + 1) ?? -1);
    const from = down ? diagonal + 1 : diagonal - 1;
    const fromX = distance === 0 ? 0 : reach.get(from) ?? 0;
    const fromY = distance === 0 ? 0 : fromX - from;
    while (x > fromX && y > fromY) {
      lines.push({ mark: " ", text: before[--x]! });
      y--;
    }
    if (distance === 0) break;
    if (down) lines.push({ mark: "+", text: after[--y]! });
    else lines.push({ mark: "-", text: before[--x]! });
  }
  return lines.reverse();
}

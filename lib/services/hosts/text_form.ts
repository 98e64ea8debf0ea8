/**
 * How a text is written: its line ends, its indentation, a mark at its beginning. What is added to it is written likewise.
 *
 * @module
 */

/** A text with what it is written like. */
export interface TextForm {
  /** The byte order mark, or nothing. */
  readonly mark: string;
  /** Everything after the mark. */
  readonly body: string;
  /** What ends most lines. */
  readonly eol: "\n" | "\r\n";
}

const MARK = "\ufeff";

/** Takes a text apart. */
export function textForm(text: string): TextForm {
  const mark = text.startsWith(MARK) ? MARK : "";
  const body = text.slice(mark.length);
  const windows = body.match(/\r\n/g)?.length ?? 0;
  const all = body.match(/\n/g)?.length ?? 0;
  return { mark, body, eol: windows * 2 > all ? "\r\n" : "\n" };
}

/** Where something stands in a text, counted from 1 as editors do. */
export function positionOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: offset - start + 1 };
}

/** A change of a text: what stands from one place to another becomes something else. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Makes changes that do not overlap.
 *
 * @param body The text.
 * @param edits In any order; of two at one place the first given comes first.
 */
export function withEdits(body: string, edits: readonly TextEdit[]): string {
  let result = "";
  let at = 0;
  for (const { start, end, text } of edits.toSorted((a, b) => a.start - b.start)) {
    if (start < at) throw new RangeError("Edits overlap");
    result += body.slice(at, start) + text;
    at = end;
  }
  return result + body.slice(at);
}

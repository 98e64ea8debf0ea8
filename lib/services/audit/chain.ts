/**
 * The chain that holds the lines of the audit log together. Each line names the SHA-256 of what stands before it: the
 * last whole line, and whatever follows that. Nearly always that is the line before, and nothing else. Where a process
 * was killed while it wrote, a torn line follows; it stays as it is, and the next line covers it as well. So a torn line
 * that the chain covers was found by the program that wrote on, while one that was damaged later breaks the chain.
 *
 * A chain without a key shows accidents and careless edits. It does not show an attacker, who can compute it anew from
 * any line on, nor that lines are missing at its end.
 *
 * @module
 */
import { AUDIT_COVERED_MAX_BYTES } from "../../primitives/limits.ts";
import { type AuditLine, parseLine } from "./line.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What the first line of all names. */
export const NOTHING_BEFORE = "0".repeat(64);

const LINE_BREAK = 0x0a;

/** Follows the lines of a log, in their order. */
export class Chain {
  /** The last whole line. */
  last: AuditLine | undefined;
  /** The last whole line and what follows it, joined by line breaks; of more than is covered, the end. */
  #covered: Bytes | undefined;

  /**
   * Takes the next line.
   *
   * @param bytes The line as it stands in the file, without its line break.
   * @param line What it says; undefined where it is no whole line.
   */
  add(bytes: Bytes, line: AuditLine | undefined): void {
    if (line !== undefined) this.last = line;
    this.#covered = line !== undefined || this.#covered === undefined
      ? endOf(bytes)
      : endOf(joined(this.#covered, bytes));
  }

  /** Whether there is no line yet. */
  get isEmpty(): boolean {
    return this.#covered === undefined;
  }

  /** What the next line has to name. */
  async next(): Promise<string> {
    if (this.#covered === undefined) return NOTHING_BEFORE;
    return new Uint8Array(await crypto.subtle.digest("SHA-256", this.#covered)).toHex();
  }
}

/**
 * Takes the lines apart that a part of a file holds.
 *
 * @param bytes The part.
 * @param fromStart Whether it begins with the file: otherwise what stands before its first line break is left out.
 */
export function linesIn(
  bytes: Bytes,
  fromStart: boolean,
): { readonly bytes: Bytes; readonly line: AuditLine | undefined }[] {
  const found = [];
  let start = fromStart ? 0 : bytes.indexOf(LINE_BREAK) + 1;
  if (!fromStart && start === 0) return [];
  while (start < bytes.length) {
    const end = bytes.indexOf(LINE_BREAK, start);
    const line = bytes.subarray(start, end < 0 ? bytes.length : end);
    found.push({ bytes: line, line: lineOf(line) });
    start = end < 0 ? bytes.length : end + 1;
  }
  return found;
}

/** What the bytes of a line say; undefined where they are no whole line of the log. */
export function lineOf(bytes: Bytes): AuditLine | undefined {
  if (bytes.length > AUDIT_COVERED_MAX_BYTES) return undefined;
  return parseLine(new TextDecoder().decode(bytes));
}

function endOf(bytes: Bytes): Bytes {
  // A copy: what it is part of may be a whole file.
  return bytes.slice(-AUDIT_COVERED_MAX_BYTES);
}

function joined(before: Bytes, line: Bytes): Bytes {
  const all = new Uint8Array(before.length + 1 + line.length);
  all.set(before);
  all[before.length] = LINE_BREAK;
  all.set(line, before.length + 1);
  return all;
}

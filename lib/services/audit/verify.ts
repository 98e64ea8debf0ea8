/**
 * Checks that the audit log is as it was written: the numbers of its lines follow each other, and each line names what
 * stands before it. What is found is told apart:
 *
 * - A line that is no event and that the next line covers was there when that one was written. Where it looks like the
 *   beginning of a line, or like a part of the disk that a power failure left empty, it was torn: no tampering.
 * - At the end of the log nothing covers a line yet. One that is no event is a write that was cut short, or under way.
 * - Everything else is a break: somebody changed, removed or added something, or the disk did.
 *
 * The first line that is kept names a line that may be gone with its file: the chain begins there.
 *
 * @module
 */
import { Chain, NOTHING_BEFORE } from "./chain.ts";
import type { AuditLine } from "./line.ts";
import type { TrailLine } from "./trail.ts";

/** Where something is. */
export interface TrailPlace {
  /** The name of the file. */
  readonly file: string;
  /** The number of the line in it, from 1. */
  readonly line: number;
}

/** Where the chain does not hold. */
export interface ChainBreak extends TrailPlace {
  /** The number of the event; undefined where the line is none. */
  readonly seq: number | undefined;
  /** What is wrong, in words. */
  readonly problem: string;
}

/** A line that was not written to its end. */
export interface TornLine extends TrailPlace {
  /** Whether a later line covers it; at the end of the log none does, and it may be about to be completed. */
  readonly covered: boolean;
}

/** What became of a check. */
export interface Verification {
  /** Whether the log is as it was written. */
  readonly intact: boolean;
  /** How many events there are. */
  readonly events: number;
  /** The number of the first one, where the chain begins; undefined where there is none. */
  readonly firstSeq: number | undefined;
  /** The number of the last one. */
  readonly lastSeq: number | undefined;
  /** Lines that a process was killed over; that is no tampering. */
  readonly torn: readonly TornLine[];
  /** In the order of the log. */
  readonly breaks: readonly ChainBreak[];
}

/**
 * Checks the log.
 *
 * @param lines Its lines, in their order.
 */
export async function verifyTrail(lines: AsyncIterable<TrailLine>): Promise<Verification> {
  const chain = new Chain();
  const torn: TornLine[] = [];
  const breaks: ChainBreak[] = [];
  const explain = (damaged: readonly TrailLine[], mayBeTorn: boolean, covered: boolean) => {
    for (const each of damaged) {
      if (mayBeTorn && looksTorn(each)) torn.push({ ...placeOf(each), covered });
      else breaks.push({ ...placeOf(each), seq: undefined, problem: "this is no event of the log" });
    }
  };
  let events = 0;
  let firstSeq: number | undefined;
  let damaged: TrailLine[] = [];
  for await (const found of lines) {
    const { bytes, line } = found;
    if (line === undefined) {
      damaged.push(found);
    } else {
      events++;
      firstSeq ??= line.seq;
      const problem = await problemOf(line, chain);
      explain(damaged, problem === undefined, true);
      damaged = [];
      if (problem !== undefined) breaks.push({ ...placeOf(found), seq: line.seq, problem });
    }
    chain.add(bytes, line);
  }
  explain(damaged, true, false);
  return {
    intact: breaks.length === 0,
    events,
    firstSeq,
    lastSeq: chain.last?.seq,
    torn,
    breaks,
  };
}

/** What is wrong with a line, given the chain up to it. */
async function problemOf(line: AuditLine, chain: Chain): Promise<string | undefined> {
  const { last } = chain;
  if (last === undefined) {
    return line.seq === 1 && chain.isEmpty && line.prev !== NOTHING_BEFORE
      ? "it is the first line and names one before it"
      : undefined;
  }
  if (line.seq !== last.seq + 1) return `${last.seq + 1} was to follow`;
  return line.prev === await chain.next() ? undefined : "what stands before it was changed";
}

function placeOf({ file, number }: TrailLine): TrailPlace {
  return { file, line: number };
}

/** What every line of the log begins with. */
const BEGINNING = '{"seq":';

/** The beginning of a line of ours, however short, and not all of it; or bytes that were never written. */
function looksTorn({ bytes }: TrailLine): boolean {
  if (bytes.every((byte) => byte === 0)) return true;
  const text = new TextDecoder().decode(bytes);
  return (text.startsWith(BEGINNING) || BEGINNING.startsWith(text)) && !text.endsWith("}");
}

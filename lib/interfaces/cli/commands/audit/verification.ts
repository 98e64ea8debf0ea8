/**
 * The result of `mcp-auth audit --verify`, in words and as JSON.
 *
 * @module
 */
import type { TrailPlace, Verification } from "../../../../services/audit/mod.ts";

/** The result for scripts. */
export function verificationJson(verification: Verification): unknown {
  const { intact, events, firstSeq, lastSeq, torn, breaks } = verification;
  return {
    intact,
    events,
    first_seq: firstSeq ?? null,
    last_seq: lastSeq ?? null,
    torn,
    breaks: breaks.map(({ file, line, seq, problem }) => ({ file, line, seq: seq ?? null, problem })),
  };
}

/** The result for a person. */
export function describeVerification(verification: Verification): string {
  const { intact, events, firstSeq, lastSeq, torn, breaks } = verification;
  const shown = breaks.slice(0, SHOWN_MAX);
  return [
    intact
      ? `✓ The audit log is as it was written: ${counted(events, "event")}`
      : `The audit log is not as it was written: the chain breaks in ${counted(breaks.length, "place")}`,
    ...shown.map((each) =>
      `  ${where(each)}${each.seq === undefined ? "" : `, event ${each.seq}`}: ${each.problem}`
    ),
    ...(breaks.length > SHOWN_MAX ? [`  ... all of them with --json`] : []),
    ...(firstSeq === undefined ? [] : [
      firstSeq === 1
        ? `The chain begins with event 1 and ends with event ${lastSeq}`
        : `The chain begins at event ${firstSeq}, since earlier files are not kept, and ends with event ${lastSeq}`,
    ]),
    ...torn.map((each) =>
      each.covered
        ? `${where(each)} is torn: its process was killed while it wrote, and the chain goes on after it`
        : `${where(each)}, at the end, is torn: its process was killed while it wrote, or is writing`
    ),
    LIMITS,
  ].join("\n");
}

const SHOWN_MAX = 20;

const LIMITS =
  "The chain has no key: it shows accidents and careless edits, not an attacker who rewrites the log, nor lines cut off at its end";

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function where({ file, line }: TrailPlace): string {
  return `${file}, line ${line}`;
}

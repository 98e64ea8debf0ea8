/**
 * What a host may expect of a bridge whatever happens behind it, as a judgement over what it was sent. A call gets one
 * answer or one coded error, never both, never none; an answer is that of its own call; progress comes in order and
 * before the answer; and what a server did for a call it did once. Only where bytes were duplicated or reordered, which
 * no network does to TCP, may an answer be damaged, and a call be carried out twice.
 *
 * @module
 */
import { ERROR_CODES } from "../../lib/primitives/errors.ts";
import type { Ledger } from "./ledger.ts";
import type { WireConnection } from "./wire.ts";

/** The codes that a bridge gives its own errors (failure.ts). */
const BRIDGE_CODES: ReadonlySet<unknown> = new Set([-32010, -32011, -32012, -32013]);

/** One message that the host got for a call. Times are those of `performance.now()`. */
export type Received =
  | { readonly at: number; readonly progress: number }
  | { readonly at: number; readonly text: string }
  | { readonly at: number; readonly error: unknown };

/** One call of the host. */
export interface CallRecord {
  /** Names it in its payload, and in the ledger. */
  readonly key: string;
  /** The text that its answer has to be. */
  readonly expected: string;
  /** How many reports of progress the server makes; 0 for none. */
  readonly steps: number;
  readonly sentAt: number;
  /** Everything that came for it, in order. */
  readonly received: readonly Received[];
  /** The host has stopped waiting. */
  readonly gaveUp: boolean;
  /** The host has cancelled it: nothing is owed any more, though an answer may have been on its way. */
  readonly cancelled: boolean;
}

/** Something that must not be. */
export interface Violation {
  readonly rule:
    | "hang"
    | "two answers"
    | "uncoded error"
    | "foreign answer"
    | "order"
    | "carried out twice"
    | "stray line";
  readonly what: string;
}

/** What all calls came to. */
export interface Verdict {
  readonly violations: readonly Violation[];
  readonly answers: number;
  /** Answers that were damaged where that is allowed. */
  readonly damaged: number;
  /** Errors by what they say: `NETWORK_ERROR`, or `server -32000` for a server's own. */
  readonly errors: Readonly<Record<string, number>>;
  /** Calls that were carried out more than once where that is allowed. */
  readonly repeated: number;
  readonly cancelled: number;
  /** How long the slowest call waited for its answer, or its error, in ms. */
  readonly slowestMs: number;
}

/** What is known beside the calls. */
export interface Evidence {
  readonly ledger: Ledger;
  readonly connections: readonly WireConnection[];
  /** Lines of the bridge that belong to no call, each with what is wrong with it. */
  readonly strays: readonly string[];
}

/** Judges all calls of a run. */
export function judge(calls: readonly CallRecord[], { ledger, connections, strays }: Evidence): Verdict {
  const violations: Violation[] = strays.map((what) => ({ rule: "stray line", what }));
  const errors: Record<string, number> = {};
  let [answers, damaged, repeated, cancelled, slowestMs] = [0, 0, 0, 0, 0];
  const tainted = connections.filter(({ taintedAt }) => taintedAt !== undefined);
  for (const call of calls) {
    const { key, received } = call;
    const object = (rule: Violation["rule"], what: string) =>
      violations.push({ rule, what: `${key}: ${what}` });
    if (call.cancelled) cancelled++;
    const final = received.filter((each) => !("progress" in each));
    const [first] = final;
    if (first === undefined && !call.cancelled) {
      object("hang", call.gaveUp ? "no answer in the time that the host waits" : "no answer at the end");
    }
    if (first !== undefined) slowestMs = Math.max(slowestMs, first.at - call.sentAt);
    if (final.length > 1) object("two answers", `${final.length}: ${JSON.stringify(final).slice(0, 400)}`);
    const excused = mayBeDamaged(call, ledger, tainted);
    if (first !== undefined && "error" in first) {
      const name = errorName(first.error);
      errors[name] = (errors[name] ?? 0) + 1;
      if (!isCoded(first.error) && !excused) {
        object("uncoded error", JSON.stringify(first.error).slice(0, 400));
      }
    } else if (first !== undefined && "text" in first) {
      answers++;
      if (first.text !== call.expected) {
        damaged++;
        if (!excused) {
          object("foreign answer", `${excerpt(first.text)} in place of ${excerpt(call.expected)}`);
        }
      }
    }
    const disorder = disorderOf(call);
    if (disorder !== undefined && !excused) object("order", disorder);
    const ports = ledger.executions.get(key) ?? [];
    if (ports.length > 1) {
      repeated++;
      // One that came over a connection with every byte once came once; 0 is one that was gone before it was looked at.
      const honest = ports.filter((port) => port !== 0 && !tainted.some((each) => each.port === port));
      if (honest.length > 1) object("carried out twice", `over the connections from ${ports.join(", ")}`);
    }
  }
  return { violations, answers, damaged, errors, repeated, cancelled, slowestMs };
}

/** Whether a call met a connection on which bytes were duplicated or reordered: its own, or one that its answer was resumed over. */
function mayBeDamaged(
  { key, sentAt, received, gaveUp }: CallRecord,
  { executions, resumptions }: Ledger,
  tainted: readonly WireConnection[],
): boolean {
  const ports = executions.get(key) ?? [];
  const end = gaveUp ? Infinity : received.at(-1)?.at ?? Infinity;
  return tainted.some(({ port, openedAt, closedAt, taintedAt }) => {
    if (ports.includes(port)) return true;
    const overlaps = openedAt <= end && (closedAt ?? Infinity) >= sentAt && taintedAt! <= end;
    // A call that no server knows of met nobody knows what; one that was resumed, the connection of its resumption.
    return overlaps && (ports.length === 0 || resumptions.has(port));
  });
}

/** What is wrong with the order of what came for a call. */
function disorderOf({ steps, received }: CallRecord): string | undefined {
  let last = 0;
  let answered: "text" | "error" | undefined;
  for (const each of received) {
    if (!("progress" in each)) {
      answered ??= "text" in each ? "text" : "error";
      if ("text" in each && last !== steps) return `the answer came after progress ${last} of ${steps}`;
    } else if (answered !== undefined) return `progress ${each.progress} came after the ${answered}`;
    else if (each.progress !== last + 1) return `progress ${each.progress} came after ${last}`;
    else last = each.progress;
  }
  return undefined;
}

function isCoded(error: unknown): boolean {
  const { code, data } = (error ?? {}) as {
    readonly code?: unknown;
    readonly data?: { readonly code?: unknown };
  };
  return BRIDGE_CODES.has(code) && (ERROR_CODES as readonly unknown[]).includes(data?.code);
}

function errorName(error: unknown): string {
  const { code, data } = (error ?? {}) as {
    readonly code?: unknown;
    readonly data?: { readonly code?: unknown };
  };
  return isCoded(error) ? String(data?.code) : `server ${code}`;
}

function excerpt(text: string): string {
  return text.length > 80 ? `"${text.slice(0, 60)}..." (${text.length})` : `"${text}"`;
}

/** One reading of a process's memory. */
export interface Reading {
  readonly at: number;
  readonly bytes: number;
}

/** How much more memory the end of a run may hold than its middle. */
export const GROWTH_MAX = 1.1;

/**
 * How memory went: what was held around the middle of a run, and at its end. A single reading depends on when memory was
 * last tidied up; the median of those around it does not.
 *
 * @returns Undefined where there are too few readings to tell.
 */
export function memoryOf(
  readings: readonly Reading[],
): { readonly middle: number; readonly last: number } | undefined {
  const span = Math.max(3, Math.floor(readings.length / 8));
  if (readings.length < span * 4) return undefined;
  const middle = (readings.length - span) >> 1;
  return {
    middle: median(readings.slice(middle, middle + span)),
    last: median(readings.slice(-span)),
  };
}

function median(readings: readonly Reading[]): number {
  return readings.map(({ bytes }) => bytes).sort((a, b) => a - b)[readings.length >> 1]!;
}

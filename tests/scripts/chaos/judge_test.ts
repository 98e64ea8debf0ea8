/**
 * The judge of the chaos run: each promise that a bridge can break, broken on purpose, and each thing that is allowed.
 *
 * @module
 */
import { deepEqual, equal } from "node:assert/strict";
import {
  type CallRecord,
  type Evidence,
  judge,
  memoryOf,
  type Received,
} from "../../../scripts/chaos/judge.ts";
import { readLedger } from "../../../scripts/chaos/ledger.ts";
import type { WireConnection } from "../../../scripts/chaos/wire.ts";

const HONEST: WireConnection = { port: 1, openedAt: 0, closedAt: undefined, taintedAt: undefined };
const TAINTED: WireConnection = { port: 2, openedAt: 0, closedAt: 50, taintedAt: 5 };
const CODED = { code: -32011, message: "m", data: { code: "NETWORK_ERROR" } };

function call(received: readonly Received[], more: Partial<CallRecord> = {}): CallRecord {
  return {
    key: "k",
    expected: "k|text",
    steps: 0,
    sentAt: 0,
    received,
    gaveUp: false,
    cancelled: false,
    ...more,
  };
}

function evidence(ledger: string, more: Partial<Evidence> = {}): Evidence {
  return { ledger: readLedger(ledger), connections: [HONEST, TAINTED], strays: [], ...more };
}

const ANSWER: Received = { at: 10, text: "k|text" };
const progress = (...steps: readonly number[]): Received[] => steps.map((progress, at) => ({ at, progress }));

const KEPT: readonly (readonly [string, CallRecord, string])[] = [
  ["an answer", call([ANSWER]), "call 1 k\n"],
  ["a coded error", call([{ at: 10, error: CODED }]), "call 1 k\n"],
  ["a coded error of a call that nobody carried out", call([{ at: 10, error: CODED }]), ""],
  ["progress and then the answer", call([...progress(1, 2), ANSWER], { steps: 2 }), "call 1 k\n"],
  [
    "some progress and then an error",
    call([...progress(1), { at: 9, error: CODED }], { steps: 3 }),
    "call 1 k\n",
  ],
  ["a damaged answer of a tainted connection", call([{ at: 10, text: "k|txet" }]), "call 2 k\n"],
  [
    "a damaged answer that was resumed over a tainted connection",
    call([{ at: 10, text: "k|" }]),
    "call 1 k\nresume 2\n",
  ],
  ["a server's error on a tainted connection", call([{ at: 10, error: { code: -32700 } }]), "call 2 k\n"],
  ["disorder on a tainted connection", call([...progress(2, 1), ANSWER], { steps: 2 }), "call 2 k\n"],
  ["a cancelled call without an answer", call([], { cancelled: true }), "call 1 k\n"],
  ["a cancelled call whose answer was on its way", call([ANSWER], { cancelled: true }), "call 1 k\n"],
  ["a call that the wire has repeated", call([ANSWER]), "call 2 k\ncall 2 k\n"],
];

for (const [description, record, ledger] of KEPT) {
  Deno.test(`${description}: no promise is broken`, () => {
    deepEqual(judge([record], evidence(ledger)).violations, []);
  });
}

const BROKEN: readonly (readonly [string, string, CallRecord, string])[] = [
  ["no answer", "hang", call([]), "call 1 k\n"],
  ["progress and nothing more", "hang", call(progress(1), { steps: 2, gaveUp: true }), "call 1 k\n"],
  ["two answers", "two answers", call([ANSWER, ANSWER]), "call 1 k\n"],
  ["an answer and an error", "two answers", call([ANSWER, { at: 11, error: CODED }]), "call 1 k\n"],
  ["two answers over a tainted connection", "two answers", call([ANSWER, ANSWER]), "call 2 k\n"],
  [
    "two answers to a cancelled call",
    "two answers",
    call([ANSWER, ANSWER], { cancelled: true }),
    "call 1 k\n",
  ],
  ["an error without a code", "uncoded error", call([{ at: 1, error: { code: -32000 } }]), "call 1 k\n"],
  [
    "an error with a code of its own making",
    "uncoded error",
    call([{ at: 1, error: { ...CODED, data: { code: "OOPS" } } }]),
    "call 1 k\n",
  ],
  ["the answer of another call", "foreign answer", call([{ at: 10, text: "other|text" }]), "call 1 k\n"],
  ["a damaged answer", "foreign answer", call([{ at: 10, text: "k|txet" }]), "call 1 k\n"],
  ["progress that goes back", "order", call([...progress(2, 1), ANSWER], { steps: 2 }), "call 1 k\n"],
  ["progress that leaves one out", "order", call([...progress(1, 3), ANSWER], { steps: 3 }), "call 1 k\n"],
  ["an answer before its progress", "order", call([...progress(1), ANSWER], { steps: 2 }), "call 1 k\n"],
  ["progress after the answer", "order", call([ANSWER, ...progress(1)]), "call 1 k\n"],
  [
    "progress after an error",
    "order",
    call([{ at: 0, error: CODED }, { at: 9, progress: 1 }], { steps: 2 }),
    "call 1 k\n",
  ],
  ["a call that was carried out twice", "carried out twice", call([ANSWER]), "call 1 k\ncall 3 k\n"],
  [
    "a call that was carried out twice beside what the wire repeated",
    "carried out twice",
    call([ANSWER]),
    "call 2 k\ncall 1 k\ncall 3 k\n",
  ],
];

for (const [description, rule, record, ledger] of BROKEN) {
  Deno.test(`${description} is a violation: ${rule}`, () => {
    deepEqual(judge([record], evidence(ledger)).violations.map((each) => each.rule), [rule]);
  });
}

Deno.test("a tainted connection excuses only what it can have met", () => {
  const damaged = call([{ at: 200, text: "k|" }], { sentAt: 100 });
  // It was over before the call was made, and then it was not the call's.
  equal(judge([damaged], evidence("call 1 k\nresume 2\n")).violations.length, 1);
  const during = call([{ at: 20, text: "k|" }], { sentAt: 10 });
  equal(judge([during], evidence("call 1 k\n")).violations.length, 1);
  equal(judge([during], evidence("")).violations.length, 0);
});

Deno.test("lines that belong to no call are violations, and all is counted", () => {
  const verdict = judge(
    [call([ANSWER]), call([{ at: 1, error: CODED }], { key: "l" })],
    evidence("call 2 k\ncall 2 k\n", { strays: ["no JSON: x"] }),
  );
  deepEqual(verdict.violations, [{ rule: "stray line", what: "no JSON: x" }]);
  deepEqual([verdict.answers, verdict.damaged, verdict.repeated], [1, 0, 1]);
  deepEqual(verdict.errors, { NETWORK_ERROR: 1 });
  equal(verdict.slowestMs, 10);
});

Deno.test("a line of the ledger that a kill has cut short is none", () => {
  const { executions, resumptions } = readLedger("call 5 a\ncall 6 a\nresume 7\ncall 8 b");
  deepEqual([...executions], [["a", [5, 6]]]);
  deepEqual([...resumptions], [7]);
});

Deno.test("memory is compared by what is usual in the middle and at the end, not by single readings", () => {
  const readings = (bytes: (i: number) => number) =>
    Array.from({ length: 40 }, (_, at) => ({ at, bytes: bytes(at) }));
  deepEqual(memoryOf(readings((i) => i === 20 || i === 39 ? 900 : 100)), { middle: 100, last: 100 });
  deepEqual(memoryOf(readings((i) => 100 + i)), { middle: 119, last: 137 });
  equal(memoryOf(readings(() => 100).slice(0, 10)), undefined);
});

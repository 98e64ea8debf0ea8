/**
 * @see https://modelcontextprotocol.io/specification/versioning
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import {
  isStateless,
  LATEST_STATEFUL,
  LATEST_STATELESS,
  newestCommon,
  REVISIONS,
  STATELESS_ERRORS,
} from "../../../lib/primitives/mcp/revisions.ts";

Deno.test("revisions are listed in the order of their dates, and what a client offers is the last stateful one (T9)", () => {
  const names = REVISIONS.map(({ name }) => name);
  deepEqual(names, [...names].sort());
  equal(LATEST_STATEFUL, REVISIONS.findLast(({ stateful }) => stateful)?.name);
});

Deno.test("errors that tell of a stateless server lie in the range the protocol reserves (T13)", () => {
  for (const code of STATELESS_ERRORS) ok(code <= -32020 && code >= -32099);
});

const supported: readonly (readonly [unknown, string | undefined])[] = [
  [["2025-06-18", "2026-07-28", "2025-11-25"], "2026-07-28"],
  [["2030-01-01", "2025-06-18"], "2025-06-18"],
  [["2024-11-05"], undefined],
  [["2030-01-01", 7, null], undefined],
  [[], undefined],
  ["2026-07-28", undefined],
  [{ 0: "2026-07-28" }, undefined],
  [undefined, undefined],
];

for (const [said, newest] of supported) {
  Deno.test(`of ${JSON.stringify(said)} the newest that both sides know is ${newest} (T14)`, () => {
    equal(newestCommon(said)?.name, newest);
  });
}

Deno.test("only a revision that is known to be stateless is taken for one (T9)", () => {
  equal(isStateless(LATEST_STATELESS), true);
  for (const name of [LATEST_STATEFUL, "2030-01-01", "", undefined, 1]) equal(isStateless(name), false);
});

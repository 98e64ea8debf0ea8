/**
 * @see https://modelcontextprotocol.io/specification/versioning
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { LATEST_STATEFUL, REVISIONS, STATELESS_ERRORS } from "../../../lib/primitives/mcp/revisions.ts";

Deno.test("revisions are listed in the order of their dates, and what a client offers is the last stateful one (T9)", () => {
  const names = REVISIONS.map(({ name }) => name);
  deepEqual(names, [...names].sort());
  equal(LATEST_STATEFUL, REVISIONS.findLast(({ stateful }) => stateful)?.name);
});

Deno.test("errors that tell of a stateless server lie in the range the protocol reserves (T13)", () => {
  for (const code of STATELESS_ERRORS) ok(code <= -32020 && code >= -32099);
});

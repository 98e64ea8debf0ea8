/**
 * The rules of the torture object to everything that a bad product would do, and to nothing that a good one does.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  errorOf,
  judgeCredential,
  type Objection,
  objectionsToEnd,
  objectionsToFailing,
  objectionsToRace,
  objectionsToReuse,
  objectionsToStorm,
  type Race,
  tokenOf,
} from "../../../scripts/torture/judge.ts";
import type { RefreshRequest } from "../../../scripts/torture/ledger.ts";
import type { Run } from "../../../scripts/torture/process.ts";

function run(seen: Partial<Run>): Run {
  return {
    args: ["token", "demo"],
    line: "",
    pid: 1,
    code: 0,
    stdout: "",
    stderr: "",
    ms: 100,
    hung: false,
    ...seen,
  };
}

function failed(code: string, exitCode: number, message = "Cannot do it: it is so"): Run {
  return run({ code: exitCode, stderr: `Error: ${message} [${code}]\nHint: Run: mcp-auth login demo\n` });
}

function refresh(presented: string, refresh?: string, at = 0): RefreshRequest {
  const issued = refresh === undefined ? undefined : { access: `access-${refresh}`, refresh };
  return { at, presented, status: issued === undefined ? 400 : 200, issued, error: undefined };
}

const INTERRUPTED =
  'Cannot refresh "demo": the server ended the sign-in: invalid_grant; a refresh begun at 2026-01-01T00:00:00.000Z ';

function assertObjects(objections: readonly Objection[], kind: Objection["kind"], what: RegExp): void {
  assert.ok(
    objections.some((each) => each.kind === kind && what.test(each.what)),
    JSON.stringify(objections),
  );
}

Deno.test("a token is read in each form that it is printed in, and from no run that failed", () => {
  assert.equal(tokenOf(run({ stdout: "abc\n" })), "abc");
  assert.equal(tokenOf(run({ stdout: "Authorization: Bearer abc\n" })), "abc");
  assert.equal(tokenOf(run({ stdout: '{"access_token":"abc"}\n' })), "abc");
  for (const stdout of ["", "two words\n", '{"token":"abc"}', '{"access_token":1}']) {
    assert.equal(tokenOf(run({ stdout })), undefined);
  }
  assert.equal(tokenOf(run({ stdout: "abc\n", code: 3 })), undefined);
});

Deno.test("an error is read as text and as JSON, and only with a code of the closed list", () => {
  assert.deepEqual(errorOf(failed("TIMEOUT", 3)), {
    code: "TIMEOUT",
    text: "Cannot do it: it is so Run: mcp-auth login demo",
  });
  const json = (error: unknown) => run({ code: 3, stdout: JSON.stringify({ error }) });
  assert.equal(errorOf(json({ code: "NETWORK_ERROR", message: "Cannot reach it" }))?.code, "NETWORK_ERROR");
  assert.equal(errorOf(json({ code: "OTHER", message: "Cannot reach it" })), undefined);
  assert.equal(errorOf(json({ code: "NETWORK_ERROR", message: "" })), undefined);
  assert.equal(errorOf(failed("OTHER", 1)), undefined);
  assert.equal(errorOf(run({ stderr: "segmentation fault" })), undefined);
});

for (
  const [name, seen, what] of [
    ["that hangs", run({ hung: true, code: undefined }), /did not end/],
    ["that crashes", run({ code: 1, stderr: "error: Uncaught (in promise) Error\n    at x" }), /crashed/],
    ["that something else killed", run({ code: undefined }), /by a signal/],
    ["without a code", run({ code: 1, stderr: "it went wrong" }), /no code of the closed list/],
    ["whose exit code means something else", failed("TIMEOUT", 1), /ended with 1 and TIMEOUT/],
  ] as const
) {
  Deno.test(`a run ${name} is objected to`, () => assertObjects(objectionsToEnd(seen), "broken", what));
}

Deno.test("a run that ends well, or with a fitting code, is not", () => {
  for (
    const seen of [run({}), failed("TIMEOUT", 3), failed("AUTH_REQUIRED", 4), failed("STORE_UNAVAILABLE", 1)]
  ) {
    assert.deepEqual(objectionsToEnd(seen), []);
  }
});

const GOOD_RACE: Race = {
  runs: [run({ stdout: "new\n" }), run({ stdout: "new\n" })],
  refreshes: [refresh("r0", "r1")],
  good: new Set(["new"]),
  sessionAlive: true,
};

Deno.test("one refresh and a good token for each is all that a race may come to", () => {
  assert.deepEqual(objectionsToRace(GOOD_RACE), []);
});

for (
  const [name, seen, kind, what] of [
    [
      "two refreshes",
      { refreshes: [refresh("r0", "r1"), refresh("r1", "r2")] },
      "broken",
      /2 refresh requests/,
    ],
    ["no refresh", { refreshes: [] }, "broken", /0 refresh requests/],
    ["a dead token", { good: new Set<string>() }, "broken", /2 of 2 got no good token/],
    ["a session that is gone", { sessionAlive: false }, "loss", /ended the session/],
    ["a sign-in that is asked for", { runs: [failed("TOKEN_REFRESH_FAILED", 4)] }, "loss", /sign-in/],
    [
      "a spent token sent again",
      { refreshes: [refresh("r0", "r1"), refresh("r0")] },
      "broken",
      /presented again/,
    ],
    ["a time-out", { runs: [failed("TIMEOUT", 3)] }, "broken", /1 of 1 got no good token/],
  ] as const
) {
  Deno.test(`a race with ${name} is objected to`, () => {
    assertObjects(objectionsToRace({ ...GOOD_RACE, ...seen }), kind, what);
  });
}

Deno.test("a refresh token may be sent again as long as it was not exchanged", () => {
  assert.deepEqual(objectionsToReuse([refresh("r0"), refresh("r0", "r1"), refresh("r1", "r2")]), []);
  assertObjects(objectionsToReuse([refresh("r0", "r1"), refresh("r0", "r2")]), "broken", /presented again/);
});

Deno.test("many requests to a server that fails are a storm, a few over time are not", () => {
  assert.deepEqual(objectionsToStorm({ times: [0, 350, 1500, 4000], retryAfterMs: 0 }), []);
  assert.deepEqual(objectionsToStorm({ times: [], retryAfterMs: 2000 }), []);
  assertObjects(
    objectionsToStorm({ times: [0, 10, 20, 30], retryAfterMs: 0 }),
    "broken",
    /4 requests within/,
  );
  assertObjects(
    objectionsToStorm({ times: [0, 5000, 5010, 5020, 5030], retryAfterMs: 0 }),
    "broken",
    /4 requests/,
  );
});

Deno.test("a request sooner than the server has asked for is objected to", () => {
  assert.deepEqual(objectionsToStorm({ times: [0, 2100], retryAfterMs: 2000 }), []);
  assertObjects(objectionsToStorm({ times: [0, 1900], retryAfterMs: 2000 }), "broken", /1900 ms after/);
});

Deno.test("while the server fails, temporary is all that may be said", () => {
  assert.deepEqual(objectionsToFailing([failed("SERVER_ERROR", 3), failed("RATE_LIMITED", 3)]), []);
  assertObjects(objectionsToFailing([failed("TOKEN_REFRESH_FAILED", 4)]), "loss", /sign-in/);
  assertObjects(objectionsToFailing([failed("STORE_UNAVAILABLE", 1)]), "broken", /try again/);
  assertObjects(objectionsToFailing([run({ code: 1, stderr: "oops" })]), "broken", /no code/);
});

Deno.test("what is left of a credential is kept, reported as spent in flight, or a failure", () => {
  const said = (how: string) => failed("TOKEN_REFRESH_FAILED", 4, INTERRUPTED + how);
  const interrupted = said("was interrupted before its answer could be stored");
  assert.equal(judgeCredential(run({}), false, true), "kept");
  assert.equal(judgeCredential(run({}), true, true), "kept");
  assert.equal(judgeCredential(interrupted, true, false), "spent in flight");
  assert.equal(judgeCredential(said("got no answer"), true, false), "spent in flight");

  const objection = (...args: Parameters<typeof judgeCredential>) => {
    const verdict = judgeCredential(...args);
    return typeof verdict === "string" ? [] : [verdict];
  };
  assertObjects(objection(run({}), false, false), "loss", /is dead/);
  assertObjects(objection(interrupted, false, false), "loss", /was not spent/);
  assertObjects(objection(failed("TOKEN_REFRESH_FAILED", 4), true, false), "broken", /not said/);
  assertObjects(objection(failed("TIMEOUT", 3), true, true), "broken", /nothing stands in the way/);
  assertObjects(objection(run({ hung: true }), true, true), "broken", /did not end/);
});

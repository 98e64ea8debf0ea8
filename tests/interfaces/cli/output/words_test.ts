/** Tables, times, states and revocations, as people read them. */
import { deepEqual, equal } from "node:assert/strict";
import { entryState } from "../../../../lib/interfaces/composition/entry_state.ts";
import { STATE_WORDS } from "../../../../lib/interfaces/cli/output/state_words.ts";
import { describeRevocations } from "../../../../lib/interfaces/cli/output/revocations.ts";
import { table } from "../../../../lib/interfaces/cli/output/table.ts";
import { isoTime, relativeTime } from "../../../../lib/interfaces/cli/output/time.ts";
import type { CredentialRecord, ServerRecord } from "../../../../lib/services/credentials/mod.ts";
import { fakeClock } from "../../../fakes/clock.ts";

Deno.test("a table has columns as wide as their widest cell, and no blanks at the end", () => {
  equal(
    table([["NAME", "STATE", "URL"], ["a", "signed in", "https://a"], ["longer", "-", "b"]]),
    [
      "NAME    STATE      URL",
      "a       signed in  https://a",
      "longer  -          b",
    ].join("\n"),
  );
  equal(table([["ONE"]]), "ONE");
  equal(table([]), "");
});

const S = 1_000, MIN = 60 * S, H = 60 * MIN, DAY = 24 * H;
const TIMES: readonly (readonly [difference: number, words: string])[] = [
  [0, "in 0 s"],
  [1, "in 0 s"],
  [S, "in 1 s"],
  [89 * S, "in 89 s"],
  [90 * S, "in 2 min"],
  [H, "in 60 min"],
  [90 * MIN - S, "in 90 min"],
  [90 * MIN, "in 2 h"],
  [35 * H, "in 35 h"],
  [36 * H, "in 2 days"],
  [14 * DAY, "in 14 days"],
  [-1, "0 s ago"],
  [-5 * MIN, "5 min ago"],
  [-2 * H, "2 h ago"],
  [-3 * DAY, "3 days ago"],
];

for (const [difference, words] of TIMES) {
  Deno.test(`${difference / S} s from now is "${words}"`, () =>
    equal(relativeTime(1e12 + difference, 1e12), words));
}

Deno.test("a moment in JSON is ISO 8601 in UTC, and null where it is not known", () => {
  equal(isoTime(Date.UTC(2026, 1, 3, 4, 5, 6, 7)), "2026-02-03T04:05:06.007Z");
  equal(isoTime(undefined), null);
});

const clock = fakeClock();
const oauth = { signIn: "oauth" } as ServerRecord;
const none = { signIn: "none" } as ServerRecord;
const credential = (members: Partial<CredentialRecord>) =>
  ({ accessToken: "x", obtainedAt: clock.now() - H, ...members }) as CredentialRecord;
const past = clock.now() - S, future = clock.now() + H;
const lastError = { code: "TOKEN_REFRESH_FAILED", message: "x", at: past };

const STATES:
  readonly (readonly [string, ServerRecord, CredentialRecord | undefined, keyof typeof STATE_WORDS])[] = [
    ["nobody signed in", oauth, undefined, "not-signed-in"],
    ["no sign-in needed", none, undefined, "no-sign-in-needed"],
    ["a fresh token", oauth, credential({ expiresAt: future }), "signed-in"],
    ["a token of unknown expiry", oauth, credential({}), "signed-in"],
    [
      "an expired token that can be refreshed",
      oauth,
      credential({ expiresAt: past, refreshToken: "r" }),
      "signed-in",
    ],
    ["an expired token that cannot", oauth, credential({ expiresAt: past }), "expired"],
    [
      "an expired token whose refresh was refused",
      oauth,
      credential({ expiresAt: past, lastError }),
      "refresh-failed",
    ],
    [
      "a refused refresh whose token still works",
      oauth,
      credential({ expiresAt: future, lastError }),
      "signed-in",
    ],
    ["a token though none is needed", none, credential({ expiresAt: future }), "signed-in"],
  ];

for (const [description, server, tokens, state] of STATES) {
  Deno.test(`${description}: ${STATE_WORDS[state]}`, () => equal(entryState(server, tokens, clock), state));
}

Deno.test("a sign-out says what became of each token", () => {
  equal(describeRevocations([], true), " here only; the tokens stay valid at the server until they expire");
  equal(
    describeRevocations([{ token: "refresh_token", outcome: "revoked" }, {
      token: "access_token",
      outcome: "unsupported",
    }], false),
    ": refresh token revoked, access token not revoked (the server does not offer that; it ends by itself)",
  );
  deepEqual(
    describeRevocations([{
      token: "access_token",
      outcome: "failed",
      error: { code: "SERVER_ERROR", message: "Cannot revoke: 503" },
    }], false),
    ": access token not revoked (Cannot revoke: 503)",
  );
});

/**
 * What the failure of a refresh means, when the next try is due, and what a clock that jumped changes about it.
 *
 * @see behaviours rows 1, 3 and 33
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { type ErrorCode, McpAuthError } from "../../../lib/primitives/errors.ts";
import { UnsentError } from "../../../lib/primitives/http/http.ts";
import {
  REFRESH_BACKOFF_MAX_MS,
  REFRESH_BACKOFF_MS,
  REFRESH_RETRIES,
  RETRY_AFTER_MAX_MS,
  RETRY_AFTER_SHORT_MS,
  TOKEN_RESPONSES_MAX,
  TOKEN_RESPONSES_WINDOW_MS,
} from "../../../lib/primitives/limits.ts";
import { OAuthResponseError } from "../../../lib/primitives/oauth/response_error.ts";
import type { CredentialRecord } from "../../../lib/services/credentials/mod.ts";
import {
  endOf,
  failureAfter,
  judge,
  outcomeOf,
  type RefreshOutcome,
  type RefreshReason,
  retryPause,
  withTokenResponse,
} from "../../../lib/services/tokens/refresh_policy.ts";

const NOW = Date.UTC(2026, 5, 1);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function answered(
  status: number,
  oauthError?: string,
  retryAfterMs?: number,
  code: ErrorCode = "SERVER_ERROR",
) {
  return new OAuthResponseError(code, `Cannot refresh the access token: "x" answered ${status}`, {
    status,
    oauthError,
    retryAfterMs,
    words: oauthError ?? "",
  });
}

const reset = new McpAuthError("NETWORK_ERROR", "Cannot reach the server: connection closed");
const late = new McpAuthError("TIMEOUT", "Cannot reach the server: too late");
const refused = new UnsentError(new McpAuthError("NETWORK_ERROR", "Cannot reach the server: refused"));
const denied = new UnsentError(new McpAuthError("PERMISSION_DENIED", "Cannot connect"));
const unsafe = new UnsentError(new McpAuthError("UNSAFE_URL", "Cannot connect"));

const OUTCOMES: readonly (readonly [description: string, error: McpAuthError, outcome: RefreshOutcome])[] = [
  ["400 invalid_grant", answered(400, "invalid_grant"), "ended"],
  ["401 invalid_client", answered(401, "invalid_client"), "ended"],
  ["400 unauthorized_client", answered(400, "unauthorized_client"), "ended"],
  ["400 invalid_request", answered(400, "invalid_request"), "unspent"],
  ["403 invalid_grant", answered(403, "invalid_grant"), "unspent"],
  ["429 without words", answered(429), "unspent"],
  ["a connection that was refused", refused, "unspent"],
  ["an address that the sandbox refused", denied, "unspent"],
  ["an address that may not be asked", unsafe, "unspent"],
  ["500 server_error", answered(500, "server_error"), "unanswered"],
  ["503 temporarily_unavailable", answered(503, "temporarily_unavailable"), "unanswered"],
  ["400 and a page", answered(400), "unanswered"],
  ["a redirect", answered(302), "unanswered"],
  ["200 that is no token", new McpAuthError("SERVER_ERROR", "Not valid"), "unanswered"],
  ["a connection that was closed", reset, "unanswered"],
  ["no answer in time", late, "unanswered"],
];

for (const [description, error, outcome] of OUTCOMES) {
  Deno.test(`row 3: ${description} leaves the refresh token ${outcome}`, () =>
    equal(outcomeOf(error), outcome));
}

Deno.test("row 3: the pause after failures doubles from a second to half a minute, jittered by half", () => {
  for (const error of [reset, late, answered(500), answered(429), answered(200)]) {
    let before: CredentialRecord["lastError"];
    for (let failures = 1; failures <= 40; failures++) {
      const [least, most] = [0, 0.999_999].map((random) => failureAfter(error, before, NOW, random));
      const ceiling = Math.min(REFRESH_BACKOFF_MS * 2 ** failures, REFRESH_BACKOFF_MAX_MS);
      equal(least!.retryAt, NOW + ceiling / 2);
      ok(most!.retryAt! > NOW + ceiling * 0.99 && most!.retryAt! <= NOW + ceiling);
      equal(least!.failures, failures);
      equal(least!.byServer, undefined);
      before = least;
    }
  }
  equal(failureAfter(reset, undefined, NOW, 0).retryAt, NOW + REFRESH_BACKOFF_MS);
});

Deno.test("row 3: a server's Retry-After takes the place of the pause, within bounds", () => {
  for (const status of [429, 503]) {
    const pauseOf = (ms: number) => failureAfter(answered(status, undefined, ms), undefined, NOW, 0.5);
    deepEqual([pauseOf(12_000).retryAt, pauseOf(12_000).byServer], [NOW + 12_000, true]);
    equal(pauseOf(0).retryAt, NOW + REFRESH_BACKOFF_MS);
    equal(pauseOf(9 * DAY).retryAt, NOW + RETRY_AFTER_MAX_MS);
    equal(pauseOf(Infinity).retryAt, NOW + RETRY_AFTER_MAX_MS);
  }
  equal(failureAfter(answered(500, undefined, 12_000), undefined, NOW, 0).byServer, undefined);
});

Deno.test("a request that never left sets no pause: a laptop that is online again works at once", () => {
  for (const error of [refused, denied, unsafe]) {
    const failure = failureAfter(error, undefined, NOW, 0.5);
    deepEqual([failure.failures, failure.retryAt, failure.code], [1, undefined, error.code]);
  }
});

Deno.test("row 1: a refresh is repeated on the spot only where it was not taken, and not often", () => {
  ok(retryPause(refused, 0, 0)! > 0);
  ok(retryPause(refused, REFRESH_RETRIES - 1, 1)! < 1_000);
  equal(retryPause(refused, REFRESH_RETRIES, 0), undefined);
  ok(retryPause(answered(429, undefined, 1_000), 0, 0)! >= 1_000);
  ok(retryPause(answered(429, undefined, RETRY_AFTER_SHORT_MS), 0, 0)! >= RETRY_AFTER_SHORT_MS);
  equal(retryPause(answered(429, undefined, RETRY_AFTER_SHORT_MS + 1), 0, 0), undefined);
  equal(retryPause(answered(429), 0, 0), undefined);
  for (
    const error of [
      reset,
      late,
      denied,
      unsafe,
      answered(500, undefined, 0),
      answered(503, undefined, 0),
      answered(400, "invalid_grant", 0),
    ]
  ) {
    equal(retryPause(error, 0, 0), undefined);
  }
});

/** A credential that was obtained an hour and a minute ago, for an hour: expired. */
function credential(members: Partial<CredentialRecord> = {}): CredentialRecord {
  return {
    name: "demo",
    issuer: "https://as.example.com",
    authorizationServer: {},
    client: {
      issuer: "https://as.example.com",
      redirectShape: "loopback",
      source: "dynamic",
      clientId: "client",
      tokenEndpointAuthMethod: "none",
      redirectUris: [],
      registeredAt: 0,
    },
    requestedScopes: [],
    grantedScopes: [],
    accessToken: "at",
    tokenType: "bearer",
    refreshToken: "rt",
    obtainedAt: NOW - HOUR - MINUTE,
    expiresAt: NOW - MINUTE,
    ...members,
  };
}

/** In its last minutes, and good. */
const due = { obtainedAt: NOW - 58 * MINUTE, expiresAt: NOW + 2 * MINUTE };

function verdict(
  members: Partial<CredentialRecord>,
  reason: RefreshReason = "needed",
  now = NOW,
  since = now,
): string {
  const judged = judge(credential(members), { name: "demo", rejected: "at", reason, since }, now);
  return judged.kind === "fail" ? `${judged.error.code}: ${judged.error.message}` : judged.kind;
}

const failed = {
  code: "SERVER_ERROR",
  message: "Cannot refresh the access token: down",
  at: NOW,
  failures: 1,
};

Deno.test("row 3: before the pause is over, a token that works is served, and one that does not fails with the last error", () => {
  const lastError = { ...failed, retryAt: NOW + 11_001 };
  equal(verdict({ ...due, lastError }), "serve");
  equal(
    verdict({ lastError }),
    'SERVER_ERROR: Cannot refresh "demo": the last try failed: down; the next one is due in 12 s',
  );
  match(verdict({ ...due, lastError }, "refused"), /^SERVER_ERROR: .*due in 12 s$/);
  equal(verdict({ lastError }, "needed", NOW + 11_001), "refresh");
});

Deno.test("a person who asks goes before our own pause, and not before the server's", () => {
  const lastError = { ...failed, retryAt: NOW + 10_000 };
  equal(verdict({ lastError }, "asked"), "refresh");
  match(verdict({ lastError: { ...lastError, byServer: true } }, "asked"), /^SERVER_ERROR/);
});

Deno.test("a pause that began before the clock was set back holds nobody up", () => {
  for (const pauseMs of [1_000, REFRESH_BACKOFF_MAX_MS, RETRY_AFTER_MAX_MS, 99 * DAY]) {
    for (const byServer of [false, true]) {
      const lastError = { ...failed, at: NOW + DAY, retryAt: NOW + DAY + pauseMs, byServer };
      equal(verdict({ lastError }), "refresh");
    }
  }
  match(verdict({ lastError: { ...failed, at: NOW + 40, retryAt: NOW + 1_040 } }), /due in 2 s$/);
});

Deno.test("row 1: a try that failed while this one waited for its turn is the answer to it", () => {
  const lastError = { ...failed, at: NOW };
  equal(
    verdict({ lastError }, "needed", NOW + 5, NOW - 1),
    'SERVER_ERROR: Cannot refresh "demo": the last try failed: down',
  );
  equal(verdict({ lastError }, "needed", NOW + 5, NOW), "refresh");
  equal(verdict({ lastError: { ...failed, at: NOW + DAY } }, "needed", NOW, NOW - 1), "refresh");
});

Deno.test("row 1: a refresh token that may be spent is sent again only once the access token is about to expire, or when asked", () => {
  for (const state of ["sent", "unanswered"] as const) {
    for (const at of [NOW - MINUTE, NOW + 99 * DAY]) {
      const pendingRefresh = { at, state };
      equal(verdict({ ...due, pendingRefresh }, "ahead"), "serve");
      equal(verdict({ ...due, pendingRefresh }, "needed"), "refresh");
      equal(verdict({ ...due, pendingRefresh }, "refused"), "refresh");
      equal(verdict({ ...due, pendingRefresh }, "asked"), "refresh");
      equal(verdict({ pendingRefresh }, "ahead"), "refresh");
    }
  }
});

Deno.test("row 33: too many token responses stop the next refresh, whoever asks for it, and a token that works is served", () => {
  const step = TOKEN_RESPONSES_WINDOW_MS / TOKEN_RESPONSES_MAX;
  const tokenResponses = Array.from({ length: TOKEN_RESPONSES_MAX }, (_, i) => NOW - i * step).reverse();
  for (const reason of ["needed", "refused", "asked"] as const) {
    match(
      verdict({ tokenResponses }, reason),
      /^RATE_LIMITED: Cannot refresh "demo": more than 20 times in 30 s$/,
    );
  }
  equal(verdict({ ...due, tokenResponses }), "serve");
  equal(verdict({ tokenResponses: tokenResponses.slice(1) }), "refresh");
  equal(verdict({ tokenResponses }, "needed", NOW + 2 * step), "refresh");
  equal(verdict({ tokenResponses }, "needed", NOW - DAY), "refresh", "the clock was set back since");
});

Deno.test("row 33: the responses that are remembered are those that count", () => {
  let times: readonly number[] | undefined;
  for (let i = 0; i < 100; i++) times = withTokenResponse(times, NOW + i);
  equal(times?.length, TOKEN_RESPONSES_MAX);
  deepEqual(withTokenResponse(times, NOW + HOUR), [NOW + HOUR]);
  deepEqual(withTokenResponse(times, NOW - HOUR), [NOW - HOUR]);
});

Deno.test("the end of a sign-in says what happened before", () => {
  const begun = "2026-06-01T00:00:00.000Z";
  const dead = answered(400, "invalid_grant");
  equal(endOf(dead, credential()), "invalid_grant");
  equal(
    endOf(dead, credential({ pendingRefresh: { at: NOW, state: "sent" } })),
    `invalid_grant; a refresh begun at ${begun} was interrupted before its answer could be stored`,
  );
  equal(
    endOf(dead, credential({ pendingRefresh: { at: NOW, state: "unanswered" } })),
    `invalid_grant; a refresh begun at ${begun} got no answer`,
  );
  const unknown = answered(401, "invalid_client");
  equal(
    endOf(unknown, credential({ pendingRefresh: { at: NOW, state: "sent" } })),
    "invalid_client; it no longer knows the client that was registered there",
  );
  const client = { ...credential().client, source: "pre-registered" as const };
  equal(endOf(unknown, credential({ client })), 'invalid_client; it does not accept the client "client"');
});

import { deepEqual, equal, ok } from "node:assert/strict";
import { asMcpAuthError, ERROR_CODES, McpAuthError, toResult } from "../../lib/primitives/errors.ts";
import { showable } from "./coded_error.ts";

Deno.test("the list of error codes is closed: adding to it is a decision that this test records", () => {
  deepEqual([...ERROR_CODES].sort(), [
    "AUTH_CANCELLED",
    "AUTH_FAILED",
    "AUTH_REQUIRED",
    "CONFIG_INVALID",
    "CONFIG_MISSING",
    "DISCOVERY_FAILED",
    "INSUFFICIENT_SCOPE",
    "ISSUER_MISMATCH",
    "KEYSTORE_UNAVAILABLE",
    "NETWORK_ERROR",
    "NOT_FOUND",
    "PERMISSION_DENIED",
    "RATE_LIMITED",
    "REGISTRATION_FAILED",
    "RESOURCE_MISMATCH",
    "SERVER_ERROR",
    "STATE_MISMATCH",
    "STORE_UNAVAILABLE",
    "TIMEOUT",
    "TOKEN_EXPIRED",
    "TOKEN_REFRESH_FAILED",
    "UNSAFE_URL",
    "USAGE",
  ]);
});

Deno.test("an error as JSON has its code, message and hint, and of its cause the message alone", () => {
  const cause = new Error("inner", { cause: { access_token: "secret" } });
  const error = new McpAuthError("TIMEOUT", "Cannot wait: too long", { hint: "Try again", cause });
  equal(
    JSON.stringify(error),
    '{"code":"TIMEOUT","message":"Cannot wait: too long","hint":"Try again","cause":"inner"}',
  );
  equal(JSON.stringify(new McpAuthError("USAGE", "Wrong")), '{"code":"USAGE","message":"Wrong"}');
});

Deno.test("the cause of an error is shown without control characters and cut", () => {
  const error = new McpAuthError("TIMEOUT", "Late", { cause: new Error(`\u001b[2J${"x".repeat(10_000)}`) });
  showable(error);
  equal(error.toJSON().cause?.length, 300);
});

const thrown: readonly (readonly [string, unknown, string, string])[] = [
  ["an abort", new DOMException("x", "AbortError"), "AUTH_CANCELLED", "Cannot try: cancelled"],
  ["a time-out", new DOMException("x", "TimeoutError"), "TIMEOUT", "Cannot try: timed out"],
  ["any error", new TypeError("went wrong"), "SERVER_ERROR", "Cannot try: went wrong"],
  ["a string", "went wrong", "SERVER_ERROR", "Cannot try: went wrong"],
  ["undefined", undefined, "SERVER_ERROR", "Cannot try: "],
  ["an object without a prototype", Object.create(null), "SERVER_ERROR", "Cannot try: {}"],
  ["an escape sequence", new Error("a\u001b[31mb\nc"), "SERVER_ERROR", "Cannot try: a [31mb c"],
];

for (const [description, value, code, message] of thrown) {
  Deno.test(`asMcpAuthError() gives ${description} a code and a message that can be shown`, () => {
    const error = asMcpAuthError(value, "SERVER_ERROR", "try");
    showable(error);
    equal(error.code, code);
    equal(error.message, message);
    equal(error.cause, value);
  });
}

Deno.test("asMcpAuthError() passes a coded error on as it is", () => {
  const error = new McpAuthError("NOT_FOUND", "Not there");
  ok(asMcpAuthError(error, "SERVER_ERROR", "try") === error);
});

Deno.test("toResult() returns values and coded errors in place of throwing", async () => {
  deepEqual(await toResult("SERVER_ERROR", "try", () => Promise.resolve(1)), { ok: true, value: 1 });
  const failed = await toResult("SERVER_ERROR", "try", () => Promise.reject(new Error("no")));
  ok(!failed.ok);
  equal(failed.error.message, "Cannot try: no");
});

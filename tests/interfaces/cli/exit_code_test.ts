/** Each code of an error ends the program with the exit code that scripts rely on. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { EXIT_CODES, exitCodeOf } from "../../../lib/interfaces/cli/exit_code.ts";
import { ERROR_CODES, type ErrorCode } from "../../../lib/primitives/errors.ts";

const TABLE: Readonly<Record<ErrorCode, number>> = {
  USAGE: 2,
  TIMEOUT: 3,
  NETWORK_ERROR: 3,
  RATE_LIMITED: 3,
  SERVER_ERROR: 3,
  AUTH_REQUIRED: 4,
  TOKEN_EXPIRED: 4,
  TOKEN_REFRESH_FAILED: 4,
  INSUFFICIENT_SCOPE: 4,
  NOT_FOUND: 5,
  CONFIG_MISSING: 5,
  AUTH_CANCELLED: 130,
  AUTH_FAILED: 1,
  CONFIG_INVALID: 1,
  DISCOVERY_FAILED: 1,
  REGISTRATION_FAILED: 1,
  ISSUER_MISMATCH: 1,
  RESOURCE_MISMATCH: 1,
  STATE_MISMATCH: 1,
  UNSAFE_URL: 1,
  STORE_UNAVAILABLE: 1,
  KEYSTORE_UNAVAILABLE: 1,
  PERMISSION_DENIED: 1,
};

Deno.test("row 48: every error code has its exit code", () => {
  deepEqual(Object.fromEntries(ERROR_CODES.map((code) => [code, exitCodeOf(code)])), { ...TABLE });
});

Deno.test("every exit code is explained, once, and none is that of success", () => {
  const explained = EXIT_CODES.map(([code]) => code);
  deepEqual([...new Set(explained)], explained);
  for (const code of ERROR_CODES) {
    ok(explained.includes(exitCodeOf(code)), code);
    ok(exitCodeOf(code) !== 0, code);
  }
  equal(explained[0], 0);
});

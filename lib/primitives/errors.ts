/**
 * The one error type of the product and its closed list of codes. A code says how a failure ends (exit code, retry or
 * not) and never changes; the message says what happened; the hint is the next command to run. Text that came from a
 * server must pass through `safeText` before it gets into a message.
 *
 * @module
 */

import { safeText } from "./untrusted_text.ts";

/** Every code an error can carry. Stable: hosts and scripts compare them as strings. */
export const ERROR_CODES = [
  "AUTH_REQUIRED",
  "AUTH_FAILED",
  "AUTH_CANCELLED",
  "TOKEN_EXPIRED",
  "TOKEN_REFRESH_FAILED",
  "CONFIG_MISSING",
  "CONFIG_INVALID",
  "NOT_FOUND",
  "TIMEOUT",
  "NETWORK_ERROR",
  "DISCOVERY_FAILED",
  "REGISTRATION_FAILED",
  "ISSUER_MISMATCH",
  "RESOURCE_MISMATCH",
  "STATE_MISMATCH",
  "INSUFFICIENT_SCOPE",
  "UNSAFE_URL",
  "RATE_LIMITED",
  "STORE_UNAVAILABLE",
  "KEYSTORE_UNAVAILABLE",
  "PERMISSION_DENIED",
  "SERVER_ERROR",
  "USAGE",
] as const;

/** One of {@linkcode ERROR_CODES}. */
export type ErrorCode = typeof ERROR_CODES[number];

/** What {@linkcode McpAuthError} takes beside its code and message. */
export interface McpAuthErrorOptions {
  /** The next command to run, or what to change, as one sentence without a final period. */
  readonly hint?: string | undefined;
  /** What made it fail; kept for `--verbose`, and as JSON by its message alone. */
  readonly cause?: unknown;
}

/** An error as `--json` prints it: the same words as in a terminal. */
export interface ErrorJson {
  /** How the failure ends. */
  readonly code: ErrorCode;
  /** What happened. */
  readonly message: string;
  /** The next command to run. */
  readonly hint?: string;
  /** The message of what made it fail. */
  readonly cause?: string;
}

/** A failure with a stable code. Every error that leaves the library or the program is one of these. */
export class McpAuthError extends Error {
  /** How the failure ends; see {@linkcode ERROR_CODES}. */
  readonly code: ErrorCode;
  /** The next command to run, where there is one. */
  readonly hint: string | undefined;

  /**
   * Makes an error.
   *
   * @param code How the failure ends.
   * @param message What happened: action first, values quoted, colon before detail, no final period.
   * @param options The hint and the cause.
   */
  constructor(code: ErrorCode, message: string, options: McpAuthErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "McpAuthError";
    this.code = code;
    this.hint = options.hint;
  }

  /** The error as plain data, for `--json`; the cause is its message only. */
  toJSON(): ErrorJson {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.cause instanceof Error ? { cause: safeText(this.cause.message) } : {}),
    };
  }
}

/** What library calls return in place of throwing: a value, or an error with a code. */
export type Result<T> = { readonly ok: true; readonly value: T } | {
  readonly ok: false;
  readonly error: McpAuthError;
};

/**
 * Turns anything thrown into a coded error: a {@linkcode McpAuthError} passes as it is, an abort becomes
 * `AUTH_CANCELLED`, a time-out `TIMEOUT`, and all else the given code.
 *
 * @param thrown What was caught.
 * @param code The code for an error that has none.
 * @param action What was being done, for the message: `Cannot <action>`.
 */
export function asMcpAuthError(thrown: unknown, code: ErrorCode, action: string): McpAuthError {
  if (thrown instanceof McpAuthError) return thrown;
  const name = thrown instanceof Error ? thrown.name : "";
  const detail = safeText(thrown instanceof Error ? thrown.message : thrown);
  if (name === "AbortError") {
    return new McpAuthError("AUTH_CANCELLED", `Cannot ${action}: cancelled`, { cause: thrown });
  }
  if (name === "TimeoutError") {
    return new McpAuthError("TIMEOUT", `Cannot ${action}: timed out`, { cause: thrown });
  }
  return new McpAuthError(code, `Cannot ${action}: ${detail}`, { cause: thrown });
}

/**
 * Runs an operation and returns its outcome as a {@linkcode Result}: the edge where the library stops throwing.
 *
 * @param code The code for an error that has none.
 * @param action What is being done, for the message of such an error.
 * @param operation What to run.
 */
export async function toResult<T>(
  code: ErrorCode,
  action: string,
  operation: () => Promise<T>,
): Promise<Result<T>> {
  try {
    return { ok: true, value: await operation() };
  } catch (error) {
    return { ok: false, error: asMcpAuthError(error, code, action) };
  }
}

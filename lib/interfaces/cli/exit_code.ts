/**
 * The one place that turns an error's code into the program's exit code, so that a script can tell "try again" from
 * "sign in" from "you typed it wrong" without reading text.
 *
 * @module
 */
import type { ErrorCode } from "../../primitives/errors.ts";

/** What the exit codes mean, for `help exit-codes`. */
export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [0, "done"],
  [1, "failed, or a tool answered with an error"],
  [2, "the command line is not understood"],
  [3, "temporary, try again"],
  [4, "a sign-in is needed"],
  [5, "no such entry, or a setting is missing"],
  [125, "exec failed itself; every other code of it is its command's"],
  [130, "cancelled"],
];

/** What `exec` ends with where it fails itself: every other code is its command's. */
export const EXEC_FAILED = 125;

/**
 * The exit code of an error.
 *
 * @param code The error's code.
 */
export function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case "USAGE":
      return 2;
    case "TIMEOUT":
    case "NETWORK_ERROR":
    case "RATE_LIMITED":
    case "SERVER_ERROR":
      return 3;
    case "AUTH_REQUIRED":
    case "TOKEN_EXPIRED":
    case "TOKEN_REFRESH_FAILED":
    case "INSUFFICIENT_SCOPE":
      return 4;
    case "NOT_FOUND":
    case "CONFIG_MISSING":
      return 5;
    case "AUTH_CANCELLED":
      return 130;
    default:
      return 1;
  }
}

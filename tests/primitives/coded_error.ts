/**
 * What a failure has to be: an error with a code, in words that a terminal can show.
 *
 * @module
 */
import { equal, match, ok } from "node:assert/strict";
import { ERROR_CODES, type ErrorCode, McpAuthError } from "../../lib/primitives/errors.ts";

/** The longest message that an error may have: three URLs as shown, and some words. */
export const MESSAGE_MAX_CHARS = 6_500;

/**
 * Makes the check that `throws` and `rejects` take.
 *
 * @param code The code that the error must have.
 * @param message What its message must say.
 */
export function coded(code: ErrorCode, message?: RegExp): (error: unknown) => true {
  return (error) => {
    showable(error);
    equal(error.code, code, error.message);
    if (message !== undefined) match(error.message, message);
    return true;
  };
}

/** Asserts that an error is coded, and that its words can be shown to a person as they are. */
export function showable(error: unknown): asserts error is McpAuthError {
  ok(error instanceof McpAuthError, `not a coded error: ${Deno.inspect(error)}`);
  ok(ERROR_CODES.includes(error.code), error.code);
  for (const text of [error.message, error.hint ?? "", error.toJSON().cause ?? ""]) {
    ok(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text), `control characters in ${JSON.stringify(text)}`);
    ok(text.isWellFormed(), `a lone surrogate in ${JSON.stringify(text)}`);
    ok(text.length <= MESSAGE_MAX_CHARS, `a message of ${text.length} characters`);
  }
  ok(!error.message.endsWith("."), `a final period: ${error.message}`);
}

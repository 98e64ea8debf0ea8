/**
 * How an error looks: the same words in a terminal and in `--json`, redacted once more in case a cause carried a secret.
 *
 * @module
 */
import type { McpAuthError } from "../../../primitives/errors.ts";
import { redact } from "../../../primitives/http/redaction.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";

/**
 * An error as lines for a person.
 *
 * @param error The error.
 * @param verbose Also print the chain of causes.
 */
export function errorText(error: McpAuthError, verbose = false): string {
  const lines = [`Error: ${error.message} [${error.code}]`];
  if (error.hint !== undefined) lines.push(`Hint: ${error.hint}`);
  if (verbose) {
    for (
      let cause = error.cause, depth = 0;
      cause instanceof Error && depth < 5;
      cause = cause.cause, depth++
    ) {
      lines.push(`Cause: ${cause.name}: ${safeText(cause.message)}`);
    }
  }
  return redact(lines.join("\n")) + "\n";
}

/** An error as one line of JSON: `{"error":{"code":...,"message":...,"hint":...}}`. */
export function errorJson(error: McpAuthError): string {
  const { code, message, hint, cause } = error.toJSON();
  return JSON.stringify({
    error: {
      code,
      message: redact(message),
      ...(hint === undefined ? {} : { hint: redact(hint) }),
      ...(cause === undefined ? {} : { cause: redact(cause) }),
    },
  }) + "\n";
}

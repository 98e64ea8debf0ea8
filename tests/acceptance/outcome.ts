/**
 * How a run of the program ended, and what tests say about it.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ErrorCode } from "../../lib/primitives/errors.ts";

/** How a run ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as JSON; throws where it is not exactly one JSON text. */
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  readonly json: any;
}

/**
 * Checks that a run with `--json` ended with an error, and that standard output holds nothing else.
 *
 * @param outcome The run.
 * @param code The error's code.
 * @param exitCode The exit code.
 * @param hint What the hint says, where that matters.
 */
export function assertError(outcome: Outcome, code: ErrorCode, exitCode: number, hint?: RegExp): void {
  const told = `${outcome.stdout}${outcome.stderr}`;
  const { error } = outcome.json as { error: Record<string, string> };
  assert.equal(error?.code, code, told);
  assert.ok(error?.message);
  if (hint !== undefined) assert.match(error.hint ?? "", hint);
  assert.equal(outcome.code, exitCode, told);
}

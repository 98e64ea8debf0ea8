/**
 * Where an error goes, and what exit code it means.
 *
 * @module
 */
import type { McpAuthError } from "../../../primitives/errors.ts";
import type { Terminal } from "../../../primitives/system/terminal.ts";
import { exitCodeOf } from "../exit_code.ts";
import { errorJson, errorText } from "./error.ts";

/**
 * Prints an error: as JSON to standard output with `--json`, else as text to standard error.
 *
 * @returns The exit code.
 */
export function reportError(
  terminal: Terminal,
  error: McpAuthError,
  flags: { readonly json?: boolean | undefined; readonly verbose?: boolean | undefined },
): number {
  if (flags.json) terminal.out(errorJson(error));
  else terminal.err(errorText(error, flags.verbose));
  return exitCodeOf(error.code);
}

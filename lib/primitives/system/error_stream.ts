/**
 * Standard error as the stream that prompt libraries write to, so that standard output stays the result's alone.
 *
 * @module
 */
import process from "node:process";

/** Standard error. */
export function errorStream(): typeof process.stderr {
  return process.stderr;
}

/**
 * The number that the operating system knows this process by.
 *
 * @module
 */

/** The process id. */
export function processId(): number {
  return Deno.pid;
}

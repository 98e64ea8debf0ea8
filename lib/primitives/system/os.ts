/**
 * Which operating system this is.
 *
 * @module
 */
import type { Os } from "./paths.ts";

/** This operating system. */
export function thisOs(): Os {
  return Deno.build.os;
}

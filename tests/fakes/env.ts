/**
 * An environment made of what a test says.
 *
 * @module
 */
import type { Env } from "../../lib/primitives/system/env.ts";

/** Returns an environment of the given variables; those set to nothing count as unset, as in the real one. */
export function fakeEnv(variables: Readonly<Record<string, string>> = {}): Env {
  return { get: (name) => variables[name] || undefined };
}

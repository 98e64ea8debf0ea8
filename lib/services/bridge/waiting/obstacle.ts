/**
 * Why a request cannot be sent while a person has to sign in, as the host is told: with the command to run, and with the
 * tool that does the same.
 *
 * @see behaviours row 48
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import type { Person } from "./person.ts";
import { LOGIN_TOOL, saysSignIn } from "./person_layer.ts";

/** An error with a word about the tool, where the tool can help. */
export function withMention(error: McpAuthError, { unable }: Person): McpAuthError {
  if (unable !== undefined) return error;
  const { hint, message, code } = error;
  const call = `call the tool ${LOGIN_TOOL}`;
  return new McpAuthError(code, message, {
    hint: hint === undefined ? `To sign in, ${call}` : `${hint}, or ${call}`,
    cause: error,
  });
}

/** What is said while a sign-in goes on. */
export function underWay({ name, command }: Person): McpAuthError {
  return new McpAuthError("AUTH_REQUIRED", `Cannot use "${name}" yet: a sign-in is under way`, {
    hint: `Run: ${command}`,
  });
}

/**
 * What a request is answered with that needs a sign-in.
 *
 * @param need Why one is needed, or what the last one has failed with.
 */
export function obstacleOf(need: McpAuthError, person: Person): McpAuthError {
  if (saysSignIn(need)) return withMention(need, person);
  const { name, command } = person;
  const why = `Cannot use "${name}": a sign-in is needed, and the last one failed: ${need.message}`;
  return withMention(
    new McpAuthError("AUTH_REQUIRED", why, { hint: `Run: ${command}`, cause: need }),
    person,
  );
}

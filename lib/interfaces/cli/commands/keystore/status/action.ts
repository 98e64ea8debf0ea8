/**
 * `mcp-auth keystore status`: the action. What is known is shown also where the key cannot be read; the exit code is
 * that of the error then.
 *
 * @module
 */
import { McpAuthError } from "../../../../../primitives/errors.ts";
import { safeText } from "../../../../../primitives/untrusted_text.ts";
import type { Action, CommonFlags } from "../../../command.ts";
import { exitCodeOf } from "../../../exit_code.ts";
import { errorJson, errorText } from "../../../output/error.ts";

/** Shows the state of the keystore. */
export const action: Action<CommonFlags, []> = async (context, flags) => {
  const services = context.services(flags);
  const state = await services.store.keystoreState();
  if (state === undefined) {
    throw new McpAuthError("CONFIG_MISSING", "Cannot show the keystore: there is no store yet", {
      hint: "Add an entry first, and choose the keystore with it: mcp-auth add <url> --keystore <kind>",
    });
  }
  const { kind, place, generation, leftIn, error } = state;
  const rows: readonly (readonly [string, string])[] = [
    ["Keystore", safeText(kind)],
    ["Place", place ?? "-"],
    ["Key", error === undefined ? "can be read" : "cannot be read"],
    ["Generation", String(generation)],
    ["Store", services.storePlace],
    ...(leftIn.length === 0 ? [] : [["Left over", leftOver(leftIn)] as const]),
  ];
  context.print(flags, {
    keystore: kind,
    place: place ?? null,
    readable: error === undefined,
    generation,
    store: services.storePlace,
    left_in: leftIn,
    ...(error === undefined ? { error: null } : JSON.parse(errorJson(error))),
  }, rows.map(([label, value]) => `${`${label}:`.padEnd(12)}${value}`).join("\n"));
  if (error === undefined) return;
  if (!flags.json) context.terminal.err(errorText(error, flags.verbose));
  return exitCodeOf(error.code);
};

function leftOver(kinds: readonly string[]): string {
  return `a change was interrupted, and may have left a key in: ${safeText(kinds.join(", "))}; ` +
    "the next keystore use or rekey removes it";
}

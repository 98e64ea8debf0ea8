/**
 * `mcp-auth version`: the action.
 *
 * @module
 */
import { VERSION } from "../../../../primitives/version.ts";
import type { Action, JsonFlag } from "../../command.ts";

/** Prints the version. */
export const action: Action<JsonFlag, []> = (context, flags) => {
  context.print(flags, { version: VERSION }, VERSION);
  return Promise.resolve();
};

/**
 * `mcp-auth refresh`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { jsonFlag, optionalEntryName, storeFlags, switchFlag } from "../../flags.ts";
import type { RefreshFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<RefreshFlags, [string?]>({
  brief: "Get a new access token now",
  description:
    "Refreshes the access token of an entry, whether or not that is due, and says how long the new one lives. " +
    "With --all it does so for every entry that can be refreshed, whatever becomes of the others, and exits with " +
    "the code of the worst.",
  examples: [
    ["mcp-auth refresh heptabase", "refresh now"],
    ["mcp-auth refresh --all --json", "every entry, with the outcome of each"],
  ],
  parameters: {
    flags: {
      all: switchFlag("Refresh every entry that is signed in and needs no person for it"),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: optionalEntryName,
  },
  load: () => import("./action.ts"),
});

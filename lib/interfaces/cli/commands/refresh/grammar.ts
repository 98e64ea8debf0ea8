/**
 * `mcp-auth refresh`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../command.ts";
import { entryName, jsonFlag, storeFlags } from "../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, [string]>({
  brief: "Get a new access token now",
  description:
    "Refreshes the access token of an entry, whether or not that is due, and says how long the new one lives.",
  examples: [
    ["mcp-auth refresh heptabase", "refresh now"],
  ],
  parameters: {
    flags: { ...jsonFlag, ...storeFlags },
    positional: entryName,
  },
  load: () => import("./action.ts"),
});

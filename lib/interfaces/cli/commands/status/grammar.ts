/**
 * `mcp-auth status`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../command.ts";
import { jsonFlag, optionalEntryName, storeFlags } from "../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, [string?]>({
  brief: "Show the state of an entry, or of all",
  description:
    "Shows whether an entry is signed in, as whom, where, with which scopes, how long its token lives, whether it can be refreshed and what went wrong last. Nothing is asked of any server.",
  examples: [
    ["mcp-auth status", "every entry"],
    ["mcp-auth status heptabase", "one entry"],
    ["mcp-auth status heptabase --json", "for scripts"],
  ],
  parameters: {
    flags: { ...jsonFlag, ...storeFlags },
    positional: optionalEntryName,
  },
  load: () => import("./action.ts"),
});

/**
 * `mcp-auth status`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../command.ts";
import { entryName, jsonFlag, storeFlags } from "../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, [string]>({
  brief: "Show the state of an entry",
  description:
    "Shows whether an entry is signed in, where, with which scopes, how long its token lives and whether it can be refreshed. Nothing is asked of any server.",
  examples: [
    ["mcp-auth status heptabase", "for a person"],
    ["mcp-auth status heptabase --json", "for scripts"],
  ],
  parameters: {
    flags: { ...jsonFlag, ...storeFlags },
    positional: entryName,
  },
  load: () => import("./action.ts"),
});

/**
 * `mcp-auth tools`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../command.ts";
import { entryName, jsonFlag, storeFlags } from "../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, [string]>({
  brief: "List the tools of a server",
  description: "Asks the server for its tools. It never signs in.",
  examples: [
    ["mcp-auth tools heptabase", "names and what they do"],
    ["mcp-auth tools heptabase --json", "with their schemas"],
  ],
  parameters: {
    flags: { ...jsonFlag, ...storeFlags },
    positional: entryName,
  },
  load: () => import("./action.ts"),
});

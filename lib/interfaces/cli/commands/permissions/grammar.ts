/**
 * `mcp-auth permissions`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { jsonFlag, storeFlags, valueFlag } from "../../flags.ts";
import type { PermissionsFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<PermissionsFlags, [string?]>({
  brief: "Print the permissions that Deno has to grant",
  description:
    "Prints the flags that deno run needs for a command and an entry, and no more: its hosts with their ports, the " +
    "folder of the store, the variables that are set and read, the programs that are started. What is never needed " +
    "is denied. Without a name it is for all entries together.",
  examples: [
    ["mcp-auth permissions heptabase", "for token"],
    ["mcp-auth permissions heptabase --command bridge", "for another command"],
    ['mcp-auth permissions heptabase --command "bridge --login"', "a flag may need more"],
    ["mcp-auth permissions --command list --format config", "as a permission set for deno.json"],
  ],
  parameters: {
    flags: {
      command: valueFlag("Command that is to be run (token)", "command"),
      format: {
        kind: "enum",
        values: ["flags", "config"],
        brief: "As flags of the command line, or as a permission set for deno.json",
        optional: true,
      },
      file: valueFlag("File that export writes, import reads, or the bridge logs to", "file"),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: {
      kind: "tuple",
      parameters: [{
        brief: "Name of the entry; all entries without it",
        parse: String,
        placeholder: "name",
        optional: true,
      }],
    },
  },
  load: () => import("./action.ts"),
});

/**
 * `mcp-auth token`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { entryName, jsonFlag, storeFlags, switchFlag } from "../../flags.ts";
import type { TokenFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<TokenFlags, [string]>({
  brief: "Print a valid access token",
  description:
    "Prints a valid access token, refreshed first where that is due. It never asks a person: where a sign-in " +
    "is needed it exits with 4 and names the command to run.",
  examples: [
    ["mcp-auth token heptabase", "the bare token"],
    ['curl -H "$(mcp-auth token heptabase --header)" https://api.heptabase.com/mcp', "as a header"],
    ["mcp-auth token heptabase --json", "with its expiry and scopes"],
  ],
  parameters: {
    flags: {
      header: switchFlag('Print it as "Authorization: Bearer ..."'),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: entryName,
  },
  load: () => import("./action.ts"),
});

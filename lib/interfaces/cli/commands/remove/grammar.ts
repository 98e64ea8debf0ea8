/**
 * `mcp-auth remove`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { entryName, jsonFlag, storeFlags, switchFlag } from "../../flags.ts";
import type { RemoveFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<RemoveFlags, [string]>({
  brief: "Remove an entry",
  description: "Signs out of the entry, revoking its tokens at the server, and removes it.",
  examples: [
    ["mcp-auth remove heptabase", "sign out and remove"],
    ["mcp-auth remove heptabase --local-only", "remove without telling the server"],
  ],
  parameters: {
    flags: {
      localOnly: switchFlag("Forget the tokens without revoking them at the server"),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: entryName,
  },
  load: () => import("./action.ts"),
});

/**
 * `mcp-auth logout`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { entryName, jsonFlag, storeFlags, switchFlag } from "../../flags.ts";
import type { LogoutFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<LogoutFlags, [string]>({
  brief: "Sign out of an entry",
  description: "Revokes the tokens at the server, says what was revoked, and forgets them. The entry stays.",
  examples: [
    ["mcp-auth logout heptabase", "revoke and forget"],
    ["mcp-auth logout heptabase --local-only", "forget without telling the server"],
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

/**
 * `mcp-auth logout`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { jsonFlag, optionalEntryName, storeFlags, switchFlag } from "../../flags.ts";
import type { LogoutFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<LogoutFlags, [string?]>({
  brief: "Sign out of an entry",
  description: "Revokes the tokens at the server, says what was revoked, and forgets them. The entry stays.",
  examples: [
    ["mcp-auth logout heptabase", "revoke and forget"],
    ["mcp-auth logout heptabase --local-only", "forget without telling the server"],
    ["mcp-auth logout heptabase --client", "forget the client registration as well"],
    ["mcp-auth logout --all", "every entry, one after the other"],
  ],
  parameters: {
    flags: {
      all: switchFlag("Sign out of every entry, whatever becomes of the one before"),
      localOnly: switchFlag("Forget the tokens without revoking them at the server"),
      client: switchFlag(
        "Forget the client registration, too, and delete it at the server where it offers that",
      ),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: optionalEntryName,
  },
  load: () => import("./action.ts"),
});

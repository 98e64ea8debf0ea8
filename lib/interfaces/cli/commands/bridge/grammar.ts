/**
 * `mcp-auth bridge`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { clientFlags, entryFlags, signInFlags } from "../../entry_flags.ts";
import { storeFlags, switchFlag, valueFlag } from "../../flags.ts";
import { grantFlags, keyFlags } from "../../grant_flags.ts";
import type { BridgeFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<BridgeFlags, [string]>({
  brief: "A stdio MCP server in front of a remote one",
  description:
    "Connects a host that speaks stdio to a remote server, with the entry's credentials. Standard output " +
    "carries JSON-RPC only. Without --login it never opens a browser: requests are answered with the command to run.",
  examples: [
    ["mcp-auth bridge heptabase", "for a host's configuration"],
    ["mcp-auth bridge https://api.heptabase.com/mcp --login", "no entry needed; signs in when it must"],
  ],
  parameters: {
    flags: {
      login: switchFlag("Sign in through the browser when that is needed"),
      clientSecretFile: valueFlag("File with the client's secret", "file"),
      ...clientFlags,
      ...keyFlags,
      ...grantFlags,
      ...entryFlags,
      ...signInFlags,
      ...storeFlags,
    },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "Name of an entry, or a URL", parse: String, placeholder: "name" }],
    },
  },
  load: () => import("./action.ts"),
});

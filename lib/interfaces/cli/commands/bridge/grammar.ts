/**
 * `mcp-auth bridge`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { logFlags } from "../../bridge_flags.ts";
import { clientFlags, entryFlags, signInFlags } from "../../entry_flags.ts";
import { storeFlags, switchFlag, valueFlag } from "../../flags.ts";
import { grantFlags, keyFlags } from "../../grant_flags.ts";
import type { BridgeFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<BridgeFlags, string[]>({
  brief: "A stdio MCP server in front of a remote one, or of a program",
  description:
    "Connects a host that speaks stdio to a remote server, with the entry's credentials. Standard output " +
    "carries JSON-RPC only. Without --login it never opens a browser: where nobody is signed in, the host gets " +
    "a tool, mcp_auth_login, that gives the address to open, and a sign-in elsewhere is noticed. " +
    "A ws or wss URL is reached by WebSocket. After -- comes a command that is such a server itself, which needs no entry.",
  examples: [
    ["mcp-auth bridge heptabase", "for a host's configuration"],
    ["mcp-auth bridge https://api.heptabase.com/mcp --login", "no entry needed; signs in when it must"],
    ["mcp-auth bridge -- npx -y @modelcontextprotocol/server-everything", "a server that is a program"],
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
      ...logFlags,
      ...storeFlags,
    },
    positional: {
      kind: "array",
      parameter: {
        brief: "Name of an entry, or a URL; or -- and a command with its arguments",
        parse: String,
        placeholder: "name",
      },
    },
  },
  usage: "[--login] <name or URL> | -- <command> <argument>...",
  load: () => import("./action.ts"),
});

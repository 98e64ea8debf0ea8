/**
 * `mcp-auth install`: the grammar. One command puts a bridge in and takes it out, since both are one change of one file.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { jsonFlag, storeFlags, switchFlag, valueFlag } from "../../flags.ts";
import { hostFileFlags } from "../../host_flags.ts";
import type { InstallFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<InstallFlags, [string?, string?]>({
  brief: "Put an entry's bridge into the configuration of a host",
  description:
    "Hosts are claude-desktop, claude-code, cursor, vscode, codex, windsurf and gemini. Shows what would change in the " +
    "host's configuration and asks; where nobody can be asked, nothing is written without --yes. Comments, unknown " +
    "settings, order and indentation stay as they are. What was there before is kept beside the file, in " +
    "<file>.mcp-auth-backup-<time>. No secret is written: the host starts the bridge by its absolute path, without a " +
    "shell, and the bridge has its sign-in from the store.",
  examples: [
    ["mcp-auth install claude-desktop heptabase", "and start Claude Desktop again"],
    ["mcp-auth install codex heptabase --as notes --yes", "under another name, unasked"],
    ["mcp-auth install cursor heptabase --scope project", "for the project in this folder"],
    ["mcp-auth install vscode heptabase --print", "only show what to put where"],
    ["mcp-auth install gemini heptabase --remove", "take it out again"],
  ],
  parameters: {
    flags: {
      as: valueFlag("Name that the host knows the server by; that of the entry when left out", "name"),
      login: switchFlag("Let the bridge open the browser when a sign-in is needed"),
      print: switchFlag("Only show what would be put there, and in which file"),
      remove: switchFlag("Take the server out of the host's configuration"),
      force: switchFlag("Replace a server of that name, or make the file of a host that is not there yet"),
      ...hostFileFlags,
      ...jsonFlag,
      ...storeFlags,
    },
    positional: {
      kind: "tuple",
      parameters: [
        { brief: "Host", parse: String, placeholder: "host", optional: true },
        { brief: "Name of the entry", parse: String, placeholder: "name", optional: true },
      ],
    },
  },
  usage: "<host> <name> [flags]",
  load: () => import("./action.ts"),
});

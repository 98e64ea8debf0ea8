/**
 * `mcp-auth import`: the grammar. One command for a file, for hosts and for `mcp-remote`, so that flags may stand
 * anywhere on the line; a file of such a name is `./mcp-remote`.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { jsonFlag, listFlag, storeFlags, switchFlag, valueFlag } from "../../flags.ts";
import { hostFileFlags } from "../../host_flags.ts";
import type { ImportFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<ImportFlags, string[]>({
  brief: "Read entries from an export, from a host, or from mcp-remote",
  description:
    "Reads what mcp-auth export has written, on this machine or another: all of it, or nothing where a name is taken. " +
    "The passphrase comes from --passphrase-file, from MCP_AUTH_EXPORT_PASSPHRASE, or is asked for.\n\n" +
    "With the name of a host (claude-desktop, claude-code, cursor, vscode, codex, windsurf, gemini) it makes entries " +
    "of its remote servers, also of those behind mcp-remote, mcp-proxy and supergateway, and takes over what " +
    "mcp-remote is signed in to. Values of headers may be secrets: they are taken over only with --with-headers, and " +
    "sealed. The host's configuration is changed only with --move, which puts the bridge in the place of each server " +
    "that was imported whole, after showing how; all others stay as they are.\n\n" +
    'With "mcp-remote" it reads the folder of that program (MCP_REMOTE_CONFIG_DIR, else ~/.mcp-auth) and changes ' +
    "nothing there. The folder does not say which servers it is for: name their URLs, as mcp-remote was given them. " +
    "Tokens are taken over only where it is certain who issued them. Stop using mcp-remote for these servers then: " +
    "where a server rotates refresh tokens, the first refresh of one program ends the sign-in of the other.",
  examples: [
    ["mcp-auth import heptabase.json", "the passphrase is asked for"],
    ["mcp-auth import all.json --name work=office --force", "under another name; replace those that exist"],
    ["mcp-auth import all.json --passphrase-file words.txt --dry-run", "only say what is in it"],
    ["mcp-auth import claude-desktop --move", "its remote servers go through the bridge from now on"],
    ["mcp-auth import cursor notes --with-headers", "one server, with the token in its headers"],
    ["mcp-auth import mcp-remote --dry-run", "what is there"],
    ["mcp-auth import mcp-remote https://mcp.linear.app/sse", "take over a sign-in"],
    ["mcp-auth import mcp-remote --name https://mcp.linear.app/sse=linear", "the same, under a name"],
  ],
  parameters: {
    flags: {
      force: switchFlag("Replace entries that exist"),
      dryRun: switchFlag("Say what would be imported, and import nothing"),
      name: listFlag(
        "Import an entry, a server of a host, or a URL of mcp-remote, as another name",
        "old=new",
      ),
      move: switchFlag("Put the bridge in the place of a host's servers, in its configuration"),
      login: switchFlag("Let these bridges open the browser when a sign-in is needed"),
      withHeaders: switchFlag("Take over values of headers that a host has, which may be secrets"),
      ...hostFileFlags,
      passphraseFile: valueFlag("File with the passphrase of an export, - for standard input", "file"),
      issuer: valueFlag("Issuer that you vouch for, where mcp-remote did not note it", "url"),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: {
      kind: "array",
      parameter: {
        brief:
          'File of an export, - for standard input; or a host and names of its servers; or "mcp-remote" and URLs',
        parse: String,
        placeholder: "source",
      },
      minimum: 1,
    },
  },
  load: () => import("./action.ts"),
});

/**
 * `mcp-auth import`: the grammar. One command for a file and for `mcp-remote`, so that flags may stand anywhere on the
 * line; a file of that name is `./mcp-remote`.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { jsonFlag, listFlag, storeFlags, switchFlag, valueFlag } from "../../flags.ts";
import type { ImportFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<ImportFlags, string[]>({
  brief: "Read entries from an export, or from mcp-remote",
  description:
    "Reads what mcp-auth export has written, on this machine or another: all of it, or nothing where a name is taken. " +
    "The passphrase comes from --passphrase-file, from MCP_AUTH_EXPORT_PASSPHRASE, or is asked for.\n\n" +
    'With "mcp-remote" it reads the folder of that program (MCP_REMOTE_CONFIG_DIR, else ~/.mcp-auth) and changes ' +
    "nothing there. The folder does not say which servers it is for: name their URLs, as mcp-remote was given them. " +
    "Tokens are taken over only where it is certain who issued them. Stop using mcp-remote for these servers then: " +
    "where a server rotates refresh tokens, the first refresh of one program ends the sign-in of the other.",
  examples: [
    ["mcp-auth import heptabase.json", "the passphrase is asked for"],
    ["mcp-auth import all.json --name work=office --force", "under another name; replace those that exist"],
    ["mcp-auth import all.json --passphrase-file words.txt --dry-run", "only say what is in it"],
    ["mcp-auth import mcp-remote --dry-run", "what is there"],
    ["mcp-auth import mcp-remote https://mcp.linear.app/sse", "take over a sign-in"],
    ["mcp-auth import mcp-remote --name https://mcp.linear.app/sse=linear", "the same, under a name"],
  ],
  parameters: {
    flags: {
      force: switchFlag("Replace entries that exist"),
      dryRun: switchFlag("Say what would be imported, and import nothing"),
      name: listFlag("Import an entry, or a URL of mcp-remote, as another name", "old=new"),
      passphraseFile: valueFlag("File with the passphrase of an export, - for standard input", "file"),
      issuer: valueFlag("Issuer that you vouch for, where mcp-remote did not note it", "url"),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: {
      kind: "array",
      parameter: {
        brief: 'File of an export, - for standard input; or "mcp-remote" and URLs of servers',
        parse: String,
        placeholder: "source",
      },
      minimum: 1,
    },
  },
  load: () => import("./action.ts"),
});

/**
 * `mcp-auth export`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { jsonFlag, storeFlags, switchFlag, valueFlag } from "../../flags.ts";
import type { ExportFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<ExportFlags, string[]>({
  brief: "Write entries to a file, sealed by a passphrase",
  description:
    "Writes entries with their tokens and client registrations to a file that mcp-auth import reads on another " +
    "machine, whatever keystore either uses. The file is sealed by a passphrase of at least 12 characters: from " +
    "--passphrase-file, from MCP_AUTH_EXPORT_PASSPHRASE, or asked for. A refresh token that the server rotates is " +
    "good for one machine only: --move removes the tokens here once the file is written.",
  examples: [
    ["mcp-auth export heptabase --out heptabase.json", "one entry; the passphrase is asked for"],
    ["mcp-auth export --all --move --out all.json", "all entries; their tokens are removed here"],
    ["mcp-auth export --all --without-tokens --out all.json", "sign in again on the other machine"],
    [
      "mcp-auth export heptabase --passphrase-file words.txt | wc -c",
      "to standard output, when it is no terminal",
    ],
  ],
  parameters: {
    flags: {
      all: switchFlag("Export all entries"),
      out: valueFlag("File to write, with mode 0600; - for standard output", "file"),
      move: switchFlag("Remove the tokens here once the file is written"),
      withoutTokens: switchFlag("Leave the tokens out"),
      force: switchFlag("Replace the file where it exists"),
      passphraseFile: valueFlag("File with the passphrase, - for standard input", "file"),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: {
      kind: "array",
      parameter: { brief: "Names of entries", parse: String, placeholder: "name" },
    },
  },
  load: () => import("./action.ts"),
});

/**
 * `mcp-auth client metadata`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../../command.ts";
import { jsonFlag, listFlag, portsFlag, storeFlags, valueFlag } from "../../../flags.ts";
import type { MetadataFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<MetadataFlags, []>({
  brief: "Write or check a client ID metadata document",
  description:
    "Prints a document to host at an https URL, which then is the client id at servers that support such documents. " +
    "With --check, fetches a hosted one as a server does and judges it by the rules. Without a URL it prints the " +
    "document that this program publishes for itself.",
  examples: [
    ["mcp-auth client metadata --url https://example.com/client.json", "print one"],
    ["mcp-auth client metadata --check https://example.com/client.json", "judge the one that is hosted"],
    [
      "mcp-auth add work https://mcp.example.com/mcp --client-metadata-url https://example.com/client.json",
      "use it",
    ],
  ],
  parameters: {
    flags: {
      url: valueFlag("Where the document will be hosted: its client id", "url"),
      check: valueFlag("Judge the document that is hosted there", "url"),
      clientName: valueFlag("Name that servers show, in place of mcp-auth", "name"),
      redirectUri: listFlag("Redirect URI, in place of those on loopback", "uri"),
      callbackPort: portsFlag("Port to name in loopback redirect URIs, for servers that compare it"),
      jwksFile: valueFlag("JWK or set of them, for a client with a key; only what is public gets in", "file"),
      caFile: valueFlag("Certificates to trust beside the system's, for --check", "file"),
      ...jsonFlag,
      ...storeFlags,
    },
  },
  load: () => import("./action.ts"),
});

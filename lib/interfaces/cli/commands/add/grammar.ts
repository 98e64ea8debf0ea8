/**
 * `mcp-auth add`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { jsonFlag, storeFlags, switchFlag, valueFlag } from "../../flags.ts";
import { apiFlags } from "../../add_target.ts";
import { handTokenFlags } from "../../client_flags.ts";
import { siteFlags } from "../../provider_flags.ts";
import { clientFlags, entryFlags, signInFlags } from "../../entry_flags.ts";
import { grantFlags, keyFlags } from "../../grant_flags.ts";
import type { AddFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<AddFlags, [string, string?]>({
  brief: "Add a server and sign in to it",
  description:
    "Finds out how the server authorizes, opens the browser for you to approve, stores the tokens sealed, " +
    "and proves with a first exchange that it works. Without a name the entry is named after the host.",
  examples: [
    ["mcp-auth add heptabase https://api.heptabase.com/mcp", "sign in with the browser"],
    ["mcp-auth add https://mcp.sentry.dev/mcp", 'the entry is named "sentry"'],
    [
      "mcp-auth add work https://mcp.example.com/mcp --client-id abc --client-secret-file secret.txt",
      "own client",
    ],
    ["mcp-auth add demo https://mcp.example.com/mcp --no-browser", "only print the URL to open"],
    [
      "mcp-auth add ci https://mcp.example.com/mcp --token-stdin",
      "a token in place of a sign-in",
    ],
    [
      "mcp-auth add ci https://mcp.example.com/mcp --client-credentials --client-id abc --private-key key.pem",
      "a machine",
    ],
    ["mcp-auth add gh --provider github --client-id abc", "an API, without an MCP server"],
  ],
  parameters: {
    flags: {
      force: switchFlag("Replace an entry of that name once the new one works"),
      clientSecretFile: valueFlag("File with the client's secret, - for standard input", "file"),
      ...apiFlags,
      ...siteFlags,
      ...handTokenFlags,
      ...clientFlags,
      ...keyFlags,
      ...grantFlags,
      ...entryFlags,
      ...signInFlags,
      ...jsonFlag,
      ...storeFlags,
    },
    positional: {
      kind: "tuple",
      parameters: [
        { brief: "Name of the entry, or the URL alone", parse: String, placeholder: "name" },
        {
          brief: "URL of the MCP server; none for an API",
          parse: String,
          placeholder: "url",
          optional: true,
        },
      ],
    },
  },
  load: () => import("./action.ts"),
});

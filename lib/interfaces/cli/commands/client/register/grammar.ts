/**
 * `mcp-auth client register`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../../command.ts";
import { jsonFlag, listFlag, storeFlags, valueFlag } from "../../../flags.ts";
import type { RegisterFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<RegisterFlags, [string]>({
  brief: "Register a client with a token or a session of yours",
  description:
    "Registers a client where a sign-in cannot: at a server that wants an initial access token for it, or the cookie " +
    "of a session. The next sign-in uses it. With the name of an entry it is for that entry, with the URL of an " +
    "issuer or of an MCP server for all entries there. The token and the headers are used once and not kept.",
  examples: [
    ["mcp-auth client register work --initial-access-token-file token.txt", "for one entry"],
    [
      "mcp-auth client register https://auth.example.com --initial-access-token-file -",
      "for all at an issuer",
    ],
    ["mcp-auth client register work --registration-header 'Cookie: session=${SESSION}'", "as in the browser"],
  ],
  parameters: {
    flags: {
      initialAccessTokenFile: valueFlag("File with the initial access token, - for standard input", "file"),
      registrationHeader: listFlag(
        "Header for the registration alone; ${VAR} and ${file:/path} are read",
        "header",
      ),
      clientName: valueFlag("Name to register it under, in place of mcp-auth", "name"),
      redirectUri: listFlag("Redirect URI to register, in place of that of sign-ins", "uri"),
      authMethod: {
        kind: "enum",
        values: ["none", "client_secret_basic", "client_secret_post"],
        brief: "How it is to authenticate at the token endpoint",
        optional: true,
      },
      scope: listFlag("Scope to register it for; servers refuse all others from then on", "scope"),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: {
      kind: "tuple",
      parameters: [{
        brief: "Name of an entry, or the URL of an issuer or an MCP server",
        parse: String,
        placeholder: "name",
      }],
    },
  },
  load: () => import("./action.ts"),
});

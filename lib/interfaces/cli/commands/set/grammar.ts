/**
 * `mcp-auth set`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { entryFlags, UNSETTABLE } from "../../entry_flags.ts";
import { entryName, jsonFlag, storeFlags, valueFlag } from "../../flags.ts";
import { grantFlags } from "../../grant_flags.ts";
import type { SetFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<SetFlags, [string]>({
  brief: "Change an entry without signing in again",
  description:
    "Changes the URL or the options of an entry. Requests use them at once, scopes and the like at the next sign-in. A client is changed by login --client-id.",
  examples: [
    ["mcp-auth set heptabase --header 'X-Team: ${TEAM}'", "send a header with every request"],
    ['mcp-auth set heptabase --scope "files:read"', "ask for these scopes at the next sign-in"],
    ["mcp-auth set heptabase --unset scope", "back to what the server names"],
    ["mcp-auth set heptabase --url https://api.heptabase.com/v2/mcp", "the server has moved"],
  ],
  parameters: {
    flags: {
      url: valueFlag("URL of the MCP server; at another origin only while signed out", "url"),
      ...entryFlags,
      ...grantFlags,
      unset: { kind: "enum", values: UNSETTABLE, brief: "Option to forget", optional: true, variadic: true },
      ...jsonFlag,
      ...storeFlags,
    },
    positional: entryName,
  },
  load: () => import("./action.ts"),
});

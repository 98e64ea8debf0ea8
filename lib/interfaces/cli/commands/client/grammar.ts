/**
 * `mcp-auth client`: the group of its commands.
 *
 * @module
 */
import { buildRouteMap, type RouteMap } from "@stricli/core";
import { describe } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { command as deletion } from "./delete/grammar.ts";
import { command as list } from "./list/grammar.ts";
import { command as metadata } from "./metadata/grammar.ts";
import { command as register } from "./register/grammar.ts";
import { command as show } from "./show/grammar.ts";

/** The group. */
export const command: RouteMap<CliContext> = buildRouteMap({
  routes: { list, show, register, delete: deletion, metadata },
  docs: {
    brief: "Show, register and delete clients, and write client documents",
    fullDescription: describe({
      description:
        "A client is what this program is to an authorization server. Most sign-ins find one by themselves; these commands are for servers where that takes a token or a session, and to see and end what was registered.",
      examples: [
        ["mcp-auth client list", "every client, and which entries use it"],
        [
          "mcp-auth client register work --initial-access-token-file -",
          "where the server wants a token for it",
        ],
        ["mcp-auth client metadata --url https://example.com/client.json", "a document to host"],
      ],
    }),
  },
});

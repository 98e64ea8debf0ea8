/**
 * `mcp-auth provider`: the group of its commands.
 *
 * @module
 */
import { buildRouteMap, type RouteMap } from "@stricli/core";
import { describe } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { command as add } from "./add/grammar.ts";
import { command as list } from "./list/grammar.ts";
import { command as remove } from "./remove/grammar.ts";
import { command as show } from "./show/grammar.ts";

/** The group. */
export const command: RouteMap<CliContext> = buildRouteMap({
  routes: { list, show, add, remove },
  docs: {
    brief: "Show or define what is known of providers",
    fullDescription: describe({
      description:
        "A provider is what is known of a vendor beforehand: where it signs people in, what it wants beside the " +
        "standard, where clients are registered by hand. It is used by add --provider, and where the host of an MCP " +
        "server is recognized; whatever you say yourself wins.",
      examples: [
        ["mcp-auth provider list", "all that are known"],
        ["mcp-auth provider show slack", "what is known of one, from where and since when"],
        [
          "mcp-auth provider add corp --issuer https://sso.example.com --url https://api.example.com",
          "your own",
        ],
      ],
    }),
  },
});

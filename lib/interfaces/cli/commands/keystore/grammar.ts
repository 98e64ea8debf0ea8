/**
 * `mcp-auth keystore`: the group of its commands.
 *
 * @module
 */
import { buildRouteMap, type RouteMap } from "@stricli/core";
import { describe } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { command as rekey } from "./rekey/grammar.ts";
import { command as status } from "./status/grammar.ts";
import { command as use } from "./use/grammar.ts";

/** The group. */
export const command: RouteMap<CliContext> = buildRouteMap({
  routes: { status, use, rekey },
  docs: {
    brief: "Show or change what the store is sealed by",
    fullDescription: describe({
      description:
        "The store is sealed by one small key, which a keystore keeps: the keychain of the system, a passphrase, a variable or a file. These commands show it, move it and renew it; programs that use the store at the same time go on undisturbed.",
      examples: [
        ["mcp-auth keystore status", "which keystore, and whether it answers"],
        ["mcp-auth keystore use keychain", "move the key to the system's keychain"],
        ["mcp-auth keystore rekey", "renew the key where it is"],
      ],
    }),
  },
});

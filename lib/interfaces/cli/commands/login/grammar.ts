/**
 * `mcp-auth login`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { clientFlags, serverWishFlags, signInFlags } from "../../entry_flags.ts";
import { entryName, jsonFlag, listFlag, storeFlags, switchFlag, valueFlag } from "../../flags.ts";
import type { LoginFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<LoginFlags, [string]>({
  brief: "Sign in to an entry again",
  description:
    "Signs in with the browser, whether or not the entry is signed in, and replaces its tokens once the new " +
    "ones are there.",
  examples: [
    ["mcp-auth login heptabase", "sign in again"],
    ['mcp-auth login heptabase --scope "files:read files:write"', "with other scopes from now on"],
    [
      "mcp-auth login work --client-id abc --client-secret-file -",
      "with another client, its secret on stdin",
    ],
    ["mcp-auth login work --re-register", "when the server no longer knows this client"],
  ],
  parameters: {
    flags: {
      scope: listFlag("Scope to ask for from now on, in place of what the server names", "scope"),
      ...clientFlags,
      clientSecretFile: valueFlag("File with the client's secret, - for standard input", "file"),
      reRegister: switchFlag("Register a client anew, though one is stored that was registered before"),
      ...serverWishFlags,
      ...signInFlags,
      ...jsonFlag,
      ...storeFlags,
    },
    positional: entryName,
  },
  load: () => import("./action.ts"),
});

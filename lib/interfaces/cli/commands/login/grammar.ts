/**
 * `mcp-auth login`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { callbackFlags } from "../../callback_flags.ts";
import { handTokenFlags } from "../../client_flags.ts";
import { discoveryFlags } from "../../discovery_flags.ts";
import { dpopFlags } from "../../dpop_flags.ts";
import { clientFlags, serverWishFlags, signInFlags } from "../../entry_flags.ts";
import { entryName, jsonFlag, listFlag, storeFlags, switchFlag, valueFlag } from "../../flags.ts";
import { providerFlags, siteFlags } from "../../provider_flags.ts";
import { keyFlags } from "../../grant_flags.ts";
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
    ["mcp-auth login ci --token-stdin", "another token, for an entry that has one by hand"],
  ],
  parameters: {
    flags: {
      scope: listFlag("Scope to ask for from now on, in place of what the server names", "scope"),
      ...clientFlags,
      ...keyFlags,
      clientSecretFile: valueFlag("File with the client's secret, - for standard input", "file"),
      ...handTokenFlags,
      reRegister: switchFlag("Register a client anew, though one is stored that was registered before"),
      ...serverWishFlags,
      ...callbackFlags,
      ...discoveryFlags,
      ...providerFlags,
      ...siteFlags,
      ...dpopFlags,
      ...signInFlags,
      ...jsonFlag,
      ...storeFlags,
    },
    positional: entryName,
  },
  load: () => import("./action.ts"),
});

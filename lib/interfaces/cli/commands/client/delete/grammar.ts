/**
 * `mcp-auth client delete`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../../command.ts";
import { jsonFlag, storeFlags, switchFlag } from "../../../flags.ts";
import type { DeleteFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<DeleteFlags, [string]>({
  brief: "Delete a client at its server, and forget it here",
  description:
    "Deletes the registration at its server, where that is supported, and forgets the client here. The tokens that it " +
    "brought end with it, so a client that entries are signed in with is deleted only with --force.",
  examples: [
    ["mcp-auth client delete https://auth.example.com", "the client that the entries at an issuer share"],
    ["mcp-auth client delete work --force", "although an entry is signed in with it"],
  ],
  parameters: {
    flags: {
      force: switchFlag("Also where entries use it, or its server does not delete it"),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "Name of an entry, or an issuer", parse: String, placeholder: "name" }],
    },
  },
  load: () => import("./action.ts"),
});

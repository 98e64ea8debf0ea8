/**
 * `mcp-auth client show`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../../command.ts";
import { jsonFlag, storeFlags } from "../../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, [string]>({
  brief: "Show a client, as its server has it where it can be asked",
  description:
    "Shows what is known of the client of an entry, or at an issuer, and asks its server for what it has registered, " +
    "where the registration came with the means to. No secrets.",
  examples: [
    ["mcp-auth client show work", "the client of an entry"],
    ["mcp-auth client show https://auth.example.com", "the client that the entries at an issuer share"],
  ],
  parameters: {
    flags: { ...jsonFlag, ...storeFlags },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "Name of an entry, or an issuer", parse: String, placeholder: "name" }],
    },
  },
  load: () => import("./action.ts"),
});

/**
 * `mcp-auth provider show`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../../command.ts";
import { jsonFlag, storeFlags } from "../../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, [string]>({
  brief: "Show what is known of a provider",
  description:
    "Shows where the provider signs people in, what it wants beside the standard and where that is written, where " +
    "clients are registered by hand, and which variables its client is read from. The date is the day on which the " +
    "sources were last looked up. Nothing is asked of any server.",
  examples: [["mcp-auth provider show github", "one provider"]],
  parameters: {
    flags: { ...jsonFlag, ...storeFlags },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "Name of the provider", parse: String, placeholder: "provider" }],
    },
  },
  load: () => import("./action.ts"),
});

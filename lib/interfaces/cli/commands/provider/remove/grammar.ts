/**
 * `mcp-auth provider remove`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../../command.ts";
import { jsonFlag, storeFlags } from "../../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, [string]>({
  brief: "Forget a provider that you have defined",
  description:
    "Forgets a definition of yours; a provider of that name that comes with the program is back then. Entries stay " +
    "signed in.",
  examples: [["mcp-auth provider remove corp", '"corp" is no provider any more']],
  parameters: {
    flags: { ...jsonFlag, ...storeFlags },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "Name of the provider", parse: String, placeholder: "provider" }],
    },
  },
  load: () => import("./action.ts"),
});

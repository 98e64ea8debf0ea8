/**
 * `mcp-auth rename`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../command.ts";
import { jsonFlag, storeFlags } from "../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, [string, string]>({
  brief: "Give an entry another name",
  description: "Renames an entry; it stays signed in.",
  examples: [["mcp-auth rename heptabase notes", '"heptabase" is "notes" from now on']],
  parameters: {
    flags: { ...jsonFlag, ...storeFlags },
    positional: {
      kind: "tuple",
      parameters: [
        { brief: "Name of the entry", parse: String, placeholder: "name" },
        { brief: "Its new name", parse: String, placeholder: "new-name" },
      ],
    },
  },
  load: () => import("./action.ts"),
});

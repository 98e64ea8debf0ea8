/**
 * `mcp-auth version`: the grammar.
 *
 * @module
 */
import { defineCommand, type JsonFlag } from "../../command.ts";
import { jsonFlag } from "../../flags.ts";

/** The command. */
export const command = defineCommand<JsonFlag, []>({
  brief: "Print the version",
  description: "Prints the version of the program.",
  examples: [["mcp-auth version", "the version"], ["mcp-auth version --json", "as JSON"]],
  parameters: { flags: { ...jsonFlag }, positional: { kind: "tuple", parameters: [] } },
  load: () => import("./action.ts"),
});

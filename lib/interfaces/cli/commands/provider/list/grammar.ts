/**
 * `mcp-auth provider list`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../../command.ts";
import { jsonFlag, storeFlags } from "../../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, []>({
  brief: "List all providers",
  description: "Lists the providers that come with the program, and those that you have defined.",
  examples: [["mcp-auth provider list", "as a table"], ["mcp-auth provider list --json", "for scripts"]],
  parameters: { flags: { ...jsonFlag, ...storeFlags }, positional: { kind: "tuple", parameters: [] } },
  load: () => import("./action.ts"),
});

/**
 * `mcp-auth list`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../command.ts";
import { jsonFlag, storeFlags } from "../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, []>({
  brief: "List all entries",
  description: "Lists all entries with their state. Nothing is asked of any server.",
  examples: [["mcp-auth list", "as a table"], ["mcp-auth list --json", "for scripts"]],
  parameters: { flags: { ...jsonFlag, ...storeFlags }, positional: { kind: "tuple", parameters: [] } },
  load: () => import("./action.ts"),
});

/**
 * `mcp-auth keystore status`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../../command.ts";
import { jsonFlag, storeFlags } from "../../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, []>({
  brief: "Show what the store is sealed by",
  description:
    "Shows which keystore has the key of the store and where, and reads the key to see whether the store can be opened now. The key itself is never shown.",
  examples: [
    ["mcp-auth keystore status", "for a person"],
    ["mcp-auth keystore status --json", "for scripts"],
  ],
  parameters: { flags: { ...jsonFlag, ...storeFlags } },
  load: () => import("./action.ts"),
});

/**
 * `mcp-auth client list`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../../command.ts";
import { jsonFlag, storeFlags } from "../../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, []>({
  brief: "List all clients",
  description:
    "Lists every client that is known here, where it is registered, and which entries use it. No secrets.",
  examples: [
    ["mcp-auth client list", "as a table"],
    ["mcp-auth client list --json", "with redirect URIs and times"],
  ],
  parameters: { flags: { ...jsonFlag, ...storeFlags } },
  load: () => import("./action.ts"),
});

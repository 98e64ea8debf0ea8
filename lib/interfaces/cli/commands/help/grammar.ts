/**
 * `mcp-auth help`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import type { NoFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<NoFlags, string[]>({
  brief: "Show help, of a command or a topic",
  description: 'Shows the help of a command, or a topic: "environment", "quirks" or "exit-codes".',
  examples: [
    ["mcp-auth help", "all commands"],
    ["mcp-auth help add", "one command"],
    ["mcp-auth help keystore use", "one of a group"],
    ["mcp-auth help exit-codes", "what the exit codes mean"],
    ["mcp-auth help quirks", "which deviations of servers are allowed for"],
  ],
  parameters: {
    flags: {},
    positional: {
      kind: "array",
      parameter: { brief: "Command or topic", parse: String, placeholder: "topic" },
    },
  },
  load: () => import("./action.ts"),
});

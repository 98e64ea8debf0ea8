/**
 * `mcp-auth tools`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../command.ts";
import { jsonFlag, storeFlags } from "../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, [string, string?]>({
  brief: "List the tools of a server",
  description:
    "Asks the server for its tools, and shows each with its arguments, the optional ones in brackets; or one of them " +
    "whole, with what its arguments are and how to call it. It never signs in.",
  examples: [
    ["mcp-auth tools heptabase", "names, arguments and what they do"],
    ["mcp-auth tools heptabase search", "one tool with its arguments"],
    ["mcp-auth tools heptabase --json", "whole, with their schemas"],
  ],
  parameters: {
    flags: { ...jsonFlag, ...storeFlags },
    positional: {
      kind: "tuple",
      parameters: [
        { brief: "Name of the entry", parse: String, placeholder: "name" },
        { brief: "Name of a tool", parse: String, placeholder: "tool", optional: true },
      ],
    },
  },
  load: () => import("./action.ts"),
});

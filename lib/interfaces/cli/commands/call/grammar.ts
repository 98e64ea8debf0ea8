/**
 * `mcp-auth call`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../command.ts";
import { jsonFlag, storeFlags } from "../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, [string, string, string?]>({
  brief: "Call a tool of a server",
  description:
    "Calls a tool and prints its text; other content and structured results with --json. It exits with 1 when " +
    "the tool answers with an error. It never signs in.",
  examples: [
    ['mcp-auth call heptabase search \'{"query":"oauth"}\'', "arguments as JSON"],
    ["mcp-auth call heptabase search - < arguments.json", "arguments from standard input"],
  ],
  parameters: {
    flags: { ...jsonFlag, ...storeFlags },
    positional: {
      kind: "tuple",
      parameters: [
        { brief: "Name of the entry", parse: String, placeholder: "name" },
        { brief: "Name of the tool", parse: String, placeholder: "tool" },
        {
          brief: "Its arguments as a JSON object, - for standard input",
          parse: String,
          placeholder: "json",
          optional: true,
        },
      ],
    },
  },
  load: () => import("./action.ts"),
});

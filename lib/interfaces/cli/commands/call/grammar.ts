/**
 * `mcp-auth call`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { jsonFlag, numberFlag, storeFlags, switchFlag, valueFlag } from "../../flags.ts";
import type { CallFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<CallFlags, string[]>({
  brief: "Call a tool of a server",
  description:
    "Calls a tool and prints its text. Its arguments are one JSON object (- for standard input, @file for a file), or a " +
    "word for each: name=text is converted as the tool's schema says, and checked before anything is called; " +
    "name:=json is JSON; name=@file the text of a file; a.b=text a member of the object a; a name that is repeated " +
    "makes an array. Progress and what the server logs go to standard error; images and other content are named, or " +
    "saved with --output. At a terminal the server may ask questions in return. It exits with 1 when the tool answers " +
    "with an error. It never signs in.",
  examples: [
    ["mcp-auth call heptabase search query=oauth limit=5", "arguments by their names"],
    ['mcp-auth call heptabase search \'{"query":"oauth"}\'', "arguments as JSON"],
    ["mcp-auth call heptabase search - < arguments.json", "arguments from standard input"],
    ['mcp-auth call heptabase save text=@notes.md tags:=\'["a","b"]\'', "the text of a file, and JSON"],
    ["mcp-auth call heptabase draw prompt=cat --output cat.png", "saves the image"],
  ],
  parameters: {
    flags: {
      output: valueFlag("File or folder for images, audio and resources", "path"),
      force: switchFlag("Replace files that are there"),
      timeout: numberFlag(
        "Seconds to wait for the answer; progress does not extend it",
        "seconds",
        1,
        86_400,
      ),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: {
      kind: "array",
      parameter: {
        brief: "Name of the entry, name of the tool, and its arguments",
        parse: String,
        placeholder: "word",
      },
    },
  },
  usage: "[--output path] [--timeout seconds] [--json] <name> <tool> [json | - | @file | key=value...]",
  load: () => import("./action.ts"),
});

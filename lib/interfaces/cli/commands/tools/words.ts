/**
 * Tools in words for people. Everything comes from the server: it is made fit to be shown, line by line, so that no tool
 * can hide a part of its description or write beyond its place.
 *
 * @module
 */
import { shellWord } from "../../../../primitives/system/permissions.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import { table } from "../../output/table.ts";
import { readTool, shown, takes, type Tool, type ToolArgument } from "../../tool.ts";

const NAME_MAX_CHARS = 128;
const DESCRIPTION_MAX_CHARS = 120;
const DESCRIPTION_LINES_MAX = 60;
const ARGUMENTS_MAX_CHARS = 160;

/**
 * All tools: for each its name with its arguments, those that are optional in brackets, and its description in one line.
 *
 * @param items What was listed, unchecked.
 */
export function listTools(items: readonly unknown[]): string {
  return items.flatMap((item) => {
    const tool = readTool(item);
    if (tool === undefined) return [];
    const args = tool.arguments?.map(({ name, required }) => required ? name : `[${name}]`).join(" ") ?? "";
    const head = [
      safeText(tool.name, NAME_MAX_CHARS),
      ...(args === "" ? [] : [safeText(args, ARGUMENTS_MAX_CHARS)]),
      ...(tool.hints.length === 0 ? [] : [`(${tool.hints.join(", ")})`]),
    ].join(" ");
    const about = safeText(
      [titleOf(tool), tool.description].filter((each) => each !== "").join(": "),
      DESCRIPTION_MAX_CHARS,
    );
    return [about === "" ? head : `${head}\n    ${about}`];
  }).join("\n");
}

/**
 * One tool whole: what it does, what it takes, and a command line that calls it.
 *
 * @param tool The tool.
 * @param entry How the command line names its server.
 */
export function describeTool(tool: Tool, entry: string): string {
  const { name, hints, description } = tool;
  const title = titleOf(tool);
  const lines = [`${safeText(name, NAME_MAX_CHARS)}${title === "" ? "" : `: ${title}`}`];
  if (hints.length > 0) lines.push(`The server calls it ${hints.join(", ")}`);
  const words = description.split(/\r\n?|\n/).map((line) => safeText(line, DESCRIPTION_MAX_CHARS * 4));
  const first = words.findIndex((line) => line !== "");
  if (first !== -1) {
    lines.push("", ...words.slice(first, first + DESCRIPTION_LINES_MAX));
    if (words.length - first > DESCRIPTION_LINES_MAX) lines.push("…");
    while (lines.at(-1) === "") lines.pop();
  }
  const args = tool.arguments ?? [];
  if (args.length > 0) {
    const rows = args.map((argument) => [
      safeText(argument.name, NAME_MAX_CHARS),
      takes(argument, tool.resolve),
      argument.required
        ? "required"
        : argument.fallback === undefined
        ? "optional"
        : `default ${shown(argument.fallback)}`,
      safeText(argument.description, DESCRIPTION_MAX_CHARS),
    ]);
    lines.push(
      "",
      table([["ARGUMENT", "TAKES", "", "WHAT IT IS"], ...rows]).split("\n").map((line) => line.trimEnd())
        .join("\n"),
    );
  } else {lines.push(
      "",
      tool.arguments === undefined ? "It does not say what it takes" : "It takes no arguments",
    );}
  if (tool.arguments !== undefined && tool.isOpen) lines.push("It takes other arguments, too");
  return [...lines, "", exampleOf(tool, args, entry)].join("\n");
}

function titleOf({ name, title }: Tool): string {
  const words = safeText(title, NAME_MAX_CHARS);
  return words === safeText(name, NAME_MAX_CHARS) ? "" : words;
}

/** The required arguments with values of their kinds; the first one where none is required. */
function exampleOf(tool: Tool, args: readonly ToolArgument[], entry: string): string {
  const required = args.filter((argument) => argument.required);
  const words = (required.length > 0 ? required : args.slice(0, 1)).map(exampleWord);
  return [
    "mcp-auth call",
    ...[safeText(entry), safeText(tool.name, NAME_MAX_CHARS), ...words].map((word) => shellWord(word)),
  ].join(" ");
}

function exampleWord({ name, types, values, fallback }: ToolArgument): string {
  const key = safeText(name, NAME_MAX_CHARS);
  const value = fallback ?? values?.[0] ?? exampleValue(types);
  return typeof value === "object" && value !== null ? `${key}:=${shown(value)}` : `${key}=${shown(value)}`;
}

function exampleValue(types: ToolArgument["types"]): unknown {
  if (types.size === 0 || types.has("string")) return "text";
  if (types.has("integer") || types.has("number")) return 1;
  if (types.has("boolean")) return true;
  return types.has("array") ? [] : {};
}

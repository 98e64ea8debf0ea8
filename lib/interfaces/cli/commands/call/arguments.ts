/**
 * Pairs of words as the arguments of a tool: each text becomes what the tool's schema says it is, and what the tool does
 * not know, or lacks, is told before anything is called.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { redact } from "../../../../primitives/http/redaction.ts";
import { isObject } from "../../../../primitives/oauth/json.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import { type JsonType, nearest, shown, takes, type Tool, type ToolArgument, typesOf } from "../../tool.ts";
import type { Pair } from "./argument_words.ts";

/**
 * Makes the arguments of a call.
 *
 * @param pairs What was written.
 * @param tool What the server says of the tool; undefined where it says nothing: texts that are JSON are taken as such.
 * @throws {McpAuthError} `USAGE` for an argument that the tool does not have, one that it lacks, one that is given twice,
 * and a value of another type.
 */
export function makeArguments(pairs: readonly Pair[], tool: Tool | undefined): Record<string, unknown> {
  const known = tool?.arguments;
  const args = new Map<string, unknown>();
  const repeated = new Set<string>();
  const members = new Map<string, Map<string, unknown>>();
  for (const pair of pairs) {
    const argument = known?.find(({ name }) => name === pair.key);
    const [object, member] = argument === undefined && known !== undefined ? memberOf(pair.key, known) : [];
    if (tool !== undefined && object !== undefined) {
      const within = members.get(object.name) ?? new Map<string, unknown>();
      if (within.has(member) || args.has(object.name)) throw twice(pair.key);
      members.set(object.name, within.set(member, convertMember(pair, object, member, tool)));
      continue;
    }
    if (tool !== undefined && known !== undefined && argument === undefined && !tool.isOpen) {
      throw unknown(pair.key, tool, known);
    }
    if (members.has(pair.key)) throw twice(pair.key);
    const value = convert(pair, argument, tool);
    if (!args.has(pair.key)) args.set(pair.key, value);
    else if (tool === undefined) {
      const before = args.get(pair.key);
      args.set(pair.key, [...(repeated.has(pair.key) ? before as unknown[] : [before]), value]);
      repeated.add(pair.key);
    } else args.set(pair.key, joined(pair.key, args.get(pair.key), value));
  }
  for (const [name, within] of members) args.set(name, Object.fromEntries(within));
  const missing = known?.filter(({ name, required }) => required && !args.has(name)) ?? [];
  if (tool !== undefined && known !== undefined && missing.length > 0) throw lacking(missing, tool, known);
  return Object.fromEntries(args);
}

/** The object that a dotted key is a member of. */
function memberOf(
  key: string,
  known: readonly ToolArgument[],
): readonly [ToolArgument, string] | readonly [undefined, ""] {
  for (let dot = key.indexOf("."); dot > 0; dot = key.indexOf(".", dot + 1)) {
    const object = known.find(({ name, types }) => name === key.slice(0, dot) && types.has("object"));
    const member = key.slice(dot + 1);
    if (object !== undefined && member !== "") return [object, member];
  }
  return [undefined, ""];
}

function convertMember(pair: Pair, object: ToolArgument, member: string, tool: Tool): unknown {
  const properties = isObject(object.schema.properties) ? object.schema.properties : {};
  const schema = Object.hasOwn(properties, member) ? properties[member] : object.schema.additionalProperties;
  const at = tool.resolve(schema);
  const types = typesOf(at, tool.resolve);
  return convert(pair, { ...object, name: pair.key, types, schema: at, values: listed(at) }, tool);
}

function listed(schema: Readonly<Record<string, unknown>>): readonly unknown[] | undefined {
  return Array.isArray(schema.enum) ? schema.enum : undefined;
}

function convert(pair: Pair, argument: ToolArgument | undefined, tool: Tool | undefined): unknown {
  if (pair.kind === "json") return pair.value;
  if (argument === undefined || tool === undefined || argument.types.size === 0) {
    return pair.kind === "file" ? pair.text : jsonOrText(pair.text);
  }
  const { types, values, schema } = argument;
  if (values !== undefined && !types.has("array")) {
    // The value itself where it is a text, else what is written the same.
    if (values.includes(pair.text)) return pair.text;
    const same = values.find((each) => typeof each !== "string" && JSON.stringify(each) === pair.text);
    if (same !== undefined) return same;
    throw mistake(pair, `one of ${values.map((each) => shown(each)).join(", ")}`);
  }
  for (const type of CONVERTED) {
    if (!types.has(type)) continue;
    // A text that may be a text stays one: whoever means null writes name:=null.
    if (type === "null" && types.has("string")) continue;
    const value = CONVERSIONS[type](pair.text);
    if (value !== undefined) return value;
  }
  if (types.has("string")) return pair.text;
  if (types.has("array")) {
    const items = tool.resolve(schema.items);
    const item = { ...argument, types: typesOf(items, tool.resolve), schema: items, values: listed(items) };
    return [convert(pair, item, tool)];
  }
  throw mistake(pair, takes(argument, tool.resolve));
}

/** From the narrowest to the widest. */
const CONVERTED = ["integer", "number", "boolean", "null", "array", "object"] as const;

const CONVERSIONS: Readonly<Record<Exclude<JsonType, "string">, (text: string) => unknown>> = {
  integer: (text) => /^[+-]?\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined,
  number: (text) =>
    /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text))
      ? Number(text)
      : undefined,
  boolean: (text) => text === "true" ? true : text === "false" ? false : undefined,
  null: (text) => text === "null" ? null : undefined,
  array: (text) => {
    const value = text.trimStart().startsWith("[") ? parsed(text) : undefined;
    return Array.isArray(value) ? value : undefined;
  },
  object: (text) => {
    const value = text.trimStart().startsWith("{") ? parsed(text) : undefined;
    return isObject(value) ? value : undefined;
  },
};

/** Values of one key that was written more than once. */
function joined(key: string, before: unknown, value: unknown): unknown {
  if (Array.isArray(before) && Array.isArray(value)) return [...before, ...value];
  throw twice(key);
}

function jsonOrText(text: string): unknown {
  const value = parsed(text);
  return value === undefined ? text : value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function mistake({ key, text }: Pair, wanted: string): McpAuthError {
  return new McpAuthError(
    "USAGE",
    `Cannot read the arguments of the tool: "${safeText(key, 80)}" has to be ${article(wanted)}, not "${
      safeText(redact(text), 60)
    }"`,
    { hint: `To send another value anyway write it as JSON: ${safeText(key, 80)}:=...` },
  );
}

function article(wanted: string): string {
  if (wanted.startsWith("one of ")) return wanted;
  return `${/^[aeiou]/.test(wanted) ? "an" : "a"} ${wanted}`;
}

function twice(key: string): McpAuthError {
  return new McpAuthError(
    "USAGE",
    `Cannot read the arguments of the tool: "${safeText(key, 80)}" is given twice`,
    { hint: "Only arguments that are arrays can be repeated" },
  );
}

function unknown(key: string, tool: Tool, known: readonly ToolArgument[]): McpAuthError {
  const near = nearest(key, known.map(({ name }) => name));
  const meant = near === undefined ? "" : `. Did you mean "${safeText(near, 80)}"?`;
  return new McpAuthError(
    "USAGE",
    `Cannot call "${safeText(tool.name, 128)}": it has no argument "${safeText(key, 80)}"${meant}`,
    { hint: argumentsText(tool, known) },
  );
}

function lacking(missing: readonly ToolArgument[], tool: Tool, known: readonly ToolArgument[]): McpAuthError {
  const names = missing.map(({ name }) => `"${safeText(name, 80)}"`).join(", ");
  return new McpAuthError("USAGE", `Cannot call "${safeText(tool.name, 128)}": it needs ${names}`, {
    hint: argumentsText(tool, known),
  });
}

/** All arguments of a tool in one line, for a hint. */
function argumentsText(tool: Tool, known: readonly ToolArgument[]): string {
  if (known.length === 0) return "It takes no arguments";
  const words = known.map((argument) => {
    const remark = `${takes(argument, tool.resolve)}${argument.required ? ", required" : ""}`;
    return `${safeText(argument.name, 80)} (${safeText(remark, 120)})`;
  });
  return safeText(`Its arguments: ${words.join(", ")}`, 1_500);
}

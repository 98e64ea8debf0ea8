/**
 * The arguments of a tool as a person writes them behind its name: one JSON object (as it is, from standard input, or
 * from a file), or one word for each argument. Here they are only taken apart; a schema says later what a text means.
 *
 * | Word | What it gives |
 * | --- | --- |
 * | `name=text` | the text, converted as the tool's schema says |
 * | `name:=json` | the JSON, as it is |
 * | `name=@file`, `name:=@file` | the text of the file, or the JSON in it |
 * | `a.b=text` | the member `b` of the object `a`, where no argument is called `a.b` |
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { redact } from "../../../../primitives/http/redaction.ts";
import { MESSAGE_MAX_BYTES } from "../../../../primitives/limits.ts";
import { isObject } from "../../../../primitives/oauth/json.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import type { CliContext } from "../../context.ts";

/** One word, taken apart. */
export interface Pair {
  readonly key: string;
  /** `text`: what it means is for the schema to say; `file`: text that stays text; `json`: a value. */
  readonly kind: "text" | "file" | "json";
  readonly text: string;
  /** The value, of the kind `json`. */
  readonly value: unknown;
}

/** What was written: a whole object, or pairs. */
export type Written =
  | { readonly whole: Record<string, unknown> }
  | { readonly pairs: readonly Pair[] };

const HINT = `Write them as '{"name":"value"}', as name=value, or as - for standard input`;

/**
 * Reads the words behind a tool's name.
 *
 * @param context Where standard input and files are read.
 * @param words The words; none for no arguments.
 * @throws {McpAuthError} `USAGE` for what is neither an object nor pairs; what reading a file fails with.
 */
export async function readWords(context: CliContext, words: readonly string[]): Promise<Written> {
  const [first] = words;
  if (first === undefined) return { whole: {} };
  if (isPair(first)) {
    const pairs: Pair[] = [];
    for (const word of words) pairs.push(await readPair(word));
    return { pairs };
  }
  if (words.length > 1) {
    throw usage(`"${given(words[1]!)}" follows what are all arguments already`);
  }
  const text = first === "-"
    ? await new Response(context.terminal.input()).text()
    : first.startsWith("@")
    ? await fileText(first.slice(1), "arguments")
    : first;
  const value = parsed(text);
  if (isObject(value)) return { whole: value };
  throw usage(`"${given(text)}" is not a JSON object`);
}

/** A pair begins with its key; what begins as JSON does is JSON. */
function isPair(word: string): boolean {
  return /^[^\s={["@-][^=]*=/.test(word) || /^-[^=]+=/.test(word);
}

async function readPair(word: string): Promise<Pair> {
  const at = word.indexOf("=");
  if (at <= 0 || !isPair(word)) throw usage(`"${given(word)}" is not of the form name=value`);
  const isJson = word[at - 1] === ":";
  const key = word.slice(0, isJson ? at - 1 : at);
  if (key === "") throw usage(`"${given(word)}" is not of the form name=value`);
  const rest = word.slice(at + 1);
  const fromFile = rest.startsWith("@");
  const text = fromFile ? await fileText(rest.slice(1), `"${safeText(key, 80)}"`) : rest;
  if (!isJson) return { key, kind: fromFile ? "file" : "text", text, value: undefined };
  const value = parsed(text);
  if (value === undefined) throw usage(`"${safeText(key, 80)}" is not JSON: "${given(text)}"`);
  return { key, kind: "json", text, value };
}

async function fileText(path: string, contents: string): Promise<string> {
  const { readNamedFile } = await import("../../../../primitives/system/named_file.ts");
  try {
    return readNamedFile(path, { namedBy: `"@${safeText(path)}"`, contents, maxBytes: MESSAGE_MAX_BYTES });
  } catch (error) {
    if (!(error instanceof McpAuthError) || error.code !== "CONFIG_MISSING") throw error;
    throw new McpAuthError("CONFIG_MISSING", error.message, {
      hint: `For a text that begins with @ write: name:='"@text"'`,
      cause: error,
    });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What was written, as far as an error may repeat it: it may be a secret. */
function given(text: string): string {
  return safeText(redact(text), 60);
}

function usage(detail: string): McpAuthError {
  return new McpAuthError("USAGE", `Cannot read the arguments of the tool: ${detail}`, { hint: HINT });
}

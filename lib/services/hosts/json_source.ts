/**
 * JSON as it is written: its nodes with their places, and what stands between them.
 *
 * @module
 */
import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { type ConfigValue, unreadable } from "./document.ts";
import { positionOf } from "./text_form.ts";

/**
 * Reads JSON, with comments and trailing commas.
 *
 * @param body The text without its mark.
 * @param path The file, for messages.
 * @returns Its root, undefined where nothing is in it; and whether it is more than JSON.
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export function parseJson(
  body: string,
  path: string,
): { readonly node: Node | undefined; readonly relaxed: boolean } {
  if (isEmpty(body)) return { node: undefined, relaxed: body.trim() !== "" };
  const errors: ParseError[] = [];
  const node = shallowEnough(path, () => parseTree(body, errors, { allowTrailingComma: true }));
  const [wrong] = errors;
  if (wrong !== undefined) {
    throw unreadable(path, positionOf(body, wrong.offset), sentence(printParseErrorCode(wrong.error)));
  }
  return { node, relaxed: !isStrict(body) };
}

/** What reads a value calls itself for each level of it. */
export function shallowEnough<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new McpAuthError("CONFIG_INVALID", `Cannot read "${safeText(path)}": it is nested too deeply`);
  }
}

/** Whether nothing but comments is in a text. */
function isEmpty(body: string): boolean {
  return body.slice(gapAfter(body, 0).end).trim() === "";
}

function isStrict(body: string): boolean {
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}

/** `PropertyNameExpected` is "property name expected". */
function sentence(code: string): string {
  return code.replace(/(?!^)[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).toLowerCase();
}

/** What a node says. */
export function valueOf({ type, value, children = [] }: Node): ConfigValue {
  if (type === "array") return children.map(valueOf);
  if (type !== "object") return value as ConfigValue;
  return Object.fromEntries(
    children.flatMap(({ children: [key, content] = [] }) =>
      key === undefined || content === undefined ? [] : [[String(key.value), valueOf(content)]]
    ),
  );
}

/** What stands between two values: blanks and comments, and maybe a comma. */
export interface Gap {
  /** Where its last comment or comma ends; where it begins when it has none. */
  readonly end: number;
  /** Where its comma is. */
  readonly comma: number | undefined;
  /** Whether its last part is a comment to the end of the line. */
  readonly lineComment: boolean;
}

/** What stands behind a place, up to the next value or bracket. */
export function gapAfter(body: string, from: number): Gap {
  const part = /\s*(?:(,)|\/\*[^]*?\*\/|(\/\/[^\r\n]*))/y;
  let gap: Gap = { end: from, comma: undefined, lineComment: false };
  for (;;) {
    part.lastIndex = gap.end;
    const found = part.exec(body);
    if (found === null || found[1] !== undefined && gap.comma !== undefined) return gap;
    const end = part.lastIndex;
    const comma = found[1] === undefined ? gap.comma : end - 1;
    gap = { end, comma, lineComment: found[2] !== undefined };
  }
}

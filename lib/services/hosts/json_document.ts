/**
 * JSON with or without comments, changed member by member. Each change is a few insertions and deletions around one
 * member: comments, order, indentation, line ends and what nobody knows stay, to the byte.
 *
 * @module
 */
import { findNodeAtLocation, type Node } from "jsonc-parser";
import { safeText } from "../../primitives/untrusted_text.ts";
import {
  type ConfigDocument,
  type ConfigTable,
  type ConfigValue,
  isTable,
  misplaced,
  sameValue,
  unchangeable,
  unreadable,
  valueAt,
  withValue,
} from "./document.ts";
import { type JsonStyle, jsonText } from "./json_text.ts";
import { gapAfter, parseJson, shallowEnough, valueOf } from "./json_source.ts";
import { type TextEdit, textForm, withEdits } from "./text_form.ts";

/**
 * Reads JSON, with comments and trailing commas where there are some.
 *
 * @param text The text; one without anything in it is an empty configuration.
 * @param path The file, for messages.
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export function readJson(text: string, path: string): ConfigDocument {
  const { body } = textForm(text);
  const { node, relaxed } = parseJson(body, path);
  const root = node === undefined ? {} : shallowEnough(path, () => valueOf(node));
  if (!isTable(root)) throw unreadable(path, { line: 1, column: 1 }, "it does not begin with {");
  return {
    root,
    relaxed,
    put: (container, name, members, drop) => {
      const way = [...container, name];
      const old = valueAt(root, way);
      const kept = Object.entries(isTable(old) ? old : {}).filter(([each]) => !drop.includes(each));
      const wanted = { ...Object.fromEntries(kept), ...members };
      return verified(put(text, path, way, members, drop, node), path, withValue(root, way, wanted));
    },
    remove: (container, name) => {
      if (valueAt(root, [...container, name]) === undefined) return text;
      const result = change(text, path, (body, node) => removal(body, node, path, container, name));
      return verified(result, path, withValue(root, [...container, name], undefined));
    },
  };
}

/** Whatever went wrong, a text that says anything else than what is wanted is written nowhere. */
function verified(text: string, path: string, wanted: ConfigTable): string {
  if (sameValue(plainValue(textForm(text).body, path), wanted)) return text;
  throw unchangeable(path, "another part of it would change along");
}

/** What a text says; what is strict JSON is read many times as fast so. */
function plainValue(body: string, path: string): ConfigValue | undefined {
  try {
    return JSON.parse(body);
  } catch {
    const { node } = parseJson(body, path);
    return node && valueOf(node);
  }
}

/** What a change of a text is made of. */
type Change = (body: string, root: Node | undefined) => readonly TextEdit[];

function change(text: string, path: string, make: Change): string {
  const { mark, body } = textForm(text);
  return mark + withEdits(body, make(body, parseJson(body, path).node));
}

/**
 * Changes the members of a server. Where the server begins a line, that part is changed as a text of its own: a configuration
 * may have millions of characters besides.
 */

function put(
  text: string,
  path: string,
  way: readonly string[],
  members: ConfigTable,
  drop: readonly string[],
  root: Node | undefined,
): string {
  const { mark, body } = textForm(text);
  const style = styleOf(body, root);
  const there = root && lookUp(root, path, way);
  if (there?.type !== "object") {
    const edits = setting(body, root, path, way.slice(0, -1), way.at(-1)!, members, style);
    return mark + withEdits(body, edits);
  }
  const member = there.parent!;
  const start = body.lastIndexOf("\n", member.offset - 1) + 1;
  if (start === 0 || body.slice(start, member.offset).trim() !== "") {
    return mark + withMembers(body, path, way, members, drop, style);
  }
  const [before, part, after] = ["{\n", body.slice(start, endOf(there)), "\n}"];
  const changed = withMembers(before + part + after, path, way.slice(-1), members, drop, style);
  return mark + body.slice(0, start) + changed.slice(before.length, -after.length) + body.slice(endOf(there));
}

function withMembers(
  body: string,
  path: string,
  way: readonly string[],
  members: ConfigTable,
  drop: readonly string[],
  style: JsonStyle,
): string {
  let now = body;
  const found = (each: string) => {
    const { node } = parseJson(now, path);
    return node && lookUp(node, path, [...way, each]);
  };
  for (const each of drop) {
    if (found(each) === undefined) continue;
    now = change(now, path, (body, root) => removal(body, root, path, way, each));
  }
  for (const [each, value] of Object.entries(members)) {
    const old = found(each);
    if (old !== undefined && sameValue(valueOf(old), value)) continue;
    now = change(now, path, (body, root) => setting(body, root, path, way, each, value, style));
  }
  return now;
}

/** Sets a member, and makes the objects that lead to it. */
function setting(
  body: string,
  root: Node | undefined,
  path: string,
  container: readonly string[],
  name: string,
  value: ConfigValue,
  style: JsonStyle,
): readonly TextEdit[] {
  if (root === undefined) {
    const whole = wrapped(container, { [name]: value });
    const end = body.trimEnd().length;
    const gap = end === 0 ? "" : style.eol;
    const tail = body.length > end ? "" : style.eol;
    return [{ start: end, end, text: gap + jsonText(whole, style, "") + tail }];
  }
  let parent = root;
  for (const [at, word] of container.entries()) {
    const next = child(parent, word, path, container);
    if (next === undefined) {
      return insertion(body, parent, word, wrapped(container.slice(at + 1), { [name]: value }), style);
    }
    if (next.type !== "object") throw misplaced(path, container);
    parent = next;
  }
  const old = child(parent, name, path, [...container, name]);
  if (old === undefined) return insertion(body, parent, name, value, style);
  const wasFlat = !body.slice(old.offset, old.offset + old.length).includes("\n");
  const text = jsonText(
    value,
    { ...style, flat: style.flat || wasFlat && old.type !== "object" },
    indentAt(body, old.offset),
  );
  return [{ start: old.offset, end: old.offset + old.length, text }];
}

/** Adds a member behind all others: after the last comment, so that each stays with what it is about. */
function insertion(
  body: string,
  parent: Node,
  name: string,
  value: ConfigValue,
  style: JsonStyle,
): readonly TextEdit[] {
  const close = parent.offset + parent.length - 1;
  const last = parent.children?.at(-1);
  const { end, comma, lineComment } = gapAfter(body, last === undefined ? parent.offset + 1 : endOf(last));
  const isSplit = body.slice(parent.offset, close).includes("\n");
  const flat = style.flat || last !== undefined && !isSplit;
  const outer = indentAt(body, parent.offset);
  const inner = memberIndent(body, parent) ?? outer + style.unit;
  const member = `${JSON.stringify(name)}:${style.flat && style.tight ? "" : " "}` +
    jsonText(value, { ...style, flat }, inner);
  const separator = last !== undefined && comma === undefined
    ? [{ start: endOf(last), end: endOf(last), text: "," }]
    : [];
  const trailing = comma === undefined ? "" : ",";
  if (flat && !lineComment) {
    const gap = last === undefined || style.tight ? "" : " ";
    return [...separator, { start: end, end, text: gap + member + trailing }];
  }
  // What closes the object goes to a line of its own, unless it has one.
  const tail = body.slice(end, close).includes("\n") ? "" : style.eol + outer;
  return [...separator, { start: end, end, text: style.eol + inner + member + trailing + tail }];
}

/** Takes a member out, with one comma and with its line. */
function removal(
  body: string,
  root: Node | undefined,
  path: string,
  container: readonly string[],
  name: string,
): readonly TextEdit[] {
  const parent = root && lookUp(root, path, container);
  const value = parent?.type === "object" ? child(parent, name, path, [...container, name]) : undefined;
  const member = value?.parent;
  if (parent === undefined || member === undefined) return [];
  const siblings = parent.children ?? [];
  const close = parent.offset + parent.length - 1;
  const previous = siblings[siblings.indexOf(member) - 1];
  const after = gapAfter(body, endOf(member)).comma;
  if (siblings.length === 1 && body.slice(parent.offset + 1, member.offset).trim() === "") {
    const rest = after === undefined ? endOf(member) : after + 1;
    if (body.slice(rest, close).trim() === "") return [{ start: parent.offset + 1, end: close, text: "" }];
  }
  const rest = after !== undefined && body.slice(endOf(member), after).trim() === ""
    ? after + 1
    : endOf(member);
  // What follows on its line must not get behind a comment that ends the line before.
  const isAlone = /^[ \t]*(?:\r?\n|$)/.test(body.slice(rest));
  const start = isAlone ? lineStart(body, member.offset) : member.offset;
  if (after !== undefined) {
    return rest > after
      ? [{ start, end: rest, text: "" }]
      : [{ start, end: endOf(member), text: "" }, { start: after, end: after + 1, text: "" }];
  }
  const before = previous && gapAfter(body, endOf(previous)).comma;
  const edit = { start, end: endOf(member), text: "" };
  if (before === undefined) return [edit];
  return body.slice(before + 1, member.offset).trim() === ""
    ? [{ ...edit, start: before }]
    : [{ start: before, end: before + 1, text: "" }, edit];
}

function lookUp(root: Node, path: string, way: readonly string[]): Node | undefined {
  let node: Node | undefined = root;
  for (const [at, word] of way.entries()) {
    if (node?.type !== "object") return undefined;
    node = child(node, word, path, way.slice(0, at + 1));
  }
  return node;
}

/** The value of a member; what stands there twice cannot be told apart by those who read it. */
function child(parent: Node, name: string, path: string, way: readonly string[]): Node | undefined {
  const found = (parent.children ?? []).filter((each) => each.children?.[0]?.value === name);
  if (found.length > 1) {
    throw unchangeable(path, `${safeText(way.join("."))} stands there twice`);
  }
  return found.length === 0 ? undefined : findNodeAtLocation(parent, [name]);
}

function wrapped(way: readonly string[], value: ConfigTable): ConfigTable {
  return way.reduceRight<ConfigTable>((inner, name) => ({ [name]: inner }), value);
}

function endOf({ offset, length }: Node): number {
  return offset + length;
}

/** The whitespace that the line of a place begins with. */
function indentAt(body: string, offset: number): string {
  return /^[ \t]*/.exec(body.slice(body.lastIndexOf("\n", offset - 1) + 1))?.[0] ?? "";
}

/** What the members of an object are indented by; undefined where none begins a line. */
function memberIndent(body: string, parent: Node): string | undefined {
  for (const { offset } of parent.children ?? []) {
    const line = body.slice(body.lastIndexOf("\n", offset - 1) + 1, offset);
    if (line.trim() === "" && offset > 0 && body.lastIndexOf("\n", offset - 1) >= parent.offset) return line;
  }
  return undefined;
}

/** From where a member is deleted: from the end of the line before, where it begins one. */
function lineStart(body: string, offset: number): number {
  const blank = /(\r?\n)?[ \t]*$/.exec(body.slice(0, offset));
  return blank?.[1] === undefined ? offset : offset - blank[0].length;
}

function styleOf(body: string, root: Node | undefined): JsonStyle {
  const { eol } = textForm(body);
  const unit = /\n([ \t]+)\S/.exec(body)?.[1];
  const indent = unit === undefined ? "  " : unit.startsWith("\t") ? "\t" : unit.slice(0, 8);
  const first = root?.children?.[0];
  const flat = root !== undefined && first !== undefined && !body.trim().includes("\n");
  const tight = first !== undefined && !/:\s/.test(body.slice(first.offset, endOf(first)));
  return { unit: indent, eol, flat, tight };
}

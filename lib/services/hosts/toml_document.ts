/**
 * TOML, changed table by table. What is to be changed is found in the text, and exactly that is written anew; then the
 * result is parsed, and unless it says what was asked for and everything else as before, nothing is changed at all.
 *
 * @module
 */
import { parse, TomlError } from "smol-toml";
import {
  type ConfigDocument,
  type ConfigTable,
  isTable,
  memberOf,
  misplaced,
  sameValue,
  unchangeable,
  unreadable,
  valueAt,
  withValue,
} from "./document.ts";
import { type TextEdit, type TextForm, textForm, withEdits } from "./text_form.ts";
import { inlinePairs, type TomlStatement, tomlStatements, UnexpectedToml } from "./toml_statements.ts";
import { tomlKey, tomlValue } from "./toml_text.ts";

/**
 * Reads TOML.
 *
 * @param text The text.
 * @param path The file, for messages.
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export function readToml(text: string, path: string): ConfigDocument {
  const form = textForm(text);
  const root = parsed(form.body, path);
  const change = (way: readonly string[], wanted: ConfigTable | undefined, make: Make) => {
    const container = way.slice(0, -1);
    const holder = valueAt(root, container);
    if (holder !== undefined && !isTable(holder)) throw misplaced(path, container);
    if (sameValue(valueAt(root, way), wanted)) return text;
    const body = attempted(path, () => withEdits(form.body, make(new TomlText(form, way, path))));
    const [result, expected] = [reparsed(body, path), withValue(root, way, wanted)];
    // What held the servers is gone with the last of them, unless it has a header of its own.
    const pruned = isTable(valueAt(result, container)) ? expected : withValue(expected, container, undefined);
    if (!sameValue(result, wanted === undefined ? pruned : expected)) {
      throw unchangeable(path, "another part of it would change along");
    }
    return form.mark + body;
  };
  return {
    root,
    relaxed: false,
    put: (container, name, members, drop) => {
      const way = [...container, name];
      const old = valueAt(root, way);
      const before = isTable(old) ? old : {};
      const kept = Object.entries(before).filter(([each]) =>
        !drop.includes(each) && memberOf(members, each) === undefined
      );
      const wanted = { ...Object.fromEntries(kept), ...members };
      return change(way, wanted, (toml) => toml.put(members, drop, kept.map(([each]) => each)));
    },
    remove: (container, name) => change([...container, name], undefined, (toml) => toml.remove()),
  };
}

type Make = (toml: TomlText) => readonly TextEdit[];

/** A text and the way to the server in it that is changed. */
class TomlText {
  readonly #form: TextForm;
  readonly #way: readonly string[];
  readonly #path: string;
  readonly #all: readonly TomlStatement[];
  /** The statements about the server. */
  readonly #own: readonly TomlStatement[];

  constructor(form: TextForm, way: readonly string[], path: string) {
    this.#form = form;
    this.#way = way;
    this.#path = path;
    this.#all = tomlStatements(form.body);
    this.#own = this.#all.filter((each) => isBelow(each.path, way));
  }

  put(members: ConfigTable, drop: readonly string[], kept: readonly string[]): readonly TextEdit[] {
    const [first] = this.#own;
    if (first === undefined) return this.#add(members);
    const depth = this.#way.length;
    const inline = this.#own.find(({ kind, path }) => kind === "pair" && path.length === depth);
    if (inline !== undefined) return [this.#inline(inline, members, kept)];
    const old = this.#own.filter(({ path }) => {
      const member = path[depth];
      return member !== undefined && (drop.includes(member) || Object.hasOwn(members, member));
    });
    // What is put in comes before what is removed from the same place on.
    const edits = this.#removed(old);
    const header = this.#own.find(({ kind, path }) => kind === "table" && path.length === depth);
    if (header !== undefined) {
      const at = this.#lineEnd(header.end);
      return [{ start: at, end: at, text: this.#opened(at) + this.#lines([], members) }, ...edits];
    }
    const dotted = this.#own.find(({ kind, table }) => kind === "pair" && table.length < depth);
    const at = this.#lineStart((dotted ?? first).start);
    const text = dotted === undefined
      ? `[${this.#way.map(tomlKey).join(".")}]${this.#form.eol}${this.#lines([], members)}${this.#form.eol}`
      : this.#lines(this.#way.slice(dotted.table.length), members);
    return [{ start: at, end: at, text }, ...edits];
  }

  remove(): readonly TextEdit[] {
    if (this.#own.length === 0) throw this.#refused();
    return this.#removed(this.#own);
  }

  /** A table of its own behind those of its siblings, else at the end. */
  #add(members: ConfigTable): readonly TextEdit[] {
    const { body, eol } = this.#form;
    const container = this.#way.slice(0, -1);
    const isInline = this.#all.some(({ kind, path }) => kind === "pair" && isBelow(container, path));
    if (isInline) throw this.#refused();
    const header = this.#all.findLast(({ kind, path }) => kind !== "pair" && isBelow(path, container));
    const last = header === undefined ? undefined : this.#all.findLast((each) =>
      each === header ||
      each.start > header.start && each.kind === "pair" && this.#headerOf(each) === header
    );
    const end = last === undefined ? body.trimEnd().length : this.#lineEnd(last.end);
    const at = last === undefined ? this.#lineEnd(end) : end;
    const before = at === 0 ? "" : this.#opened(at) + eol;
    const after = last === undefined || body.slice(at).trim() === "" || /^\r?\n/.test(body.slice(at))
      ? ""
      : eol;
    const text = `${before}[${this.#way.map(tomlKey).join(".")}]${eol}${this.#lines([], members)}${after}`;
    return [{ start: at, end: at, text }];
  }

  #headerOf(pair: TomlStatement): TomlStatement | undefined {
    return this.#all.findLast(({ kind, start }) => kind !== "pair" && start < pair.start);
  }

  /** A new inline table in place of the old one, with those of its members that stay as they are written. */
  #inline({ valueStart, end }: TomlStatement, members: ConfigTable, kept: readonly string[]): TextEdit {
    const old = inlinePairs(this.#form.body, valueStart)
      .filter(({ path }) => kept.includes(path[0] ?? ""))
      .map((each) => this.#form.body.slice(each.start, each.end));
    const fresh = Object.entries(members).map(([name, value]) => `${tomlKey(name)} = ${tomlValue(value)}`);
    return { start: valueStart, end, text: `{ ${[...fresh, ...old].join(", ")} }` };
  }

  /** Removes statements with their lines; a header takes with it what stands between it and its last pair. */
  #removed(statements: readonly TomlStatement[]): readonly TextEdit[] {
    const edits: TextEdit[] = [];
    for (const statement of statements) {
      const isHeader = statement.kind !== "pair";
      const last = isHeader
        ? this.#all.findLast((each) => each.kind === "pair" && this.#headerOf(each) === statement) ??
          statement
        : statement;
      const start = isHeader ? this.#blockStart(statement.start) : this.#lineStart(statement.start);
      const end = this.#lineEnd(last.end);
      const before = edits.at(-1);
      if (before !== undefined && start < before.end) {
        edits[edits.length - 1] = { ...before, end: Math.max(end, before.end) };
      } else edits.push({ start, end, text: "" });
    }
    return edits;
  }

  #lines(prefix: readonly string[], members: ConfigTable): string {
    return Object.entries(members).map(([name, value]) =>
      `${[...prefix, name].map(tomlKey).join(".")} = ${tomlValue(value)}${this.#form.eol}`
    ).join("");
  }

  #lineStart(at: number): number {
    return this.#form.body.lastIndexOf("\n", at - 1) + 1;
  }

  /** With the blank lines above it. */
  #blockStart(at: number): number {
    const before = this.#form.body.slice(0, this.#lineStart(at));
    return before.length - (/(?:(?<=\n)[ \t]*\r?\n)+$/.exec(before)?.[0].length ?? 0);
  }

  /** Behind the line end. */
  #lineEnd(at: number): number {
    const end = this.#form.body.indexOf("\n", at);
    return end === -1 ? this.#form.body.length : end + 1;
  }

  /** What ends a line that is still open where something new begins. */
  #opened(at: number): string {
    return at > 0 && this.#form.body[at - 1] !== "\n" ? this.#form.eol : "";
  }

  #refused() {
    const way = this.#way.slice(0, -1).map(tomlKey).join(".");
    return unchangeable(this.#path, `${way} is written as an inline table: write it as [${way}] first`);
  }
}

function isBelow(path: readonly string[], way: readonly string[]): boolean {
  return path.length >= way.length && way.every((word, at) => path[at] === word);
}

function parsed(body: string, path: string): ConfigTable {
  try {
    return parse(body, { integersAsBigInt: "asNeeded" }) as ConfigTable;
  } catch (error) {
    if (error instanceof TomlError) {
      const [, why = error.message] = /^Invalid TOML document: ([^\n]*)/.exec(error.message) ?? [];
      throw unreadable(path, error, why);
    }
    if (error instanceof RangeError) throw unreadable(path, { line: 1, column: 1 }, "nested too deeply");
    throw error;
  }
}

function reparsed(body: string, path: string): ConfigTable {
  try {
    return parse(body, { integersAsBigInt: "asNeeded" }) as ConfigTable;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw unchangeable(path, "the result would be no TOML");
  }
}

function attempted(path: string, make: () => string): string {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof UnexpectedToml) && !(error instanceof RangeError)) throw error;
    throw unchangeable(path, "it is written in a way that is not understood");
  }
}

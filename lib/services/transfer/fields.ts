/**
 * Reads the members of a JSON document that nobody vouches for, one by one: what is not named here is dropped, and what
 * has another type, length or form than it must have ends the reading. A message says where it was, never what.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { EXPORT_LIST_MAX } from "../../primitives/limits.ts";
import { isObject } from "../../primitives/oauth/json.ts";
import { safeText } from "../../primitives/untrusted_text.ts";

/** What a text must be like. */
export interface TextRule {
  /** The longest, in UTF-16 code units. */
  readonly max: number;
  /** What the whole of it must match. */
  readonly pattern?: RegExp;
  /** Whether it may be empty. */
  readonly empty?: boolean;
}

/** Printable ASCII, as tokens and ids are made of (RFC 6749 appendix A). */
export const PRINTABLE: RegExp = /^[\x20-\x7e]+$/;

/** The last moment that can be written down as a date of four digits. */
const TIME_MAX = Date.UTC(9999, 11, 31);

/** The members of one object. */
export class Fields {
  /** Where the object is, such as `entries[0].server`. */
  readonly path: string;
  readonly #members: Readonly<Record<string, unknown>>;

  /**
   * @param value What should be an object.
   * @param path Where it is, for messages.
   * @throws {McpAuthError} `CONFIG_INVALID`, as all methods do.
   */
  constructor(value: unknown, path: string) {
    if (!isObject(value)) throw unfit(path, "is no object");
    this.#members = value;
    this.path = path;
  }

  /** The names of the members, for a record with keys of its own. */
  get names(): readonly string[] {
    const names = Object.keys(this.#members);
    if (names.length > EXPORT_LIST_MAX) throw unfit(this.path, "has too many members");
    return names;
  }

  /** The member as it is; undefined where there is none. */
  raw(name: string): unknown {
    return Object.hasOwn(this.#members, name) ? this.#members[name] : undefined;
  }

  /** A text. */
  text(name: string, rule: TextRule): string {
    return text(this.raw(name), this.#at(name), rule);
  }

  /** A text that may be missing. */
  maybeText(name: string, rule: TextRule): string | undefined {
    return this.raw(name) === undefined ? undefined : this.text(name, rule);
  }

  /** A list of texts that may be missing. */
  maybeTexts(name: string, rule: TextRule): readonly string[] | undefined {
    return this.raw(name) === undefined ? undefined : this.texts(name, rule);
  }

  /** A list of texts. */
  texts(name: string, rule: TextRule): readonly string[] {
    return this.list(name).map((each, index) => text(each, `${this.#at(name)}[${index}]`, rule));
  }

  /** A list. */
  list(name: string, max: number = EXPORT_LIST_MAX): readonly unknown[] {
    const value = this.raw(name);
    if (!Array.isArray(value)) throw unfit(this.#at(name), "is no list");
    if (value.length > max) throw unfit(this.#at(name), `has more than ${max} items`);
    return value;
  }

  /** A whole number within bounds. */
  integer(name: string, min: number, max: number): number {
    return integer(this.raw(name), this.#at(name), min, max);
  }

  /** A moment in ms since the epoch. */
  time(name: string): number {
    return this.integer(name, 0, TIME_MAX);
  }

  /** A moment that may be missing. */
  maybeTime(name: string): number | undefined {
    return this.raw(name) === undefined ? undefined : this.time(name);
  }

  /** A list of moments or other numbers, which may be missing. */
  maybeIntegers(name: string, min: number, max: number): readonly number[] | undefined {
    if (this.raw(name) === undefined) return undefined;
    return this.list(name).map((each, index) => integer(each, `${this.#at(name)}[${index}]`, min, max));
  }

  /** True; false counts as missing. */
  maybeTrue(name: string): true | undefined {
    const value = this.raw(name);
    if (value === undefined || value === false) return undefined;
    if (value !== true) throw unfit(this.#at(name), "is neither true nor false");
    return true;
  }

  /** One of some words. */
  oneOf<T extends string>(name: string, words: readonly T[]): T {
    const found = words.find((word) => word === this.raw(name));
    if (found === undefined) throw unfit(this.#at(name), `is not one of ${words.join(", ")}`);
    return found;
  }

  /** An object that may be missing. */
  maybeFields(name: string): Fields | undefined {
    return this.raw(name) === undefined ? undefined : this.fields(name);
  }

  /** An object. */
  fields(name: string): Fields {
    return new Fields(this.raw(name), this.#at(name));
  }

  /**
   * Lets another reader judge a member, and says where it was when that refuses it.
   *
   * @param name The member that is judged.
   * @param judge Throws where it does not accept it.
   */
  judged<T>(name: string, judge: () => T): T {
    try {
      return judge();
    } catch (error) {
      throw unfit(this.#at(name), "cannot be used", error);
    }
  }

  #at(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }
}

/** Leaves out the members that are undefined. */
export function present<T extends object>(members: T): { [Name in keyof T]: Exclude<T[Name], undefined> } {
  const there = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as { [Name in keyof T]: Exclude<T[Name], undefined> };
}

/**
 * The error for a document that cannot be used.
 *
 * @param path Where in it.
 * @param why In a few words, to follow the path.
 * @param cause What was thrown, where something was.
 */
export function unfit(path: string, why: string, cause?: unknown): McpAuthError {
  const detail = cause instanceof McpAuthError ? `: ${cause.message}` : "";
  return new McpAuthError(
    "CONFIG_INVALID",
    `Cannot read the export: "${safeText(path, 200)}" ${why}${detail}`,
    { hint: "Export the entries again with this version of mcp-auth; nothing was changed", cause },
  );
}

function text(value: unknown, path: string, { max, pattern, empty }: TextRule): string {
  if (typeof value !== "string") throw unfit(path, "is no text");
  if (value === "" && empty) return value;
  if (value === "" || value.length > max) throw unfit(path, `does not have 1 to ${max} characters`);
  if (pattern !== undefined && !pattern.test(value)) throw unfit(path, "has another form than it must have");
  return value;
}

function integer(value: unknown, path: string, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw unfit(path, `is not a whole number from ${min} to ${max}`);
}

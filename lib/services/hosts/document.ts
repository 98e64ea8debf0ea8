/**
 * A configuration as a document: its servers can be read, and one of them put in or taken out, with every other character
 * of the text left as it is. Both formats are behind this.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { Host } from "./host.ts";

/** A value as both formats have it. */
export type ConfigValue =
  | string
  | number
  | boolean
  | null
  | readonly ConfigValue[]
  | { readonly [name: string]: ConfigValue };

/** Values by their names. */
export type ConfigTable = Readonly<Record<string, ConfigValue>>;

/** A server as it stands in a configuration. */
export interface ConfiguredServer {
  /** The way to what holds it, such as `["mcpServers"]`. */
  readonly container: readonly string[];
  /** Its name there. */
  readonly name: string;
  /** Undefined where it is nothing that could be a server. */
  readonly value: ConfigTable | undefined;
}

/** A configuration that was read. */
export interface ConfigDocument {
  /** The whole configuration. */
  readonly root: ConfigTable;
  /** Whether the text has comments or commas that JSON does not. */
  readonly relaxed: boolean;
  /**
   * Puts members into a server, which is made where it is missing, and takes others out of it.
   *
   * @returns The text then; the same where nothing differs.
   * @throws {McpAuthError} `CONFIG_INVALID` where that cannot be done without touching anything else.
   */
  put(container: readonly string[], name: string, members: ConfigTable, drop: readonly string[]): string;
  /**
   * Takes a server out.
   *
   * @returns The text then; the same where there is none of that name.
   * @throws {McpAuthError} As {@linkcode put}.
   */
  remove(container: readonly string[], name: string): string;
}

/**
 * Reads a configuration.
 *
 * @param text The whole text; an empty one is a configuration without anything in it.
 * @param format How it is written.
 * @param path The file, for messages.
 * @throws {McpAuthError} `CONFIG_INVALID` with line and column where it cannot be read.
 */
export async function readDocument(
  text: string,
  format: Host["format"],
  path: string,
): Promise<ConfigDocument> {
  return format === "toml"
    ? (await import("./toml_document.ts")).readToml(text, path)
    : (await import("./json_document.ts")).readJson(text, path);
}

/**
 * The servers of a configuration: those of the user or project first, then those that stand within projects.
 *
 * @param document The configuration.
 * @param host Whose it is.
 * @param path The file, for messages.
 * @throws {McpAuthError} `CONFIG_INVALID` where what should hold servers is something else.
 */
export function serversOf(
  { root }: ConfigDocument,
  { servers, perProject }: Pick<Host, "servers" | "perProject">,
  path: string,
): readonly ConfiguredServer[] {
  const projects = perProject === undefined ? undefined : memberOf(root, perProject);
  const containers = [
    servers,
    ...(isTable(projects) ? Object.keys(projects).map((name) => [perProject!, name, ...servers]) : []),
  ];
  return containers.flatMap((container) => {
    const value = valueAt(root, container);
    if (value === undefined) return [];
    if (!isTable(value)) throw misplaced(path, container);
    return Object.entries(value).map(([name, server]) => ({
      container,
      name,
      value: isTable(server) ? server : undefined,
    }));
  });
}

/** The value at the end of a way; undefined where it leads nowhere. */
export function valueAt(root: ConfigTable, way: readonly string[]): ConfigValue | undefined {
  let value: ConfigValue | undefined = root;
  for (const name of way) {
    if (!isTable(value)) return undefined;
    value = memberOf(value, name);
  }
  return value;
}

/** A configuration with another value at the end of a way; without one, where that is undefined. */
export function withValue(
  root: ConfigTable,
  way: readonly string[],
  value: ConfigValue | undefined,
): ConfigTable {
  const [name = "", ...rest] = way;
  const others = Object.fromEntries(Object.entries(root).filter(([each]) => each !== name));
  if (rest.length === 0) return value === undefined ? others : { ...others, [name]: value };
  const inner = memberOf(root, name);
  return { ...others, [name]: withValue(isTable(inner) ? inner : {}, rest, value) };
}

/** A member of a table by its name; never one that all objects have. */
export function memberOf(table: ConfigTable, name: string): ConfigValue | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Whether a value has members. */
export function isTable(value: unknown): value is ConfigTable {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

/** Whether two values say the same, whatever the order of their members. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (a instanceof Date && b instanceof Date) return a.toISOString() === b.toISOString();
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length &&
      a.every((each, at) => sameValue(each, b[at]));
  }
  if (!isTable(a) || !isTable(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameValue(a[name], b[name]));
}

/** The error for a configuration that cannot be read. */
export function unreadable(
  path: string,
  { line, column }: { readonly line: number; readonly column: number },
  why: string,
): McpAuthError {
  return new McpAuthError(
    "CONFIG_INVALID",
    `Cannot read "${safeText(path)}": line ${line}, column ${column}: ${safeText(why)}`,
    { hint: "Put it right in an editor; nothing was changed" },
  );
}

/** The error for a place that holds something else than it must. */
export function misplaced(path: string, way: readonly string[]): McpAuthError {
  return new McpAuthError(
    "CONFIG_INVALID",
    `Cannot use "${safeText(path)}": ${safeText(way.join("."))} does not hold servers by their names`,
    { hint: "Put it right in an editor; nothing was changed" },
  );
}

/** The error for a text that cannot be changed without touching anything else. */
export function unchangeable(path: string, why: string): McpAuthError {
  return new McpAuthError("CONFIG_INVALID", `Cannot change "${safeText(path)}": ${why}`, {
    hint: "Change it by hand: --print shows what to put there; nothing was changed",
  });
}

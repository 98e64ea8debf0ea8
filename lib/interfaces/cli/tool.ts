/**
 * A tool as its server describes it, read with no trust in its shape: what people are shown of it, and what the values
 * that they type are converted by. Nothing of a schema is enforced but what a typed value cannot do without.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools
 * @module
 */
import { isObject } from "../../primitives/oauth/json.ts";
import { safeText } from "../../primitives/untrusted_text.ts";

/** The types of JSON Schema. */
export type JsonType = "string" | "integer" | "number" | "boolean" | "null" | "array" | "object";

/** One argument of a tool. */
export interface ToolArgument {
  /** Byte for byte as the server knows it. */
  readonly name: string;
  readonly required: boolean;
  /** The types that it may have; empty where the schema does not say. */
  readonly types: ReadonlySet<JsonType>;
  /** The values that it may have, where they are listed. */
  readonly values: readonly unknown[] | undefined;
  /** What the server takes where it is left out; undefined where it names nothing. */
  readonly fallback: unknown;
  readonly description: string;
  /** Its schema, references resolved. */
  readonly schema: Readonly<Record<string, unknown>>;
}

/** One tool. */
export interface Tool {
  /** Byte for byte as the server knows it. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** What it says of its effects, such as `read-only`; no promise. */
  readonly hints: readonly string[];
  /** Undefined where it has no usable schema. */
  readonly arguments: readonly ToolArgument[] | undefined;
  /** Whether it takes arguments beside those that it names. */
  readonly isOpen: boolean;
  /** Resolves a schema within that of its arguments. */
  readonly resolve: (schema: unknown) => Readonly<Record<string, unknown>>;
}

/** The annotations that are shown, each with the value that says something. */
const HINTS: readonly (readonly [member: string, value: boolean, word: string])[] = [
  ["readOnlyHint", true, "read-only"],
  ["destructiveHint", true, "destructive"],
  ["idempotentHint", true, "idempotent"],
  ["openWorldHint", false, "closed world"],
];

const TYPES: ReadonlySet<unknown> = new Set(
  ["string", "integer", "number", "boolean", "null", "array", "object"] satisfies JsonType[],
);

/** References that are followed one after the other; a schema that refers to itself has no end. */
const REFERENCES_MAX = 8;

/** Reads one item of `tools/list`; undefined for what has no name to call it by. */
export function readTool(item: unknown): Tool | undefined {
  if (!isObject(item) || typeof item.name !== "string") return undefined;
  const annotations = isObject(item.annotations) ? item.annotations : {};
  const root = isObject(item.inputSchema) ? item.inputSchema : undefined;
  const resolve = (schema: unknown) => resolved(schema, root);
  const top = resolve(root);
  const properties = isObject(top.properties) ? top.properties : undefined;
  const required = Array.isArray(top.required) ? top.required : [];
  const closed = root !== undefined && (properties !== undefined || top.additionalProperties === false);
  return {
    name: item.name,
    title: typeof item.title === "string"
      ? item.title
      : typeof annotations.title === "string"
      ? annotations.title
      : "",
    description: typeof item.description === "string" ? item.description : "",
    hints: HINTS.filter(([member, value]) => annotations[member] === value).map(([, , word]) => word),
    arguments: closed
      ? Object.entries(properties ?? {}).map(([name, schema]) =>
        readArgument(name, resolve(schema), required.includes(name), resolve)
      )
      : undefined,
    isOpen: top.additionalProperties === true || isObject(top.additionalProperties) ||
      isObject(top.patternProperties),
    resolve,
  };
}

function readArgument(
  name: string,
  schema: Readonly<Record<string, unknown>>,
  required: boolean,
  resolve: Tool["resolve"],
): ToolArgument {
  return {
    name,
    required,
    types: typesOf(schema, resolve),
    values: valuesOf(schema, resolve),
    fallback: schema.default,
    description: typeof schema.description === "string"
      ? schema.description
      : typeof schema.title === "string"
      ? schema.title
      : "",
    schema,
  };
}

/** The types that a schema allows, those of its alternatives included. */
export function typesOf(
  schema: Readonly<Record<string, unknown>>,
  resolve: Tool["resolve"],
): ReadonlySet<JsonType> {
  const types = new Set<JsonType>();
  for (const type of [schema.type].flat()) if (TYPES.has(type)) types.add(type as JsonType);
  if (types.size > 0) return types;
  for (const alternative of alternativesOf(schema)) {
    for (const type of typesOf(alternativeAt(alternative, resolve), (each) => isObject(each) ? each : {})) {
      types.add(type);
    }
  }
  if (types.size === 0) {
    for (const value of valuesOf(schema, resolve) ?? []) types.add(typeOf(value));
  }
  return types;
}

function valuesOf(
  schema: Readonly<Record<string, unknown>>,
  resolve: Tool["resolve"],
): readonly unknown[] | undefined {
  if (Array.isArray(schema.enum)) return schema.enum;
  if ("const" in schema) return [schema.const];
  const alternatives = alternativesOf(schema).map((each) => alternativeAt(each, resolve));
  if (alternatives.length === 0) return undefined;
  const values = alternatives.map((each) =>
    Array.isArray(each.enum)
      ? each.enum
      : "const" in each
      ? [each.const]
      : each.type === "null"
      ? [null]
      : undefined
  );
  return values.every((each) => each !== undefined) ? values.flat() : undefined;
}

function alternativesOf(schema: Readonly<Record<string, unknown>>): readonly unknown[] {
  for (const member of ["anyOf", "oneOf", "allOf"]) {
    const alternatives = schema[member];
    if (Array.isArray(alternatives)) return alternatives;
  }
  return [];
}

function alternativeAt(schema: unknown, resolve: Tool["resolve"]): Readonly<Record<string, unknown>> {
  return resolve(schema);
}

function typeOf(value: unknown): JsonType {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  const type = typeof value;
  return type === "string" || type === "number" || type === "boolean" ? type : "object";
}

/** A schema with its references within the document followed. */
function resolved(schema: unknown, root: unknown): Readonly<Record<string, unknown>> {
  let at = schema;
  for (let step = 0; step < REFERENCES_MAX; step++) {
    if (!isObject(at)) return {};
    const reference = at.$ref;
    if (typeof reference !== "string") return at;
    const { $ref: _, ...beside } = at;
    const target = referred(reference, root);
    at = isObject(target) ? { ...target, ...beside } : beside;
  }
  return {};
}

function referred(reference: string, root: unknown): unknown {
  if (!reference.startsWith("#/")) return reference === "#" ? root : undefined;
  let at: unknown = root;
  for (const part of reference.slice(2).split("/")) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return at;
}

/** What an argument takes, in a few words: `integer`, `string, null`, `a | b | c`. */
export function takes({ types, values, schema }: ToolArgument, resolve: Tool["resolve"]): string {
  if (values !== undefined) return safeText(values.map((each) => shown(each)).join(" | "), VALUES_MAX_CHARS);
  const words = [...types].map((type) => {
    if (type !== "array" || !isObject(schema.items)) return type;
    const items = [...typesOf(resolve(schema.items), resolve)];
    return items.length === 0 ? type : `array of ${items.join("/")}`;
  });
  return words.length === 0 ? "any" : words.join(", ");
}

/** A value as people write it: text as it is, anything else as JSON. */
export function shown(value: unknown): string {
  return safeText(typeof value === "string" ? value : JSON.stringify(value), VALUE_MAX_CHARS);
}

const VALUE_MAX_CHARS = 80;
const VALUES_MAX_CHARS = 400;

/**
 * The word that may have been meant.
 *
 * @param word What was written.
 * @param words What there is.
 * @returns Undefined where none is near.
 */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  let best: string | undefined;
  // Of a short word hardly anything is left after two slips.
  let least = word.length < 3 ? 1 : word.length < 5 ? 2 : 3;
  for (const each of words) {
    const other = each.toLowerCase();
    const distance = other.startsWith(lower) && lower.length > 1 ? 0.5 : slips(lower, other, least);
    if (distance < least) [best, least] = [each, distance];
  }
  return best;
}

/** How many letters have to be added, left out, changed or swapped with their neighbour; `most` where it is that or more. */
function slips(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) >= most || a.length > NAME_MAX_CHARS || b.length > NAME_MAX_CHARS) {
    return most;
  }
  let [before, row]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1);
      }
      next.push(cost);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}

const NAME_MAX_CHARS = 128;

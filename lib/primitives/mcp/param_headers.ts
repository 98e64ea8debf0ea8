/**
 * The arguments of a tool that a server wants to see in headers too: its schema marks them with `x-mcp-header`, and a
 * call has their values in `Mcp-Param-*`. A tool whose marks break the rules must not be offered at all, because nobody
 * could call it as its server expects. Schemas are untrusted: they are walked without recursion, and a mark that is too
 * deep for anybody to mean it breaks the rules like one that no argument leads to.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#custom-headers-from-tool-parameters (T12)
 * @module
 */
import { PARAM_DEPTH_MAX, PARAM_HEADERS_MAX, PARAM_PATH_MAX_CHARS } from "../bridge_limits.ts";
import { isJsonObject, type JsonObject } from "./jsonrpc.ts";
import { headerValue } from "./request_headers.ts";

/** One argument that goes into a header. */
export interface ParamHeader {
  /** The header's name, in lower case. */
  readonly name: string;
  /** Where the argument is: the names of the members that lead to it. */
  readonly path: readonly string[];
}

/** The headers of a tool; or why it must not be offered. */
export type ParamHeaders = { readonly headers: readonly ParamHeader[] } | { readonly invalid: string };

const MARK = "x-mcp-header";
/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TYPES: ReadonlySet<unknown> = new Set(["string", "integer", "boolean"]);

/** Where a schema holds further ones, in which no mark may be: one, a list of them, or by name. */
const ONE_OR_LIST = [
  ...["items", "prefixItems", "additionalItems", "contains", "additionalProperties", "unevaluatedProperties"],
  ...[
    "unevaluatedItems",
    "propertyNames",
    "contentSchema",
    "oneOf",
    "anyOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
  ],
];
const BY_NAME = ["patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"];

/** A schema on the way through a schema. */
interface Place {
  readonly schema: JsonObject;
  /** Undefined where the way has led through anything but `properties`. */
  readonly path: readonly string[] | undefined;
}

/**
 * Reads the marks of a tool's schema.
 *
 * @param inputSchema The `inputSchema`, unchecked; it is that of a tool without headers where it is no schema.
 */
export function paramHeadersIn(inputSchema: unknown): ParamHeaders {
  const headers: ParamHeader[] = [];
  const places: Place[] = isJsonObject(inputSchema) ? [{ schema: inputSchema, path: [] }] : [];
  let chars = 0;
  // The list grows while it is walked, by what it is led to: a parsed text has no circles.
  for (const { schema, path } of places) {
    if (Object.hasOwn(schema, MARK)) {
      const fault = faultOf(schema, path, headers);
      if (fault !== undefined) return { invalid: fault };
      headers.push({ name: `mcp-param-${String(schema[MARK]).toLowerCase()}`, path: path ?? [] });
      chars += (path ?? []).join("").length + String(schema[MARK]).length;
      if (headers.length > PARAM_HEADERS_MAX || chars > PARAM_PATH_MAX_CHARS) {
        return { invalid: `it has too many "${MARK}"` };
      }
    }
    addWithin(schema, path, places);
  }
  return { headers };
}

/**
 * The headers of one call.
 *
 * @param headers Those of the tool.
 * @param args The call's `arguments`, unchecked.
 * @returns None for an argument that is absent, null, or nothing that a header may hold.
 */
export function paramHeadersFor(
  headers: readonly ParamHeader[],
  args: unknown,
): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const { name, path } of headers) {
    const text = textOf(valueAt(args, path));
    if (text !== undefined) values[name] = headerValue(text);
  }
  return values;
}

function faultOf(
  schema: JsonObject,
  path: Place["path"],
  headers: readonly ParamHeader[],
): string | undefined {
  const mark = schema[MARK];
  if (path === undefined || path.length === 0) return `"${MARK}" stands where no argument can be found`;
  if (typeof mark !== "string" || !TOKEN.test(mark)) return `"${MARK}" is no name of a header`;
  if (!TYPES.has(schema["type"])) return `"${MARK}" stands at what is no string, integer or boolean`;
  const name = `mcp-param-${mark.toLowerCase()}`;
  return headers.some((header) => header.name === name) ? `"${MARK}" names a header twice` : undefined;
}

/** Adds the schemas within a schema. */
function addWithin(schema: JsonObject, path: Place["path"], places: Place[]): void {
  const add = (value: unknown, to: Place["path"]) => {
    if (isJsonObject(value)) places.push({ schema: value, path: to });
  };
  const { properties } = schema;
  if (isJsonObject(properties)) {
    const reachable = path !== undefined && path.length < PARAM_DEPTH_MAX;
    for (const [key, value] of Object.entries(properties)) {
      add(value, reachable ? [...path, key] : undefined);
    }
  }
  for (const keyword of ONE_OR_LIST) {
    const value = schema[keyword];
    for (const one of Array.isArray(value) ? value : [value]) add(one, undefined);
  }
  for (const keyword of BY_NAME) {
    const value = schema[keyword];
    if (!isJsonObject(value)) continue;
    for (const one of Object.values(value)) add(one, undefined);
  }
}

function valueAt(args: unknown, path: readonly string[]): unknown {
  let value = args;
  for (const key of path) {
    if (!isJsonObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** A primitive as text; a number beyond the safe integers has no exact one. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
}

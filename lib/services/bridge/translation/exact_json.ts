/**
 * JSON that is taken apart and put together again without a digit lost: a number that JavaScript cannot hold exactly,
 * such as an id of 20 digits in the arguments of a tool, stays as it was written.
 *
 * @module
 */
import { isJsonObject, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";

/** The part of `JSON` that TypeScript's library does not declare yet. */
const RAW = JSON as unknown as { rawJSON(text: string): unknown };

/** Only a text with a number this long, or with an exponent, can hold one that is changed by being read. */
const LONG_NUMBER = /\d{16}|\d[eE][-+]?\d/;

/**
 * The value of a message, with its numbers as they were written.
 *
 * @param payload The message's JSON, as it came.
 * @param value The same, parsed; returned where nothing was lost in parsing.
 */
export function exactValue(payload: Uint8Array | string, value: JsonObject): JsonObject {
  const text = typeof payload === "string" ? payload : new TextDecoder().decode(payload);
  if (!LONG_NUMBER.test(text)) return value;
  const exact: unknown = JSON.parse(text, keepWritten as (key: string, value: unknown) => unknown);
  return isJsonObject(exact) ? exact : value;
}

/** A message as JSON, with its id and the numbers of {@linkcode exactValue} as they were written. */
export function exactJson(value: unknown): string {
  return JSON.stringify(value, (_, each) => typeof each === "bigint" ? RAW.rawJSON(String(each)) : each);
}

function keepWritten(_: string, value: unknown, context: { readonly source?: string }): unknown {
  const { source } = context;
  if (typeof value !== "number" || source === undefined || String(value) === source) return value;
  return RAW.rawJSON(source);
}

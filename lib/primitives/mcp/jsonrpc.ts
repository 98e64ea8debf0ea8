/**
 * Just enough JSON-RPC 2.0 to route a message: its kind, its id and its method. Nothing else is looked at and nothing
 * is checked against a schema, so that methods and fields of later revisions pass untouched.
 *
 * @see https://www.jsonrpc.org/specification
 * @module
 */

/** A request's id. A whole number that JavaScript cannot hold exactly is a bigint, so that it is answered as it came. */
export type MessageId = string | number | bigint;

/** A JSON object, parsed. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A message that wants an answer. */
export interface RequestMessage {
  readonly kind: "request";
  readonly id: MessageId;
  readonly method: string;
  readonly value: JsonObject;
}

/** A message that wants none. */
export interface NotificationMessage {
  readonly kind: "notification";
  readonly method: string;
  readonly value: JsonObject;
}

/** An answer: a result, or an error. Its id is null where the answering side could not tell the request's. */
export interface ResponseMessage {
  readonly kind: "response";
  readonly id: MessageId | null;
  readonly value: JsonObject;
}

/** JSON that is no JSON-RPC message; the id is there when it had a usable one. */
export interface InvalidMessage {
  readonly kind: "invalid";
  readonly id: MessageId | null;
}

/** One classified message. */
export type Message = RequestMessage | NotificationMessage | ResponseMessage | InvalidMessage;

/** What one line, body or event holds: one message, or a batch (an array, in the 2025-03-26 revision only). */
export interface Envelope {
  readonly messages: readonly Message[];
  readonly batch: boolean;
}

/** Invalid JSON was received. */
export const PARSE_ERROR: number = -32700;
/** The JSON sent is not a valid request object. */
export const INVALID_REQUEST: number = -32600;
/** The method does not exist. */
export const METHOD_NOT_FOUND: number = -32601;

/**
 * Parses and classifies the text of one line, body or event.
 *
 * @param text JSON.
 * @throws {SyntaxError} When it is not.
 */
export function parseEnvelope(text: string): Envelope {
  let parsed: unknown = JSON.parse(text);
  if (hasInexactId(parsed)) {
    parsed = JSON.parse(text, keepExactId as (key: string, value: unknown) => unknown);
  }
  if (!Array.isArray(parsed)) return { messages: [classify(parsed)], batch: false };
  return { messages: parsed.map(classify), batch: true };
}

/**
 * Tells what a parsed message is. A `method` makes it a request or a notification, whatever else it carries.
 *
 * @param value Any parsed JSON.
 */
export function classify(value: unknown): Message {
  if (!isJsonObject(value)) return { kind: "invalid", id: null };
  const { id, method } = value;
  const usable = typeof id === "string" || typeof id === "number" || typeof id === "bigint";
  if (typeof method === "string") {
    if (usable) return { kind: "request", id, method, value };
    return id === undefined ? { kind: "notification", method, value } : { kind: "invalid", id: null };
  }
  if (method === undefined && ("result" in value || "error" in value)) {
    return { kind: "response", id: usable ? id : null, value };
  }
  return { kind: "invalid", id: usable ? id : null };
}

/** True for a JSON object: not null, not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The id as JSON. */
export function idText(id: MessageId | null): string {
  return typeof id === "string" ? JSON.stringify(id) : String(id);
}

/**
 * The text of an error response.
 *
 * @param id The request's id, null where it is not known.
 * @param error The error object: `code` and `message`, perhaps `data`; sent as it is.
 * @see https://www.jsonrpc.org/specification#error_object
 */
export function errorText(id: MessageId | null, error: unknown): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"error":${JSON.stringify(error)}}`;
}

function hasInexactId(parsed: unknown): boolean {
  if (Array.isArray(parsed)) return parsed.some((one) => isJsonObject(one) && isInexact(one["id"]));
  return isJsonObject(parsed) && isInexact(parsed["id"]);
}

function isInexact(id: unknown): boolean {
  return typeof id === "number" && !Number.isSafeInteger(id) && Number.isInteger(id);
}

/** A `JSON.parse` reviver that keeps large ids as they were written. */
function keepExactId(key: string, value: unknown, context: { readonly source?: string }): unknown {
  const written = context.source ?? "";
  return key === "id" && isInexact(value) && /^-?\d+$/.test(written) ? BigInt(written) : value;
}

/**
 * A server's refusal of a request, as an error of ours and as what the server itself said: who wants to know more than a
 * person is told finds it in the cause.
 *
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { isJsonObject, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import { UNSUPPORTED_VERSION } from "../../../primitives/mcp/revisions.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";

/** A JSON-RPC error as the server sent it: the text is untrusted. */
export class RpcError extends Error {
  /** The JSON-RPC code. */
  readonly code: number | undefined;
  /** The error's `data`, unchecked. */
  readonly data: unknown;

  /**
   * Takes the error as it came.
   *
   * @param error The `error` member of a response.
   */
  constructor(error: unknown) {
    const { code, message, data } = isJsonObject(error) ? error : {};
    super(safeText(message));
    this.name = "RpcError";
    this.code = typeof code === "number" ? code : undefined;
    this.data = data;
  }
}

/**
 * A refusal as a coded error, `SERVER_ERROR` with the {@linkcode RpcError} as its cause.
 *
 * @param method What was asked.
 * @param error The `error` member of the response.
 */
export function refusal(method: string, error: unknown): McpAuthError {
  const cause = new RpcError(error);
  const code = cause.code === undefined ? "" : ` (JSON-RPC ${cause.code})`;
  return new McpAuthError(
    "SERVER_ERROR",
    `The server refused "${method}": ${cause.message}${code}${supportedBy(cause)}`,
    { cause, ...(cause.code === CAPABILITY_MISSING ? { hint: ASKED_HINT } : {}) },
  );
}

/** The request needs something of the client that this one cannot do here (T13). */
const CAPABILITY_MISSING = -32021;
const ASKED_HINT = "Run it in a terminal, or use it from an MCP host, where such questions can be answered";

/**
 * What a result of a stateless revision says of itself: complete, or not, which a client without capabilities cannot
 * help (T11, T15).
 *
 * @param method What was asked.
 * @returns The error to report; undefined for a complete result, which is also one that says nothing.
 */
export function incompleteness(method: string, result: unknown): McpAuthError | undefined {
  const type = isJsonObject(result) ? result["resultType"] : undefined;
  if (type === undefined || type === "complete") return undefined;
  if (type !== "input_required") {
    return new McpAuthError(
      "SERVER_ERROR",
      `Cannot complete "${method}": the server answered with a result of the unknown type "${
        safeText(type, 80)
      }"`,
    );
  }
  const wanted = isJsonObject(result) ? methodsOf(result["inputRequests"]) : "";
  return new McpAuthError(
    "SERVER_ERROR",
    `Cannot complete "${method}": the server asks for input in return${wanted === "" ? "" : `: ${wanted}`}`,
    { hint: ASKED_HINT },
  );
}

/** The server wants a person to visit a page before it answers; `data.elicitations` says which (MCP 2025-11-25, Elicitation). */
const URL_ELICITATION_REQUIRED = -32042;

/** Whether a request was refused until a person has visited a page. */
export function wantsUrlVisited(error: unknown): error is McpAuthError & { readonly cause: RpcError } {
  return error instanceof McpAuthError && error.cause instanceof RpcError &&
    error.cause.code === URL_ELICITATION_REQUIRED;
}

/** Whether a result of a stateless revision asks for input in return (T15). */
export function isInputRequired(result: unknown): result is JsonObject {
  return isJsonObject(result) && result["resultType"] === "input_required";
}

function methodsOf(requests: unknown): string {
  if (!isJsonObject(requests)) return "";
  const methods = Object.values(requests).map((request: unknown) =>
    isJsonObject(request) ? safeText(request["method"], 80) : ""
  );
  return [...new Set(methods)].filter((method) => method !== "").join(", ");
}

function supportedBy({ code, data }: RpcError): string {
  const supported = code === UNSUPPORTED_VERSION && isJsonObject(data) ? namesIn(data["supported"]) : "";
  return supported === "" ? "" : `; it supports ${supported}`;
}

/** The names in a list that came from a server, fit to be shown. */
export function namesIn(list: unknown): string {
  if (!Array.isArray(list)) return "";
  return safeText(list.filter((name) => typeof name === "string").join(", "));
}

/** A request that nobody waits for any more. */
export function cancelled(method: string): McpAuthError {
  return new McpAuthError("AUTH_CANCELLED", `Cannot complete "${method}": cancelled`);
}

/** A request whose answer did not come in its time, in milliseconds. */
export function overdue(method: string, answerMs: number): McpAuthError {
  return new McpAuthError(
    "TIMEOUT",
    `Cannot complete "${method}": the server accepted it and sent no answer within ${answerMs / 1000} s`,
    { hint: "Try again; if it persists, check that the URL is an MCP server's" },
  );
}

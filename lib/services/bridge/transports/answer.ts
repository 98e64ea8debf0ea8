/**
 * The body of an answer as messages. The bytes are kept, because they are what a host gets; parsing serves to tell whose
 * answer it is and that it is JSON at all, so that half a message never reaches a host.
 *
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { readBytes } from "../../../primitives/http/body.ts";
import { redact } from "../../../primitives/http/redaction.ts";
import { LARGE_ANSWER_BYTES, LARGE_ANSWER_GUESS_BYTES } from "../../../primitives/bridge_limits.ts";
import { MESSAGE_MAX_BYTES } from "../../../primitives/limits.ts";
import { errorText, isJsonObject, parseEnvelope } from "../../../primitives/mcp/jsonrpc.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import { NO_SERVER_HINT } from "./failure.ts";
import { type Inbound, operationOf, type Outbound } from "./remote.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads the body of a response that is not an event stream.
 *
 * @param response The response.
 * @param letIn Waited for before much of a large body is in the memory; gets its length, or a guess where that is not known.
 * @returns Its bytes; none where there was no body.
 * @throws {McpAuthError} `SERVER_ERROR` when it is too long, `NETWORK_ERROR` when the connection is lost; what `letIn` throws.
 */
export async function readAnswer(
  response: Response,
  letIn?: (size: number) => Promise<void>,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const declared = response.headers.get("content-length");
    const known = declared !== null && !response.headers.has("content-encoding");
    // A body of known length is read in one go, which costs a third of reading it by chunks.
    if (known && Number(declared) <= MESSAGE_MAX_BYTES) {
      if (Number(declared) > LARGE_ANSWER_BYTES) await letIn?.(Number(declared));
      return await response.bytes();
    }
    let mayEnter = letIn === undefined;
    return await readBytes(response, MESSAGE_MAX_BYTES, (length) => {
      if (mayEnter || length <= LARGE_ANSWER_BYTES) return undefined;
      mayEnter = true;
      return letIn?.(LARGE_ANSWER_GUESS_BYTES);
    });
  } catch (error) {
    throw error instanceof McpAuthError ? error : connectionLost(error);
  }
}

/**
 * Parses one body or event. An error without an id, as servers send it when they could not make sense of a request, is
 * given the id of the one request that it can be about.
 *
 * @param payload JSON as it came.
 * @param origin What it came in reply to.
 * @throws {McpAuthError} `SERVER_ERROR` when it is not JSON, or not UTF-8.
 */
export function toInbound(payload: Uint8Array<ArrayBuffer> | string, origin: Outbound | undefined): Inbound {
  let inbound: Inbound;
  let text = "";
  try {
    text = typeof payload === "string" ? payload : UTF8.decode(payload);
    const { messages, batch } = parseEnvelope(text);
    // A byte order mark is none of the message's.
    const marked = typeof payload !== "string" && payload[0] === 0xef;
    // Looking through text costs a fiftieth of looking through bytes.
    const isOneLine = !text.includes("\n") && !text.includes("\r");
    inbound = { messages, batch, payload: marked ? payload.subarray(3) : payload, isOneLine, origin };
  } catch {
    const what = text.trimStart().startsWith("<")
      ? "a page, which is not JSON"
      : `what is not JSON: ${redact(safeText(text, 80))}`;
    const hint = origin?.opens === "initialize" ? NO_SERVER_HINT : undefined;
    throw new McpAuthError("SERVER_ERROR", `Cannot read the answer: the server sent ${what}`, { hint });
  }
  const [message] = inbound.messages;
  if (message?.kind !== "response" || message.id !== null || inbound.batch) return inbound;
  const error = message.value["error"];
  return isJsonObject(error) && origin?.requests.length === 1 ? errorFor(origin, error) : inbound;
}

/**
 * A server's error as the answer to the one request of an exchange.
 *
 * @param error The error object, sent as it is.
 */
export function errorFor(origin: Outbound, error: unknown): Inbound {
  const id = origin.requests[0] ?? null;
  const payload = errorText(id, error);
  return { messages: [{ kind: "response", id, value: { id, error } }], batch: false, payload, origin };
}

/** A body that broke off. */
export function connectionLost(cause: unknown): McpAuthError {
  return new McpAuthError("NETWORK_ERROR", "Cannot read the answer: the connection was lost before its end", {
    hint: "Try again; whether the server has carried out the request is not known",
    cause,
  });
}

/** A stream that names the endpoint of HTTP+SSE, and is therefore none that an answer comes on: some servers open one for any method. */
export function ofOtherTransport(outbound: Outbound): McpAuthError {
  return new McpAuthError(
    "SERVER_ERROR",
    `Cannot complete "${
      safeText(operationOf(outbound))
    }": the server opens an event stream of HTTP+SSE instead of answering`,
    { hint: "Use --transport sse" },
  );
}

/** An exchange that ended properly and left a request unanswered. */
export function unanswered(outbound: Outbound): McpAuthError {
  return new McpAuthError(
    "SERVER_ERROR",
    `Cannot complete "${safeText(operationOf(outbound))}": the server ended its response without an answer`,
    {
      hint: outbound.opens === "initialize"
        ? NO_SERVER_HINT
        : "Try again; whether the server has carried out the request is not known",
    },
  );
}

/**
 * Failures on the way to an answer: what a response that is no success says, and how a coded error is put into
 * JSON-RPC. The numbers lie in the range left to implementations and outside -32020 to -32099, which later revisions
 * of the protocol reserve and which clients read as evidence of a revision (T13, T20).
 *
 * @module
 */
import { type ErrorCode, McpAuthError } from "../../../primitives/errors.ts";
import { redact } from "../../../primitives/http/redaction.ts";
import { ERROR_BODY_WAIT_MS } from "../../../primitives/bridge_limits.ts";
import { ERROR_BODY_MAX_BYTES } from "../../../primitives/limits.ts";
import {
  type Envelope,
  errorText,
  isJsonObject,
  type JsonObject,
  type MessageId,
  parseEnvelope,
} from "../../../primitives/mcp/jsonrpc.ts";
import { safeText, safeUrl } from "../../../primitives/untrusted_text.ts";

/** Sign-in is needed or was refused: run the command in `data.hint`. */
export const RPC_SIGN_IN: number = -32010;
/** The server could not be reached, or did not answer in time. */
export const RPC_UNREACHABLE: number = -32011;
/** The server answered, but not with an answer to the request. */
export const RPC_BAD_ANSWER: number = -32012;
/** The bridge itself cannot do it: configuration, store, permissions. */
export const RPC_LOCAL: number = -32013;

const RPC_CODES: Partial<Record<ErrorCode, number>> = {
  AUTH_REQUIRED: RPC_SIGN_IN,
  AUTH_FAILED: RPC_SIGN_IN,
  TOKEN_EXPIRED: RPC_SIGN_IN,
  TOKEN_REFRESH_FAILED: RPC_SIGN_IN,
  INSUFFICIENT_SCOPE: RPC_SIGN_IN,
  TIMEOUT: RPC_UNREACHABLE,
  NETWORK_ERROR: RPC_UNREACHABLE,
  SERVER_ERROR: RPC_BAD_ANSWER,
  RATE_LIMITED: RPC_BAD_ANSWER,
};

/**
 * A coded error as the text of a JSON-RPC error response. The hint is part of the message too, because most hosts show
 * that alone; `data.code` is the stable code.
 *
 * @param id The id of the request that failed.
 */
export function failureText(id: MessageId | null, error: McpAuthError): string {
  return errorText(id, {
    code: RPC_CODES[error.code] ?? RPC_LOCAL,
    message: error.hint === undefined ? error.message : `${error.message} (${error.hint})`,
    data: { code: error.code, ...(error.hint === undefined ? {} : { hint: error.hint }) },
  });
}

/** What to do where nothing that answers is an MCP server. */
export const NO_SERVER_HINT = "Check that the URL is the server's MCP endpoint";

/** A JSON-RPC error response found in a body. */
interface RpcError {
  readonly envelope: Envelope;
  readonly text: string;
  readonly id: MessageId | null;
  readonly error: JsonObject;
}

/** A response that is no success: its status, its words and the JSON-RPC message in it, where there is one. */
export class HttpFailure {
  readonly status: number;
  readonly #retryAfter: string | null;
  readonly #type: string;
  /** Where it redirects to. */
  readonly #target: string | undefined;
  readonly #body: string;
  /** The JSON-RPC error in the body. */
  readonly rpc: RpcError | undefined;

  private constructor(response: Response, body: string) {
    this.status = response.status;
    this.#retryAfter = response.headers.get("retry-after");
    this.#type = mediaType(response);
    this.#target = redirectTarget(response);
    this.#body = body;
    this.rpc = rpcError(body);
  }

  /** Reads the response's body, as far as a failure's body is read at all. */
  static async read(response: Response): Promise<HttpFailure> {
    return new HttpFailure(response, await excerpt(response));
  }

  /**
   * The failure as a coded error, with the server's words; this is its cause.
   *
   * @param operation What was attempted.
   */
  toError(operation: string): McpAuthError {
    const words = this.rpc !== undefined
      ? this.rpc.error["message"]
      : this.#type === "text/html"
      ? undefined
      : this.#body;
    const said = this.#target === undefined
      ? redact(safeText(words))
      : `it redirects to "${safeUrl(this.#target)}"`;
    const message = `Cannot send "${safeText(operation)}": the server answered HTTP ${this.status}${
      said === "" ? "" : `: ${said}`
    }`;
    if (this.status === 429) {
      const seconds = /^\d{1,6}$/.test(this.#retryAfter ?? "") ? ` in ${this.#retryAfter} s` : " later";
      return new McpAuthError("RATE_LIMITED", message, { hint: `Try again${seconds}`, cause: this });
    }
    const hint = this.status === 404 || this.status === 405 || this.#target !== undefined
      ? NO_SERVER_HINT
      : undefined;
    return new McpAuthError("SERVER_ERROR", message, { hint, cause: this });
  }
}

function redirectTarget({ status, headers, url }: Response): string | undefined {
  const location = status >= 300 && status < 400 ? headers.get("location") : null;
  return location === null ? undefined : URL.parse(location, url)?.href ?? location;
}

/** The media type of a response: lower case, without parameters; "" where it has none. */
export function mediaType(response: Response): string {
  return response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
}

/** Reads a body to its end, so that the connection can be used again; a long one is cut off. */
export async function drain(response: Response): Promise<void> {
  await excerpt(response);
}

/** As much of a body as an error's body is worth, in size and time; never fails. */
async function excerpt(response: Response): Promise<string> {
  if (response.body === null) return "";
  const reader = response.body.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  const timer = setTimeout(cancel, ERROR_BODY_WAIT_MS);
  const decoder = new TextDecoder();
  let text = "";
  let left = ERROR_BODY_MAX_BYTES;
  try {
    while (left > 0) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value.subarray(0, left), { stream: true });
      left -= value.length;
    }
  } catch {
    // A connection that breaks off leaves the words that came.
  } finally {
    clearTimeout(timer);
    cancel();
  }
  return text;
}

function rpcError(body: string): RpcError | undefined {
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(body);
  } catch {
    return undefined;
  }
  const [message] = envelope.messages;
  if (envelope.batch || message?.kind !== "response") return undefined;
  const error = message.value["error"];
  if (!isJsonObject(error) || typeof error["code"] !== "number") return undefined;
  return { envelope, text: body, id: message.id, error };
}

/**
 * A client of one MCP server, for commands that have something to ask of it themselves: the first exchange of `add`,
 * `tools` and `call`. It speaks the latest stateful revision, accepts what the server negotiates, and trusts the shape
 * of nothing that comes back.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { LIST_PAGES_MAX, SESSION_DELETE_MS } from "../../primitives/limits.ts";
import {
  errorText,
  isJsonObject,
  type JsonObject,
  METHOD_NOT_FOUND,
  parseEnvelope,
  type RequestMessage,
  type ResponseMessage,
} from "../../primitives/mcp/jsonrpc.ts";
import { LATEST_STATEFUL, STATELESS_ERRORS } from "../../primitives/mcp/revisions.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { Endpoint } from "./authorized_http.ts";
import { type Inbound, type Outbound, type Receiver, toOutbound } from "./remote.ts";
import { StreamableHttp } from "./streamable_http.ts";

/** What {@linkcode openConnection} takes. */
export interface ConnectionOptions extends Endpoint {
  /** How the client introduces itself. */
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** Ends the connection and everything asked through it. */
  readonly signal?: AbortSignal | undefined;
  /** Gets one line for what is of no consequence. */
  readonly log?: ((message: string) => void) | undefined;
}

/** How one request is made. */
export interface RequestOptions {
  /** Cancels the request, at the server too. */
  readonly signal?: AbortSignal | undefined;
  /** Gets the notifications that the server sends before its answer, such as progress. */
  readonly onNotification?: ((method: string, params: unknown) => void) | undefined;
}

/** An initialized connection. */
export interface Connection {
  /** What the server said of itself, unchecked: `protocolVersion`, `capabilities`, `serverInfo`, `instructions`. */
  readonly server: JsonObject;
  /**
   * Sends a request.
   *
   * @returns The result, unchecked.
   * @throws {McpAuthError} `SERVER_ERROR` for an error answer, its cause a {@linkcode RpcError}; and what the connection
   * or the authorizer fails with.
   */
  request(method: string, params?: JsonObject, options?: RequestOptions): Promise<unknown>;
  /**
   * Fetches a whole list, page by page.
   *
   * @param method Such as `tools/list`.
   * @param key Where in each result the items are, such as `tools`.
   * @returns The items, unchecked.
   * @throws {McpAuthError} As `request`; also `SERVER_ERROR` when there is no list, or no end to it.
   */
  listAll(method: string, key: string, options?: RequestOptions): Promise<unknown[]>;
  /** Ends the session. Does not fail. */
  close(): Promise<void>;
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

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
 * Connects to a server and initializes.
 *
 * @returns A connection that must be closed.
 * @throws {McpAuthError} `SERVER_ERROR` when the server does not speak a stateful revision at this URL, with its own
 * words; and what the connection or the authorizer fails with.
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const connection = new McpConnection(options);
  try {
    await connection.initialize(options.clientInfo);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A request without an answer yet. */
interface Call {
  readonly outbound: Outbound;
  readonly method: string;
  readonly onNotification: RequestOptions["onNotification"];
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: McpAuthError) => void;
}

class McpConnection implements Connection, Receiver {
  readonly #remote: StreamableHttp;
  readonly #log: (message: string) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #calls = new Map<unknown, Call>();
  /** What is being sent or read; an exchange may go on for a moment after its answer. */
  readonly #active = new Map<Outbound, Promise<void>>();
  readonly #onAbort = () => this.#abandon();
  #nextId = 1;
  #closed: Promise<void> | undefined;
  server: JsonObject = {};

  constructor(options: ConnectionOptions) {
    this.#log = options.log ?? (() => {});
    this.#signal = options.signal;
    this.#remote = new StreamableHttp({ ...options, receiver: this, log: this.#log });
    this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  async initialize(clientInfo: ConnectionOptions["clientInfo"]): Promise<void> {
    const params = { protocolVersion: LATEST_STATEFUL, capabilities: {}, clientInfo };
    const result = await this.request("initialize", params).catch((error) => {
      throw explainRefusal(error);
    });
    if (!isJsonObject(result) || typeof result["protocolVersion"] !== "string") {
      throw new McpAuthError(
        "SERVER_ERROR",
        "Cannot connect: the answer to initialize names no protocol version",
      );
    }
    this.server = result;
    await this.#send(encode({ jsonrpc: "2.0", method: "notifications/initialized" }));
  }

  async request(method: string, params?: JsonObject, options: RequestOptions = {}): Promise<unknown> {
    const { signal, onNotification } = options;
    if (signal?.aborted || this.#signal?.aborted || this.#closed !== undefined) throw cancelled(method);
    const id = this.#nextId++;
    const outbound = encode({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) });
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#calls.set(id, { outbound, method, onNotification, resolve, reject });
    const onAbort = () => this.#cancel(id);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      this.#send(outbound).catch((error) => {
        this.#take(id)?.reject(asMcpAuthError(error, "SERVER_ERROR", `send "${method}"`));
      });
      return await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async listAll(method: string, key: string, options: RequestOptions = {}): Promise<unknown[]> {
    const items: unknown[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < LIST_PAGES_MAX; page++) {
      const result = await this.request(method, cursor === undefined ? undefined : { cursor }, options);
      const list = isJsonObject(result) ? result[key] : undefined;
      if (!Array.isArray(list)) {
        throw new McpAuthError("SERVER_ERROR", `Cannot list: the answer to "${method}" has no "${key}"`);
      }
      for (const item of list) items.push(item);
      const next = isJsonObject(result) ? result["nextCursor"] : undefined;
      if (typeof next !== "string") return items;
      cursor = next;
    }
    throw new McpAuthError("SERVER_ERROR", `Cannot list: "${method}" has more than ${LIST_PAGES_MAX} pages`);
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#abandon();
    const closed = this.#remote.close(SESSION_DELETE_MS);
    for (const outbound of this.#active.keys()) outbound.controller.abort();
    await Promise.allSettled([closed, ...this.#active.values()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  receive(inbound: Inbound): void {
    for (const message of inbound.messages) {
      if (message.kind === "request") this.#answer(message);
      else if (message.kind === "response") this.#finish(message);
      else if (message.kind === "notification") {
        for (const call of this.#calls.values()) {
          if (inbound.origin === call.outbound) {
            call.onNotification?.(message.method, message.value["params"]);
          }
        }
      }
    }
  }

  owes(outbound: Outbound): boolean {
    return outbound.requests.some((id) => this.#calls.has(id));
  }

  #send(outbound: Outbound): Promise<void> {
    const sent = this.#remote.send(outbound).finally(() => this.#active.delete(outbound));
    this.#active.set(outbound, sent);
    return sent;
  }

  #finish({ id, value }: ResponseMessage): void {
    const call = this.#take(id);
    if (call === undefined) return;
    if (!("error" in value)) return call.resolve(value["result"]);
    const cause = new RpcError(value["error"]);
    const code = cause.code === undefined ? "" : ` (JSON-RPC ${cause.code})`;
    call.reject(
      new McpAuthError("SERVER_ERROR", `The server refused "${call.method}": ${cause.message}${code}`, {
        cause,
      }),
    );
  }

  /** A client without capabilities answers a ping and nothing else. */
  #answer({ id, method }: RequestMessage): void {
    const text = method === "ping"
      ? JSON.stringify({ jsonrpc: "2.0", id, result: {} })
      : errorText(id, { code: METHOD_NOT_FOUND, message: "Method not found" });
    this.#send(encode(text)).catch((error) => this.#log(`Cannot answer the server: ${error.message}`));
  }

  #cancel(id: number): void {
    const call = this.#take(id);
    if (call === undefined) return;
    call.reject(cancelled(call.method));
    const told = call.method === "initialize" ? Promise.resolve() : this.#remote.send(
      encode({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } }),
    );
    told.catch((error) => this.#log(`Cannot cancel the request: ${error.message}`))
      .finally(() => call.outbound.controller.abort());
  }

  #abandon(): void {
    for (const [id, call] of [...this.#calls]) {
      this.#take(id);
      const reason: unknown = this.#signal?.reason;
      call.reject(reason instanceof McpAuthError ? reason : cancelled(call.method));
      call.outbound.controller.abort();
    }
  }

  #take(id: unknown): Call | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }
}

function encode(message: JsonObject | string): Outbound {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  return toOutbound(new TextEncoder().encode(text), parseEnvelope(text));
}

function cancelled(method: string): McpAuthError {
  return new McpAuthError("AUTH_CANCELLED", `Cannot complete "${method}": cancelled`);
}

/** An error answer to `initialize` that tells of another era of the protocol, said plainly (T13, T20). */
function explainRefusal(error: unknown): unknown {
  if (!(error instanceof McpAuthError) || !(error.cause instanceof RpcError)) return error;
  const { code, data, message } = error.cause;
  if (code === undefined || !STATELESS_ERRORS.has(code)) return error;
  const supported = isJsonObject(data) && Array.isArray(data["supported"])
    ? data["supported"].join(", ")
    : "";
  return new McpAuthError(
    "SERVER_ERROR",
    `Cannot connect: the server speaks only stateless revisions of the protocol: ${message}${
      supported === "" ? "" : ` (supported: ${safeText(supported)})`
    }`,
    { cause: error.cause },
  );
}

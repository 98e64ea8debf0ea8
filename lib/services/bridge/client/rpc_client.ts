/**
 * Requests and their answers over one transport: each has an id of its own, gets one answer or one error, and can be
 * given up. It speaks the way of one era: of a stateful server, or of a stateless one, where each request says who asks
 * and nothing but requests is sent.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http (T9-T12, T17)
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../primitives/errors.ts";
import type { Http } from "../../../primitives/http/http.ts";
import { HTTP_TIMEOUT_MS, SESSION_DELETE_MS } from "../../../primitives/limits.ts";
import {
  errorText,
  type JsonObject,
  METHOD_NOT_FOUND,
  parseEnvelope,
  type RequestMessage,
  type ResponseMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { statelessParams } from "../../../primitives/mcp/request_headers.ts";
import type { Endpoint } from "../transports/authorized_http.ts";
import { type Inbound, type Outbound, type Receiver, toOutbound } from "../transports/remote.ts";
import { incompleteness, refusal } from "./rpc_error.ts";
import { StreamableHttp } from "../transports/streamable_http.ts";

/** What {@linkcode RpcClient} takes. */
export interface RpcClientOptions extends Endpoint {
  /** How the client introduces itself. */
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** Ends everything that is asked. */
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
  /**
   * Milliseconds for the answer, from when the server has accepted the request: authorization, which may need a person, has
   * its own limits. No end when left out.
   */
  readonly answerMs?: number | undefined;
}

/** A request without an answer yet. */
interface Call {
  readonly outbound: Outbound;
  readonly method: string;
  readonly onNotification: RequestOptions["onNotification"];
  readonly answerMs: number | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: McpAuthError) => void;
}

/** One client of one server. */
export class RpcClient implements Receiver {
  readonly #options: RpcClientOptions;
  /** The revision that each request names; undefined where `initialize` has agreed on one. */
  readonly #stateless: string | undefined;
  readonly #remote: StreamableHttp;
  readonly #log: (message: string) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #calls = new Map<unknown, Call>();
  /** What ends calls whose answer is late. */
  readonly #timers = new Map<unknown, ReturnType<typeof setTimeout>>();
  /** What is being sent or read; an exchange may go on for a moment after its answer. */
  readonly #active = new Map<Outbound, Promise<void>>();
  readonly #onAbort = () => this.#abandon();
  #nextId = 1;
  #closed: Promise<void> | undefined;

  /**
   * Makes a client; nothing is sent.
   *
   * @param options The server and who asks it.
   * @param stateless The stateless revision to speak; a stateful one is agreed on by `initialize`.
   */
  constructor(options: RpcClientOptions, stateless?: string) {
    this.#options = options;
    this.#stateless = stateless;
    this.#log = options.log ?? (() => {});
    this.#signal = options.signal;
    const http = this.#limited(options.http);
    this.#remote = new StreamableHttp({ ...options, http, receiver: this, log: this.#log });
    this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /**
   * Sends a request.
   *
   * @returns The result, unchecked.
   * @throws {McpAuthError} `SERVER_ERROR` for an error answer, its cause a {@linkcode RpcError}, and for a result that is
   * none yet; `TIMEOUT`; and what the transport or the authorizer fails with.
   */
  async request(method: string, given?: JsonObject, options: RequestOptions = {}): Promise<unknown> {
    const { signal, onNotification, answerMs } = options;
    if (signal?.aborted || this.#signal?.aborted || this.#closed !== undefined) throw cancelled(method);
    const id = this.#nextId++;
    const params = this.#stateless === undefined
      ? given
      : statelessParams(given, this.#stateless, this.#options.clientInfo);
    const outbound = encode({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) });
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#calls.set(id, { outbound, method, onNotification, answerMs, resolve, reject });
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

  /** Sends a notification. */
  notify(method: string): Promise<void> {
    return this.#send(encode({ jsonrpc: "2.0", method }));
  }

  /** Gives up what is under way and ends the session, where there is one. Does not fail. */
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

  /** @inheritdoc */
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

  /** @inheritdoc */
  owes(outbound: Outbound): boolean {
    return outbound.requests.some((id) => this.#calls.has(id));
  }

  /** Holds the exchanges of a request to the time that its answer may take. */
  #limited(http: Http): Http {
    return async (url, request = {}) => {
      const [id, call] =
        [...this.#calls].find(([, { outbound }]) => outbound.controller.signal === request.signal) ?? [];
      const { answerMs } = call ?? {};
      if (answerMs === undefined) return await http(url, request);
      const timeoutMs = Math.min(request.timeoutMs ?? HTTP_TIMEOUT_MS, answerMs);
      const response = await http(url, { ...request, timeoutMs });
      if (response.ok && this.#calls.has(id) && !this.#timers.has(id)) {
        const timer = setTimeout(() => this.#cancel(id, overdue(call!.method, answerMs)), answerMs);
        this.#timers.set(id, timer);
      }
      return response;
    };
  }

  #send(outbound: Outbound): Promise<void> {
    const sent = this.#remote.send(outbound).finally(() => this.#active.delete(outbound));
    this.#active.set(outbound, sent);
    return sent;
  }

  #finish({ id, value }: ResponseMessage): void {
    const call = this.#take(id);
    if (call === undefined) return;
    if ("error" in value) return call.reject(refusal(call.method, value["error"]));
    const incomplete = this.#stateless === undefined
      ? undefined
      : incompleteness(call.method, value["result"]);
    if (incomplete === undefined) call.resolve(value["result"]);
    else call.reject(incomplete);
  }

  /** A client without capabilities answers a ping and nothing else; and a stateless server has nothing to ask (T9). */
  #answer({ id, method }: RequestMessage): void {
    if (this.#stateless !== undefined) return this.#log(`The server may not ask for "${method}"`);
    const text = method === "ping"
      ? JSON.stringify({ jsonrpc: "2.0", id, result: {} })
      : errorText(id, { code: METHOD_NOT_FOUND, message: "Method not found" });
    this.#send(encode(text)).catch((error) => this.#log(`Cannot answer the server: ${error.message}`));
  }

  #cancel(id: unknown, why?: McpAuthError): void {
    const call = this.#take(id);
    if (call === undefined) return;
    call.reject(why ?? cancelled(call.method));
    if (call.method === "initialize") return call.outbound.controller.abort();
    const notice = encode({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } });
    void this.#remote.cancel(call.outbound, notice);
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
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
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

function overdue(method: string, answerMs: number): McpAuthError {
  return new McpAuthError(
    "TIMEOUT",
    `Cannot complete "${method}": the server accepted it and sent no answer within ${answerMs / 1000} s`,
    { hint: "Try again; if it persists, check that the URL is an MCP server's" },
  );
}

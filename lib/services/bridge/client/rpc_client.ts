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
  isJsonObject,
  type JsonObject,
  type NotificationMessage,
  parseEnvelope,
  type RequestMessage,
  type ResponseMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { statelessParams } from "../../../primitives/mcp/request_headers.ts";
import { pause } from "../../../primitives/system/clock.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import type { Authorizer } from "../../tokens/mod.ts";
import { type TransportOptions, transportTo } from "../transports/choice.ts";
import { type Inbound, type Outbound, type Receiver, type Remote, toOutbound } from "../transports/remote.ts";
import { cancelled, incompleteness, isInputRequired, overdue, refusal } from "./rpc_error.ts";
import { type OnRequest, ServerRequests } from "./server_requests.ts";

const CANCELLED = "notifications/cancelled";
const PROGRESS = "notifications/progress";

/** What {@linkcode RpcClient} takes. */
export interface RpcClientOptions extends Omit<TransportOptions, "log"> {
  /** How the client introduces itself. */
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** What the server may ask of the client; nothing when left out. */
  readonly capabilities?: JsonObject | undefined;
  /**
   * Answers a request of the server.
   *
   * @returns The result; undefined where there is no such method. What it rejects with is told the server as an error.
   */
  readonly onRequest?: OnRequest | undefined;
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
  /** A result that asks for input in return is one, and no failure (T15). */
  readonly takesQuestions?: boolean | undefined;
}

/** A request without an answer yet. */
interface Call {
  readonly outbound: Outbound;
  readonly method: string;
  /** What the server names in its reports of progress, where the channel does not tell whose they are. */
  readonly progressToken: unknown;
  readonly options: RequestOptions;
  /** The status of the response, where it came by HTTP. */
  status: number | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: McpAuthError) => void;
}

/** One client of one server. */
export class RpcClient implements Receiver {
  readonly #options: RpcClientOptions;
  /** The revision that each request names; undefined where `initialize` has agreed on one. */
  readonly #stateless: string | undefined;
  /** Where no response says that a request has been accepted: messages share one connection. */
  readonly #onChannel: boolean;
  #remote!: Remote;
  readonly #log: (message: string) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #calls = new Map<unknown, Call>();
  /** What ends calls whose answer is late. */
  readonly #timers = new Map<unknown, ReturnType<typeof setTimeout>>();
  /** What is being sent or read; an exchange may go on for a moment after its answer. */
  readonly #active = new Map<Outbound, Promise<void>>();
  /** The cancellations that are being told. */
  readonly #notices = new Map<Outbound, Promise<void>>();
  readonly #questions: ServerRequests;
  /** The errors of requests that the server has refused without looking at what they want. */
  readonly #unprocessed = new WeakSet<object>();
  readonly #onAbort = () => {
    for (const id of [...this.#calls.keys()]) this.#cancel(id, this.#reason);
  };
  #nextId = 1;
  #closed: Promise<void> | undefined;

  private constructor(options: RpcClientOptions, stateless: string | undefined) {
    this.#options = options;
    this.#stateless = stateless;
    this.#log = options.log ?? (() => {});
    this.#signal = options.signal;
    this.#questions = new ServerRequests(options.onRequest);
    this.#onChannel = /^wss?:/i.test(options.url) || options.transport === "websocket";
    this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /**
   * Makes a client; nothing is sent.
   *
   * @param options The server and who asks it.
   * @param stateless The stateless revision to speak; a stateful one is agreed on by `initialize`.
   */
  static async open(options: RpcClientOptions, stateless?: string): Promise<RpcClient> {
    const client = new RpcClient(options, stateless);
    const way = await transportTo({
      ...options,
      http: client.#limited(options.http),
      authorizer: client.#onChannel ? client.#patient(options.authorizer) : options.authorizer,
      log: client.#log,
    });
    client.#remote = way(client);
    return client;
  }

  /** The stateless revision that is spoken; undefined for a stateful server. */
  get stateless(): string | undefined {
    return this.#stateless;
  }

  /** Starts to receive what the server sends of its own accord. */
  listen(): void {
    this.#remote.listen();
  }

  /** Whether a request failed because the server refused to read it: it was not carried out. */
  wasUnprocessed(error: unknown): boolean {
    return typeof error === "object" && error !== null && this.#unprocessed.has(error);
  }

  /**
   * Sends a request.
   *
   * @returns The result, unchecked.
   * @throws {McpAuthError} `SERVER_ERROR` for an error answer, its cause a {@linkcode RpcError}, and for a result that is
   * none yet; `TIMEOUT`; and what the transport or the authorizer fails with.
   */
  async request(method: string, given?: JsonObject, options: RequestOptions = {}): Promise<unknown> {
    const { signal } = options;
    if (signal?.aborted || this.#signal?.aborted || this.#closed !== undefined) throw cancelled(method);
    const id = this.#nextId++;
    const params = this.#stateless === undefined
      ? given
      : statelessParams(given, this.#stateless, this.#options.clientInfo, this.#options.capabilities);
    const outbound = encode({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) });
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const meta = given?.["_meta"];
    const progressToken = isJsonObject(meta) ? meta["progressToken"] : undefined;
    const call = { outbound, method, progressToken, options, status: undefined, resolve, reject };
    this.#calls.set(id, call);
    const onAbort = () => this.#cancel(id, signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      this.#send(outbound).catch((error) => {
        this.#take(id)?.reject(asMcpAuthError(error, "SERVER_ERROR", `send "${method}"`));
      });
      if (this.#onChannel) this.#time(id, call);
      return await promise;
    } catch (error) {
      if (isRefusedUnread((call as Call).status)) this.#unprocessed.add(error as object);
      throw error;
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
    this.#questions.withdrawAll();
    await this.#noticed();
    const closed = this.#remote.close(SESSION_DELETE_MS);
    for (const outbound of this.#active.keys()) outbound.controller.abort();
    await Promise.allSettled([closed, ...this.#active.values()]);
  }

  /** Waits until the server knows what is cancelled, but not for long. */
  async #noticed(): Promise<void> {
    if (this.#notices.size === 0) return;
    const done = new AbortController();
    await Promise.race([
      Promise.allSettled(this.#notices.values()),
      pause(SESSION_DELETE_MS, done.signal).catch(() => {}),
    ]);
    done.abort();
    for (const notice of this.#notices.keys()) notice.controller.abort();
  }

  /** @inheritdoc */
  receive(inbound: Inbound): void {
    for (const message of inbound.messages) {
      if (message.kind === "request") void this.#answer(message);
      else if (message.kind === "response") this.#finish(message);
      else if (message.kind === "notification") this.#tell(message, inbound.origin);
    }
  }

  /** Hands a notification to the requests that it is for; on a stream of no request it is for all that it may be for. */
  #tell({ method, value }: NotificationMessage, origin: Outbound | undefined): void {
    const params = isJsonObject(value["params"]) ? value["params"] : {};
    if (method === CANCELLED) this.#questions.withdraw(params["requestId"]);
    const token = method === PROGRESS ? params["progressToken"] : undefined;
    for (const { outbound, progressToken, options } of this.#calls.values()) {
      if (origin !== undefined && origin !== outbound) continue;
      if (origin === undefined && method === PROGRESS && token !== progressToken) continue;
      options.onNotification?.(method, value["params"]);
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
      if (call === undefined) return await http(url, request);
      const { answerMs = Infinity } = call.options;
      const timeoutMs = Math.min(request.timeoutMs ?? HTTP_TIMEOUT_MS, answerMs);
      const response = await http(url, { ...request, timeoutMs });
      call.status = response.status;
      if (response.ok) this.#time(id, call);
      return response;
    };
  }

  /** Has no time run out while the authorizer asks a person. */
  #patient(authorizer: Authorizer): Authorizer {
    return {
      headers: (target, signal) => authorizer.headers(target, signal),
      noteNonce: (nonce, target) => authorizer.noteNonce(nonce, target),
      refused: async (refusal, signal) => {
        for (const timer of this.#timers.values()) clearTimeout(timer);
        this.#timers.clear();
        try {
          return await authorizer.refused(refusal, signal);
        } finally {
          for (const [id, call] of this.#calls) this.#time(id, call);
        }
      },
    };
  }

  /** From now on the time for the answer runs. */
  #time(id: unknown, call: Call): void {
    const { answerMs } = call.options;
    if (answerMs === undefined || !this.#calls.has(id) || this.#timers.has(id)) return;
    this.#timers.set(id, setTimeout(() => this.#cancel(id, overdue(call.method, answerMs)), answerMs));
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
    const asks = call.options.takesQuestions === true && isInputRequired(value["result"]);
    const incomplete = this.#stateless === undefined || asks
      ? undefined
      : incompleteness(call.method, value["result"]);
    if (incomplete === undefined) call.resolve(value["result"]);
    else call.reject(incomplete);
  }

  /** A stateless server has nothing to ask (T9). */
  async #answer(request: RequestMessage): Promise<void> {
    if (this.#stateless !== undefined) {
      return this.#log(`The server may not ask for "${safeText(request.method, 80)}"`);
    }
    const text = await this.#questions.answer(request);
    if (text === undefined) return;
    this.#send(encode(text)).catch((error) => this.#log(`Cannot answer the server: ${error.message}`));
  }

  #cancel(id: unknown, why?: unknown): void {
    const call = this.#take(id);
    if (call === undefined) return;
    call.reject(why instanceof McpAuthError ? why : cancelled(call.method));
    if (call.method === "initialize") return call.outbound.controller.abort();
    const notice = encode({ jsonrpc: "2.0", method: CANCELLED, params: { requestId: id } });
    this.#notices.set(
      notice,
      this.#remote.cancel(call.outbound, notice).finally(() => this.#notices.delete(notice)),
    );
  }

  #abandon(): void {
    for (const [id, call] of [...this.#calls]) {
      this.#take(id);
      const reason = this.#reason;
      call.reject(reason instanceof McpAuthError ? reason : cancelled(call.method));
      call.outbound.controller.abort();
    }
  }

  get #reason(): unknown {
    return this.#signal?.reason;
  }

  #take(id: unknown): Call | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    // What the server asks belongs to a call.
    if (this.#calls.size === 0) this.#questions.withdrawAll();
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    return call;
  }
}

/** Whether a status says that the request was not even read as one; 401 and 403 never come here (T20). */
function isRefusedUnread(status: number | undefined): boolean {
  return status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429;
}

function encode(message: JsonObject | string): Outbound {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  return toOutbound(new TextEncoder().encode(text), parseEnvelope(text));
}

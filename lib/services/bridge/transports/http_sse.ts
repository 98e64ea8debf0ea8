/**
 * The HTTP+SSE transport of 2024-11-05, client side: one event stream that carries all that the server sends, opened by
 * GET, and a POST for each message to the endpoint that the stream names.
 *
 * The stream is the session. When it is lost, what is under way fails, since no answer can come any more and nothing is
 * sent twice; then a new one is opened, and with it a new session by the stored `initialize`. A message that the server
 * refuses because it does not know the session was not processed: that one is sent again.
 *
 * @see https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse (T8)
 * @see behaviours rows 36, 37
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { BRIDGE_WAITING_MAX, STREAM_LINGER_MS } from "../../../primitives/bridge_limits.ts";
import { HTTP_TIMEOUT_MS, MESSAGE_MAX_BYTES } from "../../../primitives/limits.ts";
import { isJsonObject, type MessageId, METHOD_NOT_FOUND } from "../../../primitives/mcp/jsonrpc.ts";
import { isOfStatelessRevision } from "../../../primitives/mcp/request_headers.ts";
import { readEvents, type StreamPosition } from "../../../primitives/mcp/sse.ts";
import { pause, waitFor } from "../../../primitives/system/clock.ts";
import { safeUrl } from "../../../primitives/untrusted_text.ts";
import { errorFor, readAnswer, toInbound } from "./answer.ts";
import { AuthorizedHttp, type Endpoint } from "./authorized_http.ts";
import { drain, HttpFailure, mediaType } from "./failure.ts";
import { type Inbound, operationOf, type Outbound, type Receiver, type Remote } from "./remote.ts";
import { Session } from "./session.ts";
import { SseConnection } from "./sse_connection.ts";
import { SseExchange, SseExchanges } from "./sse_exchange.ts";
import { SseLink } from "./sse_link.ts";
import { isEventStream } from "./standing_stream.ts";
import { ReplayReceiver } from "./replay_receiver.ts";

const POST_HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const PING_ID = "mcp-auth-ping";
const PING = new TextEncoder().encode(`{"jsonrpc":"2.0","id":"${PING_ID}","method":"ping"}`);

/** What {@linkcode HttpSse} takes. */
export interface HttpSseOptions extends Endpoint {
  /** Gets what the server sends. */
  readonly receiver: Receiver;
  /** Gets one line for what nobody is told otherwise. */
  readonly log: (message: string) => void;
  /** Is told when the server has named an endpoint, as only servers of HTTP+SSE do, be it one that cannot be used. */
  readonly recognized?: (() => void) | undefined;
  /** How long the server may take to name its endpoint, in milliseconds. */
  readonly endpointMs?: number | undefined;
}

/** One client of one server. */
export class HttpSse implements Remote {
  readonly isOneChannel = true;
  readonly #http: AuthorizedHttp;
  readonly #receiver: Receiver;
  readonly #log: (message: string) => void;
  readonly #session = new Session();
  readonly #exchanges = new SseExchanges();
  readonly #position: StreamPosition = { lastEventId: undefined, retryMs: undefined };
  /** Which stream the server's requests came on: an answer to one means nothing on another. */
  readonly #asked = new Map<MessageId, SseLink>();
  readonly #connection: SseConnection;
  /** The server has answered `initialize`: a new stream needs it again. */
  #opened = false;

  /** @param options The server and who hears from it. */
  constructor(options: HttpSseOptions) {
    this.#http = new AuthorizedHttp(options);
    this.#receiver = options.receiver;
    this.#log = options.log;
    this.#connection = new SseConnection({
      open: (signal) =>
        SseLink.open({
          http: this.#http,
          url: options.url,
          position: this.#position,
          receive: (data, link) => this.#receive(data, link),
          recognized: () => options.recognized?.(),
          signal,
          endpointMs: options.endpointMs,
        }),
      prepare: (link) => this.#replay(link),
      lost: (link, error) => this.#exchanges.failAll(link, error),
      isWanted: () => this.#opened && this.#session.opening?.initialized !== undefined,
      position: this.#position,
      log: this.#log,
    });
  }

  /** @inheritdoc */
  async send(outbound: Outbound): Promise<void> {
    if (this.#connection.closing.aborted) throw this.#connection.closing.reason;
    if (outbound.messages[0]?.kind === "response") return await this.#answer(outbound);
    if (outbound.opens === "initialize") {
      this.#session.begin(outbound);
      this.#opened = false;
    }
    for (let again = false;; again = true) {
      const link = await waitFor(this.#connection.ready(), outbound.controller.signal);
      if (isOfStatelessRevision(outbound.messages[0])) return await this.#refuseStateless(outbound);
      if (outbound.opens === "initialized") {
        // A new session was opened with it.
        if (this.#session.opening?.initialized === outbound) return;
        this.#session.ready(outbound);
      }
      const refusal = await this.#exchange(link, outbound, this.#receiver);
      if (refusal === undefined) return;
      if (again) throw unknownAgain(refusal, link, outbound);
      this.#log("The server does not know the session any more: opening a new one");
      this.#connection.drop(link);
    }
  }

  /** @inheritdoc */
  async cancel(target: Outbound, notice: Outbound): Promise<void> {
    try {
      const { link } = this.#connection;
      // What is not on the stream that is there now needs no notice: its session is gone, or it was never sent.
      if (link !== undefined && this.#exchanges.has(target, link)) {
        await this.#exchange(link, notice, this.#receiver);
      }
    } catch (error) {
      this.#log(`Cannot cancel the request: ${error instanceof Error ? error.message : error}`);
    } finally {
      target.controller.abort();
    }
  }

  /** Does nothing: the stream is there from the first message on. */
  listen(): void {}

  /** Gives the stream up for another where the server answers nothing: it is all that the server can answer by. */
  reopen(isLost: boolean): void {
    const { link } = this.#connection;
    if (isLost && link !== undefined) this.#connection.drop(link);
  }

  /** @inheritdoc */
  async close(timeoutMs: number): Promise<void> {
    const reason = new McpAuthError(
      "AUTH_CANCELLED",
      "Cannot send to the server: the connection was closed",
    );
    await this.#connection.close(reason, timeoutMs);
  }

  /**
   * Refuses what is of a revision that this transport is none of, as servers of its time do that answer at all: some only
   * log a request that comes before `initialize`.
   */
  async #refuseStateless(outbound: Outbound): Promise<void> {
    const error = {
      code: METHOD_NOT_FOUND,
      message: "Method not found: a server of HTTP+SSE wants initialize",
    };
    if (outbound.requests.length === 1) {
      await this.#receiver.receive({ ...errorFor(outbound, error), status: 404 });
    }
  }

  /** Sends the host's answer to a request of the server, on the session that it was asked in. */
  async #answer(outbound: Outbound): Promise<void> {
    let { link } = this.#connection;
    for (const message of outbound.messages) {
      if (message.kind !== "response" || message.id === null) continue;
      link = this.#asked.get(message.id) ?? link;
      this.#asked.delete(message.id);
    }
    if (link === undefined || link !== this.#connection.link) {
      return this.#log("Dropped an answer to the server: the session that it was asked in is gone");
    }
    const refusal = await this.#exchange(link, outbound, this.#receiver);
    if (refusal !== undefined) throw refusal.toError("response");
  }

  /** Opens the session anew on a new stream, where one was open. */
  async #replay(link: SseLink): Promise<void> {
    const { opening } = this.#session;
    if (!this.#opened || opening === undefined) return;
    this.#log("The server's event stream was lost: opening a new session");
    this.#session.forget();
    const receiver = new ReplayReceiver(this.#receiver, opening.initialize);
    const { closing } = this.#connection;
    for (const message of [opening.initialize, opening.initialized]) {
      if (message === undefined) continue;
      const outbound = { ...message, controller: new AbortController() };
      const onClose = () => outbound.controller.abort(closing.reason);
      closing.addEventListener("abort", onClose, { once: true });
      try {
        const refusal = await this.#exchange(link, outbound, receiver);
        if (refusal !== undefined) throw refusal.toError(operationOf(outbound));
      } finally {
        closing.removeEventListener("abort", onClose);
      }
    }
    this.#receiver.renewed?.();
  }

  /**
   * Posts a message, and waits for the answers to its requests.
   *
   * @returns The refusal, where the server does not know the session and has not processed the message.
   */
  async #exchange(link: SseLink, outbound: Outbound, receiver: Receiver): Promise<HttpFailure | undefined> {
    const exchange = new SseExchange(outbound, link, receiver);
    const { signal } = outbound.controller;
    const onAbort = () => exchange.fail(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#exchanges.add(exchange);
    try {
      const posted = this.#post(exchange);
      if (outbound.requests.length === 0) return await posted;
      const answered = exchange.done.then(() => "answered" as const);
      const first = await Promise.race([posted, answered]);
      if (first === undefined) await answered;
      else if (first !== "answered") return first;
      else await linger(posted, outbound.controller);
      return undefined;
    } catch (error) {
      // What is left of it has no purpose any more.
      outbound.controller.abort(error);
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#exchanges.remove(exchange);
      exchange.finish();
    }
  }

  async #post(exchange: SseExchange): Promise<HttpFailure | undefined> {
    const { outbound, link } = exchange;
    const quick = outbound.requests.length === 0 || outbound.opens !== undefined;
    const response = await this.#http.request({
      ...this.#request(link, outbound.body, outbound.controller.signal),
      // Some servers accept a call when they are done with it; and a call takes as long as it takes.
      timeoutMs: quick ? HTTP_TIMEOUT_MS : Infinity,
      once: outbound.messages.some((message) =>
        message.kind === "request" && message.method === "tools/call"
      ),
      operation: () => operationOf(outbound),
    });
    if (response.ok) {
      if (outbound.opens === "initialize") exchange.expire(HTTP_TIMEOUT_MS);
      await this.#takeBody(response, exchange);
      return undefined;
    }
    const failure = await HttpFailure.read(response);
    if (await this.#isUnknownSession(failure, exchange)) return failure;
    const { rpc, status } = failure;
    if (rpc === undefined || outbound.requests.length !== 1 || !this.#exchanges.owes(exchange)) {
      throw failure.toError(operationOf(outbound));
    }
    const own = rpc.id === outbound.requests[0];
    const inbound = own
      ? { ...rpc.envelope, payload: rpc.text, origin: undefined }
      : errorFor(outbound, rpc.error);
    await this.#deliver({ ...inbound, status }, link);
    return undefined;
  }

  #request(link: SseLink, body: Uint8Array<ArrayBuffer>, signal: AbortSignal) {
    return {
      method: "POST",
      url: link.endpoint,
      headers: { ...POST_HEADERS, ...this.#session.headers },
      body,
      signal,
      timeoutMs: HTTP_TIMEOUT_MS,
    } as const;
  }

  /** Takes the answer from the response to the POST, where a server puts it there; most say "Accepted", in some way. */
  async #takeBody(response: Response, exchange: SseExchange): Promise<void> {
    const { outbound, link } = exchange;
    if (outbound.requests.length > 0 && isEventStream(response)) {
      const position: StreamPosition = { lastEventId: undefined, retryMs: undefined };
      for await (const data of readEvents(response.body, position, MESSAGE_MAX_BYTES)) {
        await this.#receive(data, link);
      }
      return;
    }
    if (outbound.requests.length === 0 || !/^application\/([a-z.+-]+\+)?json$/.test(mediaType(response))) {
      return await drain(response);
    }
    const bytes = await readAnswer(response);
    let inbound: Inbound;
    try {
      inbound = toInbound(bytes, outbound);
    } catch {
      return;
    }
    const isAnswer = inbound.messages.some((message) =>
      message.kind === "response" && message.id !== null && outbound.requests.includes(message.id)
    );
    if (isAnswer) await this.#deliver(inbound, link);
  }

  /** Tells whether a refused message met the end of the session, and not an error of its own. */
  async #isUnknownSession({ status, rpc }: HttpFailure, { outbound, link }: SseExchange): Promise<boolean> {
    const own = rpc !== undefined && rpc.id !== null && rpc.id === outbound.requests[0];
    if (UNKNOWN.has(status)) {
      return !(own && isJsonObject(rpc.error) && rpc.error["code"] === METHOD_NOT_FOUND);
    }
    if (status !== 400 || own) return false;
    if (link !== this.#connection.link) return true;
    // Servers answer 400 to a session that they do not know, and to any other mistake: ask them.
    const request = this.#request(link, PING, outbound.controller.signal);
    const response = await this.#http.request({ ...request, operation: () => "ping" });
    await drain(response);
    return response.status === 400 || UNKNOWN.has(response.status);
  }

  /** Takes one event of the stream. */
  async #receive(data: string, link: SseLink): Promise<void> {
    let inbound: Inbound;
    try {
      inbound = toInbound(data, undefined);
    } catch (error) {
      const coded = error as McpAuthError;
      this.#log(coded.message);
      // A broken message may be anybody's answer, which comes no more; anything else, such as `ping`, is nobody's.
      if (/^\s*(\[\s*)?\{/.test(data)) this.#exchanges.failAll(link, coded);
      return;
    }
    await this.#deliver(inbound, link);
  }

  async #deliver(inbound: Inbound, link: SseLink): Promise<void> {
    const [message] = inbound.messages;
    if (message?.kind === "response" && message.id === PING_ID) return;
    let delivered = inbound;
    let taken = this.#exchanges.take(inbound.messages, link);
    if (taken.length === 0) {
      const error = errorWithoutId(inbound);
      const only = error === undefined ? undefined : this.#exchanges.only(link);
      if (only?.outbound.requests.length === 1) {
        delivered = errorFor(only.outbound, error);
        taken = this.#exchanges.take(delivered.messages, link);
      }
    }
    for (const each of inbound.messages) if (each.kind === "request") this.#ask(each.id, link);
    const exchange = taken.length === 1 ? taken[0] : undefined;
    if (exchange?.outbound.opens === "initialize") this.#learn(delivered);
    try {
      const receiver = exchange?.receiver ?? this.#receiver;
      await receiver.receive({ ...delivered, origin: exchange?.outbound });
      for (const each of taken) if (!this.#exchanges.owes(each)) each.finish();
    } catch (error) {
      for (const each of taken) each.fail(error);
      if (taken.length === 0) throw error;
    }
  }

  /** Takes what `initialize` has brought. */
  #learn({ messages: [message] }: Inbound): void {
    if (message?.kind !== "response" || !("result" in message.value)) return;
    this.#session.learnVersion(message);
    this.#opened = true;
  }

  /** Remembers where a request of the server came from; one that is never answered is no reason to do so without end. */
  #ask(id: MessageId, link: SseLink): void {
    this.#asked.delete(id);
    this.#asked.set(id, link);
    for (const oldest of this.#asked.keys()) {
      if (this.#asked.size <= BRIDGE_WAITING_MAX) break;
      this.#asked.delete(oldest);
    }
  }
}

/** What servers answer that know nothing of a session, or not any more. */
const UNKNOWN: ReadonlySet<number> = new Set([404, 410]);

/** A session that is new cannot be unknown: it is more likely that nothing is there where the messages go. */
function unknownAgain(refusal: HttpFailure, { endpoint }: SseLink, outbound: Outbound): McpAuthError {
  const { code, message } = refusal.toError(operationOf(outbound));
  return new McpAuthError(code, message, {
    hint: `The server's event stream names the endpoint "${
      safeUrl(endpoint)
    }": behind a proxy, the server has to know the path that it is reached by`,
    cause: refusal,
  });
}

/** The error in a response that does not say whose it is. */
function errorWithoutId({ batch, messages: [message] }: Inbound): unknown {
  if (batch || message?.kind !== "response" || message.id !== null) return undefined;
  return isJsonObject(message.value["error"]) ? message.value["error"] : undefined;
}

/** Waits for a POST whose answer has come already, but not for ever. */
async function linger(posted: Promise<unknown>, controller: AbortController): Promise<void> {
  const limit = new AbortController();
  const over = posted.catch(() => {}).then(() => true);
  const inTime = await Promise.race([
    over,
    pause(STREAM_LINGER_MS, limit.signal).then(() => false, () => false),
  ]);
  limit.abort();
  if (!inTime) controller.abort();
}

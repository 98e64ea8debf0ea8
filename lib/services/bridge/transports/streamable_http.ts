/**
 * The Streamable HTTP transport, client side, for the stateful revisions: each message is its own POST, answered by
 * JSON or by an event stream; a stream of the server's own by GET; resumption by `Last-Event-ID`; a lost session is
 * opened again by sending the stored `initialize` once more, and only the message that met the loss is repeated,
 * because only that one is known not to have been processed.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http (T1-T6)
 * @see behaviours rows 35, 36
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../primitives/errors.ts";
import {
  LARGE_ANSWERS_MAX_BYTES,
  STREAM_LINGER_MS,
  STREAM_TRIES_MAX,
} from "../../../primitives/bridge_limits.ts";
import { HTTP_TIMEOUT_MS, MESSAGE_MAX_BYTES } from "../../../primitives/limits.ts";
import { isJsonObject, METHOD_NOT_FOUND } from "../../../primitives/mcp/jsonrpc.ts";
import {
  isOfStatelessRevision,
  mirroredHeaders,
  wantsToolHeaders,
} from "../../../primitives/mcp/request_headers.ts";
import type { StreamPosition } from "../../../primitives/mcp/sse.ts";
import { pause } from "../../../primitives/system/clock.ts";
import { connectionLost, errorFor, ofOtherTransport, readAnswer, toInbound, unanswered } from "./answer.ts";
import { AuthorizedHttp, type Endpoint } from "./authorized_http.ts";
import { drain, HttpFailure } from "./failure.ts";
import { type Inbound, operationOf, type Outbound, type Receiver, type Remote } from "./remote.ts";
import { ReplayReceiver } from "./replay_receiver.ts";
import { Session } from "./session.ts";
import { isEventStream, reopenPause, StandingStream } from "./standing_stream.ts";
import type { ToolHeaders } from "./tool_headers.ts";
import type { Turnstile } from "./turnstile.ts";

const POST_HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const PING = new TextEncoder().encode('{"jsonrpc":"2.0","id":"mcp-auth-ping","method":"ping"}');

/** What {@linkcode StreamableHttp} takes. */
export interface StreamableHttpOptions extends Endpoint {
  /** Gets what the server sends. */
  readonly receiver: Receiver;
  /** Gets one line for what nobody is told otherwise. */
  readonly log: (message: string) => void;
  /** Who wants to know whether this is the server's transport at all. */
  readonly probe?: TransportProbe | undefined;
}

/** Learns from the responses to POSTs whether a server has the transport. */
export interface TransportProbe {
  /** One was a success. */
  accepted(): void;
  /** One was none, and nobody has been told of it: what this throws is what the exchange fails with. */
  refused(failure: HttpFailure, outbound: Outbound): void;
}

/** One client of one server. */
export class StreamableHttp implements Remote {
  readonly #http: AuthorizedHttp;
  readonly #receiver: Receiver;
  readonly #log: (message: string) => void;
  readonly #probe: TransportProbe | undefined;
  readonly #session = new Session();
  readonly #standing: StandingStream;
  readonly #closing = new AbortController();
  #renewal: Promise<void> | undefined;
  /** There from the first large answer on. */
  #large: Turnstile | undefined;
  /** The streams that answers come by. */
  readonly #answers = new Set<StreamPosition>();
  /** There from the first message on that is about tools of a stateless server. */
  #tools: ToolHeaders | undefined;

  /** @param options The server and who hears from it. */
  constructor(options: StreamableHttpOptions) {
    this.#http = new AuthorizedHttp(options);
    this.#receiver = options.receiver;
    this.#log = options.log;
    this.#probe = options.probe;
    this.#standing = new StandingStream({
      open: async (position, signal) => {
        if (this.#session.lost) await this.#renew(this.#session.generation);
        return await this.#get(position, signal, "GET stream");
      },
      read: async (response, position) => {
        return (await this.#readEvents(response.body!, position, undefined, this.#receiver)).events;
      },
      renew: () => this.#renew(this.#session.generation),
      log: this.#log,
    });
  }

  /** @inheritdoc */
  async send(outbound: Outbound): Promise<void> {
    if (wantsToolHeaders(outbound.messages[0])) return await this.#sendAboutTools(outbound);
    if (outbound.opens === "initialize") {
      void this.#standing.stop();
      this.#session.begin(outbound);
    } else if (outbound.messages[0]?.kind !== "response") {
      // An answer to a server's request, on the other hand, must get through while a session is being opened.
      if (this.#renewal !== undefined || this.#session.lost) await this.#renew(this.#session.generation);
      if (outbound.opens === "initialized") this.#session.ready(outbound);
    }
    const { generation, id } = this.#session;
    const response = await this.#post(outbound);
    if (response.ok) return await this.#read(response, outbound, this.#receiver);
    const failure = await HttpFailure.read(response);
    if (id === undefined || !(await this.#endedSession(failure, outbound, generation))) {
      return await this.#fail(failure, outbound, this.#receiver);
    }
    await this.#renew(generation);
    const second = await this.#post(outbound);
    if (second.ok) return await this.#read(second, outbound, this.#receiver);
    return await this.#fail(await HttpFailure.read(second), outbound, this.#receiver);
  }

  /** @inheritdoc */
  async cancel(target: Outbound, notice: Outbound): Promise<void> {
    try {
      if (!isOfStatelessRevision(target.messages[0])) await this.send(notice);
    } catch (error) {
      this.#log(`Cannot cancel the request: ${error instanceof Error ? error.message : error}`);
    } finally {
      target.controller.abort();
    }
  }

  /** @inheritdoc */
  listen(): void {
    if (!this.#closing.signal.aborted) this.#standing.start();
  }

  /** Opens the stream of the server's own anew, and those of answers that can be resumed (T5). */
  reopen(): void {
    this.#standing.reopen();
    for (const position of this.#answers) if (position.lastEventId !== undefined) position.cut?.();
  }

  /** @inheritdoc */
  async close(timeoutMs: number): Promise<void> {
    this.#closing.abort();
    this.#tools?.close();
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), timeoutMs);
    try {
      const stopped = this.#standing.stop();
      if (this.#session.id !== undefined) await this.#delete(limit.signal, timeoutMs);
      await stopped;
    } catch (error) {
      this.#log(`Cannot end the session: ${error instanceof Error ? error.message : error}`);
    } finally {
      clearTimeout(timer);
    }
  }

  async #sendAboutTools(outbound: Outbound): Promise<void> {
    const { ToolHeaders } = await import("./tool_headers.ts");
    this.#tools ??= new ToolHeaders(
      (one, headers, receiver) => this.#sendWith(one, headers, receiver),
      this.#log,
    );
    await this.#tools.send(outbound, this.#receiver);
  }

  async #sendWith(
    outbound: Outbound,
    headers: Readonly<Record<string, string>>,
    receiver: Receiver,
  ): Promise<void> {
    const response = await this.#post(outbound, headers);
    if (response.ok) return await this.#read(response, outbound, receiver);
    await this.#fail(await HttpFailure.read(response), outbound, receiver);
  }

  async #post(outbound: Outbound, headers?: Readonly<Record<string, string>>): Promise<Response> {
    const [first] = outbound.messages;
    const quick = outbound.requests.length === 0 || outbound.opens !== undefined ||
      (first?.kind === "request" && first.method === "server/discover");
    const response = await this.#http.request({
      method: "POST",
      headers: {
        ...POST_HEADERS,
        ...this.#session.headers,
        ...mirroredHeaders(first),
        ...headers,
      },
      body: outbound.body,
      once: outbound.messages.some((message) =>
        message.kind === "request" && message.method === "tools/call"
      ),
      signal: outbound.controller.signal,
      // A call takes as long as it takes; what a server can say at once is bounded.
      timeoutMs: quick ? HTTP_TIMEOUT_MS : Infinity,
      operation: () => operationOf(outbound),
    });
    if (response.ok) {
      this.#probe?.accepted();
      if (outbound.opens === "initialize") this.#session.learnId(response);
      this.#standing.wake();
    }
    return response;
  }

  #get(position: StreamPosition, signal: AbortSignal, operation: string): Promise<Response> {
    const { lastEventId } = position;
    return this.#http.request({
      method: "GET",
      headers: {
        accept: "text/event-stream",
        ...this.#session.headers,
        ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
      },
      signal,
      // Some servers send no headers before the first event.
      timeoutMs: Infinity,
      operation: () => operation,
    });
  }

  async #delete(signal: AbortSignal, timeoutMs: number): Promise<void> {
    const response = await this.#http.sendAsIs({
      method: "DELETE",
      headers: this.#session.headers,
      signal,
      timeoutMs,
      operation: () => "DELETE session",
    });
    await drain(response);
  }

  async #read(response: Response, outbound: Outbound, receiver: Receiver): Promise<void> {
    if (isEventStream(response)) return await this.#readStream(response.body, outbound, receiver);
    if (outbound.requests.length === 0) return await drain(response);
    let place: Disposable | undefined;
    try {
      const bytes = await readAnswer(response, async (size) => {
        place = await this.#placeFor(size, outbound);
      });
      if (bytes.length > 0) await this.#deliver(toInbound(bytes, outbound), receiver);
      if (receiver.owes(outbound)) throw unanswered(outbound);
    } finally {
      place?.[Symbol.dispose]();
    }
  }

  /** Large answers wait at the server until the host has taken others. */
  async #placeFor(size: number, outbound: Outbound): Promise<Disposable> {
    const { Turnstile } = await import("./turnstile.ts");
    this.#large ??= new Turnstile(LARGE_ANSWERS_MAX_BYTES);
    return await this.#large.enter(size, outbound.controller.signal);
  }

  /** Reads an exchange's stream, and those that resume it, until nothing is owed. */
  async #readStream(first: ReadableStream, outbound: Outbound, receiver: Receiver): Promise<void> {
    const position: StreamPosition = { lastEventId: undefined, retryMs: undefined };
    this.#answers.add(position);
    try {
      for (let body = first, idle = 0;;) {
        const before = position.lastEventId;
        const { lost } = await this.#readEvents(body, position, outbound, receiver);
        if (!receiver.owes(outbound)) return;
        if (position.lastEventId === undefined) {
          throw lost === undefined ? unanswered(outbound) : connectionLost(lost);
        }
        idle = position.lastEventId === before ? idle + 1 : 0;
        body = await this.#resume(position, idle, outbound);
      }
    } finally {
      this.#answers.delete(position);
    }
  }

  async #resume(position: StreamPosition, idle: number, outbound: Outbound): Promise<ReadableStream> {
    const operation = operationOf(outbound);
    let first: McpAuthError | undefined;
    for (let failures = 0; failures < STREAM_TRIES_MAX; failures++) {
      await pause(reopenPause(position, idle + failures), outbound.controller.signal);
      try {
        const response = await this.#get(position, outbound.controller.signal, operation);
        if (isEventStream(response)) return response.body;
        const failure = (await HttpFailure.read(response)).toError(operation);
        // A server that has not noticed the loss yet believes that somebody reads the stream (409).
        if (response.status < 500 && response.status !== 409) throw failure;
        first ??= failure;
      } catch (error) {
        const failure = asMcpAuthError(error, "NETWORK_ERROR", "resume the answer");
        if (failure.code !== "NETWORK_ERROR" && failure.code !== "TIMEOUT") throw failure;
        first ??= failure;
      }
    }
    throw first!;
  }

  /** Hands over the events of one response; a lost connection is a way to end. */
  async #readEvents(
    body: ReadableStream<Uint8Array>,
    position: StreamPosition,
    origin: Outbound | undefined,
    receiver: Receiver,
  ): Promise<{ events: number; lost: unknown }> {
    const { readEvents } = await import("../../../primitives/mcp/sse.ts");
    let linger: ReturnType<typeof setTimeout> | undefined;
    const cutWhenAnswered = () => {
      if (origin === undefined || linger !== undefined || receiver.owes(origin)) return;
      linger = setTimeout(() => origin.controller.abort(), STREAM_LINGER_MS);
    };
    let events = 0;
    try {
      cutWhenAnswered();
      const onOther = (type: string) => {
        if (type === "endpoint" && origin !== undefined && receiver.owes(origin)) {
          throw ofOtherTransport(origin);
        }
      };
      for await (const data of readEvents(body, position, MESSAGE_MAX_BYTES, onOther)) {
        events++;
        await this.#deliverEvent(data, origin, receiver);
        cutWhenAnswered();
      }
      return { events, lost: undefined };
    } catch (error) {
      if (error instanceof McpAuthError) throw error;
      return { events, lost: error };
    } finally {
      clearTimeout(linger);
    }
  }

  async #deliverEvent(data: string, origin: Outbound | undefined, receiver: Receiver): Promise<void> {
    let inbound: Inbound;
    try {
      inbound = toInbound(data, origin);
    } catch (error) {
      // A keep-alive such as `data: ping` is no broken message; and on a stream of no request nobody can be told.
      if (origin !== undefined && /^\s*[[{]/.test(data)) throw error;
      return this.#log((error as McpAuthError).message);
    }
    await this.#deliver(inbound, receiver);
  }

  #deliver(inbound: Inbound, receiver: Receiver): Promise<void> | void {
    if (inbound.origin?.opens === "initialize" && inbound.messages[0] !== undefined) {
      this.#session.learnVersion(inbound.messages[0]);
    }
    return receiver.receive(inbound);
  }

  /** Passes on the server's own error where there is one, else throws the failure as a coded error. */
  async #fail(failure: HttpFailure, outbound: Outbound, receiver: Receiver): Promise<void> {
    const { rpc } = failure;
    this.#probe?.refused(failure, outbound);
    if (rpc !== undefined && outbound.requests.length === 1) {
      const own = rpc.id === outbound.requests[0];
      await receiver.receive(
        {
          ...(own ? { ...rpc.envelope, payload: rpc.text, origin: outbound } : errorFor(outbound, rpc.error)),
          status: failure.status,
        },
      );
    }
    if (outbound.requests.length === 0 || receiver.owes(outbound)) {
      throw failure.toError(operationOf(outbound));
    }
  }

  /** Tells whether a refused message met the end of the session, and not an error of its own. */
  async #endedSession(failure: HttpFailure, outbound: Outbound, generation: number): Promise<boolean> {
    const { status, rpc } = failure;
    if (this.#session.opening === undefined || outbound.opens === "initialize") return false;
    const own = rpc !== undefined && rpc.id !== null && rpc.id === outbound.requests[0];
    if (status === 404) return !(own && isJsonObject(rpc.error) && rpc.error["code"] === METHOD_NOT_FOUND);
    if (status !== 400 || own) return false;
    if (this.#renewal !== undefined || generation !== this.#session.generation) return true;
    // Servers of before 2025-06-18 answer 400 to an unknown session, as to any other mistake: ask them.
    const answer = await this.#http.request({
      method: "POST",
      headers: { ...POST_HEADERS, ...this.#session.headers },
      body: PING,
      signal: outbound.controller.signal,
      timeoutMs: HTTP_TIMEOUT_MS,
      operation: () => "ping",
    });
    await answer.body?.cancel();
    return answer.status === 400 || answer.status === 404;
  }

  /**
   * Opens a new session once, however many requests have met the loss.
   *
   * @param generation The session that was lost.
   */
  async #renew(generation: number): Promise<void> {
    // The one that took its place may be lost by now, too: until the next is there, nothing can be sent.
    if (this.#session.generation !== generation && !this.#session.lost) return;
    this.#renewal ??= this.#reopen().finally(() => this.#renewal = undefined);
    await this.#renewal;
  }

  async #reopen(): Promise<void> {
    const { opening } = this.#session;
    if (opening === undefined) {
      throw new McpAuthError("SERVER_ERROR", "Cannot continue: the server ended the session");
    }
    this.#log("The server has lost the session: opening a new one");
    this.#session.lost = true;
    this.#session.forget();
    // Two: a stream that its server leaves open after the answer is cut, and not what follows it.
    const controllers = [new AbortController(), new AbortController()] as const;
    const abort = () => controllers.forEach((controller) => controller.abort());
    this.#closing.signal.addEventListener("abort", abort, { once: true });
    try {
      const [first, second] = controllers;
      const { initialize, initialized } = opening;
      await this.#replay(
        { ...initialize, controller: first },
        initialized && { ...initialized, controller: second },
      );
    } finally {
      this.#closing.signal.removeEventListener("abort", abort);
    }
    this.#session.lost = false;
    this.#session.generation++;
    if (this.#standing.started) this.#standing.start();
    this.#receiver.renewed?.();
  }

  async #replay(initialize: Outbound, initialized: Outbound | undefined): Promise<void> {
    const answered = new ReplayReceiver(this.#receiver, initialize);
    const response = await this.#post(initialize);
    if (!response.ok) throw (await HttpFailure.read(response)).toError("initialize");
    await this.#read(response, initialize, answered);
    if (initialized === undefined) return;
    await drain(await this.#post(initialized));
  }
}

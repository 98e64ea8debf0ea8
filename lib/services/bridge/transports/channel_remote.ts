/**
 * A server at the other end of one channel. Answers find their requests by id, whatever the id is made of; what the
 * server asks or tells by itself is handed on; and where the channel is over, everything in flight fails at once, since
 * no answer can come any more. Messages are handed on one after another, in the order in which they came, and no faster
 * than they are taken.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../primitives/errors.ts";
import { MESSAGE_MAX_BYTES } from "../../../primitives/limits.ts";
import { isJsonObject, type MessageId, type ResponseMessage } from "../../../primitives/mcp/jsonrpc.ts";
import { errorFor, toInbound } from "./answer.ts";
import type { Channel, Closure } from "./channel.ts";
import type { Inbound, Outbound, Receiver, Remote } from "./remote.ts";

/** What {@linkcode ChannelRemote} takes. */
export interface ChannelRemoteOptions {
  /** Open; nobody else reads it. */
  readonly channel: Channel;
  /** Gets what the server sends. */
  readonly receiver: Receiver;
  /** Gets one line for what nobody is told otherwise. */
  readonly log: (message: string) => void;
  /** Makes the error for what is in flight when the channel is over. */
  readonly explain: (closure: Closure) => McpAuthError;
}

/** How a channel has ended, and what had come of it until then. */
export interface ChannelEnd {
  readonly closure: Closure;
  /** What is thrown at whoever waits for an answer. */
  readonly error: McpAuthError;
}

/** Requests sent together, of which one or more have no answer yet. */
interface Exchange {
  readonly outbound: Outbound;
  readonly remaining: Set<MessageId>;
  readonly done: PromiseWithResolvers<void>;
}

/** One channel, as a {@linkcode Remote}; when it is over, so is this. */
export class ChannelRemote implements Remote {
  /** Resolves when the channel is over; never rejects. */
  readonly ended: Promise<ChannelEnd>;
  readonly #options: ChannelRemoteOptions;
  readonly #pending = new Map<MessageId, Exchange>();
  /** Requests of this side's own, whose answers nobody else hears of. */
  readonly #own = new Map<MessageId, PromiseWithResolvers<ResponseMessage>>();
  readonly #end = Promise.withResolvers<ChannelEnd>();
  #over: McpAuthError | undefined;
  #heard = 0;
  #answered = 0;
  #heardAt = performance.now();
  #isTaking = false;

  /** @param options The channel and who hears from it. */
  constructor(options: ChannelRemoteOptions) {
    this.#options = options;
    this.ended = this.#end.promise;
    // What has arrived before the end is taken before the end.
    void this.#read().then(() => options.channel.closed).then((closure) => this.#finish(closure));
  }

  /** How many messages of JSON-RPC have arrived. */
  get heard(): number {
    return this.#heard;
  }

  /** How many exchanges of the host were answered. */
  get answered(): number {
    return this.#answered;
  }

  /**
   * When something arrived last, by `performance.now`; when it was opened, where nothing did. Now, while what has arrived
   * waits for whoever takes it: the silence is not the server's then.
   */
  get heardAt(): number {
    return this.#isTaking ? performance.now() : this.#heardAt;
  }

  /** Whether the channel is over. */
  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** Whether a request waits for its answer. */
  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  /** @inheritdoc */
  async send(outbound: Outbound): Promise<void> {
    this.#requireOpen();
    const { requests, body, controller: { signal } } = outbound;
    if (requests.length === 0) return await this.#options.channel.send(body);
    signal.throwIfAborted();
    const exchange: Exchange = {
      outbound,
      remaining: new Set(requests),
      done: Promise.withResolvers<void>(),
    };
    for (const id of requests) this.#pending.set(id, exchange);
    const onAbort = () => exchange.done.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      void this.#options.channel.send(body);
      await exchange.done.promise;
      this.#answered++;
    } finally {
      signal.removeEventListener("abort", onAbort);
      for (const id of requests) if (this.#pending.get(id) === exchange) this.#pending.delete(id);
    }
  }

  /**
   * Makes a request of this side's own. Its answer is handed on to nobody.
   *
   * @param id Its id, which no request of the host has.
   * @param body The request.
   * @returns The answer, whatever it says.
   * @throws {McpAuthError} When the channel is over before; the signal's reason when that fires.
   */
  async ask(id: MessageId, body: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<ResponseMessage> {
    this.#requireOpen();
    signal.throwIfAborted();
    const answer = Promise.withResolvers<ResponseMessage>();
    this.#own.set(id, answer);
    const onAbort = () => answer.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      void this.#options.channel.send(body);
      return await answer.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#own.delete(id);
    }
  }

  /** @inheritdoc */
  async cancel(target: Outbound, notice: Outbound): Promise<void> {
    try {
      if (this.#over === undefined) await this.#options.channel.send(notice.body);
    } finally {
      target.controller.abort();
    }
  }

  /** Nothing is to be done: a channel carries what the server sends of its own accord. */
  listen(): void {}

  /** @inheritdoc */
  async close(timeoutMs: number): Promise<void> {
    await this.#options.channel.close(timeoutMs);
    this.#finish(await this.#options.channel.closed);
  }

  /**
   * Gives the channel up: for everybody who waits it is over at once.
   *
   * @param detail Why, as the end of a sentence.
   */
  drop(detail: string): void {
    this.#finish({ byUs: true, detail });
    void this.#options.channel.close(0);
  }

  async #read(): Promise<void> {
    for await (const message of this.#options.channel.messages()) {
      if (this.#over !== undefined) return;
      this.#isTaking = true;
      if ("tooLong" in message) this.#refuse(message.tooLong);
      else await this.#take(message.payload);
      this.#isTaking = false;
      this.#heardAt = performance.now();
    }
  }

  async #take(payload: Uint8Array<ArrayBuffer> | string): Promise<void> {
    let inbound: Inbound;
    try {
      inbound = toInbound(payload, undefined);
    } catch (error) {
      return this.#options.log(`Dropped what the server sent: ${(error as McpAuthError).message}`);
    }
    if (inbound.messages.every(({ kind }) => kind === "invalid")) {
      return this.#options.log("Dropped what the server sent: it is no JSON-RPC message");
    }
    this.#heard++;
    if (this.#isOwn(inbound)) return;
    const [one, ...others] = this.#exchangesOf(inbound);
    try {
      await this.#options.receiver.receive(
        one === undefined || others.length > 0 ? inbound : this.#attribute(inbound, one),
      );
    } catch (error) {
      const coded = asMcpAuthError(error, "SERVER_ERROR", "take the answer");
      if (one === undefined) this.#options.log(coded.message);
      for (const exchange of one === undefined ? [] : [one, ...others]) exchange.done.reject(coded);
      return;
    }
    this.#settle(inbound, one);
  }

  /** Takes the answer to a request of this side's own. */
  #isOwn({ messages: [message], batch }: Inbound): boolean {
    if (batch || message?.kind !== "response" || message.id === null || this.#own.size === 0) return false;
    const waiting = this.#own.get(message.id);
    waiting?.resolve(message);
    return waiting !== undefined;
  }

  /** The exchanges that a message answers, or answers in part. */
  #exchangesOf({ messages, batch }: Inbound): readonly Exchange[] {
    const found = new Set<Exchange>();
    for (const message of messages) {
      if (message.kind !== "response") continue;
      const exchange = message.id === null
        ? batch || !isJsonObject(message.value["error"]) ? undefined : this.#onlyExchange()
        : this.#pending.get(message.id);
      if (exchange !== undefined) found.add(exchange);
    }
    return [...found];
  }

  /** An error without an id is about the one request that there is, where there is one. */
  #onlyExchange(): Exchange | undefined {
    const [exchange, other] = this.#pending.values();
    return other === undefined && exchange?.outbound.requests.length === 1 ? exchange : undefined;
  }

  #attribute(inbound: Inbound, { outbound }: Exchange): Inbound {
    const [message] = inbound.messages;
    return !inbound.batch && message?.kind === "response" && message.id === null
      ? errorFor(outbound, message.value["error"])
      : { ...inbound, origin: outbound };
  }

  #settle({ messages, batch }: Inbound, one: Exchange | undefined): void {
    for (const message of messages) {
      if (message.kind !== "response") continue;
      const exchange = message.id !== null ? this.#pending.get(message.id) : batch ? undefined : one;
      exchange?.remaining.delete(message.id ?? exchange.outbound.requests[0]!);
      if (exchange?.remaining.size === 0) exchange.done.resolve();
    }
  }

  /** An answer was too long to be taken, and whose it was is not known: whoever waits is not left waiting. */
  #refuse(bytes: number): void {
    const what =
      `Cannot read the answer: the server sent a message of ${bytes} bytes, and the limit is ${MESSAGE_MAX_BYTES}`;
    if (this.#pending.size === 0) this.#options.log(what);
    for (const { done } of new Set(this.#pending.values())) {
      done.reject(new McpAuthError("SERVER_ERROR", what));
    }
  }

  #requireOpen(): void {
    if (this.#over !== undefined) throw this.#over;
  }

  #finish(closure: Closure): void {
    if (this.#over !== undefined) return;
    const error = this.#over = this.#options.explain(closure);
    // First whoever looks after the channel, then those who have waited for it.
    this.#end.resolve({ closure, error });
    for (const { done } of new Set(this.#pending.values())) done.reject(error);
    for (const { reject } of this.#own.values()) reject(error);
  }
}

/**
 * A server that is reached by one channel after another: a connection that breaks off, a program that dies. What was in
 * flight is answered with an error and never sent again, since nobody knows whether it was carried out; what comes while
 * there is no channel waits for the next one, for a bounded time. Before anything else goes out on a new channel, the
 * session is opened on it as the host has opened it once, without the host noticing.
 *
 * Nobody reconnects for nothing: a new channel is opened when a message wants it, or by itself where the server may have
 * something to say of its own accord. Pauses double, with full jitter.
 *
 * @see behaviours rows 35, 37
 * @module
 */
import { asMcpAuthError, type ErrorCode, McpAuthError } from "../../../primitives/errors.ts";
import {
  RECONNECT_GAP_MS,
  RECONNECT_WAIT_MS,
  REFUSALS_MAX,
  STREAM_PAUSE_MAX_MS,
  STREAM_PAUSE_MS,
} from "../../../primitives/bridge_limits.ts";
import { HTTP_TIMEOUT_MS } from "../../../primitives/limits.ts";
import { pause, waitFor } from "../../../primitives/system/clock.ts";
import type { Channel, Closure } from "./channel.ts";
import { type ChannelEnd, ChannelRemote } from "./channel_remote.ts";
import type { Inbound, Outbound, Receiver, Remote } from "./remote.ts";

/** Opens channels to one server. */
export interface ChannelSource {
  /** What is opened, for messages, such as `the WebSocket`. */
  readonly what: string;
  /**
   * Opens a channel.
   *
   * @throws {McpAuthError} `NETWORK_ERROR`, `TIMEOUT`, `SERVER_ERROR` or `RATE_LIMITED` where another attempt may do
   * better; any other code is final until somebody wants a channel again.
   */
  open(signal: AbortSignal): Promise<Channel>;
  /** Makes the error for what is in flight when a channel is over. */
  explain(closure: Closure): McpAuthError;
  /** Whether a channel that was lost is opened again by itself. */
  readonly stands: boolean;
  /** Watches over a channel that is open; gets nothing to do when left out. */
  watch?(remote: ChannelRemote): void;
  /**
   * Hears of the end of a channel that this side has not closed.
   *
   * @returns True where the server has refused the channel as such: what it has not answered, it has not looked at.
   */
  ended?(end: ChannelEnd, remote: ChannelRemote): boolean;
}

/** What {@linkcode LastingRemote} takes. */
export interface LastingRemoteOptions {
  readonly source: ChannelSource;
  /** Gets what the server sends. */
  readonly receiver: Receiver;
  /** Gets one line for what nobody is told otherwise. */
  readonly log: (message: string) => void;
}

/** Failures after which another attempt may do better. */
const TEMPORARY: ReadonlySet<ErrorCode> = new Set([
  "NETWORK_ERROR",
  "TIMEOUT",
  "SERVER_ERROR",
  "RATE_LIMITED",
]);

/** One server by one channel after another. */
export class LastingRemote implements Remote {
  readonly isOneChannel = true;
  readonly #options: LastingRemoteOptions;
  readonly #closing = new AbortController();
  readonly #receiver: Receiver;
  /** Open, and ready for the host's messages. */
  #current: ChannelRemote | undefined;
  /** Open, though its session may be none yet. */
  #open: ChannelRemote | undefined;
  #connecting: Promise<ChannelRemote> | undefined;
  /** The messages that have opened the session. */
  #opening: { readonly initialize: Outbound; initialized: Outbound | undefined } | undefined;
  /** Channels that the server has refused as such, so that what it has not answered may be sent again. */
  readonly #refused = new WeakSet<ChannelRemote>();
  /** The channel that is being opened was. */
  #isRefused = false;
  #wasOpen = false;
  #listening = false;
  /** Attempts in a row that have come to nothing. */
  #failures = 0;
  #lastFailure: McpAuthError | undefined;
  #lastAttempt = -Infinity;
  /** Messages that wait for a channel. */
  #waiting = 0;
  #hurry: (() => void) | undefined;

  /** @param options The server and who hears from it. */
  constructor(options: LastingRemoteOptions) {
    this.#options = options;
    const { receiver } = options;
    this.#receiver = {
      receive: (inbound) => {
        this.#learn(inbound);
        return receiver.receive(inbound);
      },
      owes: (outbound) => receiver.owes(outbound),
    };
  }

  /** @inheritdoc */
  async send(outbound: Outbound): Promise<void> {
    const { opens, messages, controller: { signal } } = outbound;
    if (opens === "initialize") this.#opening = undefined;
    if (messages.every(({ kind }) => kind === "response")) return await this.#answer(outbound);
    for (let tries = 0;; tries++) {
      const remote = this.#current ?? await this.#ready(signal);
      if (remote.isOver && tries < REFUSALS_MAX) {
        // Nothing was sent: the next channel will do.
        await remote.ended;
        continue;
      }
      if (opens === "initialized" && this.#opening !== undefined) this.#opening.initialized = outbound;
      try {
        await remote.send(outbound);
        return;
      } catch (error) {
        if (signal.aborted || !this.#refused.has(remote) || tries >= REFUSALS_MAX) throw error;
      }
    }
  }

  /** @inheritdoc */
  async cancel(target: Outbound, notice: Outbound): Promise<void> {
    await this.#open?.cancel(target, notice);
    target.controller.abort();
  }

  /** @inheritdoc */
  listen(): void {
    this.#listening = true;
  }

  /** Gives the channel up for another where the server answers nothing. */
  reopen(isLost: boolean): void {
    if (isLost && this.#options.source.stands) this.#open?.drop("the server gives no sign of life");
  }

  /** @inheritdoc */
  async close(timeoutMs: number): Promise<void> {
    this.#closing.abort(new McpAuthError("AUTH_CANCELLED", "Cannot send: the connection is being closed"));
    await this.#open?.close(timeoutMs);
    await this.#connecting?.catch(() => {});
  }

  /** Remembers what has opened the session; a refusal has opened none. */
  #learn({ origin, messages: [message] }: Inbound): void {
    if (origin?.opens !== "initialize" || message?.kind !== "response" || !("result" in message.value)) {
      return;
    }
    this.#opening = { initialize: origin, initialized: undefined };
  }

  /** An answer belongs to the channel on which it was asked for; the question has died with an earlier one. */
  async #answer(outbound: Outbound): Promise<void> {
    if (this.#open !== undefined) return await this.#open.send(outbound);
    this.#options.log("Dropped an answer of the host: the connection on which it was asked is gone");
  }

  /** Waits for a channel. */
  async #ready(signal: AbortSignal): Promise<ChannelRemote> {
    const connecting = this.#connect();
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(this.#unreachable()), RECONNECT_WAIT_MS);
    // The first attempt is bounded by itself.
    const signals = this.#wasOpen ? AbortSignal.any([signal, limit.signal]) : signal;
    this.#waiting++;
    this.#hurry?.();
    try {
      return await waitFor(connecting, signals);
    } finally {
      this.#waiting--;
      clearTimeout(timer);
    }
  }

  #unreachable(): McpAuthError {
    return this.#lastFailure ??
      new McpAuthError("NETWORK_ERROR", `Cannot use ${this.#options.source.what}: it is not open again yet`, {
        hint: "Try again",
      });
  }

  #connect(): Promise<ChannelRemote> {
    if (this.#connecting === undefined) {
      this.#connecting = this.#attempts().finally(() => this.#connecting = undefined);
      // Whoever wants the channel hears of it by itself.
      this.#connecting.catch(() => {});
    }
    return this.#connecting;
  }

  /** Attempts one after the other, for as long as somebody wants a channel. */
  async #attempts(): Promise<ChannelRemote> {
    const { signal } = this.#closing;
    for (let refusals = 0;;) {
      signal.throwIfAborted();
      this.#isRefused = false;
      await this.#pause(signal);
      this.#lastAttempt = performance.now();
      try {
        return await this.#establish(signal);
      } catch (error) {
        const failure = asMcpAuthError(error, "NETWORK_ERROR", `open ${this.#options.source.what}`);
        // The next attempt is made with another token, or ends here.
        if (this.#isRefused && !signal.aborted && refusals++ < REFUSALS_MAX) continue;
        this.#failures++;
        this.#lastFailure = failure;
        const isWanted = this.#waiting > 0 || (this.#options.source.stands && this.#listening);
        if (signal.aborted || !this.#wasOpen || !isWanted || !TEMPORARY.has(failure.code)) throw failure;
        this.#options.log(failure.message);
      }
    }
  }

  /** Longer each time, and cut short by a message that wants the channel now; but not so that they follow at once. */
  async #pause(signal: AbortSignal): Promise<void> {
    if (!this.#wasOpen) return;
    const longestMs = Math.min(STREAM_PAUSE_MS * 2 ** Math.max(this.#failures - 1, 0), STREAM_PAUSE_MAX_MS);
    const ms = longestMs * Math.random();
    const sinceMs = performance.now() - this.#lastAttempt;
    const fixedMs = this.#failures === 0 ? 0 : Math.min(ms, Math.max(0, RECONNECT_GAP_MS - sinceMs));
    if (fixedMs > 0) await pause(fixedMs, signal);
    if (this.#waiting > 0) return;
    const hurried = Promise.withResolvers<void>();
    const over = new AbortController();
    this.#hurry = () => hurried.resolve();
    try {
      await Promise.race([hurried.promise, pause(ms - fixedMs, AbortSignal.any([signal, over.signal]))]);
    } finally {
      this.#hurry = undefined;
      over.abort();
    }
  }

  async #establish(signal: AbortSignal): Promise<ChannelRemote> {
    const { source, log } = this.#options;
    const channel = await source.open(signal);
    const remote = new ChannelRemote({
      channel,
      receiver: this.#receiver,
      log,
      explain: (end) => source.explain(end),
    });
    this.#open = remote;
    const since = performance.now();
    void remote.ended.then((end) => this.#lost(remote, end, since));
    try {
      signal.throwIfAborted();
      await this.#reopenSession(remote, signal);
      if (remote.isOver) throw (await remote.ended).error;
    } catch (error) {
      await remote.close(0);
      throw error;
    }
    this.#current = remote;
    this.#wasOpen = true;
    source.watch?.(remote);
    if (this.#opening !== undefined) this.#options.receiver.renewed?.();
    return remote;
  }

  /** Opens the session on a new channel, as the host has done on the first one. */
  async #reopenSession(remote: ChannelRemote, signal: AbortSignal): Promise<void> {
    const opening = this.#opening;
    if (opening === undefined) return;
    const { initialize, initialized } = opening;
    const limit = new AbortController();
    const timer = setTimeout(() => {
      const why = "Cannot open the session again: the server does not answer";
      limit.abort(new McpAuthError("TIMEOUT", why));
    }, HTTP_TIMEOUT_MS);
    try {
      const both = AbortSignal.any([signal, limit.signal]);
      const { value } = await remote.ask(initialize.requests[0]!, initialize.body, both);
      if ("error" in value) {
        throw new McpAuthError(
          "SERVER_ERROR",
          "Cannot open a new session: the server refused to initialize",
        );
      }
      if (initialized !== undefined) await remote.send({ ...initialized, controller: limit });
    } finally {
      clearTimeout(timer);
    }
  }

  #lost(remote: ChannelRemote, end: ChannelEnd, since: number): void {
    const wasReady = this.#current === remote;
    if (this.#open === remote) this.#open = undefined;
    if (wasReady) this.#current = undefined;
    if (this.#closing.signal.aborted) return;
    if (this.#options.source.ended?.(end, remote) && remote.heard === 0) {
      this.#refused.add(remote);
      this.#isRefused = !wasReady;
    }
    if (!wasReady) return;
    this.#options.log(`Lost ${this.#options.source.what}: ${end.closure.detail}`);
    const isSteady = remote.answered > 0 || performance.now() - since > STREAM_PAUSE_MAX_MS;
    // Another token is no matter of time.
    if (isSteady) this.#failures = 0;
    else if (!this.#refused.has(remote)) this.#failures++;
    this.#lastFailure = end.error;
    if (this.#options.source.stands && this.#listening) {
      this.#connect().catch((error) =>
        this.#options.log(error instanceof Error ? error.message : String(error))
      );
    }
  }
}

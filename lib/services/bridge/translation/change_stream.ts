/**
 * What a stateful host hears of a server's changes, by way of the one stream that a stateless server has for them: the
 * lists that change, and the resources that the host has subscribed to. The stream is asked for anew when that set
 * changes, the new one before the old one ends, and when it breaks.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions (T16-T18)
 * @module
 */
import { asMcpAuthError, type ErrorCode, McpAuthError } from "../../../primitives/errors.ts";
import {
  STREAM_PAUSE_MAX_MS,
  STREAM_TRIES_MAX,
  SUBSCRIPTION_ACK_MS,
  SUBSCRIPTIONS_MAX,
} from "../../../primitives/bridge_limits.ts";
import {
  classify,
  isJsonObject,
  type JsonObject,
  METHOD_NOT_FOUND,
} from "../../../primitives/mcp/jsonrpc.ts";
import { pause } from "../../../primitives/system/clock.ts";
import type { Inbound, Outbound } from "../transports/remote.ts";
import { Bell, reopenPause } from "../transports/standing_stream.ts";
import { exactJson, exactValue } from "./exact_json.ts";
import { type OwnRequests, RefusedError } from "./own_requests.ts";
import { without } from "./stateful_host.ts";

const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";
const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";
const CANCELLED = "notifications/cancelled";

/** Which lists may change, by the member of the server's capabilities that says so. */
const LISTS: Readonly<Record<string, string>> = {
  tools: "toolsListChanged",
  prompts: "promptsListChanged",
  resources: "resourcesListChanged",
};

/** Failures that only a person can end: there is no point in trying until some request has succeeded. */
const SIGN_IN: ReadonlySet<ErrorCode> = new Set([
  "AUTH_REQUIRED",
  "AUTH_FAILED",
  "TOKEN_EXPIRED",
  "TOKEN_REFRESH_FAILED",
  "INSUFFICIENT_SCOPE",
]);

/** What the stream needs around it. */
export interface ChangeLink {
  /** Makes the request that is the stream. */
  readonly own: OwnRequests;
  /** What has to be said with a request. */
  paramsFor(params: JsonObject): JsonObject;
  /** Hands a notification to the host. */
  tell(inbound: Inbound): Promise<void> | void;
  /** Gets one line for what the host is not told. */
  log(message: string): void;
}

/** One stream, from its request on. */
interface Listening {
  readonly controller: AbortController;
  outbound: Outbound | undefined;
  /** Resolves when the server has taken it, rejects when it has not. */
  readonly taken: PromiseWithResolvers<void>;
  heard: number;
  /** The server has said so, once: it has such streams, however short they may be. */
  isOffered: boolean;
}

/** The changes that one host wants to hear of. */
export class ChangeStream {
  readonly #link: ChangeLink;
  readonly #uris = new Set<string>();
  readonly #closing = new AbortController();
  #lists: JsonObject = {};
  #current: Listening | undefined;
  /** Streams that are not over, the one that another takes the place of included. */
  readonly #running = new Set<Promise<void>>();
  /** The change of the set that is being made; the next one waits for it. */
  #changing: Promise<void> = Promise.resolve();
  readonly #bell = new Bell();

  /** @param link What it runs on. */
  constructor(link: ChangeLink) {
    this.#link = link;
  }

  /**
   * Starts to listen for what the server can say of its own accord.
   *
   * @param capabilities Those of the server, unchecked.
   */
  start(capabilities: unknown): void {
    const given = isJsonObject(capabilities) ? capabilities : {};
    this.#lists = Object.fromEntries(
      Object.entries(LISTS).flatMap(([name, wanted]) => {
        const capability = given[name];
        return isJsonObject(capability) && capability["listChanged"] === true ? [[wanted, true]] : [];
      }),
    );
    if (this.#wantsNothing) return;
    this.#change(true).catch((error) => this.#link.log(`Cannot listen to the server: ${error.message}`));
  }

  /** Starts over, for a host that does: it has subscribed to nothing. */
  reset(): void {
    this.#uris.clear();
    this.#lists = {};
    this.#current?.controller.abort();
    this.#current = undefined;
  }

  /**
   * Subscribes to a resource; resolves when the server has taken it.
   *
   * @throws {McpAuthError} When it has not, or there are too many.
   */
  async subscribe(uri: string): Promise<void> {
    if (this.#uris.has(uri)) return await this.#changing.catch(() => {});
    if (this.#uris.size >= SUBSCRIPTIONS_MAX) {
      throw new McpAuthError(
        "SERVER_ERROR",
        `Cannot subscribe: the host has ${this.#uris.size} subscriptions: the limit is ${SUBSCRIPTIONS_MAX}`,
      );
    }
    this.#uris.add(uri);
    try {
      await this.#change();
    } catch (error) {
      this.#uris.delete(uri);
      throw error;
    }
  }

  /** Ends a subscription; that there was none is no mistake. */
  async unsubscribe(uri: string): Promise<void> {
    if (!this.#uris.delete(uri)) return;
    await this.#change().catch((error) => this.#link.log(`Cannot end the subscription: ${error.message}`));
  }

  /** A request has succeeded: a stream that waits for a sign-in is tried again. */
  wake(): void {
    this.#bell.ring();
  }

  /** Ends the stream; resolves when nothing of it is under way any more. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#current?.controller.abort();
    await Promise.all(this.#running);
  }

  /**
   * Takes a notification that came on no exchange's stream, where the transport has but one channel.
   *
   * @returns False when it is of no subscription.
   */
  hear(inbound: Inbound): boolean {
    const [message] = inbound.messages;
    if (inbound.batch || message?.kind !== "notification") return false;
    const { params } = message.value;
    const current = this.#current;
    const id = current?.outbound?.requests[0];
    if (!isJsonObject(params)) return false;
    if (message.method === CANCELLED) {
      if (id === undefined || params["requestId"] !== id) return false;
      current?.outbound?.controller.abort();
      return true;
    }
    const { _meta } = params;
    if (!isJsonObject(_meta) || !(SUBSCRIPTION_ID in _meta)) return false;
    // What an earlier stream has left on the way is still news.
    void this.#take(_meta[SUBSCRIPTION_ID] === id ? current : undefined, inbound);
    return true;
  }

  get #wantsNothing(): boolean {
    return this.#uris.size === 0 && Object.keys(this.#lists).length === 0;
  }

  /** Makes the stream that of the wanted set; one change after the other. */
  #change(persistent = false): Promise<void> {
    const made = this.#changing.catch(() => {}).then(() => this.#replace(persistent));
    this.#changing = made;
    made.catch(() => {});
    return made;
  }

  async #replace(persistent: boolean): Promise<void> {
    const old = this.#current;
    if (this.#closing.signal.aborted) return;
    if (this.#wantsNothing) {
      this.#current = undefined;
      old?.controller.abort();
      return;
    }
    const next: Listening = {
      controller: new AbortController(),
      outbound: undefined,
      taken: Promise.withResolvers<void>(),
      heard: 0,
      isOffered: false,
    };
    this.#current = next;
    const running = this.#run(next).finally(() => this.#running.delete(running));
    this.#running.add(running);
    try {
      await next.taken.promise;
    } catch (error) {
      // What was there before the change goes on; what starts is tried again.
      if (!persistent) {
        next.controller.abort();
        this.#current = old;
      }
      throw error;
    }
    old?.controller.abort();
  }

  /** Keeps one stream open, through lost connections, until another takes its place. */
  async #run(listening: Listening): Promise<void> {
    const { controller, taken } = listening;
    const signal = AbortSignal.any([controller.signal, this.#closing.signal]);
    for (let failures = 0; !signal.aborted;) {
      const since = performance.now();
      listening.heard = 0;
      const failure = await this.#listen(listening, signal);
      if (signal.aborted) break;
      if (failure !== undefined) {
        this.#link.log(`Cannot keep the stream of changes open: ${failure.message}`);
        taken.reject(failure);
        if (failure instanceof RefusedError && failure.rpc["code"] === METHOD_NOT_FOUND) return;
      }
      const lasted = performance.now() - since > STREAM_PAUSE_MAX_MS;
      failures = listening.heard > 0 || lasted ? 1 : failures + 1;
      if (failures > STREAM_TRIES_MAX && !listening.isOffered) {
        return this.#link.log("Gave up listening to the server's changes");
      }
      if (failure !== undefined && SIGN_IN.has(failure.code)) await this.#bell.rung(signal);
      const position = { lastEventId: undefined, retryMs: undefined };
      await pause(reopenPause(position, failures), signal).catch(() => {});
    }
    taken.reject(new McpAuthError("AUTH_CANCELLED", "Cannot listen to the server: no longer wanted"));
  }

  /** Opens the stream and reads it to its end; what it failed with. */
  async #listen(listening: Listening, signal: AbortSignal): Promise<McpAuthError | undefined> {
    const uris = [...this.#uris];
    const notifications = { ...this.#lists, ...(uris.length === 0 ? {} : { resourceSubscriptions: uris }) };
    const timer = setTimeout(() => listening.taken.resolve(), SUBSCRIPTION_ACK_MS);
    try {
      await this.#link.own.request("subscriptions/listen", this.#link.paramsFor({ notifications }), {
        signal,
        onSend: (outbound) => listening.outbound = outbound,
        onMessage: (inbound) => this.#take(listening, inbound),
      });
      return undefined;
    } catch (error) {
      return asMcpAuthError(error, "SERVER_ERROR", "listen to the server");
    } finally {
      clearTimeout(timer);
    }
  }

  #take(listening: Listening | undefined, { messages: [message], payload }: Inbound): Promise<void> | void {
    if (message?.kind !== "notification") return;
    listening?.taken.resolve();
    if (listening !== undefined) listening.isOffered = true;
    if (message.method === ACKNOWLEDGED) return;
    if (listening !== undefined) listening.heard++;
    const value = withoutSubscription(exactValue(payload, message.value));
    return this.#link.tell({
      messages: [classify(value)],
      batch: false,
      payload: exactJson(value),
      origin: undefined,
    });
  }
}

/** The notification as a stateful server sends it. */
function withoutSubscription(value: JsonObject): JsonObject {
  const { params } = value;
  if (!isJsonObject(params) || !isJsonObject(params["_meta"])) return value;
  const meta = without(params["_meta"], [SUBSCRIPTION_ID]);
  const { _meta: _, ...rest } = params;
  const left = Object.keys(meta).length === 0 ? rest : { ...rest, _meta: meta };
  return Object.keys(left).length === 0 ? without(value, ["params"]) : { ...value, params: left };
}

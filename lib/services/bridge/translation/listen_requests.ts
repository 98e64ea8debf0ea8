/**
 * `subscriptions/listen` in front of a stateful server, which tells changes to whoever has a session, and those of a
 * resource to who has subscribed to it: each subscription of the host is told what it asked for and nothing else, under
 * its own id, after the acknowledgement that says what it can expect.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions (T16, T17)
 * @module
 */
import { LISTEN_RESOURCES_MAX } from "../../../primitives/bridge_limits.ts";
import { HTTP_TIMEOUT_MS } from "../../../primitives/limits.ts";
import { isJsonObject, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import type { Outbound, Receiver } from "../transports/remote.ts";
import { answerError, notifyHost } from "./host_answers.ts";
import type { OwnRequests } from "./own_requests.ts";
import { INVALID_PARAMS, SUBSCRIPTION_ID } from "./stateless_meta.ts";

const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";
const UPDATED = "notifications/resources/updated";

/** Which member of a filter, and which capability of the server, stands for a notification. */
const LISTS: Readonly<Record<string, readonly [member: string, capability: string]>> = {
  "notifications/tools/list_changed": ["toolsListChanged", "tools"],
  "notifications/prompts/list_changed": ["promptsListChanged", "prompts"],
  "notifications/resources/list_changed": ["resourcesListChanged", "resources"],
};

/** What the subscriptions run on. */
export interface ListenRequestsOptions {
  /** Who hears from them. */
  readonly host: Receiver;
  /** Subscribes at the server. */
  readonly own: OwnRequests;
  /** What the server said when the session was opened. */
  readonly server: () => JsonObject;
  /** Gets one line for what the host is not told. */
  readonly log: (message: string) => void;
}

interface Subscription {
  readonly outbound: Outbound;
  /** The notifications of lists that it is for. */
  readonly lists: ReadonlySet<string>;
  /** The resources that it is for. */
  readonly uris: Set<string>;
  /** What came before it was acknowledged; undefined from then on. */
  held: (() => Promise<void> | void)[] | undefined;
  /** Ends it. */
  end(): void;
}

/** The subscriptions of one host. */
export class ListenRequests {
  readonly #options: ListenRequestsOptions;
  readonly #open = new Map<Outbound, Subscription>();
  /** Resources that the server was asked about, and whether it has agreed. */
  readonly #asked = new Map<string, Promise<boolean>>();
  readonly #closing = new AbortController();

  /** @param options What they run on. */
  constructor(options: ListenRequestsOptions) {
    this.#options = options;
  }

  /** True for the notifications that only subscriptions are told. */
  static concerns(method: string): boolean {
    return method === UPDATED || Object.hasOwn(LISTS, method);
  }

  /**
   * Opens a subscription.
   *
   * @param outbound The host's request.
   * @param params Its parameters.
   * @returns When it has ended.
   */
  async listen(outbound: Outbound, params: unknown): Promise<void> {
    const filter = isJsonObject(params) ? params["notifications"] : undefined;
    const wanted = isJsonObject(filter) ? filter["resourceSubscriptions"] ?? [] : undefined;
    if (!isJsonObject(filter) || !isListOfTexts(wanted) || wanted.length > LISTEN_RESOURCES_MAX) {
      const message = isListOfTexts(wanted) && wanted.length > LISTEN_RESOURCES_MAX
        ? `Cannot subscribe to ${wanted.length} resources: the limit is ${LISTEN_RESOURCES_MAX}`
        : 'Invalid request: "notifications" is not the filter of a subscription';
      return await answerError(this.#options.host, outbound, { code: INVALID_PARAMS, message });
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const { signal } = outbound.controller;
    const onAbort = () => this.#end(outbound);
    const subscription: Subscription = {
      outbound,
      lists: new Set(Object.keys(LISTS).filter((method) => this.#isTold(method, filter))),
      uris: new Set(),
      held: [],
      end: () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      },
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#open.set(outbound, subscription);
    await this.#subscribe(subscription, wanted);
    if (this.#open.has(outbound)) await this.#acknowledge(subscription, filter);
    return await promise;
  }

  /** The host does not want a subscription any more; false where it is none. */
  cancel(target: Outbound): boolean {
    const subscription = this.#open.has(target);
    this.#end(target);
    return subscription;
  }

  /** Passes on a change to the subscriptions that are for it. */
  async tell(method: string, params: JsonObject): Promise<void> {
    for (const subscription of [...this.#open.values()]) {
      if (!isFor(subscription, method, params)) continue;
      const told = () => this.#notify(subscription, method, params);
      if (subscription.held === undefined) await told();
      else if (subscription.held.length < LISTEN_RESOURCES_MAX) subscription.held.push(told);
    }
  }

  /** The resources that the server was asked about. */
  get uris(): Iterable<string> {
    return this.#asked.keys();
  }

  /** Ends all subscriptions; the host hears of that from whoever ends the bridge. */
  close(): void {
    this.#closing.abort();
    for (const { end } of this.#open.values()) end();
    this.#open.clear();
  }

  #isTold(method: string, filter: JsonObject): boolean {
    const [member, capability] = LISTS[method]!;
    return filter[member] === true && this.#capability(capability)["listChanged"] === true;
  }

  #capability(name: string): JsonObject {
    const { capabilities } = this.#options.server();
    const found = isJsonObject(capabilities) ? capabilities[name] : undefined;
    return isJsonObject(found) ? found : {};
  }

  async #subscribe({ uris }: Subscription, wanted: readonly string[]): Promise<void> {
    if (this.#capability("resources")["subscribe"] !== true) return;
    await Promise.all([...new Set(wanted)].map(async (uri) => {
      uris.add(uri);
      const asked = this.#asked.get(uri) ?? this.#request("resources/subscribe", uri);
      this.#asked.set(uri, asked);
      if (await asked) return;
      uris.delete(uri);
      this.#asked.delete(uri);
    }));
  }

  async #acknowledge(subscription: Subscription, filter: JsonObject): Promise<void> {
    const notifications: Record<string, unknown> = {};
    for (const method of subscription.lists) notifications[LISTS[method]![0]] = true;
    if (subscription.uris.size > 0 || Array.isArray(filter["resourceSubscriptions"])) {
      notifications["resourceSubscriptions"] = [...subscription.uris];
    }
    await this.#notify(subscription, ACKNOWLEDGED, { notifications });
    const held = subscription.held ?? [];
    subscription.held = undefined;
    for (const tell of held) await tell();
  }

  #notify({ outbound }: Subscription, method: string, params: JsonObject): Promise<void> | void {
    if (!this.#open.has(outbound)) return;
    const meta = isJsonObject(params["_meta"]) ? params["_meta"] : {};
    const told = { ...params, _meta: { ...meta, [SUBSCRIPTION_ID]: outbound.requests[0] } };
    return notifyHost(this.#options.host, outbound, method, told);
  }

  #end(target: Outbound): void {
    const subscription = this.#open.get(target);
    if (subscription === undefined) return;
    this.#open.delete(target);
    subscription.end();
    if (this.#closing.signal.aborted) return;
    for (const uri of subscription.uris) {
      if (this.#isWanted(uri)) continue;
      this.#asked.delete(uri);
      void this.#request("resources/unsubscribe", uri);
    }
  }

  #isWanted(uri: string): boolean {
    for (const { uris } of this.#open.values()) if (uris.has(uri)) return true;
    return false;
  }

  /** Whether the server has agreed. */
  async #request(method: string, uri: string): Promise<boolean> {
    try {
      const bounds = { signal: this.#closing.signal, timeoutMs: HTTP_TIMEOUT_MS };
      await this.#options.own.request(method, { uri }, bounds);
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#options.log(`No change of "${safeText(uri, 200)}" is told: ${why}`);
      return false;
    }
  }
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** A change of a resource may be told of a part of what was subscribed to. */
function isFor({ lists, uris }: Subscription, method: string, { uri }: JsonObject): boolean {
  if (method !== UPDATED) return lists.has(method);
  if (typeof uri !== "string") return false;
  if (uris.has(uri)) return true;
  for (const each of uris) if (uri.startsWith(each.endsWith("/") ? each : `${each}/`)) return true;
  return false;
}

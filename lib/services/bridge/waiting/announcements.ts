/**
 * Tells the host that its lists are others now. A stateful host is told so by a notification, once it has said that it is
 * ready; a stateless one on the subscriptions that it has, which are kept here while there is no server to keep them.
 *
 * @see MCP 2025-11-25, Lifecycle; MCP 2026-07-28, Subscriptions (T16)
 * @module
 */
import {
  idText,
  isJsonObject,
  type JsonObject,
  type MessageId,
  type RequestMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import type { Inbound, Outbound, Receiver } from "../transports/remote.ts";
import type { Seen } from "./person_layer.ts";

/** The lists that can change. */
export type ListKind = "tools" | "resources" | "prompts";

const SUBSCRIBE = "subscriptions/listen";
const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";
const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";

/** Whether a request is one for notifications. */
export function isSubscription({ method }: RequestMessage): boolean {
  return method === SUBSCRIBE;
}

/** Tells one host. */
export class Announcements {
  readonly #host: Receiver;
  readonly #seen: Seen;
  /** Subscriptions that wait for a server, by the exchange. */
  readonly #held = new Map<Outbound, () => void>();
  /** Those that were acknowledged here: the server's own word for it would be the second. */
  readonly #acknowledged = new Set<MessageId>();

  /**
   * @param host Who is told.
   * @param seen What it has sent.
   */
  constructor(host: Receiver, seen: Seen) {
    this.#host = host;
    this.#seen = seen;
  }

  /** Says that lists have changed; a stateful host has to be ready for it. */
  announce(kinds: readonly ListKind[]): void {
    const subscriptions = [...this.#held.keys(), ...this.#seen.flying].filter(({ messages: [message] }) =>
      message?.kind === "request" && isSubscription(message)
    );
    for (const kind of kinds) {
      const method = `notifications/${kind}/list_changed`;
      if (this.#seen.opening !== undefined) this.#notify(method, undefined);
      for (const { messages: [message] } of subscriptions) {
        const { id, value } = message as RequestMessage;
        if (wantedBy(value)[`${kind}ListChanged`] === true) this.#notify(method, id);
      }
    }
  }

  /** Acknowledges a subscription, and resolves when there is a server for it, or nobody wants it any more. */
  async hold(outbound: Outbound, { id, value }: RequestMessage): Promise<void> {
    const wanted = Object.entries(wantedBy(value)).filter(([name, want]) =>
      name.endsWith("ListChanged") && want === true
    );
    this.#acknowledged.add(id);
    this.#notify(ACKNOWLEDGED, id, { notifications: Object.fromEntries(wanted) });
    const { signal } = outbound.controller;
    await new Promise<void>((resolve) => {
      this.#held.set(outbound, resolve);
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#held.delete(outbound);
  }

  /** Has the subscriptions go on to the server. */
  release(): void {
    for (const go of this.#held.values()) go();
  }

  /** Whether a message of the server is the acknowledgement of a subscription that has one. */
  isSecond({ messages: [message], origin }: Inbound): boolean {
    if (this.#acknowledged.size === 0 || message?.kind !== "notification") return false;
    if (message.method !== ACKNOWLEDGED) return false;
    const { params } = message.value;
    const meta = isJsonObject(params) && isJsonObject(params["_meta"]) ? params["_meta"] : {};
    const id = origin?.requests[0] ?? meta[SUBSCRIPTION_ID] as MessageId;
    return this.#acknowledged.delete(id);
  }

  #notify(method: string, subscription: MessageId | undefined, params: JsonObject = {}): void {
    const meta = subscription === undefined
      ? ""
      : `"_meta":{${JSON.stringify(SUBSCRIPTION_ID)}:${idText(subscription)}}`;
    const rest = JSON.stringify(params).slice(1, -1);
    const members = [meta, rest].filter((part) => part !== "").join(",");
    const payload = `{"jsonrpc":"2.0","method":"${method}"${members === "" ? "" : `,"params":{${members}}`}}`;
    const value = { jsonrpc: "2.0", method };
    void this.#host.receive({
      messages: [{ kind: "notification", method, value }],
      batch: false,
      payload,
      origin: undefined,
    });
  }
}

function wantedBy(value: JsonObject): JsonObject {
  const { params } = value;
  const wanted = isJsonObject(params) ? params["notifications"] : undefined;
  return isJsonObject(wanted) ? wanted : {};
}

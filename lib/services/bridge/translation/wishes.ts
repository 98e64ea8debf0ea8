/**
 * The requests of a stateful host whose effect lasts as long as the session does. Where its server is of the same era
 * they pass as they are; they are remembered, because a session that is opened again unseen knows nothing of them.
 * Loaded with the first of them.
 *
 * @see behaviours row 36
 * @module
 */
import { SUBSCRIPTIONS_MAX } from "../../../primitives/bridge_limits.ts";
import { isJsonObject, type RequestMessage } from "../../../primitives/mcp/jsonrpc.ts";
import type { Inbound, Outbound, Remote } from "../transports/remote.ts";
import { OwnRequests } from "./own_requests.ts";
import { Renewal } from "./renewal.ts";

/** What one host wants of its session. */
export class Wishes {
  readonly #own: OwnRequests;
  readonly #renewal: Renewal;
  readonly #closing = new AbortController();
  readonly #uris = new Set<string>();
  #level: unknown;

  /**
   * @param server Leads to the server.
   * @param log Gets one line for what the host is not told.
   */
  constructor(server: Remote, log: (message: string) => void) {
    const own = this.#own = new OwnRequests(server);
    this.#renewal = new Renewal({ own, log, signal: this.#closing.signal });
  }

  /** Remembers what the host asks for, or that it wants it no more. */
  note({ method, value: { params } }: RequestMessage): void {
    const { level, uri } = isJsonObject(params) ? params : {};
    if (method === "logging/setLevel") this.#level = level;
    if (typeof uri !== "string") return;
    if (method === "resources/unsubscribe") this.#uris.delete(uri);
    else if (this.#uris.size < SUBSCRIPTIONS_MAX) this.#uris.add(uri);
  }

  /** Tells the server again. */
  renewed(): void {
    void this.#renewal.tell(() => ({ level: this.#level, uris: this.#uris }));
  }

  /** Takes what belongs to a request of this one's own; false for everything else. */
  receive(inbound: Inbound): Promise<void> | boolean {
    return this.#own.receive(inbound);
  }

  /** True while a request of this one's own has no answer; undefined where the exchange is none. */
  owes(outbound: Outbound): boolean | undefined {
    return this.#own.owes(outbound);
  }

  /** Gives up what is under way. */
  close(): void {
    this.#closing.abort();
  }
}

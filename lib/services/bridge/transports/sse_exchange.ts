/**
 * What is asked on an event stream and not answered yet: on the stream of an HTTP+SSE server answers are told apart by
 * their ids alone. An exchange ends with its last answer, or with the failure that no answer can come after.
 *
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import type { Message, MessageId } from "../../../primitives/mcp/jsonrpc.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import { operationOf, type Outbound, type Receiver } from "./remote.ts";
import type { SseLink } from "./sse_link.ts";

/** A message on its way: its requests want answers. */
export class SseExchange {
  /** What was sent. */
  readonly outbound: Outbound;
  /** The stream that the answers come on. */
  readonly link: SseLink;
  /** Who gets them. */
  readonly receiver: Receiver;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;
  readonly #done = Promise.withResolvers<void>();
  /** Resolves with the last answer; rejects when one cannot come any more. */
  readonly done: Promise<void> = this.#done.promise;

  /** @inheritdoc */
  constructor(outbound: Outbound, link: SseLink, receiver: Receiver) {
    this.outbound = outbound;
    this.link = link;
    this.receiver = receiver;
    this.done.catch(() => {});
  }

  /** Gives it a time to be answered in, in milliseconds. */
  expire(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#over) this.#timer = setTimeout(() => this.fail(late(operationOf(this.outbound), ms)), ms);
  }

  /** The last answer is handed over, or nobody waits for it any more. */
  finish(): void {
    this.#end();
    this.#done.resolve();
  }

  /** No answer can come any more. */
  fail(error: unknown): void {
    this.#end();
    this.#done.reject(error);
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}

/** The exchanges under way, by the ids of their requests. */
export class SseExchanges {
  readonly #owed = new Map<MessageId, SseExchange>();

  /** Expects the answers of an exchange. */
  add(exchange: SseExchange): void {
    for (const id of exchange.outbound.requests) this.#owed.set(id, exchange);
    if (exchange.outbound.requests.length === 0) exchange.finish();
  }

  /** Expects them no longer. */
  remove(exchange: SseExchange): void {
    for (const id of exchange.outbound.requests) if (this.#owed.get(id) === exchange) this.#owed.delete(id);
  }

  /** True while an answer of the exchange is missing. */
  owes(exchange: SseExchange): boolean {
    return exchange.outbound.requests.some((id) => this.#owed.get(id) === exchange);
  }

  /** True while an answer to what was sent is expected on a stream. */
  has(outbound: Outbound, link: SseLink): boolean {
    return this.#on(link).some((exchange) => exchange.outbound === outbound);
  }

  /**
   * Takes the answers among messages that came on a stream.
   *
   * @returns The exchanges that they belong to.
   */
  take(messages: readonly Message[], link: SseLink): readonly SseExchange[] {
    const found = new Set<SseExchange>();
    for (const message of messages) {
      const exchange = message.kind === "response" && message.id !== null
        ? this.#owed.get(message.id)
        : undefined;
      if (exchange?.link !== link) continue;
      this.#owed.delete((message as { readonly id: MessageId }).id);
      found.add(exchange);
    }
    return [...found];
  }

  /** The one request that an error without an id can be about; undefined where there are several, or none. */
  only(link: SseLink): SseExchange | undefined {
    const [first, ...others] = this.#on(link);
    return others.length === 0 ? first : undefined;
  }

  /** Fails all that is owed on a stream. */
  failAll(link: SseLink, error: McpAuthError): void {
    for (const exchange of this.#on(link)) {
      this.remove(exchange);
      exchange.fail(error);
    }
  }

  #on(link: SseLink): readonly SseExchange[] {
    return [...new Set(this.#owed.values().filter((exchange) => exchange.link === link))];
  }
}

function late(operation: string, ms: number): McpAuthError {
  return new McpAuthError(
    "TIMEOUT",
    `Cannot complete "${safeText(operation)}": the server accepted it and sent no answer within ${
      ms / 1000
    } s`,
    { hint: "Try again; if it persists, check that the URL is an MCP server's" },
  );
}

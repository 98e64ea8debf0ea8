/**
 * Requests that a translator makes of its own accord: under ids that no host uses, and with answers that no host sees.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../primitives/errors.ts";
import {
  isJsonObject,
  type JsonObject,
  parseEnvelope,
  type ResponseMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import { unanswered } from "../transports/answer.ts";
import { type Inbound, type Outbound, type Remote, toOutbound } from "../transports/remote.ts";

/** How one request is made. */
export interface OwnRequestOptions {
  /** Gives it up. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the answer; no end when left out. */
  readonly timeoutMs?: number | undefined;
  /** Gets what the server sends with it before its answer. */
  readonly onMessage?: ((inbound: Inbound) => Promise<void> | void) | undefined;
  /** Is told the request before it is sent. */
  readonly onSend?: ((outbound: Outbound) => void) | undefined;
}

interface Pending {
  readonly outbound: Outbound;
  readonly onMessage: OwnRequestOptions["onMessage"];
  answer: ResponseMessage | undefined;
  /** Resolves with the answer. */
  readonly answered: PromiseWithResolvers<void>;
}

/** An error answer to a request of ours, in the words of the server. */
export class RefusedError extends McpAuthError {
  /** The `error` member of the answer, unchecked. */
  readonly rpc: JsonObject;

  /**
   * Takes the error as it came.
   *
   * @param method What was asked.
   * @param rpc The `error` member of the answer.
   */
  constructor(method: string, rpc: JsonObject) {
    const words = safeText(rpc["message"]);
    super("SERVER_ERROR", `Cannot complete "${safeText(method)}": the server refused it: ${words}`);
    this.rpc = rpc;
  }
}

/** Makes requests over one way to a server. */
export class OwnRequests {
  readonly #server: Remote;
  /** Makes the ids differ from those of any host, and from one translator to the next. */
  readonly #prefix = `mcp-auth-${crypto.randomUUID().slice(0, 8)}-`;
  readonly #pending = new Map<unknown, Pending>();
  #next = 1;

  /** @param server Where they go. */
  constructor(server: Remote) {
    this.#server = server;
  }

  /** An id that was not used before. */
  id(): string {
    return `${this.#prefix}${this.#next++}`;
  }

  /**
   * Makes a request. It is over with its answer; what the server leaves open after that is read in the background.
   *
   * @returns The result, unchecked, but an object.
   * @throws {RefusedError} For an error answer.
   * @throws {McpAuthError} `TIMEOUT`; when there is no answer; and what the transport fails with.
   */
  async request(method: string, params: JsonObject, options: OwnRequestOptions = {}): Promise<JsonObject> {
    const { signal, timeoutMs, onMessage, onSend } = options;
    const id = this.id();
    const outbound = encode({ jsonrpc: "2.0", id, method, params });
    const answered = Promise.withResolvers<void>();
    const pending: Pending = { outbound, onMessage, answer: undefined, answered };
    const abort = () => outbound.controller.abort(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    let late: McpAuthError | undefined;
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => {
      late = overdue(method, timeoutMs);
      outbound.controller.abort(late);
    }, timeoutMs);
    this.#pending.set(id, pending);
    onSend?.(outbound);
    const sent = this.#server.send(outbound).finally(() => {
      this.#pending.delete(id);
      signal?.removeEventListener("abort", abort);
    });
    // A failure after the answer is nobody's concern.
    sent.catch(() => {});
    try {
      await Promise.race([sent, answered.promise]);
    } catch (error) {
      if (pending.answer === undefined) {
        throw late ?? asMcpAuthError(error, "SERVER_ERROR", `send "${method}"`);
      }
    } finally {
      clearTimeout(timer);
    }
    const { answer } = pending as { answer: ResponseMessage | undefined };
    if (answer === undefined) throw late ?? unanswered(outbound);
    const { error, result } = answer.value;
    if ("error" in answer.value) throw new RefusedError(method, isJsonObject(error) ? error : {});
    return isJsonObject(result) ? result : {};
  }

  /**
   * Takes what belongs to a request of ours.
   *
   * @returns False for everything else; a promise asks the transport to read no further until it resolves.
   */
  receive(inbound: Inbound): Promise<void> | boolean {
    if (this.#pending.size === 0) return false;
    const pending = this.#pendingOf(inbound);
    if (pending === undefined) return false;
    const [message] = inbound.messages;
    if (message?.kind === "response") {
      if (message.id === pending.outbound.requests[0]) {
        pending.answer ??= message;
        pending.answered.resolve();
      }
      return true;
    }
    return pending.onMessage?.(inbound) ?? true;
  }

  /** True while a request of ours has no answer; undefined where the exchange is none of ours. */
  owes(outbound: Outbound): boolean | undefined {
    const pending = this.#pending.get(outbound.requests[0]);
    return pending?.outbound === outbound ? pending.answer === undefined : undefined;
  }

  /** By what it came in reply to, or, where the transport does not tell, by the id of the answer. */
  #pendingOf({ origin, messages: [message] }: Inbound): Pending | undefined {
    if (origin === undefined) {
      return message?.kind === "response" ? this.#pending.get(message.id) : undefined;
    }
    const pending = this.#pending.get(origin.requests[0]);
    return pending?.outbound === origin ? pending : undefined;
  }
}

/** A message of ours, ready to be sent. */
export function encode(message: JsonObject | string): Outbound {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  return toOutbound(new TextEncoder().encode(text), parseEnvelope(text));
}

function overdue(method: string, timeoutMs: number): McpAuthError {
  return new McpAuthError(
    "TIMEOUT",
    `Cannot complete "${safeText(method)}": the server sent no answer within ${timeoutMs / 1000} s`,
  );
}

/**
 * What passes between a host on one side and a server on the other, and the one promise made about it: every request
 * of the host gets exactly one answer, from the server or, when that cannot come any more, a coded error. Messages
 * pass as they are; the order is the host's, except that a session is opened before anything else is sent.
 *
 * @see behaviours rows 36, 38, 48
 * @module
 */
import { asMcpAuthError, type McpAuthError } from "../../primitives/errors.ts";
import { BRIDGE_IN_FLIGHT_MAX, BRIDGE_WAITING_MAX } from "../../primitives/bridge_limits.ts";
import { MESSAGE_MAX_BYTES } from "../../primitives/limits.ts";
import {
  type Envelope,
  errorText,
  idText,
  INVALID_REQUEST,
  isJsonObject,
  type Message,
  type MessageId,
  type NotificationMessage,
  PARSE_ERROR,
  parseEnvelope,
} from "../../primitives/mcp/jsonrpc.ts";
import type { Frame } from "../../primitives/mcp/stdio.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { LateProgress } from "./late_progress.ts";
import { unanswered } from "./transports/answer.ts";
import { failureText, RPC_LOCAL } from "./transports/failure.ts";
import type { LineWriter } from "./line_writer.ts";
import {
  type Inbound,
  operationOf,
  type Outbound,
  type Receiver,
  type Remote,
  toOutbound,
} from "./transports/remote.ts";

const CANCELLED = "notifications/cancelled";

/** One or more requests of the host, sent or waiting. */
interface Exchange {
  readonly outbound: Outbound;
  /** How many of its requests have no answer yet. */
  remaining: number;
  sent: boolean;
}

/** Relays between one host and one server. */
export class Relay implements Receiver {
  readonly #writer: LineWriter;
  readonly #log: (message: string) => void;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  /** The host's requests that have no answer yet. */
  readonly #owed = new Map<MessageId, Exchange>();
  /** The server's requests that the host has not answered yet. */
  readonly #asked = new Set<unknown>();
  readonly #lateProgress = new LateProgress();
  /** What is being sent, or read. */
  readonly #active = new Set<Outbound>();
  /** What waits for the session to be open, or for a place. */
  #waiting: Outbound[] = [];
  /** The message that has to be dealt with before the next is sent. */
  #gate: Outbound | undefined;
  #inFlight = 0;
  #notifying = 0;
  #heldBytes = 0;
  #remote!: Remote;
  #watchers: (() => void)[] = [];

  /**
   * @param writer Leads to the host.
   * @param log Gets what neither side is told.
   */
  constructor(writer: LineWriter, log: (message: string) => void) {
    this.#writer = writer;
    this.#log = log;
  }

  /** Connects the server's side; called once, before anything is accepted. */
  attach(remote: Remote): void {
    this.#remote = remote;
  }

  /** True when so much is under way that the host has to wait before its next request is read. */
  get full(): boolean {
    // A host's answer may be what everything waits for: while one is due, its lines are read all the same.
    return this.#crowded && this.#asked.size === 0;
  }

  /** True when every request is answered and every notification delivered. */
  get idle(): boolean {
    if (this.#waiting.length > 0) return false;
    // A subscription is answered by its end.
    for (const { outbound } of this.#owed.values()) if (!isSubscription(outbound)) return false;
    for (const outbound of this.#active) if (outbound.requests.length === 0) return false;
    return true;
  }

  /** True when nothing is under way, exchanges included that are answered and not over. */
  get ended(): boolean {
    return this.#active.size === 0;
  }

  /** Has the conditions of {@linkcode until} looked at again. */
  nudge(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }

  /** Resolves when the condition holds; it is looked at whenever something is answered or done. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  /** Takes one line of the host. What is wrong with it is answered. */
  accept(frame: Frame): void {
    if ("tooLong" in frame) {
      const message = `Cannot send a message of ${frame.tooLong} bytes: the limit is ${MESSAGE_MAX_BYTES}`;
      return this.#refuse([null], INVALID_REQUEST, message);
    }
    let envelope: Envelope;
    try {
      envelope = parseEnvelope(this.#decoder.decode(frame.line));
    } catch {
      return this.#refuse([null], PARSE_ERROR, "Cannot read the line: it is not JSON");
    }
    const outbound = toOutbound(frame.line, envelope);
    const [first] = envelope.messages;
    if (first === undefined || (first.kind === "invalid" && !envelope.batch)) {
      return this.#refuse(
        [first?.id ?? null],
        INVALID_REQUEST,
        "Cannot send the line: it is no JSON-RPC message",
      );
    }
    if (outbound.requests.some((id, i) => this.#owed.has(id) || outbound.requests.indexOf(id) !== i)) {
      return this.#refuse(outbound.requests, INVALID_REQUEST, "Cannot send the request: its id is in use");
    }
    if (outbound.requests.length > 0 && this.#crowded) {
      return this.#refuse(outbound.requests, RPC_LOCAL, "Cannot send the request: too many are waiting");
    }
    this.#route(outbound);
  }

  /** Takes one message of the server. */
  receive(inbound: Inbound): Promise<void> | void {
    const kept = inbound.messages.filter((message) => this.#take(message));
    if (kept.length === 0) return;
    if (kept.length === inbound.messages.length) return this.#writer.push(inbound.payload, inbound.isOneLine);
    // A batch of which a part is owed to nobody: the rest is written anew.
    const values = kept.map((message) => message.kind === "invalid" ? null : message.value);
    return this.#writer.push(
      JSON.stringify(values, (_, value) => typeof value === "bigint" ? Number(value) : value),
    );
  }

  /** True while a request of the exchange has no answer yet. */
  owes(outbound: Outbound): boolean {
    return outbound.requests.some((id) => this.#owed.get(id)?.outbound === outbound);
  }

  /** Answers everything that is still owed with the error, and ends every exchange. */
  abandon(error: McpAuthError): void {
    this.#waiting = [];
    for (const { outbound } of [...this.#owed.values()]) {
      if (isSubscription(outbound)) this.#complete(outbound);
      else this.#fail(outbound, error);
    }
    for (const outbound of this.#active) outbound.controller.abort(error);
    this.nudge();
  }

  get #crowded(): boolean {
    return this.#waiting.length >= BRIDGE_WAITING_MAX || this.#heldBytes > MESSAGE_MAX_BYTES;
  }

  #route(outbound: Outbound): void {
    const { messages, requests } = outbound;
    for (const message of messages) if (message.kind === "response") this.#asked.delete(message.id);
    if (this.#cancels(outbound)) return;
    this.#heldBytes += outbound.body.length;
    if (messages.every((message) => message.kind === "response")) return this.#launch(outbound);
    if (requests.length > 0) {
      const exchange = { outbound, remaining: requests.length, sent: false };
      for (const id of requests) this.#owed.set(id, exchange);
      this.#lateProgress.expect(outbound);
    }
    this.#waiting.push(outbound);
    this.#pump();
  }

  /** Sends what waits, as far as the session is open and there are places: requests and notifications have their own. */
  #pump(): void {
    while (this.#gate === undefined) {
      const at = this.#waiting.findIndex(({ requests }) =>
        (requests.length > 0 ? this.#inFlight : this.#notifying) < BRIDGE_IN_FLIGHT_MAX
      );
      if (at === -1) return;
      this.#launch(this.#waiting.splice(at, 1)[0]!);
    }
  }

  #launch(outbound: Outbound): void {
    const exchange = this.#owed.get(outbound.requests[0]!);
    if (exchange !== undefined) {
      exchange.sent = true;
      this.#inFlight++;
    } else this.#notifying++;
    if (outbound.opens !== undefined) this.#gate = outbound;
    this.#active.add(outbound);
    void this.#exchange(outbound);
  }

  async #exchange(
    outbound: Outbound,
    work: () => Promise<void> = () => this.#remote.send(outbound),
  ): Promise<void> {
    let error: McpAuthError | undefined;
    try {
      await work();
      if (this.owes(outbound)) error = unanswered(outbound);
    } catch (thrown) {
      error = asMcpAuthError(thrown, "SERVER_ERROR", `send "${safeText(operationOf(outbound))}"`);
    }
    this.#active.delete(outbound);
    if (error !== undefined) this.#fail(outbound, error);
    if (outbound.requests.length === 0) {
      this.#notifying--;
      this.#heldBytes -= outbound.body.length;
      if (error !== undefined) this.#log(error.message);
    }
    if (outbound.opens === "initialized" && error === undefined) this.#remote.listen();
    this.#open(outbound);
    this.nudge();
  }

  /** True when the message is for the host: not an answer that is owed to nobody. */
  #take(message: Message): boolean {
    if (message.kind === "invalid") this.#log("Dropped what the server sent: it is no JSON-RPC message");
    if (message.kind === "request") this.#ask(message.id);
    if (message.kind === "notification" && message.method === CANCELLED) {
      this.#asked.delete(cancelledId(message));
    }
    if (message.kind !== "response") {
      return message.kind !== "invalid" && !this.#lateProgress.isLate(message);
    }
    if (message.id !== null && this.#settle(message.id)) return true;
    this.#log(`Dropped an answer to request ${safeText(idText(message.id))}: none is owed`);
    return false;
  }

  /** Remembers what the server asked the host; a host that never answers is no reason to remember without end. */
  #ask(id: MessageId): void {
    this.#asked.add(id);
    for (const oldest of this.#asked) {
      if (this.#asked.size <= BRIDGE_WAITING_MAX) break;
      this.#asked.delete(oldest);
    }
  }

  /** Marks a request as answered; false when it was already, or never made. */
  #settle(id: MessageId): boolean {
    const exchange = this.#owed.get(id);
    if (exchange === undefined) return false;
    this.#owed.delete(id);
    exchange.remaining--;
    if (exchange.remaining > 0) return true;
    if (exchange.sent) this.#inFlight--;
    this.#heldBytes -= exchange.outbound.body.length;
    this.#open(exchange.outbound);
    this.nudge();
    return true;
  }

  #fail(outbound: Outbound, error: McpAuthError): void {
    if (this.owes(outbound)) this.#lateProgress.forsake(outbound);
    for (const id of outbound.requests) {
      if (this.#owed.get(id)?.outbound === outbound && this.#settle(id)) {
        this.#writer.push(failureText(id, error));
      }
    }
  }

  /** Answers a subscription: it has come to its end (T17). */
  #complete({ requests: [id] }: Outbound): void {
    if (id === undefined || !this.#settle(id)) return;
    const text = idText(id);
    const meta = `"_meta":{"io.modelcontextprotocol/subscriptionId":${text}}`;
    this.#writer.push(`{"jsonrpc":"2.0","id":${text},"result":{"resultType":"complete",${meta}}}`);
  }

  /**
   * Deals with a cancellation: nothing is owed for the request any more. One that has not been sent is dropped with its
   * cancellation; an exchange under way ends when the server has been told.
   *
   * @returns False when the message is anything else.
   */
  #cancels(outbound: Outbound): boolean {
    const [message] = outbound.messages;
    if (outbound.batch || message?.kind !== "notification" || message.method !== CANCELLED) return false;
    const target = this.#owed.get(cancelledId(message) as MessageId);
    if (target === undefined || target.outbound.batch) return false;
    const [id] = target.outbound.requests;
    if (!target.sent) this.#waiting = this.#waiting.filter((one) => one !== target.outbound);
    this.#settle(id!);
    if (!target.sent) return true;
    this.#notifying++;
    this.#heldBytes += outbound.body.length;
    this.#active.add(outbound);
    void this.#exchange(outbound, () => this.#remote.cancel(target.outbound, outbound));
    return true;
  }

  /** Lets the next messages pass when this one held them up. */
  #open(outbound: Outbound): void {
    if (this.#gate === outbound) this.#gate = undefined;
    this.#pump();
  }

  #refuse(ids: readonly (MessageId | null)[], code: number, message: string): void {
    for (const id of ids) this.#writer.push(errorText(id, { code, message }));
  }
}

/** True for the one request whose answer is its end (T16). */
function isSubscription({ messages: [message], batch }: Outbound): boolean {
  return !batch && message?.kind === "request" && message.method === "subscriptions/listen";
}

/** The id of the request that a cancellation is about, unchecked. */
function cancelledId({ value: { params } }: NotificationMessage): unknown {
  return isJsonObject(params) ? params["requestId"] : undefined;
}

/**
 * Knows whether the server is still there: what it was asked, when it was heard last, and, when asked to look, whether it
 * answers. It stands directly in front of the transport, where everything is of the server's era, and passes all on
 * untouched; who looks, and when, is `watch.ts`, which is loaded once the host has its first answer.
 *
 * @see behaviours row 37
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../primitives/errors.ts";
import {
  isJsonObject,
  type JsonObject,
  type MessageId,
  parseEnvelope,
} from "../../../primitives/mcp/jsonrpc.ts";
import { isOfStatelessRevision } from "../../../primitives/mcp/request_headers.ts";
import { Layer } from "../layer.ts";
import {
  type Inbound,
  type Outbound,
  type Receiver,
  toOutbound,
  type WayToServer,
} from "../transports/remote.ts";
import type { WatchTimes } from "./watch.ts";

/** The connections under the transport. */
export interface Lines {
  /** Has the next requests go out on connections of their own: those at hand may be dead. */
  renew(): Promise<void>;
  /**
   * Whether a connection to the server, or to the proxy before it, can be made at all, however busy the server is.
   *
   * @param timeoutMs How long that may take, in milliseconds.
   */
  isReachable(timeoutMs: number): Promise<boolean>;
}

/** What {@linkcode PulseLayer} takes. */
export interface PulseOptions {
  /** The connections under the transport; left out where they are nobody's business. */
  readonly lines?: Lines | undefined;
  /** Ask the server for a sign of life after this long a silence, in milliseconds; never when left out. */
  readonly keepAliveMs?: number | undefined;
  /** Other times than the usual ones. */
  readonly times?: Partial<WatchTimes> | undefined;
  /** Gets one line for what the host is not told. */
  readonly log: (message: string) => void;
}

/** Asked by us, and not by the host. */
interface Question {
  readonly outbound: Outbound;
  readonly answered: () => void;
}

/** The layer. */
export class PulseLayer extends Layer {
  readonly #options: PulseOptions;
  readonly #exchanges = new Set<Outbound>();
  readonly #questions = new Map<MessageId, Question>();
  readonly #closing = new AbortController();
  #watch: Promise<void> | undefined;
  /** What requests to a server of the stateless era say of their sender. */
  #stateless: JsonObject | undefined;
  #isOpen = false;
  #asked = 0;
  /** Messages to the server so far. */
  sent = 0;
  /** Messages from the server so far. */
  heard = 0;
  /** Asked before each message: a promise is waited for. */
  beforeSend: (() => Promise<void> | undefined) | undefined;
  /** Is told of each message of the server while somebody wants to know. */
  onHeard: ((inbound: Inbound) => void) | undefined;

  /**
   * @param host Who hears from it.
   * @param rest Makes the rest of the way.
   * @param options How to look after the server.
   */
  constructor(host: Receiver, rest: WayToServer, options: PulseOptions) {
    super(host, rest);
    this.#options = options;
  }

  /** What is under way, the oldest first. */
  get exchanges(): ReadonlySet<Outbound> {
    return this.#exchanges;
  }

  /** Whether all answers come on one channel, on which the answer to a question speaks for all others. */
  get isOneChannel(): boolean {
    return this.server.isOneChannel === true;
  }

  /** @inheritdoc */
  override async send(outbound: Outbound): Promise<void> {
    this.sent++;
    this.#learn(outbound);
    const ready = this.beforeSend?.();
    if (ready !== undefined) await ready;
    this.#exchanges.add(outbound);
    try {
      await this.server.send(outbound);
    } finally {
      this.#exchanges.delete(outbound);
    }
  }

  /** @inheritdoc */
  override receive(inbound: Inbound): Promise<void> | void {
    this.heard++;
    this.onHeard?.(inbound);
    if (this.#questions.size > 0 && this.#takes(inbound)) return;
    this.#watch ??= this.#look().catch((error) => this.#options.log(`Cannot watch the connection: ${error}`));
    return this.host.receive(inbound);
  }

  /** @inheritdoc */
  override owes(outbound: Outbound): boolean {
    if (this.#questions.size > 0) {
      for (const question of this.#questions.values()) if (question.outbound === outbound) return true;
    }
    return this.host.owes(outbound);
  }

  /** @inheritdoc */
  override async close(timeoutMs: number): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.server.close(timeoutMs), this.#watch]);
  }

  /**
   * Asks the server for any answer: with a `ping`, or where it is of the stateless era with `server/discover`, for that
   * knows no other question without a meaning (T9, T14).
   *
   * @param timeoutMs How long it may take, in milliseconds.
   * @returns Whether it is there: an error is an answer, too. True also where there is nothing to ask it yet.
   */
  async isAlive(timeoutMs: number): Promise<boolean> {
    if (!this.#isOpen && this.#stateless === undefined) return true;
    const id = `mcp-auth-alive-${++this.#asked}`;
    const text = JSON.stringify({ jsonrpc: "2.0", id, ...this.#question() });
    const outbound = toOutbound(new TextEncoder().encode(text), parseEnvelope(text));
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const give = (isAlive: boolean) => {
      this.#questions.delete(id);
      resolve(isAlive);
    };
    const timer = setTimeout(() => {
      give(false);
      outbound.controller.abort(
        new McpAuthError("TIMEOUT", "Cannot reach the server: it gives no sign of life"),
      );
    }, timeoutMs);
    const onClose = () => {
      give(true);
      outbound.controller.abort();
    };
    this.#closing.signal.addEventListener("abort", onClose, { once: true });
    this.#questions.set(id, { outbound, answered: () => give(true) });
    this.server.send(outbound).then(() => give(true), (error) => give(!isSilence(error)));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#closing.signal.removeEventListener("abort", onClose);
    }
  }

  async #look(): Promise<void> {
    const { watch } = await import("./watch.ts");
    await watch(this, { ...this.#options, signal: this.#closing.signal });
  }

  #learn(outbound: Outbound): void {
    if (this.#isOpen || this.#stateless !== undefined) return;
    if (outbound.opens === "initialized") this.#isOpen = true;
    const [message] = outbound.messages;
    if (message?.kind === "request" && isOfStatelessRevision(message)) {
      this.#stateless = senderOf(message.value["params"]);
    }
  }

  #question(): { readonly method: string; readonly params?: unknown } {
    const _meta = this.#stateless;
    return _meta === undefined ? { method: "ping" } : { method: "server/discover", params: { _meta } };
  }

  /** Whether a message is about questions of ours: the host gets none of that. */
  #takes({ messages, origin }: Inbound): boolean {
    for (const message of messages) {
      const question = message.kind === "response" && message.id !== null
        ? this.#questions.get(message.id)
        : undefined;
      question?.answered();
      if (question !== undefined) return true;
    }
    for (const { outbound } of this.#questions.values()) if (outbound === origin) return true;
    return false;
  }
}

/** What every request of the stateless era says of its sender (T10). */
const SENDER = ["protocolVersion", "clientInfo", "clientCapabilities"];

function senderOf(params: unknown): JsonObject {
  const meta = isJsonObject(params) ? params["_meta"] : undefined;
  if (!isJsonObject(meta)) return {};
  const names = SENDER.map((name) => `io.modelcontextprotocol/${name}`).filter((name) => name in meta);
  return Object.fromEntries(names.map((name) => [name, meta[name]]));
}

/** Whether an error says that nobody has answered. */
function isSilence(error: unknown): boolean {
  const { code } = asMcpAuthError(error, "SERVER_ERROR", "ask the server");
  return code === "NETWORK_ERROR" || code === "TIMEOUT";
}

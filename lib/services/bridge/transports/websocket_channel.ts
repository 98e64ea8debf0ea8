/**
 * A WebSocket as a channel: one text message is one JSON-RPC message. The socket is open already, whoever opened it, so
 * that a server can take one that it has accepted.
 *
 * What arrives cannot be held back: the interface has no such thing. What nobody has taken yet is therefore bounded, and
 * a reader that falls further behind loses the connection, and no memory.
 *
 * @see RFC 6455; https://websockets.spec.whatwg.org
 * @module
 */
import { WEBSOCKET_BUFFER_MAX_BYTES, WEBSOCKET_BUFFER_POLL_MS } from "../../../primitives/bridge_limits.ts";
import { MESSAGE_MAX_BYTES } from "../../../primitives/limits.ts";
import { redact } from "../../../primitives/http/redaction.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import type { Channel, ChannelMessage, Closure } from "./channel.ts";

/** The subprotocol that the official SDKs offer and expect. */
export const SUBPROTOCOL = "mcp";

/** Normal closure. */
const NORMAL = 1000;
/** Of the codes for private use, which are all that this side may choose: too much at once, as 1013 says. */
const OVERRUN = 4013;

/** Carries messages over an open WebSocket. */
export class WebSocketChannel implements Channel {
  readonly closed: Promise<Closure>;
  readonly #socket: WebSocket;
  readonly #resolve: (closure: Closure) => void;
  readonly #decoder = new TextDecoder();
  /** What has arrived and was not taken. */
  #arrived: ChannelMessage[] = [];
  #arrivedChars = 0;
  #over = false;
  #error: string | undefined;
  #wake: (() => void) | undefined;
  #sending: Promise<void> | undefined;

  /** @param socket Open, and nobody else's. */
  constructor(socket: WebSocket) {
    this.#socket = socket;
    ({ promise: this.closed, resolve: this.#resolve } = Promise.withResolvers<Closure>());
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onerror = (event) => {
      this.#error = "message" in event ? redact(safeText(event.message)) : undefined;
    };
    socket.onclose = ({ code, reason }) => this.#end(closureOf(code, reason, this.#error));
    if (socket.readyState !== WebSocket.OPEN) this.#end(closureOf(0, "", undefined));
  }

  /** @inheritdoc */
  async *messages(): AsyncGenerator<ChannelMessage, void, void> {
    while (true) {
      const arrived = this.#arrived;
      this.#arrived = [];
      for (const message of arrived) {
        this.#arrivedChars -= charsOf(message);
        yield message;
      }
      if (this.#arrived.length > 0) continue;
      if (this.#over) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** @inheritdoc */
  send(payload: Uint8Array<ArrayBuffer> | string): Promise<void> | undefined {
    if (this.#over) return undefined;
    if (this.#sending === undefined && this.#socket.bufferedAmount <= WEBSOCKET_BUFFER_MAX_BYTES) {
      this.#put(payload);
      return undefined;
    }
    // Behind those that wait already, so that the order stays.
    const sent = (this.#sending ?? Promise.resolve()).then(() => this.#drained()).then(() =>
      this.#put(payload)
    );
    const settled = sent.finally(() => {
      if (this.#sending === settled) this.#sending = undefined;
    });
    this.#sending = settled;
    return settled;
  }

  /** @inheritdoc */
  async close(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.#end({ byUs: true, detail: "it was closed" }), timeoutMs);
    await Promise.race([this.#sending, this.closed]);
    this.#shut(NORMAL, "");
    await this.closed;
    clearTimeout(timer);
  }

  #take(data: string | ArrayBuffer): void {
    if (this.#over) return;
    // A message should be text; some servers send the same bytes as binary.
    const payload = typeof data === "string" ? data : new Uint8Array(data);
    const message = isTooLong(payload) ? { tooLong: payload.length } : { payload };
    this.#arrived.push(message);
    this.#arrivedChars += charsOf(message);
    if (this.#arrivedChars > MESSAGE_MAX_BYTES && this.#arrived.length > 1) {
      this.#shut(OVERRUN, "too many messages at once");
      this.#arrived = [];
      this.#end({ byUs: true, detail: "it sent more than could be taken from it", code: OVERRUN });
    }
    this.#wake?.();
  }

  #put(payload: Uint8Array<ArrayBuffer> | string): void {
    if (this.#over || this.#socket.readyState !== WebSocket.OPEN) return;
    try {
      this.#socket.send(typeof payload === "string" ? payload : this.#decoder.decode(payload));
    } catch (error) {
      this.#shut(NORMAL, "");
      this.#end({ byUs: false, detail: error instanceof Error ? redact(safeText(error.message)) : "lost" });
    }
  }

  /** There is no event for it: the socket is looked at again and again while it is full. */
  async #drained(): Promise<void> {
    while (!this.#over && this.#socket.bufferedAmount > WEBSOCKET_BUFFER_MAX_BYTES) {
      await new Promise((resolve) => setTimeout(resolve, WEBSOCKET_BUFFER_POLL_MS));
    }
  }

  #shut(code: number, reason: string): void {
    try {
      this.#socket.close(code, reason);
    } catch {
      // It is closed.
    }
  }

  #end(closure: Closure): void {
    this.#over = true;
    this.#resolve(closure);
    this.#wake?.();
  }
}

/** Characters are at most as many as bytes, and bytes at most three times as many. */
function isTooLong(text: string | Uint8Array): boolean {
  if (text.length > MESSAGE_MAX_BYTES) return true;
  return typeof text === "string" && text.length * 3 > MESSAGE_MAX_BYTES &&
    new TextEncoder().encode(text).length > MESSAGE_MAX_BYTES;
}

function charsOf(message: ChannelMessage): number {
  return "payload" in message ? message.payload.length : 0;
}

function closureOf(code: number, reason: string, error: string | undefined): Closure {
  const words = redact(safeText(reason));
  const said = words === "" ? "" : `: ${words}`;
  if (code === 0 || code === 1005 || code === 1006) {
    return {
      byUs: false,
      detail: error ? `the connection broke off (${error})` : "the connection broke off",
    };
  }
  return { byUs: false, detail: `it closed the connection (${code}${said})`, code };
}

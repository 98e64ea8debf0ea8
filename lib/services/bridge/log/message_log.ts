/**
 * One line for each message that passes between a host and its bridge: which way, what it is, its method and id, its
 * size, and for an answer how long it took. Nothing of what a message says is in it, not even the name of a tool.
 *
 * @module
 */
import { LOG_REQUESTS_MAX } from "../../../primitives/bridge_limits.ts";
import {
  type Envelope,
  idText,
  isJsonObject,
  type Message,
  parseEnvelope,
} from "../../../primitives/mcp/jsonrpc.ts";
import type { Frame } from "../../../primitives/mcp/stdio.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";

/** A request that has no answer yet. */
interface Asked {
  readonly method: string;
  /** By `performance.now`. */
  readonly at: number;
}

/** Which way a message goes; the bridge stands between. */
type Direction = "host ->" | "host <-";

/** Writes the lines. */
export class MessageLog {
  readonly #write: (line: string) => void;
  readonly #decoder = new TextDecoder();
  /** Those of the host, and those of the server, by their ids. */
  readonly #asked: Readonly<Record<Direction, Map<string, Asked>>> = {
    "host ->": new Map(),
    "host <-": new Map(),
  };

  /** @param write Gets each line, without its time and its end. */
  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** Notes what the host has written. */
  fromHost(frame: Frame): void {
    if ("tooLong" in frame) return this.#write(`host -> too long bytes=${frame.tooLong}`);
    this.#note("host ->", frame.line, frame.line.length);
  }

  /** Notes what is written to the host. */
  toHost(payload: Uint8Array | string): void {
    const bytes = typeof payload === "string" ? byteLength(payload) : payload.length;
    this.#note("host <-", payload, bytes);
  }

  #note(direction: Direction, payload: Uint8Array | string, bytes: number): void {
    let envelope: Envelope;
    try {
      envelope = parseEnvelope(typeof payload === "string" ? payload : this.#decoder.decode(payload));
    } catch {
      return this.#write(`${direction} no JSON bytes=${bytes}`);
    }
    const { messages, batch } = envelope;
    if (batch) this.#write(`${direction} batch of ${messages.length} bytes=${bytes}`);
    for (const message of messages) {
      this.#write(this.#lineOf(direction, message, batch ? "" : ` bytes=${bytes}`));
    }
  }

  #lineOf(direction: Direction, message: Message, size: string): string {
    if (message.kind === "invalid") return `${direction} no JSON-RPC message${size}`;
    if (message.kind === "notification") {
      return `${direction} notification ${shownMethod(message.method)}${size}`;
    }
    const id = idText(message.id);
    const shownId = `id=${safeText(id, ID_SHOWN)}`;
    if (message.kind === "request") {
      this.#remember(direction, id, message.method);
      return `${direction} request ${shownMethod(message.method)} ${shownId}${size}`;
    }
    const asked = this.#asked[direction === "host ->" ? "host <-" : "host ->"];
    const { method, at } = asked.get(id) ?? {};
    asked.delete(id);
    const { error } = message.value;
    const code = isJsonObject(error) && typeof error["code"] === "number" ? ` ${error["code"]}` : "";
    const kind = "error" in message.value ? `error${code}` : "result";
    const took = at === undefined ? "" : ` ms=${Math.round(performance.now() - at)}`;
    const about = method === undefined ? "" : ` ${shownMethod(method)}`;
    return `${direction} ${kind}${about} ${shownId}${size}${took}`;
  }

  #remember(direction: Direction, id: string, method: string): void {
    const asked = this.#asked[direction];
    asked.set(id, { method, at: performance.now() });
    for (const oldest of asked.keys()) {
      if (asked.size <= LOG_REQUESTS_MAX) break;
      asked.delete(oldest);
    }
  }
}

const ID_SHOWN = 64;

/** A method is a word; what is none may be anything, and says nothing to whoever reads a log. */
function shownMethod(method: string): string {
  return /^[A-Za-z$_?][\w$./-]{0,79}$/.test(method) ? method : "(unusual)";
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

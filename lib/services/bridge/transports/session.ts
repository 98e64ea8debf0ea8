/**
 * What a client has to remember of a stateful server: the session id and the negotiated revision, which go into the
 * headers of every later request, and the two messages that opened the session, so that it can be opened again when
 * the server has lost it.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management (T2, T3)
 * @module
 */
import { isJsonObject, type Message } from "../../../primitives/mcp/jsonrpc.ts";
import type { Outbound } from "./remote.ts";

/** The state of one client's session. */
export class Session {
  #id: string | undefined;
  #version: string | undefined;
  #headers: Readonly<Record<string, string>> = {};
  #opening: { initialize: Outbound; initialized: Outbound | undefined } | undefined;
  /** Grows with each session: tells whether another request has seen to a loss already. */
  generation = 0;
  /** The server ended the session and no new one is there yet. */
  lost = false;

  /** The id, where the server gave one. */
  get id(): string | undefined {
    return this.#id;
  }

  /** The headers that belong to it; empty before `initialize` is answered. */
  get headers(): Readonly<Record<string, string>> {
    return this.#headers;
  }

  /** The messages that opened it; undefined when it was not opened through here. */
  get opening(): { readonly initialize: Outbound; readonly initialized: Outbound | undefined } | undefined {
    return this.#opening;
  }

  /** Starts over: `initialize` is about to be sent, without a session id. */
  begin(initialize: Outbound): void {
    this.#opening = { initialize, initialized: undefined };
    this.forget();
    this.lost = false;
    this.generation++;
  }

  /** Drops id and revision, and keeps the messages that opened it. */
  forget(): void {
    this.#id = undefined;
    this.#version = undefined;
    this.#update();
  }

  /** Remembers that `notifications/initialized` is being sent. */
  ready(initialized: Outbound): void {
    if (this.#opening !== undefined) this.#opening.initialized = initialized;
  }

  /** Takes the id from the response to `initialize`. */
  learnId(response: Response): void {
    this.#id = response.headers.get("mcp-session-id") ?? undefined;
    this.#update();
  }

  /** Takes the revision from the result of `initialize`. */
  learnVersion(message: Message): void {
    if (message.kind !== "response" || !isJsonObject(message.value["result"])) return;
    const version = message.value["result"]["protocolVersion"];
    // Only what may stand in a header field.
    if (typeof version === "string" && /^[\x21-\x7e]{1,64}$/.test(version)) this.#version = version;
    this.#update();
  }

  #update(): void {
    this.#headers = {
      ...(this.#id === undefined ? {} : { "mcp-session-id": this.#id }),
      ...(this.#version === undefined ? {} : { "mcp-protocol-version": this.#version }),
    };
  }
}

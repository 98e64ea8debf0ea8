/**
 * Hears what a server says while its session is opened again: the host has had its answer to `initialize`, and gets no
 * second one.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management (T2)
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import type { MessageId } from "../../../primitives/mcp/jsonrpc.ts";
import type { Inbound, Outbound, Receiver } from "./remote.ts";

/** Keeps the answer to a repeated `initialize` from the host and passes on everything else. */
export class ReplayReceiver implements Receiver {
  readonly #host: Receiver;
  readonly #id: MessageId | undefined;
  #answered = false;

  /**
   * @param host Who hears everything else.
   * @param initialize What is repeated.
   */
  constructor(host: Receiver, initialize: Outbound) {
    this.#host = host;
    this.#id = initialize.requests[0];
  }

  /**
   * Takes one message.
   *
   * @throws {McpAuthError} `SERVER_ERROR` when the server refuses to open the session.
   */
  receive(inbound: Inbound): Promise<void> | void {
    const [message] = inbound.messages;
    // An answer to anything else opens no session, whatever response it came in.
    if (message?.kind !== "response" || message.id !== this.#id) return this.#host.receive(inbound);
    this.#answered = true;
    if ("error" in message.value) {
      throw new McpAuthError("SERVER_ERROR", "Cannot open a new session: the server refused to initialize");
    }
  }

  /** True until the session is open. */
  owes(): boolean {
    return !this.#answered;
  }
}

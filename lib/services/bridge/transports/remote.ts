/**
 * The port between a bridge (or a client connection) and whatever carries its messages to a server. The transport
 * neither counts requests nor invents answers: who sends knows what is still owed, and turns a failure into the one
 * answer that its own side understands.
 *
 * @module
 */
import type { Envelope, MessageId } from "../../../primitives/mcp/jsonrpc.ts";

/** A message, or a batch, on its way to the server. */
export interface Outbound extends Envelope {
  /** What is sent, byte for byte. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The ids that want an answer; empty for notifications and responses. */
  readonly requests: readonly MessageId[];
  /** Set for the two messages that open a session. */
  readonly opens: "initialize" | "initialized" | undefined;
  /** Aborted when nobody waits for the exchange any more. */
  readonly controller: AbortController;
}

/** A message, or a batch, from the server. */
export interface Inbound extends Envelope {
  /** The message as it came: JSON, as bytes or as text. */
  readonly payload: Uint8Array<ArrayBuffer> | string;
  /** Known to have no line breaks in it. */
  readonly isOneLine?: boolean;
  /** What it came in reply to; undefined on a stream that belongs to no request. */
  readonly origin: Outbound | undefined;
  /** The HTTP status of a refusal that it came with: 4xx says that nothing was carried out. */
  readonly status?: number;
}

/** Who gets what the server sends. */
export interface Receiver {
  /** Takes one message; a promise asks the transport to read no further until it resolves. */
  receive(inbound: Inbound): Promise<void> | void;
  /** True while a request of the exchange has no answer yet. */
  owes(outbound: Outbound): boolean;
  /**
   * Hears that the server had lost the session and that another was opened in its place: what the server was told once,
   * such as to which resources the host subscribes, it has to be told again.
   */
  renewed?(): void;
}

/** A server, reached by some transport. */
export interface Remote {
  /**
   * Sends a message and hands over all that comes back. Resolves when the exchange is over and nothing is owed.
   *
   * @throws {McpAuthError} When an answer cannot come any more, or the message could not be delivered.
   */
  send(outbound: Outbound): Promise<void>;
  /**
   * Ends an exchange that nobody waits for any more, and tells the server in the way of the transport and the era: by the
   * notice, or by ending the exchange alone (T17). It does not fail.
   *
   * @param target The request, sent before.
   * @param notice The `notifications/cancelled` about it.
   */
  cancel(target: Outbound, notice: Outbound): Promise<void>;
  /** Starts to receive what the server sends of its own accord, where the transport has such a thing. */
  listen(): void;
  /**
   * Opens anew what stands open to receive by, from where it broke off: its connection may be dead without a sign of that.
   *
   * @param isLost Whether the server has answered no question either: only then is a stream given up that is the session.
   */
  reopen?(isLost: boolean): void;
  /** Whether all that the server answers comes on one channel, so that an answer to one shows that others can come. */
  readonly isOneChannel?: boolean;
  /**
   * Ends the session, as a courtesy to the server: a failure is only logged.
   *
   * @param timeoutMs How long that may take, in milliseconds.
   */
  close(timeoutMs: number): Promise<void>;
}

/** Makes the way to the server for whoever hears from it. */
export type WayToServer = (receiver: Receiver) => Remote;

/** Makes an {@linkcode Outbound} of a message's bytes and what is in them. */
export function toOutbound(body: Uint8Array<ArrayBuffer>, envelope: Envelope): Outbound {
  const requests: MessageId[] = [];
  for (const message of envelope.messages) if (message.kind === "request") requests.push(message.id);
  return {
    body,
    messages: envelope.messages,
    batch: envelope.batch,
    requests,
    opens: envelope.batch ? undefined : opening(envelope),
    controller: new AbortController(),
  };
}

/** What is attempted, for errors and for counting step-ups: the method and, for calls, the name or URI. */
export function operationOf(outbound: Envelope): string {
  const message = outbound.messages[0];
  if (message === undefined || message.kind === "invalid") return "message";
  if (message.kind === "response") return "response";
  const params = message.value["params"];
  const target = typeof params === "object" && params !== null
    ? ("name" in params && params.name) || ("uri" in params && params.uri)
    : undefined;
  return typeof target === "string" ? `${message.method} ${target}` : message.method;
}

function opening({ messages: [message] }: Envelope): Outbound["opens"] {
  if (message?.kind === "request" && message.method === "initialize") return "initialize";
  if (message?.kind === "notification" && message.method === "notifications/initialized") {
    return "initialized";
  }
  return undefined;
}

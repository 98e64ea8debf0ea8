/**
 * One request of the host as it goes on at a stateful server, while the host's own side of it ends and begins again with
 * each round of input.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr (T15)
 * @module
 */
import type { McpAuthError } from "../../../primitives/errors.ts";
import { isJsonObject, type JsonObject, type MessageId } from "../../../primitives/mcp/jsonrpc.ts";
import type { Outbound } from "../transports/remote.ts";
import type { InputRequest } from "./input_requests.ts";
import type { Sender } from "./stateless_meta.ts";

/** The host's request that waits for the call at present. */
export interface Leg {
  readonly outbound: Outbound;
  /** Ends it: it was answered, or is to be with the error. */
  end(error?: McpAuthError): void;
}

/** What the server asks of the host while it carries out a call. */
export interface Ask {
  /** The server's id. */
  readonly id: MessageId;
  /** Names it to the host. */
  readonly key: string;
  readonly request: InputRequest;
  /** The host knows of it. */
  told: boolean;
}

/** How a call came out: the server's answer, or why there is none. */
export type Answer = { readonly value: JsonObject } | { readonly error: McpAuthError };

/** The call. */
export class Call {
  /** Its id at the server. */
  readonly id: string;
  /** What was sent. */
  readonly sent: Outbound;
  readonly method: string;
  /** The name or URI that it is about. */
  readonly target: unknown;
  /** What progress is told under at the server. */
  readonly progressToken: unknown;
  /** What the host said with the request that waits, or waited last. */
  sender: Sender;
  /** Undefined while the host gathers input. */
  leg: Leg | undefined;
  /** The request that waited last, whose answer was that input is required. */
  lastLeg: MessageId | undefined;
  /** What the server asks and has no answer to yet, by key. */
  readonly asks: Map<string, Ask> = new Map();
  /** Set once the server is done with it. */
  answer: Answer | undefined;
  /** The latest progress that nobody was there to hear of. */
  progress: JsonObject | undefined;
  /** What the host shows to go on with it, while it gathers input. */
  state: string | undefined;
  /** Ends the wait for more questions, or for the host. */
  waiting: AbortController | undefined;

  /**
   * Takes what is sent to the server.
   *
   * @param id Its id there.
   * @param sent The message.
   * @param method Its method.
   * @param params The host's parameters.
   * @param sender What the host said of itself.
   */
  constructor(id: string, sent: Outbound, method: string, params: unknown, sender: Sender) {
    this.id = id;
    this.sent = sent;
    this.method = method;
    this.target = targetOf(params);
    this.progressToken = sender.progressToken;
    this.sender = sender;
  }

  /** Whether a request of the host can be this one, made again. */
  isSame(method: string, params: unknown): boolean {
    return method === this.method && targetOf(params) === this.target;
  }
}

function targetOf(params: unknown): unknown {
  return isJsonObject(params) ? params["name"] ?? params["uri"] : undefined;
}

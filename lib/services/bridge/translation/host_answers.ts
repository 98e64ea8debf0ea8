/**
 * What a translator says to its host: answers to requests, and notifications that come with them.
 *
 * @module
 */
import { classify, idText, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import { errorFor } from "../transports/answer.ts";
import type { Inbound, Outbound, Receiver } from "../transports/remote.ts";
import { exactJson } from "./exact_json.ts";
import type { RpcErrorObject } from "./stateless_meta.ts";

/** Answers the one request of an exchange with a result. */
export function answerResult(host: Receiver, origin: Outbound, result: JsonObject): Promise<void> | void {
  const id = origin.requests[0] ?? null;
  const payload = `{"jsonrpc":"2.0","id":${idText(id)},"result":${exactJson(result)}}`;
  const value = { jsonrpc: "2.0", id, result };
  return host.receive({
    messages: [{ kind: "response", id, value }],
    batch: false,
    payload,
    isOneLine: true,
    origin,
  });
}

/** Answers the one request of an exchange with an error. */
export function answerError(
  host: Receiver,
  origin: Outbound,
  error: RpcErrorObject | JsonObject,
): Promise<void> | void {
  return host.receive(errorFor(origin, error));
}

/**
 * Sends a notification.
 *
 * @param origin The request that it belongs to, where there is one.
 */
export function notifyHost(
  host: Receiver,
  origin: Outbound | undefined,
  method: string,
  params: JsonObject,
): Promise<void> | void {
  return host.receive(notification(origin, method, params));
}

function notification(origin: Outbound | undefined, method: string, params: JsonObject): Inbound {
  const value = { jsonrpc: "2.0", method, params };
  return { messages: [classify(value)], batch: false, payload: exactJson(value), isOneLine: true, origin };
}

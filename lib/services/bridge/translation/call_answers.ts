/**
 * The answer of a stateful server to a call, as the host's era has it: a result, an error, or that something has to be
 * brought first.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/index#responses (T11, T15)
 * @module
 */
import { isJsonObject, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import type { Outbound, Receiver } from "../transports/remote.ts";
import type { Call } from "./call.ts";
import { answerError, answerResult } from "./host_answers.ts";
import { ASKING_METHODS, isDeclared } from "./input_requests.ts";
import { hostError, missingUrl, urlRequests } from "./stateful_errors.ts";
import { resultMeta, statelessResult } from "./stateless_meta.ts";

const INTERNAL_ERROR = -32603;

/**
 * Tells the host how a call came out.
 *
 * @param origin The host's request.
 * @param answer The server's, with a result or an error, unchecked.
 * @param serverInfo How the server introduced itself.
 */
export function answerCall(
  host: Receiver,
  call: Call,
  origin: Outbound,
  { result, error }: JsonObject,
  serverInfo: unknown,
): Promise<void> | void {
  if (isJsonObject(result)) {
    return answerResult(host, origin, statelessResult(call.method, result, serverInfo));
  }
  if (!isJsonObject(error)) {
    const message = "The server answered with neither a result nor an error";
    return answerError(host, origin, { code: INTERNAL_ERROR, message });
  }
  const inputRequests = ASKING_METHODS.has(call.method) ? urlRequests(error) : undefined;
  if (inputRequests === undefined) return answerError(host, origin, hostError(call.method, error));
  const [first] = Object.values(inputRequests);
  if (first === undefined || !isDeclared(call.sender.capabilities, first)) {
    return answerError(host, origin, missingUrl());
  }
  // The server remembers nothing of the request, and neither has to be done here: it is made again.
  return requireInput(host, origin, { inputRequests }, serverInfo);
}

/**
 * Tells the host that something has to be brought first.
 *
 * @param origin The host's request.
 * @param wanted What, and how to go on.
 * @param serverInfo How the server introduced itself.
 */
export function requireInput(
  host: Receiver,
  origin: Outbound,
  wanted: JsonObject,
  serverInfo: unknown,
): Promise<void> | void {
  const result = { resultType: "input_required", ...wanted, _meta: resultMeta(undefined, serverInfo) };
  return answerResult(host, origin, result);
}

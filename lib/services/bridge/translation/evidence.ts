/**
 * What a refusal says of the server's era. Only what the protocol knows counts: a question of authorization (401, 403),
 * a busy server (429, 5xx) and a lost connection say nothing, and neither does an answer that is none.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning (T13, T14, T20)
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { isJsonObject, type JsonObject, METHOD_NOT_FOUND } from "../../../primitives/mcp/jsonrpc.ts";
import { isStateless, STATELESS_ERRORS, UNSUPPORTED_VERSION } from "../../../primitives/mcp/revisions.ts";
import { HttpFailure } from "../transports/failure.ts";
import type { Inbound } from "../transports/remote.ts";
import type { Refusal, Trial } from "./era_layer.ts";
import { exactJson, exactValue } from "./exact_json.ts";

/**
 * What to make of a refusal: the server is of the host's era; it may be of the other one, which asking it will tell;
 * or nothing can be said.
 */
export type Evidence = "same" | "other" | "none";

const INVALID_PARAMS = -32602;
/** Statuses of who has no time, and of who stands before a server that cannot be reached. */
const BUSY: ReadonlySet<unknown> = new Set([429, 502, 503, 504]);
/** What a server answers to that has not begun to carry out a request. */
const NOT_BEGUN: ReadonlySet<unknown> = new Set([-32600, METHOD_NOT_FOUND, INVALID_PARAMS]);

/**
 * Reads a refusal.
 *
 * @param isLocal Whether the server is a program of this machine.
 */
export function evidenceIn({ era }: Trial, refusal: Refusal, isLocal = false): Evidence {
  const error = errorIn(refusal);
  if ("inbound" in refusal && BUSY.has(refusal.inbound.status)) return "none";
  if (error === undefined) {
    return isHttpVerdict(refusal) || (isLocal && era === "stateless" && isEnd(refusal)) ? "other" : "none";
  }
  const { code, data } = error;
  if (typeof code !== "number" || !STATELESS_ERRORS.has(code)) return "other";
  const supported = code === UNSUPPORTED_VERSION && isJsonObject(data) ? data["supported"] : undefined;
  const named = Array.isArray(supported) ? supported.filter((name) => typeof name === "string") : [];
  const knowsStateless = named.length === 0 || named.some(isStateless);
  if (era === "stateful") return knowsStateless ? "other" : "none";
  if (code !== UNSUPPORTED_VERSION) return "same";
  // The host picks another revision, if it can; where all that the server speaks is stateful, it cannot.
  return knowsStateless ? "none" : "other";
}

/**
 * Whether a refused exchange may be sent once more: nothing of it can have been carried out. A call of a tool that
 * failed may have been.
 */
export function isRepeatable({ outbound }: Trial, refusal: Refusal): boolean {
  const [message] = outbound.messages;
  if (message?.kind !== "request" || message.method !== "tools/call") return true;
  const { status = 0 } = "inbound" in refusal ? refusal.inbound : {};
  if (status >= 400 && status < 500) return true;
  return isHttpVerdict(refusal) || NOT_BEGUN.has(errorIn(refusal)?.["code"]);
}

/** A result of a stateful server as a stateless one gives it; an error as it is. */
export function asComplete(inbound: Inbound): Inbound {
  const [message] = inbound.messages;
  if (message?.kind !== "response" || !isJsonObject(message.value["result"])) return inbound;
  const exact = exactValue(inbound.payload, message.value);
  const value = {
    ...exact,
    id: message.id,
    result: { resultType: "complete", ...exact["result"] as JsonObject },
  };
  return { ...inbound, messages: [{ ...message, value }], payload: exactJson(value) };
}

/** The JSON-RPC error of a refusal, in the shape it came; undefined where it is none. */
function errorIn(refusal: Refusal): JsonObject | undefined {
  if ("error" in refusal) return undefined;
  const [message] = refusal.inbound.messages;
  if (message?.kind !== "response") return undefined;
  const { error } = message.value;
  // A result of the other era is a refusal too.
  return isJsonObject(error) ? error : {};
}

/** What a program's end is told as: some of the stateful revisions end at a first message that is not `initialize`. */
function isEnd(refusal: Refusal): boolean {
  return "error" in refusal && refusal.error instanceof McpAuthError && refusal.error.code === "SERVER_ERROR";
}

/** A status that is the protocol's own: of a request that the server does not take. */
function isHttpVerdict(refusal: Refusal): boolean {
  if (!("error" in refusal) || !(refusal.error instanceof Error)) return false;
  const { cause } = refusal.error;
  if (!(cause instanceof HttpFailure)) return false;
  return (cause.status >= 400 && cause.status < 500 && cause.status !== 429) || cause.status === 501;
}

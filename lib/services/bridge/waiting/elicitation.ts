/**
 * Asks the host to show the person a page: a URL-mode elicitation, for hosts that offer it. It is the host that shows the
 * address and asks for consent; nothing here opens or fetches it. A stateful host is asked by a request, a stateless one
 * by an answer that wants the call again with the person's word (T15).
 *
 * @see MCP 2025-11-25 and 2026-07-28, Elicitation, URL mode (C80)
 * @module
 */
import {
  isJsonObject,
  type JsonObject,
  type RequestMessage,
  type ResponseMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { isOfStatelessRevision } from "../../../primitives/mcp/request_headers.ts";
import { waitFor } from "../../../primitives/system/clock.ts";
import type { Outbound, Receiver } from "../transports/remote.ts";
import type { Seen } from "./person_layer.ts";

/** What the person said; `unknown` where the host could not ask. */
export type Consent = "accept" | "decline" | "unknown";

const CLIENT_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
/** The key of our one question. */
const QUESTION = "sign_in";

/** Whether the host of a call offers to show pages. */
export function canShowPages(call: RequestMessage, seen: Seen): boolean {
  const opening = seen.opening?.messages[0];
  const capabilities = isOfStatelessRevision(call)
    ? objectAt(objectAt(call.value["params"], "_meta"), CLIENT_CAPABILITIES)
    : objectAt(opening?.kind === "request" ? opening.value["params"] : undefined, "capabilities");
  return isJsonObject(objectAt(capabilities, "elicitation")["url"]);
}

/** The result that asks a stateless host. */
export function askingResult(url: string, message: string, state: string): JsonObject {
  const params = { mode: "url", url, message };
  return {
    resultType: "input_required",
    inputRequests: { [QUESTION]: { method: "elicitation/create", params } },
    requestState: state,
  };
}

/**
 * What a stateless host brings back.
 *
 * @param state That of the question; an answer to any other says nothing.
 * @returns Undefined where the call is no answer.
 */
export function consentIn({ value: { params } }: RequestMessage, state: string): Consent | undefined {
  if (!isJsonObject(params) || params["requestState"] !== state) return undefined;
  const response = objectAt(params["inputResponses"], QUESTION);
  return "action" in response ? consentOf(response) : undefined;
}

/** The questions to one stateful host. */
export class Elicitations {
  readonly #host: Receiver;
  readonly #asked = new Map<string, (consent: Consent) => void>();

  /** @param host Who is asked. */
  constructor(host: Receiver) {
    this.#host = host;
  }

  /**
   * Asks the host to show a page.
   *
   * @param id Names the question, and tells its end later.
   * @param origin The call that it is asked for.
   * @param signal Takes the question back, by rejecting with its reason.
   */
  async ask(
    id: string,
    origin: Outbound,
    url: string,
    message: string,
    signal: AbortSignal,
  ): Promise<Consent> {
    const { promise, resolve } = Promise.withResolvers<Consent>();
    const requestId = `mcp-auth-ask-${id}`;
    this.#asked.set(requestId, resolve);
    const value = {
      jsonrpc: "2.0",
      id: requestId,
      method: "elicitation/create",
      params: { mode: "url", elicitationId: id, url, message },
    };
    void this.#host.receive({
      messages: [{ kind: "request", id: requestId, method: value.method, value }],
      batch: false,
      payload: JSON.stringify(value),
      origin,
    });
    try {
      return await waitFor(promise, signal);
    } catch (error) {
      this.#notify("notifications/cancelled", { requestId });
      throw error;
    } finally {
      this.#asked.delete(requestId);
    }
  }

  /** Takes the host's answer to a question; false for the answer to anything else. */
  take({ id, value }: ResponseMessage): boolean {
    const resolve = this.#asked.get(id as string);
    resolve?.(consentOf(value["result"]));
    return resolve !== undefined || (typeof id === "string" && id.startsWith("mcp-auth-ask-"));
  }

  /** Tells the host that what it has shown is over. */
  complete(elicitationId: string): void {
    this.#notify("notifications/elicitation/complete", { elicitationId });
  }

  #notify(method: string, params: JsonObject): void {
    const value = { jsonrpc: "2.0", method, params };
    void this.#host.receive({
      messages: [{ kind: "notification", method, value }],
      batch: false,
      payload: JSON.stringify(value),
      origin: undefined,
    });
  }
}

function consentOf(result: unknown): Consent {
  const action = isJsonObject(result) ? result["action"] : undefined;
  return action === "accept" ? "accept" : action === "decline" || action === "cancel" ? "decline" : "unknown";
}

function objectAt(value: unknown, member: string): JsonObject {
  const found = isJsonObject(value) ? value[member] : undefined;
  return isJsonObject(found) ? found : {};
}

/**
 * What a server asks of the client, and the answers: a ping is answered at once, all else by who was given for it, until
 * the server takes its question back or the call that it belongs to is over.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/cancellation (T6)
 * @module
 */
import { asMcpAuthError } from "../../../primitives/errors.ts";
import {
  errorText,
  idText,
  isJsonObject,
  type JsonObject,
  type MessageId,
  METHOD_NOT_FOUND,
  type RequestMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";

/** Answers a request of a server. */
export type OnRequest = (
  method: string,
  params: JsonObject,
  signal: AbortSignal,
) => Promise<JsonObject> | undefined;

/** The JSON-RPC code of a request that failed at who was asked. */
const INTERNAL_ERROR = -32603;

/** The questions that have no answer yet. */
export class ServerRequests {
  readonly #onRequest: OnRequest | undefined;
  readonly #asked = new Map<MessageId, AbortController>();

  /** @param onRequest Answers all but a ping; nothing is offered when left out. */
  constructor(onRequest: OnRequest | undefined) {
    this.#onRequest = onRequest;
  }

  /**
   * Answers one request.
   *
   * @returns The response's text; undefined where nobody wants it any more.
   */
  async answer({ id, method, value }: RequestMessage): Promise<string | undefined> {
    const controller = new AbortController();
    this.#asked.set(id, controller);
    let text: string;
    try {
      const params = isJsonObject(value["params"]) ? value["params"] : {};
      const result = method === "ping" ? {} : await this.#onRequest?.(method, params, controller.signal);
      text = result === undefined
        ? errorText(id, { code: METHOD_NOT_FOUND, message: "Method not found" })
        : `{"jsonrpc":"2.0","id":${idText(id)},"result":${JSON.stringify(result)}}`;
    } catch (error) {
      const { message } = asMcpAuthError(error, "SERVER_ERROR", `answer "${safeText(method, 80)}"`);
      text = errorText(id, { code: INTERNAL_ERROR, message });
    } finally {
      if (this.#asked.get(id) === controller) this.#asked.delete(id);
    }
    return controller.signal.aborted ? undefined : text;
  }

  /** The server has taken one back, by the id that it names. */
  withdraw(id: unknown): void {
    this.#asked.get(id as MessageId)?.abort();
  }

  /** What they belong to is over. */
  withdrawAll(): void {
    for (const controller of this.#asked.values()) controller.abort();
  }
}

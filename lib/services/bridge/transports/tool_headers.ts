/**
 * What a transport has to know of a server's tools to send calls as the stateless revisions want them: which arguments
 * go into headers. It is learnt from the lists that pass, which lose the tools that nobody could call; and where a
 * server refuses a call for its headers, from a list that is fetched anew.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/tools#x-mcp-header (T12, T13)
 * @module
 */
import { LIST_PAGES_MAX, TOOLS_KNOWN_MAX } from "../../../primitives/bridge_limits.ts";
import { HTTP_TIMEOUT_MS } from "../../../primitives/limits.ts";
import {
  isJsonObject,
  type JsonObject,
  type Message,
  parseEnvelope,
  type RequestMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { type ParamHeader, paramHeadersFor, paramHeadersIn } from "../../../primitives/mcp/param_headers.ts";
import { HEADER_MISMATCH } from "../../../primitives/mcp/revisions.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import { exactJson, exactValue } from "../translation/exact_json.ts";
import { type Inbound, type Outbound, type Receiver, toOutbound } from "./remote.ts";

/** Sends one exchange of a stateless revision with more headers, and hands over what comes back. */
export type SendWith = (
  outbound: Outbound,
  headers: Readonly<Record<string, string>>,
  receiver: Receiver,
) => Promise<void>;

/** The tools of one server. */
export class ToolHeaders {
  readonly #send: SendWith;
  readonly #log: (message: string) => void;
  /** By the name of a tool that has any; the one that was seen longest ago comes first. */
  readonly #known = new Map<string, readonly ParamHeader[]>();
  #refresh: Promise<void> | undefined;
  readonly #closing = new AbortController();
  #nextId = 1;

  /**
   * @param send Sends what is to be sent.
   * @param log Is told of tools that are left out.
   */
  constructor(send: SendWith, log: (message: string) => void) {
    this.#send = send;
    this.#log = log;
  }

  /**
   * Sends a `tools/list` or a `tools/call`.
   *
   * @throws {McpAuthError} What sending fails with.
   */
  async send(outbound: Outbound, receiver: Receiver): Promise<void> {
    const [message] = outbound.messages;
    if (message?.kind === "request" && message.method === "tools/call") {
      return await this.#call(outbound, message, receiver);
    }
    await this.#send(outbound, {}, {
      receive: (inbound) => receiver.receive(this.#learn(inbound)),
      owes: (one) => receiver.owes(one),
    });
  }

  /** Gives up what is under way of its own accord. */
  close(): void {
    this.#closing.abort();
  }

  async #call(outbound: Outbound, message: RequestMessage, receiver: Receiver): Promise<void> {
    const params = message.value["params"] as JsonObject;
    const sent = this.#headersFor(params);
    let refusal: Inbound | undefined;
    await this.#send(outbound, sent, {
      receive: (inbound) => {
        if (!isMismatch(inbound.messages[0])) return receiver.receive(inbound);
        refusal = inbound;
      },
      owes: (one) => refusal === undefined && receiver.owes(one),
    });
    if (refusal === undefined || !receiver.owes(outbound)) return;
    await this.#fetch(params).catch((error) =>
      this.#log(`Cannot list the server's tools anew: ${error.message}`)
    );
    const now = this.#headersFor(params);
    const same = Object.keys({ ...sent, ...now }).every((name) => sent[name] === now[name]);
    if (same || outbound.controller.signal.aborted) return await receiver.receive(refusal);
    await this.#send(outbound, now, receiver);
  }

  #headersFor({ name, arguments: args }: JsonObject): Readonly<Record<string, string>> {
    const headers = typeof name === "string" ? this.#known.get(name) : undefined;
    return headers === undefined ? {} : paramHeadersFor(headers, args);
  }

  /** Fetches the whole list, once for all calls that want it. */
  #fetch({ _meta }: JsonObject): Promise<void> {
    const { progressToken: _, ...meta } = _meta as JsonObject;
    return this.#refresh ??= this.#fetchAll(meta).finally(() => this.#refresh = undefined);
  }

  async #fetchAll(meta: JsonObject): Promise<void> {
    const seen = new Set<unknown>();
    let cursor: unknown;
    do {
      seen.add(cursor);
      cursor = await this.#fetchPage({ ...cursor === undefined ? {} : { cursor }, _meta: meta });
    } while (typeof cursor === "string" && !seen.has(cursor) && seen.size < LIST_PAGES_MAX);
  }

  /** Fetches one page; the cursor of the next. */
  async #fetchPage(params: JsonObject): Promise<unknown> {
    const id = `mcp-auth-tools-${this.#nextId++}`;
    const text = JSON.stringify({ jsonrpc: "2.0", id, method: "tools/list", params });
    const outbound = toOutbound(new TextEncoder().encode(text), parseEnvelope(text));
    let result: unknown;
    let answered = false;
    const abort = () => outbound.controller.abort();
    const timer = setTimeout(abort, HTTP_TIMEOUT_MS);
    this.#closing.signal.addEventListener("abort", abort, { once: true });
    if (this.#closing.signal.aborted) abort();
    const sent = this.#send(outbound, {}, {
      receive: (inbound) => {
        const [message] = inbound.messages;
        if (message?.kind !== "response" || message.id !== id) return;
        answered = true;
        result = message.value["result"];
        this.#learn(inbound);
      },
      owes: () => !answered,
    });
    await sent.finally(() => {
      clearTimeout(timer);
      this.#closing.signal.removeEventListener("abort", abort);
    });
    return isJsonObject(result) ? result["nextCursor"] : undefined;
  }

  /** Takes in the tools of a list; the list without those that must not be offered. */
  #learn(inbound: Inbound): Inbound {
    const [message] = inbound.messages;
    if (inbound.batch || message?.kind !== "response" || !isJsonObject(message.value["result"])) {
      return inbound;
    }
    const { tools } = message.value["result"];
    if (!Array.isArray(tools)) return inbound;
    const kept = tools.map((tool: unknown) => this.#take(tool));
    if (!kept.includes(false)) return inbound;
    const value = exactValue(inbound.payload, message.value);
    const result = value["result"] as JsonObject;
    const offered = (result["tools"] as unknown[]).filter((_, i) => kept[i]);
    const left = { ...value, id: message.id, result: { ...result, tools: offered } };
    return { ...inbound, messages: [{ ...message, value: left }], payload: exactJson(left) };
  }

  /** Remembers one tool; false when it must not be offered. */
  #take(tool: unknown): boolean {
    const name = isJsonObject(tool) ? tool["name"] : undefined;
    if (!isJsonObject(tool) || typeof name !== "string") return true;
    const found = paramHeadersIn(tool["inputSchema"]);
    this.#known.delete(name);
    if ("invalid" in found) {
      this.#log(`Left out the tool "${safeText(name, 80)}": ${found.invalid}`);
      return false;
    }
    if (found.headers.length === 0) return true;
    this.#known.set(name, found.headers);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= TOOLS_KNOWN_MAX) break;
      this.#known.delete(oldest);
    }
    return true;
  }
}

function isMismatch(message: Message | undefined): boolean {
  if (message?.kind !== "response" || !isJsonObject(message.value["error"])) return false;
  return message.value["error"]["code"] === HEADER_MISMATCH;
}

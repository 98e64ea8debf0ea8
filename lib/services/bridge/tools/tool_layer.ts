/**
 * Hides tools from a host: lists come without them, and a call of one is refused here and not sent. Lists keep all else
 * as it came, their cursor too, also where nothing is left on a page. It stands where the host's own messages pass,
 * before any translation between eras, so that it is the same for both.
 *
 * A message that could be read in two ways, because a name stands in it twice or in another case, is refused: the server
 * might read it in the other one.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools
 * @module
 */
import {
  errorText,
  isJsonObject,
  type JsonObject,
  type Message,
  type MessageId,
  type RequestMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import { Layer } from "../layer.ts";
import type { Inbound, Outbound, Receiver, WayToServer } from "../transports/remote.ts";
import { elementsOf, membersOf, withoutElements } from "./json_text.ts";
import { isChosen, type ToolChoice } from "./tool_choice.ts";

const LIST = "tools/list";
const CALL = "tools/call";
/** The code that the protocol has for a tool that is not there. */
const INVALID_PARAMS = -32602;
/** The protocol advises names of up to 128 characters. */
const NAME_SHOWN = 128;

/** What {@linkcode ToolLayer} takes. */
export interface ToolOptions {
  /** Which tools are shown. */
  readonly choice: ToolChoice;
  /** Gets one line for what the host is not told. */
  readonly log: (message: string) => void;
}

/** The layer. */
export class ToolLayer extends Layer {
  readonly #options: ToolOptions;
  /** The lists that the host waits for. */
  readonly #lists = new Map<MessageId, Outbound>();
  /** For what is sent of a batch, the batch. */
  readonly #wholes = new WeakMap<Outbound, Outbound>();
  readonly #decoder = new TextDecoder();

  /**
   * @param host Who hears from it.
   * @param rest Makes the rest of the way.
   * @param options Which tools are shown.
   */
  constructor(host: Receiver, rest: WayToServer, options: ToolOptions) {
    super(host, rest);
    this.#options = options;
  }

  /** @inheritdoc */
  override async send(outbound: Outbound): Promise<void> {
    const { messages, body, batch } = outbound;
    const text = this.#decoder.decode(body);
    const elements = batch ? elementsOf(text) ?? [] : [];
    const reasons = messages.map((message, index) => this.#objection(message, text, elements[index]?.start));
    const allowed = messages.filter((_, index) => reasons[index] === undefined);
    if (allowed.length === messages.length) return await this.#pass(outbound);
    for (const [index, reason] of reasons.entries()) {
      if (reason !== undefined) await this.#refuse(messages[index]!, reason, outbound);
    }
    if (allowed.length === 0) return;
    const kept = withoutElements(text, elements, (index) => reasons[index] === undefined);
    const part: Outbound = {
      ...outbound,
      messages: allowed,
      requests: allowed.flatMap((message) => message.kind === "request" ? [message.id] : []),
      body: new TextEncoder().encode(kept),
    };
    this.#wholes.set(part, outbound);
    await this.#pass(part);
  }

  /** @inheritdoc */
  override receive(inbound: Inbound): Promise<void> | void {
    const { origin } = inbound;
    const whole = origin && this.#wholes.get(origin);
    const filtered = this.#lists.size === 0 ? inbound : this.#withoutHidden(inbound);
    return this.host.receive(whole === undefined ? filtered : { ...filtered, origin: whole });
  }

  /** @inheritdoc */
  override owes(outbound: Outbound): boolean {
    return this.host.owes(this.#wholes.get(outbound) ?? outbound);
  }

  async #pass(outbound: Outbound): Promise<void> {
    const lists = outbound.messages.filter((message) =>
      message.kind === "request" && message.method === LIST
    );
    if (lists.length === 0) return await this.server.send(outbound);
    const ids = lists.map((message) => (message as RequestMessage).id);
    for (const id of ids) this.#lists.set(id, outbound);
    try {
      await this.server.send(outbound);
    } finally {
      for (const id of ids) if (this.#lists.get(id) === outbound) this.#lists.delete(id);
    }
  }

  /** Why a message must not be sent; undefined where it may. */
  #objection(message: Message, text: string, start = 0): string | undefined {
    if (message.kind === "response") return undefined;
    if (message.kind === "invalid") return "it is no JSON-RPC message";
    const { value } = message;
    const { params } = value;
    const root = membersOf(text, start);
    const inner = root?.values.get("params");
    const isAmbiguous = root === undefined || root.hasTwice || hasLookalike(value, ["method", "params"]) ||
      inner !== undefined && membersOf(text, inner.start)?.hasTwice === true ||
      isJsonObject(params) && message.method === CALL && hasLookalike(params, ["name"]);
    if (isAmbiguous) return "a name stands in it twice";
    if (message.method !== CALL) return undefined;
    const name = isJsonObject(params) ? params["name"] : undefined;
    if (typeof name !== "string") return "it names no tool";
    return isChosen(this.#options.choice, name) ? undefined : "the tool is hidden";
  }

  async #refuse(message: Message, reason: string, origin: Outbound): Promise<void> {
    const words = `Cannot ${actionOf(message)}: ${reason}`;
    if (message.kind !== "request") return this.#options.log(words);
    const hint = "The bridge was started with --allow-tool or --ignore-tool";
    const error = {
      code: INVALID_PARAMS,
      message: `${words} (${hint})`,
      data: { code: "PERMISSION_DENIED", hint },
    };
    const { id } = message;
    await this.host.receive({
      messages: [{ kind: "response", id, value: { id, error } }],
      batch: false,
      payload: errorText(id, error),
      origin,
    });
  }

  #withoutHidden(inbound: Inbound): Inbound {
    const { messages, batch } = inbound;
    if (!messages.some((message) => this.#isList(message))) return inbound;
    const text = typeof inbound.payload === "string"
      ? inbound.payload
      : this.#decoder.decode(inbound.payload);
    if (!batch) {
      const [message, payload] = this.#shortened(messages[0]!, text);
      return payload === text ? inbound : { ...inbound, messages: [message], payload };
    }
    const elements = elementsOf(text) ?? [];
    const shortened = messages.map((message, index) => {
      const { start, end } = elements[index] ?? { start: 0, end: 0 };
      return this.#shortened(message, text.slice(start, end));
    });
    const payload = `[${shortened.map(([, each]) => each).join(",")}]`;
    return { ...inbound, messages: shortened.map(([message]) => message), payload };
  }

  #isList(message: Message): boolean {
    return message.kind === "response" && message.id !== null && this.#lists.has(message.id);
  }

  /** A message without the hidden tools, where it is a list of tools; otherwise as it is. */
  #shortened(message: Message, text: string): readonly [message: Message, text: string] {
    if (message.kind !== "response" || !this.#isList(message)) return [message, text];
    this.#lists.delete(message.id!);
    const { result } = message.value;
    const tools = isJsonObject(result) ? result["tools"] : undefined;
    if (!isJsonObject(result) || !Array.isArray(tools)) return [message, text];
    const isShown = tools.map((tool) =>
      isJsonObject(tool) && typeof tool["name"] === "string" &&
      isChosen(this.#options.choice, tool["name"])
    );
    if (isShown.every((each) => each)) return [message, text];
    const shown = tools.filter((_, index) => isShown[index]);
    const value = { ...message.value, result: { ...result, tools: shown } };
    return [{ ...message, value }, cut(text, tools.length, (index) => isShown[index]!) ?? written(value)];
  }
}

/** Takes tools out of the text of a result; undefined where it could be read in two ways. */
function cut(text: string, count: number, isShown: (index: number) => boolean): string | undefined {
  const root = membersOf(text);
  const result = root && membersOf(text, root.values.get("result")?.start);
  const elements = result && elementsOf(text, result.values.get("tools")?.start);
  if (!root || !result || root.hasTwice || result.hasTwice || elements?.length !== count) return undefined;
  return withoutElements(text, elements, isShown);
}

/** The part of `JSON` that the type library does not know yet. */
const RAW = JSON as unknown as { rawJSON(text: string): unknown };

function written(value: JsonObject): string {
  return JSON.stringify(value, (_, each) => typeof each === "bigint" ? RAW.rawJSON(String(each)) : each);
}

/** What the host wants with a message, for people. */
function actionOf(message: Message): string {
  if (message.kind !== "request" && message.kind !== "notification") return "send the message";
  const { method, value: { params } } = message;
  const name = isJsonObject(params) && method === CALL ? params["name"] : undefined;
  return typeof name === "string"
    ? `call tool "${safeText(name, NAME_SHOWN)}"`
    : `send "${safeText(method)}"`;
}

/** Whether an object has a name that differs from one of these in its case alone: some servers read it as that. */
function hasLookalike(value: JsonObject, names: readonly string[]): boolean {
  return Object.keys(value).some((key) => !names.includes(key) && names.includes(key.toLowerCase()));
}

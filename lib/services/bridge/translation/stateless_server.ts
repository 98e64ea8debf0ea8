/**
 * A stateful host in front of a server that speaks only the stateless revisions. What the host says once is said with
 * every request; what it asks of a session is answered here; what the server wants to know before it can answer is asked
 * of the host, and its changes are listened to in the host's place. The rest passes as it is, under the host's own ids.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/index (T9-T11)
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr (T15)
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { QUESTION_ROUNDS_MAX, STREAM_PAUSE_MS } from "../../../primitives/bridge_limits.ts";
import { HTTP_TIMEOUT_MS } from "../../../primitives/limits.ts";
import {
  idText,
  isJsonObject,
  type JsonObject,
  type MessageId,
  METHOD_NOT_FOUND,
  type NotificationMessage,
  type RequestMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { isOfStatelessRevision } from "../../../primitives/mcp/request_headers.ts";
import { pause } from "../../../primitives/system/clock.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import { RPC_BAD_ANSWER } from "../transports/failure.ts";
import {
  type Inbound,
  operationOf,
  type Outbound,
  type Receiver,
  type Remote,
} from "../transports/remote.ts";
import { exactJson, exactValue } from "./exact_json.ts";
import type { Translator, TranslatorOptions } from "./era_layer.ts";
import { HostQuestions } from "./host_questions.ts";
import { encode, OwnRequests, RefusedError } from "./own_requests.ts";
import { discoverParams, StatefulHost, statelessRevisionIn } from "./stateful_host.ts";
import { forStatefulHost } from "./stateful_results.ts";
import { ChangeStream } from "./change_stream.ts";

const INVALID_PARAMS = -32602;

/** One try of what the host has asked. */
interface Attempt {
  readonly sent: Outbound;
  readonly method: string;
  /** The exchange of the host, and its id there. */
  readonly outbound: Outbound;
  readonly id: MessageId;
  /** The server's result, where it wants to know more first. */
  incomplete: JsonObject | undefined;
  /** Resolves when it does. */
  readonly wanted: PromiseWithResolvers<void>;
  answered: boolean;
}

/** What the host gets. */
type Answer = { readonly result: unknown } | { readonly error: unknown };

/** The translator. */
export class StatelessServer implements Translator {
  readonly #host: Receiver;
  readonly #server: Remote;
  readonly #log: (message: string) => void;
  readonly #own: OwnRequests;
  readonly #questions: HostQuestions;
  readonly #changes: ChangeStream;
  readonly #closing = new AbortController();
  /** By what was sent. */
  readonly #attempts = new Map<Outbound, Attempt>();
  /** What the server has said of itself, until it is handed to the host. */
  #said: JsonObject | undefined;
  #capabilities: unknown;
  #peer: StatefulHost;

  /** @param options Host and server. */
  constructor({ host, server, log }: TranslatorOptions) {
    this.#host = host;
    this.#server = server;
    this.#log = log;
    this.#own = new OwnRequests(server);
    this.#questions = new HostQuestions(host, () => this.#own.id());
    this.#peer = new StatefulHost(undefined, "");
    this.#changes = new ChangeStream({
      own: this.#own,
      paramsFor: (params) => this.#peer.paramsFor(params),
      tell: (inbound) => host.receive(inbound),
      log,
    });
  }

  /** @inheritdoc */
  async open(first: Outbound): Promise<void> {
    this.#said = await this.#discover(first);
  }

  /** @inheritdoc */
  async send(outbound: Outbound): Promise<void> {
    if (outbound.batch) return await this.#sendEach(outbound);
    const [message] = outbound.messages;
    if (message?.kind === "notification") return this.#notified(message);
    if (message?.kind === "response" && !this.#questions.answered(outbound)) {
      this.#log(`Dropped an answer of the host to ${safeText(idText(message.id))}: nothing was asked`);
    }
    if (message?.kind !== "request") return;
    if (isOfStatelessRevision(message)) return await this.#server.send(outbound);
    await this.#request(outbound, message, exactValue(outbound.body, message.value)["params"]);
  }

  /** @inheritdoc */
  async cancel(target: Outbound, notice: Outbound): Promise<void> {
    const under = [...this.#attempts.values()].filter(({ outbound }) => outbound === target);
    if (under.length === 0 && isOfStatelessRevision(target.messages[0])) {
      return await this.#server.cancel(target, notice);
    }
    const [message] = notice.messages;
    const given = message?.kind === "notification" ? message.value["params"] : undefined;
    await Promise.all(under.map(({ sent }) => {
      const params = { ...(isJsonObject(given) ? given : {}), requestId: sent.requests[0] };
      return this.#server.cancel(sent, encode(requestText(undefined, "notifications/cancelled", params)));
    }));
    target.controller.abort();
  }

  /** @inheritdoc */
  listen(): void {
    if (!this.#closing.signal.aborted) this.#changes.start(this.#capabilities);
  }

  /** @inheritdoc */
  async close(timeoutMs: number): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#changes.close(), this.#server.close(timeoutMs)]);
  }

  /** @inheritdoc */
  leave(): void {
    this.#closing.abort();
    void this.#changes.close();
  }

  /** @inheritdoc */
  receive(inbound: Inbound): Promise<void> | void {
    const ours = this.#own.receive(inbound);
    if (ours !== false) return ours === true ? undefined : ours;
    const attempt = this.#attemptOf(inbound);
    const [message] = inbound.messages;
    if (attempt === undefined) {
      if (inbound.origin === undefined && this.#changes.hear(inbound)) return;
      return this.#host.receive(inbound);
    }
    if (inbound.batch || message?.kind === "notification") {
      return this.#host.receive({ ...inbound, origin: attempt.outbound });
    }
    if (message?.kind === "request") {
      return this.#log(`The server may not ask for "${safeText(message.method, 80)}" in this revision`);
    }
    if (message?.kind !== "response") return;
    if (message.id === attempt.sent.requests[0]) return this.#hear(attempt, message.value, inbound);
    this.#log(`Dropped an answer to ${safeText(idText(message.id))}: it belongs to another request`);
  }

  /** @inheritdoc */
  owes(outbound: Outbound): boolean {
    const own = this.#own.owes(outbound);
    if (own !== undefined) return own;
    const attempt = this.#attempts.get(outbound);
    if (attempt === undefined) return this.#host.owes(outbound);
    return !attempt.answered && this.#host.owes(attempt.outbound);
  }

  /** Sends what a host of before 2025-06-18 has put together, one by one. */
  async #sendEach(outbound: Outbound): Promise<void> {
    const sent = outbound.messages.map(async (message) => {
      if (message.kind === "request") await this.#request(outbound, message, message.value["params"]);
      if (message.kind === "notification") this.#notified(message);
      if (message.kind === "response") this.#questions.answered({ ...outbound, messages: [message] });
    });
    const failed = (await Promise.allSettled(sent)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  async #request(outbound: Outbound, message: RequestMessage, params: unknown): Promise<void> {
    const answer = await this.#answerTo(outbound, message);
    if (answer === undefined) await this.#forward(outbound, message, params);
    else await this.#tell(outbound, message.id, answer);
  }

  /** What is answered here; undefined for what is the server's to answer. */
  async #answerTo(
    outbound: Outbound,
    { method, value }: RequestMessage,
  ): Promise<Answer | undefined> {
    const params = isJsonObject(value["params"]) ? value["params"] : {};
    switch (method) {
      case "initialize":
        return { result: await this.#initialize(outbound, params) };
      case "ping":
        return { result: {} };
      case "logging/setLevel":
        this.#peer.logLevel = params["level"];
        return { result: {} };
      case "resources/subscribe":
      case "resources/unsubscribe":
        return await this.#subscribe(method, params["uri"]);
    }
    if (!method.startsWith("tasks/")) return undefined;
    const message = `Cannot send "${
      safeText(method)
    }": the server speaks ${this.#peer.serverRevision}, which has no such request`;
    return { error: { code: METHOD_NOT_FOUND, message } };
  }

  async #initialize(outbound: Outbound, params: JsonObject): Promise<JsonObject> {
    this.#changes.reset();
    const said = this.#said ?? await this.#discover(outbound);
    this.#said = undefined;
    this.#capabilities = said["capabilities"];
    this.#peer = new StatefulHost(params, statelessRevisionIn(said) ?? "");
    return this.#peer.welcome(said);
  }

  async #discover({ messages: [message], controller }: Outbound): Promise<JsonObject> {
    const params = message?.kind === "request" ? message.value["params"] : undefined;
    const said = await this.#own.request("server/discover", discoverParams(params), {
      signal: AbortSignal.any([controller.signal, this.#closing.signal]),
      timeoutMs: HTTP_TIMEOUT_MS,
    });
    if (statelessRevisionIn(said) !== undefined) return said;
    throw new McpAuthError(
      "SERVER_ERROR",
      "Cannot connect: the server speaks no stateless revision that is known here",
    );
  }

  async #subscribe(method: string, uri: unknown): Promise<Answer> {
    if (typeof uri !== "string") {
      return { error: { code: INVALID_PARAMS, message: `Cannot send "${method}": it names no "uri"` } };
    }
    try {
      if (method === "resources/subscribe") await this.#changes.subscribe(uri);
      else await this.#changes.unsubscribe(uri);
      return { result: {} };
    } catch (error) {
      if (error instanceof RefusedError) return { error: error.rpc };
      throw error;
    }
  }

  #notified({ method }: NotificationMessage): void {
    if (method === "notifications/initialized") return;
    this.#log(`Dropped "${safeText(method, 80)}" of the host: it means nothing to a stateless server`);
  }

  /** Sends a request, and again with what the server wants to know, until there is an answer. */
  async #forward(outbound: Outbound, { id, method }: RequestMessage, params: unknown): Promise<void> {
    const given = this.#peer.paramsFor(params);
    const elicitationIds: string[] = [];
    let extra: JsonObject = {};
    for (let round = 0;; round++) {
      const text = requestText(round === 0 ? id : this.#own.id(), method, { ...given, ...extra });
      const said = await this.#attempt(encode(text), outbound, id, method);
      if (said === undefined) break;
      if (round >= QUESTION_ROUNDS_MAX) throw tooManyRounds(outbound);
      extra = await this.#inputs(said, outbound, round, elicitationIds);
    }
    this.#questions.finish(elicitationIds);
  }

  /** Makes one try; the result when the server wants to know more, undefined when the host has its answer. */
  async #attempt(
    sent: Outbound,
    outbound: Outbound,
    id: MessageId,
    method: string,
  ): Promise<JsonObject | undefined> {
    const { signal } = outbound.controller;
    const abort = () => sent.controller.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    const wanted = Promise.withResolvers<void>();
    const attempt: Attempt = { sent, method, outbound, id, incomplete: undefined, wanted, answered: false };
    this.#attempts.set(sent, attempt);
    const over = this.#server.send(sent).finally(() => {
      this.#attempts.delete(sent);
      signal.removeEventListener("abort", abort);
    });
    // What the server leaves open after it has asked for more holds nobody up.
    over.catch(() => {});
    await Promise.race([over, wanted.promise]);
    return attempt.incomplete;
  }

  /** What goes into the next try. */
  async #inputs(
    said: JsonObject,
    outbound: Outbound,
    round: number,
    elicitationIds: string[],
  ): Promise<JsonObject> {
    const { inputRequests, requestState } = said;
    const state = requestState === undefined ? {} : { requestState };
    if (inputRequests === undefined) {
      // Nothing to ask: the server wants to be asked again, which is not to be a loop without a pause.
      if (round > 0) await pause(STREAM_PAUSE_MS, outbound.controller.signal);
      return state;
    }
    const answers = await this.#questions.ask(this.#peer, operationOf(outbound), inputRequests, outbound);
    elicitationIds.push(...answers.elicitationIds);
    return { inputResponses: answers.inputResponses, ...state };
  }

  /** Takes the answer to a try: it is the host's, under the id that the host knows, unless it is none yet. */
  #hear(attempt: Attempt, value: JsonObject, inbound: Inbound): Promise<void> | void {
    if (attempt.answered) return;
    attempt.answered = true;
    const { method, outbound, id, sent } = attempt;
    const { result } = value;
    const type = isJsonObject(result) ? result["resultType"] : undefined;
    if (isJsonObject(result) && type === "input_required") {
      attempt.incomplete = exactValue(inbound.payload, value)["result"] as JsonObject;
      attempt.wanted.resolve();
      return;
    }
    if ("result" in value) this.#changes.wake();
    if (type !== undefined && type !== "complete") {
      const message =
        `Cannot complete "${safeText(operationOf(outbound))}": the server answered with a result of ` +
        `the unknown type "${safeText(type, 80)}"`;
      return this.#tell(outbound, id, { error: { code: RPC_BAD_ANSWER, message } });
    }
    const plain = isJsonObject(result) ? forStatefulHost(method, result) : result;
    if (sent.requests[0] === id && plain === result) {
      return this.#host.receive({ ...inbound, origin: outbound });
    }
    const exact = exactValue(inbound.payload, value);
    if ("error" in exact) return this.#tell(outbound, id, { error: exact["error"] });
    const told = exact["result"];
    return this.#tell(outbound, id, { result: isJsonObject(told) ? forStatefulHost(method, told) : told });
  }

  #attemptOf({ origin, batch, messages: [message] }: Inbound): Attempt | undefined {
    if (origin !== undefined) return this.#attempts.get(origin);
    if (batch || message?.kind !== "response") return undefined;
    for (const attempt of this.#attempts.values()) {
      if (attempt.sent.requests[0] === message.id) return attempt;
    }
    return undefined;
  }

  #tell(origin: Outbound, id: MessageId, answer: Answer): Promise<void> | void {
    const value = { jsonrpc: "2.0", id, ...answer };
    return this.#host.receive({
      messages: [{ kind: "response", id, value }],
      batch: false,
      payload: exactJson(value),
      origin,
    });
  }
}

/** The text of a request, or of a notification where there is no id. */
function requestText(id: MessageId | undefined, method: string, params: JsonObject): string {
  const head = id === undefined ? "" : `"id":${idText(id)},`;
  return `{"jsonrpc":"2.0",${head}"method":${JSON.stringify(method)},"params":${exactJson(params)}}`;
}

function tooManyRounds(outbound: Outbound): McpAuthError {
  return new McpAuthError(
    "SERVER_ERROR",
    `Cannot complete "${
      safeText(operationOf(outbound))
    }": the server has asked for input ${QUESTION_ROUNDS_MAX} times and still wants more`,
  );
}

/**
 * The host's requests that are under way at a stateful server: each goes out under an id of ours, and its answer is made
 * one of the stateless era. Where the server asks something in return, the host's request ends and the server's goes on,
 * until the host comes back.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr (T11, T15, T17)
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../primitives/errors.ts";
import {
  isJsonObject,
  type JsonObject,
  type RequestMessage,
  type ResponseMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import { unanswered } from "../transports/answer.ts";
import {
  type Inbound,
  operationOf,
  type Outbound,
  type Receiver,
  type Remote,
} from "../transports/remote.ts";
import { type Answer, Call } from "./call.ts";
import { exactJson, exactValue } from "./exact_json.ts";
import { answerCall, requireInput } from "./call_answers.ts";
import { answerError, notifyHost } from "./host_answers.ts";
import { ASKING_METHODS, type InputRequest, isDeclared } from "./input_requests.ts";
import { InputRounds } from "./input_rounds.ts";
import { encode, type OwnRequests } from "./own_requests.ts";
import { INVALID_PARAMS, type Sender, statefulParams } from "./stateless_meta.ts";

const CANCELLED = "notifications/cancelled";
const PROGRESS = "notifications/progress";

/** What the calls run on. */
export interface CallsOptions {
  /** Who hears from them. */
  readonly host: Receiver;
  /** Leads to the server. */
  readonly server: Remote;
  /** Gives them their ids. */
  readonly own: OwnRequests;
  /** How the server introduced itself. */
  readonly serverInfo: () => unknown;
  /** Gets one line for what the host is not told. */
  readonly log: (message: string) => void;
}

/** The calls. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #rounds: InputRounds;
  /** Those that have not come out, or whose host has not come back for how they did, by their id at the server. */
  readonly #calls = new Map<string, Call>();
  /** Those that the host waits for, by its request. */
  readonly #legs = new Map<Outbound, Call>();
  /** What is being sent, or read. */
  readonly #active = new Set<Outbound>();

  /** @param options What they run on. */
  constructor(options: CallsOptions) {
    this.#options = options;
    this.#rounds = new InputRounds({
      server: options.server,
      log: options.log,
      ask: (call, requests, state) => this.#ask(call, requests, state),
      abandon: (call) => {
        this.#calls.delete(call.id);
        if (call.answer === undefined) void this.#cancel(call, "The client did not bring what was asked for");
      },
      fail: (call, error) => {
        this.#settle(call, { error });
        void this.#cancel(call, undefined);
      },
    });
  }

  /**
   * Makes a request of the host one of the server's.
   *
   * @param outbound The host's.
   * @param sender What the host says of itself with it.
   * @returns When it is answered.
   * @throws {McpAuthError} When the server gives no answer.
   */
  start(outbound: Outbound, message: RequestMessage, sender: Sender): Promise<void> {
    const { method } = message;
    const { params } = exactValue(outbound.body, message.value);
    const id = this.#options.own.id();
    const known = params === undefined ? {} : { params: statefulParams(params) };
    const sent = encode(exactJson({ jsonrpc: "2.0", id, method, ...known }));
    const call = new Call(id, sent, method, params, sender);
    this.#calls.set(id, call);
    const answered = this.#attach(call, outbound);
    void this.#run(call);
    return answered;
  }

  /**
   * Goes on with a call that the server has asked something for.
   *
   * @param outbound The host's request, made again.
   * @returns When it is answered.
   * @throws {McpAuthError} As {@linkcode start}.
   */
  async resume(outbound: Outbound, message: RequestMessage, sender: Sender): Promise<void> {
    const { params } = exactValue(outbound.body, message.value);
    const { requestState, inputResponses } = isJsonObject(params) ? params : {};
    const call = this.#rounds.find(requestState);
    if (call === undefined || !call.isSame(message.method, params)) {
      const why = call === undefined ? "it has expired, or was used already" : "it is of another request";
      const error = { code: INVALID_PARAMS, message: `Cannot go on with the "requestState" given: ${why}` };
      return await answerError(this.#options.host, outbound, error);
    }
    call.sender = sender;
    const answered = this.#attach(call, outbound);
    this.#rounds.resume(call, inputResponses);
    await this.#tellProgress(call);
    if (call.answer !== undefined) await this.#deliver(call, call.answer);
    return await answered;
  }

  /** Takes an answer of the server; false where it is to none of the calls. */
  receive({ id, value }: ResponseMessage, { payload }: Inbound): Promise<void> | void | false {
    const call = this.#calls.get(id as string);
    if (call === undefined || call.answer !== undefined) return false;
    return this.#settle(call, { value: exactValue(payload, value) });
  }

  /**
   * Takes what the server asks.
   *
   * @param origin What it came with, where the transport tells.
   */
  ask(
    id: RequestMessage["id"],
    request: InputRequest,
    origin: Outbound | undefined,
  ): Promise<void> | void {
    return this.#rounds.take(this.#callFor(request, origin), id, request);
  }

  /** Answers a request of the server that is nobody's to answer but the bridge's. */
  answer(id: RequestMessage["id"], result: JsonObject): Promise<void> | void {
    return this.#rounds.answer(id, result);
  }

  /** The server takes back what it has asked. */
  withdraw(id: unknown): void {
    this.#rounds.withdraw(id);
  }

  /** The call that something came with; undefined where the transport does not tell. */
  of(origin: Outbound | undefined): Call | undefined {
    const call = this.#calls.get(origin?.requests[0] as string);
    return call?.sent === origin ? call : undefined;
  }

  /** Tells progress to the request that waits, under the token that it wants it under; the latest waits for the next. */
  progress(params: JsonObject): Promise<void> | void {
    const token = plain(params["progressToken"]);
    for (const call of this.#calls.values()) {
      if (call.progressToken === undefined || plain(call.progressToken) !== token) continue;
      call.progress = params;
      return this.#tellProgress(call);
    }
  }

  /** True while a request that was sent for the host has no answer. */
  owes(outbound: Outbound): boolean {
    const call = this.of(outbound);
    return call !== undefined && call.answer === undefined;
  }

  /** The host does not wait any more: tells the server. False where it waited for none of the calls. */
  cancel(target: Outbound, reason: unknown): Promise<void> | false {
    const call = this.#legs.get(target);
    return call === undefined ? false : this.#cancel(call, reason);
  }

  /** The same, by the id of a request whose answer was that input is required. */
  cancelSuspended(id: unknown, reason: unknown): Promise<void> | false {
    const call = this.#rounds.findByRequest(id);
    return call === undefined ? false : this.#cancel(call, reason);
  }

  /** Ends everything; the server is not told. */
  close(): void {
    this.#rounds.close();
    for (const call of this.#calls.values()) call.leg?.end();
    this.#calls.clear();
    for (const outbound of this.#active) outbound.controller.abort();
  }

  async #run(call: Call): Promise<void> {
    const { sent } = call;
    this.#active.add(sent);
    let error: McpAuthError;
    try {
      await this.#options.server.send(sent);
      error = unanswered(sent);
    } catch (thrown) {
      error = asMcpAuthError(thrown, "SERVER_ERROR", `send "${safeText(operationOf(sent))}"`);
    } finally {
      this.#active.delete(sent);
    }
    if (this.owes(sent)) await this.#settle(call, { error });
  }

  /** Has a request of the host wait for a call. */
  #attach(call: Call, outbound: Outbound): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { signal } = outbound.controller;
    const end = (error?: McpAuthError) => {
      signal.removeEventListener("abort", onAbort);
      this.#legs.delete(outbound);
      call.leg = undefined;
      if (error === undefined) resolve();
      else reject(error);
    };
    const onAbort = () => {
      this.#forget(call);
      call.sent.controller.abort(signal.reason);
      end();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    call.leg = { outbound, end };
    this.#legs.set(outbound, call);
    return promise;
  }

  #tellProgress(call: Call): Promise<void> | void {
    const { leg, progress, sender: { progressToken } } = call;
    if (leg === undefined || progress === undefined) return;
    call.progress = undefined;
    if (progressToken === undefined) return;
    return notifyHost(this.#options.host, leg.outbound, PROGRESS, { ...progress, progressToken });
  }

  /** Takes how a call came out. */
  #settle(call: Call, answer: Answer): Promise<void> | void {
    call.answer = answer;
    this.#rounds.settle(call);
    return this.#deliver(call, answer);
  }

  /** Tells the request that waits how its call came out; where none does, the host has yet to come back. */
  #deliver(call: Call, answer: Answer): Promise<void> | void {
    const { leg } = call;
    if (leg === undefined) return;
    this.#forget(call);
    if ("error" in answer) return leg.end(answer.error);
    const { host, serverInfo } = this.#options;
    const told = answerCall(host, call, leg.outbound, answer.value, serverInfo());
    leg.end();
    return told;
  }

  #ask(call: Call, inputRequests: JsonObject, requestState: string): void {
    const { leg } = call;
    if (leg === undefined) return;
    call.lastLeg = leg.outbound.requests[0];
    const { host, serverInfo } = this.#options;
    void requireInput(host, leg.outbound, { inputRequests, requestState }, serverInfo());
    leg.end();
  }

  /** What the server may ask something for: what it says itself, or else the latest call that can bring the question. */
  #callFor(request: InputRequest, origin: Outbound | undefined): Call | undefined {
    const own = this.of(origin);
    const canAsk = (call: Call) => ASKING_METHODS.has(call.method) && call.answer === undefined;
    if (own !== undefined) return canAsk(own) ? own : undefined;
    const possible = [...this.#calls.values()].filter(canAsk);
    return possible.findLast(({ sender }) => isDeclared(sender.capabilities, request)) ?? possible.at(-1);
  }

  #forget(call: Call): void {
    this.#rounds.forget(call);
    this.#calls.delete(call.id);
  }

  async #cancel(call: Call, reason: unknown): Promise<void> {
    this.#forget(call);
    call.leg?.end();
    const params = { requestId: call.id, ...(typeof reason === "string" ? { reason } : {}) };
    await this.#options.server.cancel(call.sent, encode({ jsonrpc: "2.0", method: CANCELLED, params }));
  }
}

/** A token that can be compared: one with too many digits is kept in an object, as it was written. */
function plain(token: unknown): unknown {
  return isJsonObject(token) ? exactJson(token) : token;
}

/**
 * Rounds of input: what a stateful server asks while it carries out a call is put into the answer to the host's request,
 * and the host's next request brings what was asked for. The two are joined by a key that nobody can guess, and that is
 * good for one round. What a host never comes back for is given up, so that neither the server nor memory waits for it.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr (T6, T15)
 * @module
 */
import type { McpAuthError } from "../../../primitives/errors.ts";
import { asMcpAuthError } from "../../../primitives/errors.ts";
import {
  INPUT_GATHER_MS,
  INPUT_REQUESTS_MAX,
  INPUT_WAIT_MS,
  INPUT_WAITING_MAX,
} from "../../../primitives/bridge_limits.ts";
import {
  errorText,
  idText,
  isJsonObject,
  type JsonObject,
  type MessageId,
  METHOD_NOT_FOUND,
} from "../../../primitives/mcp/jsonrpc.ts";
import { pauseIdly } from "../../../primitives/system/clock.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import type { Outbound, Remote } from "../transports/remote.ts";
import type { Ask, Call } from "./call.ts";
import { exactJson } from "./exact_json.ts";
import { type InputRequest, isDeclared } from "./input_requests.ts";
import { encode } from "./own_requests.ts";

const INTERNAL_ERROR = -32603;

/** What the rounds need of the calls. */
export interface RoundsOptions {
  /** Leads to the server. */
  readonly server: Remote;
  /** Gets one line for what the host is not told. */
  readonly log: (message: string) => void;
  /** Answers the request that waits: input is required. */
  readonly ask: (call: Call, requests: JsonObject, state: string) => void;
  /** Ends a call that the host does not come back for. */
  readonly abandon: (call: Call) => void;
  /** An answer could not be brought to the server: the call cannot go on. */
  readonly fail: (call: Call, error: McpAuthError) => void;
}

/** The rounds of all calls. */
export class InputRounds {
  readonly #options: RoundsOptions;
  /** Calls whose host gathers input, by the key for going on, oldest first. */
  readonly #suspended = new Map<string, Call>();
  /** What the server asks, by its ids. */
  readonly #asked = new Map<MessageId, { readonly call: Call; readonly ask: Ask }>();
  /** Answers on their way to the server. */
  readonly #sending = new Set<Outbound>();
  #next = 1;

  /** @param options What they run on. */
  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /**
   * Takes what the server asks.
   *
   * @param call What it asks that for; undefined where there is nothing.
   * @param id The server's id.
   * @returns A promise to wait for before more is taken, where it asks faster than it takes answers.
   */
  take(call: Call | undefined, id: MessageId, request: InputRequest): Promise<void> | void {
    const why = refusalOf(call, request);
    if (call === undefined || why !== undefined) {
      const message = `Cannot ask the host for "${safeText(request.method, 80)}": ${why}`;
      return this.#send(errorText(id, { code: METHOD_NOT_FOUND, message }), undefined);
    }
    const ask: Ask = { id, key: `input-${this.#next++}`, request, told: false };
    call.asks.set(ask.key, ask);
    this.#asked.set(id, { call, ask });
    if (call.leg !== undefined) this.#gather(call);
  }

  /** Answers a request of the server that is nobody's to answer but the bridge's; as {@linkcode take}. */
  answer(id: MessageId, result: JsonObject): Promise<void> | void {
    return this.#send(`{"jsonrpc":"2.0","id":${idText(id)},"result":${exactJson(result)}}`, undefined);
  }

  /** The server no longer wants to know. */
  withdraw(id: unknown): void {
    const asked = this.#asked.get(id as MessageId);
    if (asked === undefined) return;
    this.#asked.delete(asked.ask.id);
    asked.call.asks.delete(asked.ask.key);
  }

  /** The call that a key of ours is for; undefined where there is none, or no more. */
  find(state: unknown): Call | undefined {
    return typeof state === "string" ? this.#suspended.get(state) : undefined;
  }

  /** A call whose host gathers input, by the request that it made last. */
  findByRequest(id: unknown): Call | undefined {
    for (const call of this.#suspended.values()) if (call.lastLeg === id) return call;
    return undefined;
  }

  /**
   * The host has come back: brings its answers to the server. What it left out is asked again.
   *
   * @param call Waits for an answer again; see {@linkcode find}.
   * @param responses By the keys that it was given, unchecked.
   */
  resume(call: Call, responses: unknown): void {
    this.#wake(call);
    for (const ask of [...call.asks.values()]) {
      const response = isJsonObject(responses) && Object.hasOwn(responses, ask.key)
        ? responses[ask.key]
        : undefined;
      if (!ask.told || !isJsonObject(response)) continue;
      this.withdraw(ask.id);
      this.#send(`{"jsonrpc":"2.0","id":${idText(ask.id)},"result":${exactJson(response)}}`, call);
    }
    if (call.asks.size > 0) this.#gather(call);
  }

  /** Nothing is asked for a call any more: it has come out, or was cancelled. */
  forget(call: Call): void {
    this.settle(call);
    this.#wake(call);
  }

  /** The server is done with a call; the host may still come back for how it came out. */
  settle(call: Call): void {
    for (const { id } of call.asks.values()) this.#asked.delete(id);
    call.asks.clear();
  }

  /** Ends everything; the server is not told. */
  close(): void {
    for (const call of this.#suspended.values()) this.#wake(call);
    for (const { call } of this.#asked.values()) call.waiting?.abort();
    this.#asked.clear();
    for (const outbound of this.#sending) outbound.controller.abort();
  }

  #wake(call: Call): void {
    call.waiting?.abort();
    call.waiting = undefined;
    if (call.state !== undefined) this.#suspended.delete(call.state);
    call.state = undefined;
  }

  /** Waits a moment for what the server asks together with this. */
  #gather(call: Call): void {
    if (call.waiting !== undefined) return;
    const waiting = call.waiting = new AbortController();
    pauseIdly(INPUT_GATHER_MS, waiting.signal).then(() => {
      call.waiting = undefined;
      if (call.leg !== undefined && call.asks.size > 0) this.#suspend(call);
    }, () => {});
  }

  #suspend(call: Call): void {
    const requests: Record<string, InputRequest> = {};
    for (const ask of call.asks.values()) {
      ask.told = true;
      requests[ask.key] = ask.request;
    }
    const state = call.state = crypto.getRandomValues(new Uint8Array(32))
      .toBase64({ alphabet: "base64url", omitPadding: true });
    this.#suspended.set(state, call);
    const waiting = call.waiting = new AbortController();
    pauseIdly(INPUT_WAIT_MS, waiting.signal).then(() => this.#giveUp(call), () => {});
    for (const oldest of this.#suspended.values()) {
      if (this.#suspended.size <= INPUT_WAITING_MAX) break;
      this.#giveUp(oldest);
    }
    this.#options.ask(call, requests, state);
  }

  #giveUp(call: Call): void {
    this.#options.log(`Gave up "${safeText(call.method)}": the host did not bring what the server asks for`);
    for (const { id } of call.asks.values()) {
      const message = "Cannot answer: the host did not bring what was asked for in time";
      this.#send(errorText(id, { code: INTERNAL_ERROR, message }), undefined);
    }
    this.forget(call);
    this.#options.abandon(call);
  }

  #send(text: string, call: Call | undefined): Promise<void> | void {
    const outbound = encode(text);
    this.#sending.add(outbound);
    const sent = this.#options.server.send(outbound).catch((thrown) => {
      const error = asMcpAuthError(thrown, "SERVER_ERROR", "answer the server");
      if (call !== undefined) this.#options.fail(call, error);
      else this.#options.log(error.message);
    }).finally(() => this.#sending.delete(outbound));
    if (this.#sending.size > INPUT_REQUESTS_MAX) return sent;
  }
}

/** Why the host cannot be asked; undefined where it can. */
function refusalOf(call: Call | undefined, request: InputRequest): string | undefined {
  if (call === undefined) return "no request of it is under way that could bring the question";
  if (!isDeclared(call.sender.capabilities, request)) return "it does not offer that";
  return call.asks.size < INPUT_REQUESTS_MAX ? undefined : "too much was asked already";
}

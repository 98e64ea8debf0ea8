/**
 * A stateless host in front of a server that speaks only the stateful revisions. The session is opened here, once, with
 * what the host says of itself, and is nobody's business but this module's; the host's requests pass without what only
 * its era knows, their answers get what only its era wants. What the server asks in return becomes a round of input,
 * `subscriptions/listen` the former notifications, `_meta` with a log level `logging/setLevel`. What has no meaning in
 * both is refused by name.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning (T9-T11, T14-T18, T20)
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { HTTP_TIMEOUT_MS } from "../../../primitives/limits.ts";
import {
  INVALID_REQUEST,
  isJsonObject,
  type JsonObject,
  type Message,
  METHOD_NOT_FOUND,
  type NotificationMessage,
  type RequestMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { isStateless, LATEST_STATEFUL, REVISIONS } from "../../../primitives/mcp/revisions.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import { VERSION } from "../../../primitives/version.ts";
import { errorFor } from "../transports/answer.ts";
import { type Inbound, operationOf, type Outbound } from "../transports/remote.ts";
import { Calls } from "./calls.ts";
import type { Translator, TranslatorOptions } from "./era_layer.ts";
import { exactJson, exactValue } from "./exact_json.ts";
import { answerError, answerResult, notifyHost } from "./host_answers.ts";
import { ASKING_METHODS, inputRequestOf } from "./input_requests.ts";
import { LogLevel } from "./log_level.ts";
import { encode, OwnRequests, RefusedError } from "./own_requests.ts";
import {
  discoverResult,
  type Introduction,
  introductionOf,
  senderOf,
  statefulParams,
} from "./stateless_meta.ts";
import { Renewal } from "./renewal.ts";
import { ListenRequests } from "./listen_requests.ts";

const CANCELLED = "notifications/cancelled";

/** What a host of the stateless era cannot ask for: it has gone, or is done here. */
const GONE = /^(initialize|ping|logging\/setLevel|resources\/(un)?subscribe|tasks\/.*)$/;
/** Notifications of a host that have gone, or that the server gets from here. */
const GONE_NOTICES = /^notifications\/(initialized|roots\/list_changed)$/;
/** Notifications of a server for which the stateless era has no place. */
const UNTOLD = /^notifications\/(elicitation\/complete|tasks\/.*)$/;

/** The translator. */
export class StatefulServer implements Translator {
  readonly #options: TranslatorOptions;
  readonly #own: OwnRequests;
  readonly #calls: Calls;
  readonly #subscriptions: ListenRequests;
  readonly #level: LogLevel;
  readonly #renewal: Renewal;
  readonly #closing = new AbortController();
  /** What the server said when the session was opened. */
  #server: JsonObject = {};

  /** @param options Host and server. */
  constructor(options: TranslatorOptions) {
    const { host, server, log } = options;
    this.#options = options;
    const own = this.#own = new OwnRequests(server);
    this.#calls = new Calls({ host, server, own, log, serverInfo: () => this.#server["serverInfo"] });
    this.#subscriptions = new ListenRequests({ host, own, log, server: () => this.#server });
    this.#level = new LogLevel(own, log, this.#closing.signal);
    this.#renewal = new Renewal({ own, log, signal: this.#closing.signal });
  }

  /** @inheritdoc */
  async open(first: Outbound): Promise<void> {
    const [message] = first.messages;
    const host = introductionOf(message?.kind === "request" ? message.value : {});
    const signal = AbortSignal.any([first.controller.signal, this.#closing.signal]);
    const said = await this.#initialize(host, LATEST_STATEFUL, signal).catch((error) => {
      const older = error instanceof RefusedError ? statefulIn(error.rpc["data"]) : undefined;
      if (older === undefined || older === LATEST_STATEFUL) throw error;
      return this.#initialize(host, older, signal);
    });
    const version = said["protocolVersion"];
    if (typeof version !== "string" || isStateless(version)) {
      throw new McpAuthError(
        "SERVER_ERROR",
        "Cannot open a session: the server names no revision that has one",
      );
    }
    this.#server = said;
    await this.#options.server.send(encode({ jsonrpc: "2.0", method: "notifications/initialized" }));
    this.#options.server.listen();
  }

  /** @inheritdoc */
  async send(outbound: Outbound): Promise<void> {
    const [message] = outbound.messages;
    if (outbound.batch) return await this.#refuseBatch(outbound);
    if (message?.kind === "request") return await this.#request(outbound, message);
    if (message?.kind === "notification") return await this.#notice(outbound, message);
    this.#options.log("Dropped an answer of the host: the server cannot ask it anything (T9)");
  }

  /** @inheritdoc */
  async cancel(target: Outbound, notice: Outbound): Promise<void> {
    if (!this.#subscriptions.cancel(target)) await this.#calls.cancel(target, reasonIn(notice.messages[0]));
  }

  /** @inheritdoc */
  listen(): void {}

  /** @inheritdoc */
  async close(timeoutMs: number): Promise<void> {
    this.leave();
    await this.#options.server.close(timeoutMs);
  }

  /** @inheritdoc */
  leave(): void {
    this.#closing.abort();
    this.#subscriptions.close();
    this.#calls.close();
  }

  /** @inheritdoc */
  renewed(): void {
    void this.#renewal.tell(() => ({ level: this.#level.current, uris: this.#subscriptions.uris }));
  }

  /** @inheritdoc */
  async receive(inbound: Inbound): Promise<void> {
    if (!inbound.batch) {
      if (!this.#own.receive(inbound)) await this.#hear(inbound);
      return;
    }
    for (const message of inbound.messages) {
      const payload = message.kind === "invalid" ? "null" : exactJson(message.value);
      await this.receive({ messages: [message], batch: false, payload, origin: inbound.origin });
    }
  }

  /** @inheritdoc */
  owes(outbound: Outbound): boolean {
    return this.#own.owes(outbound) ?? (this.#calls.owes(outbound) || this.#options.host.owes(outbound));
  }

  #initialize(host: Introduction, protocolVersion: string, signal: AbortSignal): Promise<JsonObject> {
    const { capabilities, clientInfo = { name: "mcp-auth", version: VERSION } } = host;
    return this.#own.request("initialize", { protocolVersion, capabilities, clientInfo }, {
      signal,
      timeoutMs: HTTP_TIMEOUT_MS,
      onMessage: (inbound) => this.#hear(inbound),
    });
  }

  async #request(outbound: Outbound, message: RequestMessage): Promise<void> {
    const { host } = this.#options;
    const sender = senderOf(message.value);
    if ("error" in sender) return await answerError(host, outbound, sender.error);
    const { method } = message;
    const params = isJsonObject(message.value["params"]) ? message.value["params"] : {};
    if (GONE.test(method)) {
      const error = { code: METHOD_NOT_FOUND, message: `Method not found: this revision has no "${method}"` };
      return await answerError(host, outbound, error);
    }
    if (method === "server/discover") return await answerResult(host, outbound, discoverResult(this.#server));
    if (method === "subscriptions/listen") return await this.#subscriptions.listen(outbound, params);
    if (this.#has("logging")) await this.#level.want(sender.logLevel);
    // It may have been cancelled meanwhile.
    if (!host.owes(outbound) || this.#closing.signal.aborted) return;
    if (ASKING_METHODS.has(method)) {
      if (params["requestState"] !== undefined) return await this.#calls.resume(outbound, message, sender);
      if (isDeclined(params["inputResponses"])) {
        const what = safeText(operationOf(outbound));
        throw new McpAuthError(
          "AUTH_CANCELLED",
          `Cannot complete "${what}": what the server needs was declined`,
        );
      }
    }
    await this.#calls.start(outbound, message, sender);
  }

  async #notice(outbound: Outbound, message: NotificationMessage): Promise<void> {
    const { method } = message;
    if (method === CANCELLED) {
      const params = isJsonObject(message.value["params"]) ? message.value["params"] : {};
      return void await this.#calls.cancelSuspended(params["requestId"], params["reason"]);
    }
    if (GONE_NOTICES.test(method)) return;
    const { params, ...rest } = exactValue(outbound.body, message.value);
    const value = params === undefined ? rest : { ...rest, params: statefulParams(params) };
    await this.#options.server.send({ ...encode(exactJson(value)), controller: outbound.controller });
  }

  async #refuseBatch(outbound: Outbound): Promise<void> {
    for (const id of outbound.requests) {
      const error = { code: INVALID_REQUEST, message: "Invalid request: this revision has no batches" };
      await this.#options.host.receive({
        ...errorFor({ ...outbound, requests: [id] }, error),
        origin: outbound,
      });
    }
  }

  /** Takes what the server says, one message at a time. */
  async #hear(inbound: Inbound): Promise<void> {
    const [message] = inbound.messages;
    if (message?.kind === "request") return await this.#answer(message, inbound);
    if (message?.kind === "notification") return await this.#tell(message, inbound);
    const known = message?.kind === "response" ? this.#calls.receive(message, inbound) : false;
    const { origin } = inbound;
    if (known === false && origin !== undefined && this.#options.host.owes(origin)) {
      // What the host had sent before it was known that it takes a translation is answered as it was asked.
      await this.#options.host.receive(inbound);
    } else if (known === false) {
      this.#options.log("Dropped what the server sent: it belongs to nothing that is under way");
    } else await known;
  }

  /** Answers what the server asks, or finds out from the host. */
  #answer({ id, method, value }: RequestMessage, { payload, origin }: Inbound): Promise<void> | void {
    if (method === "ping") return this.#calls.answer(id, {});
    const { params } = exactValue(payload, value);
    return this.#calls.ask(id, inputRequestOf(method, params), origin);
  }

  async #tell({ method, value }: NotificationMessage, { payload, origin }: Inbound): Promise<void> {
    const exact = exactValue(payload, value)["params"];
    const params = isJsonObject(exact) ? exact : {};
    if (method === CANCELLED) return this.#calls.withdraw(params["requestId"]);
    if (method === "notifications/progress") return await this.#calls.progress(params);
    if (ListenRequests.concerns(method)) return await this.#subscriptions.tell(method, params);
    if (UNTOLD.test(method)) return;
    const call = this.#calls.of(origin);
    if (method === "notifications/message") {
      const wanted = call === undefined ? "any" : call.sender.logLevel;
      if (!this.#level.passes(params["level"], wanted)) return;
    }
    await notifyHost(this.#options.host, call?.leg?.outbound, method, params);
  }

  #has(capability: string): boolean {
    const { capabilities } = this.#server;
    return isJsonObject(capabilities) && isJsonObject(capabilities[capability]);
  }
}

/** The newest revision with sessions that a refusal of `initialize` names (T2). */
function statefulIn(data: unknown): string | undefined {
  const supported = isJsonObject(data) ? data["supported"] : undefined;
  if (!Array.isArray(supported)) return undefined;
  return REVISIONS.findLast(({ name, stateful }) => stateful && supported.includes(name))?.name;
}

function reasonIn(notice: Message | undefined): unknown {
  if (notice?.kind !== "notification") return undefined;
  const { params } = notice.value;
  return isJsonObject(params) ? params["reason"] : undefined;
}

/** Whether a person has said no to one of the things that the host was to bring. */
function isDeclined(responses: unknown): boolean {
  if (!isJsonObject(responses)) return false;
  return Object.values(responses).some((response: unknown) =>
    isJsonObject(response) && typeof response["action"] === "string" && response["action"] !== "accept"
  );
}

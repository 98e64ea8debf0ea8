/**
 * Asks a server that has refused the host's first exchange which era it is of, by speaking to it as the translator for
 * the other era does. Loaded when a refusal leaves it open.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning (T14, T20)
 * @module
 */
import { asMcpAuthError, type ErrorCode, type McpAuthError } from "../../../primitives/errors.ts";
import { HTTP_TIMEOUT_MS } from "../../../primitives/limits.ts";
import type { JsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import { isStateless, STATELESS_ERRORS } from "../../../primitives/mcp/revisions.ts";
import { HttpFailure } from "../transports/failure.ts";
import type { Inbound, Outbound } from "../transports/remote.ts";
import type { Translator, TranslatorOptions, Trial } from "./era_layer.ts";
import { OwnRequests, RefusedError } from "./own_requests.ts";

/** How it ended. */
export interface Opening {
  /** False where nothing was found out: the next exchange is a new chance. */
  readonly decided: boolean;
  /** What is to stand between host and server; undefined where nothing has to. */
  readonly translator: Translator | undefined;
}

/** What says that a server does not speak an era, or cannot be asked; all else, such as a sign-in, is told. */
const NO_ANSWER: ReadonlySet<ErrorCode> = new Set([
  "SERVER_ERROR",
  "NETWORK_ERROR",
  "TIMEOUT",
  "RATE_LIMITED",
  "AUTH_CANCELLED",
]);

/**
 * Finds out what has to stand between host and server.
 *
 * @param trial The refused exchange.
 * @param hear Is given what hears from the server meanwhile.
 * @throws {McpAuthError} When asking the server takes something of the person first, such as a sign-in.
 */
export async function openTranslator(
  trial: Trial,
  options: TranslatorOptions,
  hear: (candidate: Translator) => void,
): Promise<Opening> {
  if (trial.era === "stateless" && methodOf(trial.outbound) !== "server/discover") {
    const probe = new Probe(options);
    hear(probe);
    if (await probe.discovers(trial.outbound)) return { decided: true, translator: undefined };
  }
  const translator = await load(trial, options);
  hear(translator);
  try {
    await translator.open(trial.outbound);
    options.log(`The host is ${trial.era} and the server is not: translating between the two`);
    return { decided: true, translator };
  } catch (error) {
    const coded = asMcpAuthError(error, "SERVER_ERROR", "find out the server's era");
    if (!NO_ANSWER.has(coded.code)) throw coded;
    translator.leave();
    options.log(`Cannot speak to the server in its other era either: ${coded.message}`);
    return { decided: trial.era === "stateless" && isVerdict(coded), translator: undefined };
  }
}

async function load({ era }: Trial, options: TranslatorOptions): Promise<Translator> {
  if (era === "stateful") {
    const { StatelessServer } = await import("./stateless_server.ts");
    return new StatelessServer(options);
  }
  const { StatefulServer } = await import("./stateful_server.ts");
  return new StatefulServer(options);
}

/**
 * Asks a server for what every stateless one answers, in the words of the host: a refusal of anything else, such as of a
 * tool that is not there, says nothing of eras.
 */
class Probe implements Translator {
  readonly #options: TranslatorOptions;
  readonly #own: OwnRequests;

  constructor(options: TranslatorOptions) {
    this.#options = options;
    this.#own = new OwnRequests(options.server);
  }

  async discovers({ messages: [message], controller: { signal } }: Outbound): Promise<boolean> {
    const params = message?.kind === "request" ? message.value["params"] : undefined;
    const { _meta } = params as JsonObject;
    try {
      const asked = { signal, timeoutMs: HTTP_TIMEOUT_MS };
      const result = await this.#own.request("server/discover", { _meta }, asked);
      const supported = result["supportedVersions"];
      return Array.isArray(supported) && supported.some(isStateless);
    } catch (error) {
      if (error instanceof RefusedError) return STATELESS_ERRORS.has(error.rpc["code"] as number);
      const coded = asMcpAuthError(error, "SERVER_ERROR", "ask the server");
      if (!NO_ANSWER.has(coded.code)) throw coded;
      return false;
    }
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  send(outbound: Outbound): Promise<void> {
    return this.#options.server.send(outbound);
  }

  cancel(target: Outbound, notice: Outbound): Promise<void> {
    return this.#options.server.cancel(target, notice);
  }

  listen(): void {}

  leave(): void {}

  close(timeoutMs: number): Promise<void> {
    return this.#options.server.close(timeoutMs);
  }

  receive(inbound: Inbound): Promise<void> | void {
    if (!this.#own.receive(inbound)) return this.#options.host.receive(inbound);
  }

  owes(outbound: Outbound): boolean {
    return this.#own.owes(outbound) ?? this.#options.host.owes(outbound);
  }
}

/** Whether it is the server that has said no, and not a bad moment: who is only busy or broken may say yes the next time. */
function isVerdict(error: McpAuthError): boolean {
  if (error instanceof RefusedError) return true;
  return error.cause instanceof HttpFailure && error.code === "SERVER_ERROR" && error.cause.status < 500;
}

function methodOf({ messages: [message] }: Outbound): string {
  return message?.kind === "request" ? message.method : "";
}

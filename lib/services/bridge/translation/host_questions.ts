/**
 * What a stateless server wants to know before it can answer, asked of a stateful host by requests of the server's, as
 * the host knows them: the answers go back with the next try of what the host had asked. One who can be asked is asked
 * for all of it at once, but a person for one thing at a time.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr (T15)
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { QUESTIONS_MAX } from "../../../primitives/bridge_limits.ts";
import { classify, isJsonObject, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import type { Outbound, Receiver } from "../transports/remote.ts";
import { exactJson, exactValue } from "./exact_json.ts";
import type { StatefulHost } from "./stateful_host.ts";

const ELICITATION = "elicitation/create";

/** Something that the host is asked. */
interface Question {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: McpAuthError) => void;
}

/** One thing that a server wants to know. */
interface Wanted {
  readonly key: string;
  readonly method: string;
  readonly params: unknown;
}

/** What the server is told, and what the host is told when the server is done. */
export interface Answers {
  /** By the server's keys. */
  readonly inputResponses: JsonObject;
  /** Ids of the questions that were answered elsewhere, on a page: the host may hear that this is over. */
  readonly elicitationIds: readonly string[];
}

/** Asks a host. */
export class HostQuestions {
  readonly #host: Receiver;
  readonly #newId: () => string;
  readonly #asked = new Map<unknown, Question>();

  /**
   * @param host Who is asked.
   * @param newId Gives ids that the host has not seen.
   */
  constructor(host: Receiver, newId: () => string) {
    this.#host = host;
    this.#newId = newId;
  }

  /**
   * Asks all that the server wants to know.
   *
   * @param said What the host has said of itself.
   * @param operation What the host wanted, for errors.
   * @param requests The `inputRequests` of the server, unchecked.
   * @param outbound The host's exchange: when it ends, the questions are taken back.
   * @throws {McpAuthError} `SERVER_ERROR` when the host does not offer what is asked for, or refuses it; the reason of
   * the exchange's end.
   */
  async ask(said: StatefulHost, operation: string, requests: unknown, outbound: Outbound): Promise<Answers> {
    const wanted = wantedIn(said, operation, requests);
    const over = new AbortController();
    const { signal } = outbound.controller;
    const end = () => over.abort(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    const elicitationIds: string[] = [];
    const askOne = async ({ key, method, params }: Wanted): Promise<[string, unknown]> => {
      const asked = paramsFor(said, method, params, this.#newId);
      const { elicitationId } = asked ?? {};
      const result = await this.#question(operation, method, asked, outbound, over.signal);
      if (typeof elicitationId === "string") elicitationIds.push(elicitationId);
      return [key, result];
    };
    const ofPeople = wanted.filter(({ method }) => method === ELICITATION);
    const inTurn = async () => {
      const answers: [string, unknown][] = [];
      for (const one of ofPeople) answers.push(await askOne(one));
      return answers;
    };
    try {
      const others = wanted.filter(({ method }) => method !== ELICITATION).map(askOne);
      const [first, rest] = await Promise.all([inTurn(), Promise.all(others)]);
      return { inputResponses: Object.fromEntries([...first, ...rest]), elicitationIds };
    } finally {
      // Where one question came to nothing, nobody waits for the others.
      over.abort();
      signal.removeEventListener("abort", end);
    }
  }

  /** Takes an answer of the host; false when it is none to a question of ours. */
  answered(outbound: Outbound): boolean {
    const [message] = outbound.messages;
    if (message?.kind !== "response") return false;
    const question = this.#asked.get(message.id);
    if (question === undefined) return false;
    const value = exactValue(outbound.body, message.value);
    if ("error" in value) {
      const { message: words } = isJsonObject(value["error"]) ? value["error"] : {};
      question.reject(new McpAuthError("SERVER_ERROR", safeText(words)));
    } else question.resolve(value["result"]);
    return true;
  }

  async #question(
    operation: string,
    method: string,
    params: JsonObject | undefined,
    origin: Outbound,
    signal: AbortSignal,
  ): Promise<unknown> {
    if (signal.aborted) throw signal.reason;
    const id = this.#newId();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#asked.set(id, {
      resolve,
      reject: ({ message }) =>
        reject(
          new McpAuthError(
            "SERVER_ERROR",
            `Cannot complete "${
              safeText(operation)
            }": the host refused "${method}", which the server asked for: ${message}`,
          ),
        ),
    });
    this.#tell({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) }, origin);
    try {
      return await promise;
    } catch (error) {
      if (signal.aborted) {
        const params = { requestId: id, reason: "The request that this was asked for is over" };
        this.#tell({ jsonrpc: "2.0", method: "notifications/cancelled", params }, undefined);
      }
      throw error;
    } finally {
      this.#asked.delete(id);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Tells the host that what it was to do on a page is done. */
  finish(elicitationIds: readonly string[]): void {
    for (const elicitationId of elicitationIds) {
      const method = "notifications/elicitation/complete";
      this.#tell({ jsonrpc: "2.0", method, params: { elicitationId } }, undefined);
    }
  }

  #tell(message: JsonObject, origin: Outbound | undefined): void {
    const payload = exactJson(message);
    void this.#host.receive({ messages: [classify(message)], batch: false, payload, origin });
  }
}

/** What the server wants to know, where the host can be asked for all of it. */
function wantedIn(said: StatefulHost, operation: string, requests: unknown): Wanted[] {
  const wanted = Object.entries(isJsonObject(requests) ? requests : {}).map(([key, request]) => {
    const { method, params } = isJsonObject(request) ? request : {};
    return { key, method: typeof method === "string" ? method : "", params };
  });
  if (wanted.length > QUESTIONS_MAX) {
    throw new McpAuthError(
      "SERVER_ERROR",
      `Cannot complete "${
        safeText(operation)
      }": the server asks ${wanted.length} questions in return: the limit is ${QUESTIONS_MAX}`,
    );
  }
  const beyond = wanted.find(({ method, params }) => !said.offers(method, params));
  if (beyond === undefined) return wanted;
  const by = isJsonObject(beyond.params) && beyond.params["mode"] === "url" ? " by URL" : "";
  throw new McpAuthError(
    "SERVER_ERROR",
    `Cannot complete "${safeText(operation)}": the server asks for "${
      safeText(beyond.method, 80)
    }"${by} in return, which the host does not offer`,
    { hint: "Use it from an MCP host that can answer such questions" },
  );
}

/** The parameters of a question as the host's revision has them. */
function paramsFor(
  { revision }: StatefulHost,
  method: string,
  params: unknown,
  newId: () => string,
): JsonObject | undefined {
  if (!isJsonObject(params)) return undefined;
  if (method !== ELICITATION) return params;
  if (params["mode"] === "url") return { elicitationId: newId(), ...params };
  const { mode: _, ...rest } = params;
  return revision < "2025-11-25" ? rest : params;
}

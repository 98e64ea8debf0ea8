/**
 * What a server wants to know before it answers: the questions in a result of a stateless revision, which is sent again
 * with the answers, and the pages that a stateful server wants visited, after which the request is made anew.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr (T15)
 * @see https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-elicitation-required-errors
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { QUESTION_ROUNDS_MAX } from "../../../primitives/bridge_limits.ts";
import { isJsonObject, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import { isInputRequired, type RpcError, wantsUrlVisited } from "./rpc_error.ts";
import type { OnRequest } from "./server_requests.ts";

const ELICIT = "elicitation/create";

/** A request that the server has something to ask about. */
export interface AskedRequest {
  readonly method: string;
  readonly params: JsonObject | undefined;
  /** Sends it with other parameters. */
  readonly send: (params: JsonObject | undefined) => Promise<unknown>;
  /** Answers the server's questions. */
  readonly onRequest: OnRequest;
  readonly signal: AbortSignal | undefined;
}

/**
 * Answers until the server has no more questions.
 *
 * @param request What was asked.
 * @param first The result with the first questions.
 * @returns The result that is one.
 * @throws {McpAuthError} `SERVER_ERROR` for a question that nobody here can answer, and where there is no end to them;
 * what answering and sending fail with.
 */
export async function answerQuestions(request: AskedRequest, first: JsonObject): Promise<unknown> {
  let result = first;
  for (let round = 0; round < QUESTION_ROUNDS_MAX; round++) {
    const inputResponses: Record<string, unknown> = {};
    const questions = isJsonObject(result["inputRequests"]) ? result["inputRequests"] : {};
    for (const [key, question] of Object.entries(questions)) {
      // `__proto__` as a key of the server's must be a key, too.
      Object.defineProperty(inputResponses, key, {
        value: await answer(request, question),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    const next = await request.send({
      ...request.params,
      ...(Object.keys(questions).length === 0 ? {} : { inputResponses }),
      ...("requestState" in result ? { requestState: result["requestState"] } : {}),
    });
    if (!isInputRequired(next)) return next;
    result = next;
  }
  throw endless(request);
}

/**
 * Has the pages visited that a refusal names, and makes the request anew.
 *
 * @throws {McpAuthError} The refusal, where it names none or a person does not want to; else as {@linkcode answerQuestions}.
 */
export async function visitUrls(
  request: AskedRequest,
  first: McpAuthError & { readonly cause: RpcError },
): Promise<unknown> {
  let refusal = first;
  for (let round = 0; round < QUESTION_ROUNDS_MAX; round++) {
    const { data } = refusal.cause;
    const pages: readonly unknown[] = isJsonObject(data) && Array.isArray(data["elicitations"])
      ? data["elicitations"]
      : [];
    if (pages.length === 0) throw refusal;
    for (const page of pages) {
      const said = await answer(request, { method: ELICIT, params: page });
      if (said["action"] !== "accept") throw refusal;
    }
    try {
      return await request.send(request.params);
    } catch (error) {
      if (!wantsUrlVisited(error)) throw error;
      refusal = error;
    }
  }
  throw endless(request);
}

async function answer({ method, onRequest, signal }: AskedRequest, question: unknown): Promise<JsonObject> {
  const wanted = isJsonObject(question) ? question["method"] : undefined;
  const params = isJsonObject(question) && isJsonObject(question["params"]) ? question["params"] : {};
  const answered = typeof wanted === "string"
    ? onRequest(wanted, params, signal ?? new AbortController().signal)
    : undefined;
  if (answered !== undefined) return await answered;
  throw new McpAuthError(
    "SERVER_ERROR",
    `Cannot complete "${method}": the server asks for "${
      safeText(wanted, 80)
    }" in return, which is not offered`,
    { hint: "Use it from an MCP host that can answer such questions" },
  );
}

function endless({ method }: AskedRequest): McpAuthError {
  return new McpAuthError(
    "SERVER_ERROR",
    `Cannot complete "${method}": the server keeps asking in return, ${QUESTION_ROUNDS_MAX} times by now`,
  );
}

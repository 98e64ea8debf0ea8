/**
 * What a server may ask of a host, in the words of either era, and whether the host has said that it can answer.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr (T6, T15)
 * @module
 */
import { isJsonObject, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";

/** The requests of the host in whose answer it may be asked (T15). */
export const ASKING_METHODS: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read"]);

/** What stateless servers ask in the answer to a request: a method and its parameters, without an id. */
export interface InputRequest extends JsonObject {
  readonly method: string;
  readonly params?: JsonObject;
}

/**
 * A request of a stateful server as a stateless one makes it: without what only the former era had.
 *
 * @param method Its method.
 * @param params Its parameters, unchecked.
 */
export function inputRequestOf(method: string, params: unknown): InputRequest {
  if (!isJsonObject(params)) return { method };
  const { _meta, elicitationId: _id, task: _task, ...rest } = params;
  if (!isJsonObject(_meta)) return { method, params: rest };
  const { progressToken: _token, ...kept } = _meta;
  return { method, params: Object.keys(kept).length === 0 ? rest : { ...rest, _meta: kept } };
}

/** Whether a host with these capabilities can be asked that. */
export function isDeclared(capabilities: JsonObject, { method, params }: InputRequest): boolean {
  const { sampling, elicitation, roots } = capabilities;
  if (method === "sampling/createMessage") return isJsonObject(sampling);
  if (method === "roots/list") return isJsonObject(roots);
  if (method !== "elicitation/create" || !isJsonObject(elicitation)) return false;
  if (params?.["mode"] === "url") return isJsonObject(elicitation["url"]);
  // Without any mode it is the one that was there first.
  return isJsonObject(elicitation["form"]) || !("url" in elicitation);
}

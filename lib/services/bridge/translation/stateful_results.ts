/**
 * What a result of a stateless server may hold that a stateful host stumbles over. Everything else passes as it came,
 * members that the host does not know included: every revision lets results have more of them.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/changelog (minor change 10)
 * @module
 */
import { isJsonObject, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";

/**
 * The same result for a stateful host: schemas of results and structured results had to be those of objects.
 *
 * @param method What was asked.
 * @returns The very result where nothing has to change.
 */
export function forStatefulHost(method: string, result: JsonObject): JsonObject {
  if (method === "tools/list") return withPlainTools(result);
  if (method !== "tools/call" || !("structuredContent" in result)) return result;
  if (isJsonObject(result["structuredContent"])) return result;
  const { structuredContent: _, ...rest } = result;
  return rest;
}

function withPlainTools(result: JsonObject): JsonObject {
  const { tools } = result;
  if (!Array.isArray(tools)) return result;
  const plain = tools.map((tool: unknown) => isJsonObject(tool) ? plainTool(tool) : tool);
  return plain.every((tool, i) => tool === tools[i]) ? result : { ...result, tools: plain };
}

function plainTool(tool: JsonObject): JsonObject {
  const { outputSchema, ...rest } = tool;
  if (outputSchema === undefined) return tool;
  return isJsonObject(outputSchema) && outputSchema["type"] === "object" ? tool : rest;
}

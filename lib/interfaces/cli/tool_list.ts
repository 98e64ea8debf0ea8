/**
 * The tools of a server, and one of them by its name.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { Connection } from "../../services/bridge/mod.ts";
import { nearest, readTool, type Tool } from "./tool.ts";

/**
 * Finds a tool.
 *
 * @returns Undefined where the server lists no tools, and may have some all the same.
 * @throws {McpAuthError} `NOT_FOUND` where it lists others, with the one that may be meant; what listing fails with.
 */
export async function findTool(connection: Connection, name: string): Promise<Tool | undefined> {
  let listed: readonly unknown[];
  try {
    listed = await connection.listAll("tools/list", "tools");
  } catch (error) {
    // A server may have tools and no list of them; what it lacks, the call will tell.
    if (error instanceof McpAuthError && error.code === "SERVER_ERROR") return undefined;
    throw error;
  }
  return toolNamed(listed, name).tool;
}

/**
 * The tool of a name, as it is listed and read.
 *
 * @param listed The items of `tools/list`.
 * @param name Its name.
 * @throws {McpAuthError} `NOT_FOUND`.
 */
export function toolNamed(
  listed: readonly unknown[],
  name: string,
): { readonly item: unknown; readonly tool: Tool } {
  const names: string[] = [];
  for (const item of listed) {
    const tool = readTool(item);
    if (tool?.name === name) return { item, tool };
    if (tool !== undefined) names.push(tool.name);
  }
  const near = nearest(name, names);
  throw new McpAuthError(
    "NOT_FOUND",
    `Cannot find the tool "${safeText(name, 128)}": the server lists no such tool`,
    {
      hint: near !== undefined
        ? `Did you mean "${safeText(near, 128)}"?`
        : names.length === 0
        ? "It has no tools"
        : "See all with: mcp-auth tools <name>",
    },
  );
}

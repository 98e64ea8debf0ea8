/**
 * The first MCP exchange with a server: the proof that an entry works.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { METHOD_NOT_FOUND } from "../../primitives/mcp/jsonrpc.ts";
import { isObject } from "../../primitives/oauth/json.ts";
import type { ServerRecord } from "../../services/credentials/mod.ts";
import type { Authorizer } from "../../services/tokens/mod.ts";
import type { StoreFlags } from "./command.ts";
import { connectionTo } from "./connection.ts";
import type { CliContext } from "./context.ts";

/**
 * Connects, in the way of the server's era, and lists the tools.
 *
 * @returns The number of tools; undefined where the server has none to list.
 * @throws {McpAuthError} what the exchange met.
 */
export async function firstExchange(
  context: CliContext,
  flags: StoreFlags,
  server: ServerRecord,
  authorizer: Authorizer,
): Promise<number | undefined> {
  const connection = await connectionTo(context, flags, server, authorizer);
  try {
    return (await connection.listAll("tools/list", "tools")).length;
  } catch (error) {
    // A server without tools refuses the method; everything about authorization has worked by then.
    if (error instanceof McpAuthError && error.code === "SERVER_ERROR") {
      const { capabilities } = connection.server;
      if (isObject(capabilities) ? capabilities.tools === undefined : isUnknownMethod(error)) {
        return undefined;
      }
    }
    throw error;
  } finally {
    await connection.close();
  }
}

function isUnknownMethod({ cause }: McpAuthError): boolean {
  return cause instanceof Error && "code" in cause && cause.code === METHOD_NOT_FOUND;
}

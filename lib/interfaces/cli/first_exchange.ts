/**
 * The first MCP exchange with a server: the proof that an entry works.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { isObject } from "../../primitives/oauth/json.ts";
import type { ServerRecord } from "../../services/credentials/mod.ts";
import type { Authorizer } from "../../services/tokens/mod.ts";
import type { StoreFlags } from "./command.ts";
import { connectionTo } from "./connection.ts";
import type { CliContext } from "./context.ts";

/**
 * Initializes a session and lists the tools.
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
    if (error instanceof McpAuthError && error.code === "SERVER_ERROR" && !offersTools(connection.server)) {
      return undefined;
    }
    throw error;
  } finally {
    await connection.close();
  }
}

function offersTools(server: Readonly<Record<string, unknown>>): boolean {
  return isObject(server.capabilities) && server.capabilities.tools !== undefined;
}

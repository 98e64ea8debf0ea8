/**
 * An MCP connection to an entry's server, for the commands that talk to it themselves.
 *
 * @module
 */
import { VERSION } from "../../primitives/version.ts";
import type { Connection } from "../../services/bridge/mod.ts";
import { expandHeaders } from "../../services/config/mod.ts";
import type { ServerRecord } from "../../services/credentials/mod.ts";
import type { Authorizer } from "../../services/tokens/mod.ts";
import { requireMcpServer } from "./add_target.ts";
import type { StoreFlags } from "./command.ts";
import type { CliContext } from "./context.ts";

/**
 * Opens a connection; the caller closes it.
 *
 * @throws {McpAuthError} what the initialization met.
 */
export async function connectionTo(
  context: CliContext,
  flags: StoreFlags,
  server: ServerRecord,
  authorizer: Authorizer,
): Promise<Connection> {
  requireMcpServer(server);
  const { openConnection } = await import("../../services/bridge/mod.ts");
  const services = context.services(flags);
  const { signal } = await services.interruption();
  return await openConnection({
    url: server.url,
    http: services.http(server),
    authorizer,
    headers: expandHeaders(server.options.headers, (name) => context.env.get(name)),
    clientInfo: { name: "mcp-auth", version: VERSION },
    signal,
  });
}

/**
 * An MCP connection to an entry's server, for the commands that talk to it themselves.
 *
 * @module
 */
import { VERSION } from "../../primitives/version.ts";
import type { Connection, ConnectionOptions } from "../../services/bridge/mod.ts";
import { expandHeaders } from "../../services/config/mod.ts";
import type { ServerRecord } from "../../services/credentials/mod.ts";
import type { Authorizer } from "../../services/tokens/mod.ts";
import { requireMcpServer } from "./add_target.ts";
import type { StoreFlags } from "./command.ts";
import type { CliContext } from "./context.ts";

/** What a command wants of a connection beside its answers. */
export type ConnectionWishes = Pick<
  ConnectionOptions,
  "capabilities" | "onRequest" | "listens" | "remembered" | "learned"
>;

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
  wishes: ConnectionWishes = {},
): Promise<Connection> {
  requireMcpServer(server);
  const { openConnection } = await import("../../services/bridge/mod.ts");
  const services = context.services(flags);
  const { signal } = await services.interruption();
  return await openConnection({
    ...wishes,
    url: server.url,
    http: services.http(server),
    authorizer,
    transport: server.options.transport,
    openSocket: services.openSocket(server),
    webSocketAuth: server.options.websocketAuth,
    headers: expandHeaders(server.options.headers, (name) => context.env.get(name)),
    clientInfo: { name: "mcp-auth", version: VERSION },
    log: flags.verbose ? (line) => context.say(line) : undefined,
    signal,
  });
}

/**
 * The same for an entry that is there: what is found out about the server's era is remembered for the next connection, so
 * that a server that knows no `initialize` is not asked for it by every command. That it cannot be remembered stops nothing.
 *
 * @throws {McpAuthError} what the initialization met.
 */
export async function rememberingConnectionTo(
  context: CliContext,
  flags: StoreFlags,
  server: ServerRecord,
  authorizer: Authorizer,
  wishes: ConnectionWishes = {},
): Promise<Connection> {
  requireMcpServer(server);
  const { eras } = context.store(flags);
  const { name, url } = server;
  return await connectionTo(context, flags, server, authorizer, {
    ...wishes,
    remembered: await eras.read(name, url).catch(() => undefined),
    learned: (revision) => eras.write(name, url, revision).catch(() => {}),
  });
}

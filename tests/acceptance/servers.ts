/**
 * The pair of real servers that a test signs in at, on free ports.
 *
 * @module
 */
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from "../../scripts/demo/servers/authorization_server.ts";
import {
  type McpServerSettings,
  type RunningMcpServer,
  startMcpServer,
} from "../../scripts/demo/servers/mcp_server.ts";

/** An authorization server and an MCP server that trusts it. */
export interface Servers extends AsyncDisposable {
  readonly as: AuthorizationServer;
  readonly mcp: RunningMcpServer;
}

/** What the servers are to be like. */
export interface ServersOptions {
  readonly as?: AuthorizationServerOptions;
  readonly mcp?: McpServerSettings;
}

/** Starts both. */
export async function startServers(options: ServersOptions = {}): Promise<Servers> {
  const resources: string[] = [];
  const as = await startAuthorizationServer({
    allowsResource: (resource) => resources.includes(resource),
    ...options.as,
  });
  const mcp = await startMcpServer({ ...options.mcp, authorizationServer: as });
  resources.push(mcp.resource);
  return {
    as,
    mcp,
    [Symbol.asyncDispose]: async () => {
      await mcp.close();
      await as.close();
    },
  };
}

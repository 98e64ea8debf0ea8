/**
 * A library client with a throw-away home, an authorization server and an MCP server that trusts it.
 *
 * @module
 */
import { type ClientOptions, createClient, type McpAuthClient, type Result } from "@x/mcp-auth/sdk";
import { browse } from "../../../scripts/demo/browser/scripted_browser.ts";
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from "../../../scripts/demo/servers/authorization_server.ts";
import { type RunningMcpServer, startMcpServer } from "../../../scripts/demo/servers/mcp_server.ts";

/** The scene. */
export interface Scene {
  readonly as: AuthorizationServer;
  readonly mcp: RunningMcpServer;
  readonly client: McpAuthClient;
  readonly home: string;
}

/** Runs a test in the scene. */
export async function withScene(
  test: (scene: Scene) => Promise<void>,
  options: ClientOptions = {},
  asOptions: AuthorizationServerOptions = {},
): Promise<void> {
  const home = await Deno.makeTempDir();
  const as = await startAuthorizationServer(asOptions);
  const mcp = await startMcpServer({ authorizationServer: as });
  try {
    await using client = createClient({ home, keystore: "file", openBrowser, ...options });
    await test({ as, mcp, client, home });
  } finally {
    await mcp.close();
    await as.close();
    await Deno.remove(home, { recursive: true });
  }
}

/** A browser whose user approves; it returns when the last page is there, as a program of one's own may. */
export async function openBrowser(url: string): Promise<void> {
  await browse(url);
}

/** The value of a result that must be one. */
export function valueOf<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw result.error;
}

/** The code of a result that must be an error. */
export function codeOf(result: Result<unknown>): string {
  return result.ok ? "ok" : result.error.code;
}

/** The first message of an MCP client. */
export const INITIALIZE = {
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
  body: JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
  }),
};

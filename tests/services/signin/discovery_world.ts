/**
 * An MCP server and an authorization server on loopback, and the discovery between them.
 *
 * @module
 */
import { createAddressGuard } from "../../../lib/primitives/http/address.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { discover, type Discovery, type DiscoveryOptions } from "../../../lib/services/signin/discovery.ts";
import { type LocalServer, serve } from "../../primitives/http/local_server.ts";

/** What a path answers: a response made anew each time, or a document. */
export type Page = (() => Response | Promise<Response>) | Readonly<Record<string, unknown>>;
/** What each path answers; 404 for all others. */
export type Pages = Readonly<Record<string, Page>>;

/** Two servers whose pages can name both. */
export interface World extends AsyncDisposable {
  readonly mcp: LocalServer;
  readonly auth: LocalServer;
  /** The MCP server's URL. */
  readonly serverUrl: string;
  /** Runs the discovery for the MCP server. */
  discover(options?: Partial<DiscoveryOptions>): Promise<Discovery>;
}

/** Where both servers are. */
export interface Origins {
  readonly mcp: string;
  readonly auth: string;
}

export const PRM = "/.well-known/oauth-protected-resource";
export const OAUTH = "/.well-known/oauth-authorization-server";
export const OPENID = "/.well-known/openid-configuration";

/**
 * Starts both servers.
 *
 * @param pages Their pages, once their origins are known.
 */
export function world(pages: (origins: Origins) => { readonly mcp?: Pages; readonly auth?: Pages }): World {
  const answer = (side: "mcp" | "auth") => (request: { readonly target: string }) => {
    const page = pages({ mcp: mcp.origin, auth: auth.origin })[side]?.[request.target];
    if (page === undefined) return new Response("not here", { status: 404 });
    return typeof page === "function" ? page() : Response.json(page);
  };
  const mcp = serve(answer("mcp"));
  const auth = serve(answer("auth"));
  const serverUrl = `${mcp.origin}/mcp`;
  const guard = createAddressGuard({ serverUrl, lookup: () => Promise.reject(new Error("no names here")) });
  return {
    mcp,
    auth,
    serverUrl,
    discover: (options = {}) =>
      discover({ http: createHttp({ guard }), serverUrl, challenge: {}, ...options }),
    async [Symbol.asyncDispose]() {
      await mcp[Symbol.asyncDispose]();
      await auth[Symbol.asyncDispose]();
    },
  };
}

/** Protected resource metadata that is right. */
export function resource({ mcp, auth }: Origins, changes: Record<string, unknown> = {}): Page {
  return { resource: `${mcp}/mcp`, authorization_servers: [auth], ...changes };
}

/** Authorization server metadata that is right. */
export function server(issuer: string, changes: Record<string, unknown> = {}): Page {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    code_challenge_methods_supported: ["S256"],
    ...changes,
  };
}

/**
 * The pair of real servers behind TLS, at names that only a proxy knows: `mcp.test` and `as.test`, with certificates of an
 * authority that nobody trusts yet. What reaches them went through the proxy.
 *
 * @module
 */
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from "../../scripts/demo/servers/authorization_server.ts";
import type { TlsSettings } from "../../scripts/demo/servers/http_front.ts";
import {
  type McpServerSettings,
  type RunningMcpServer,
  startMcpServer,
} from "../../scripts/demo/servers/mcp_server.ts";
import { type Issued, Pki } from "../primitives/http/pki.ts";
import type { Home } from "./program.ts";

/** The names of the servers, for the proxy. */
export const HOSTS: Readonly<Record<string, string>> = {
  "mcp.test": "127.0.0.1",
  "as.test": "127.0.0.1",
  "kv.test": "127.0.0.1",
};

/** What the servers are to be like. */
export interface TlsWorldOptions {
  readonly as?: AuthorizationServerOptions;
  readonly mcp?: McpServerSettings;
  /** Whether the MCP server demands a certificate of the same authority. */
  readonly demandsCertificate?: boolean;
  /** The name of both servers; `mcp.test` and `as.test` unless set. */
  readonly hostname?: string;
}

/** The servers and their authority. */
export interface TlsWorld extends AsyncDisposable {
  readonly pki: Pki;
  readonly authority: Issued;
  readonly as: AuthorizationServer;
  readonly mcp: RunningMcpServer;
  /** Makes a server's certificate for a name. */
  tls(hostname: string): Promise<TlsSettings>;
  /** `BROWSER` for the scripted browser of a home, which trusts the authority, and reaches loopback directly. */
  browserOf(home: Home): string;
}

/** Starts both. */
export async function startTlsWorld(options: TlsWorldOptions = {}): Promise<TlsWorld> {
  const pki = await Pki.make();
  const authority = await pki.authority();
  const tls = async (hostname: string): Promise<TlsSettings> => {
    const names = [...new Set(["localhost", hostname])].map((name) => `DNS:${name}`);
    const { cert, key } = await pki.issue("authority", hostname, [...names, "IP:127.0.0.1"].join());
    return { hostname, cert, key };
  };
  const resources: string[] = [];
  const as = await startAuthorizationServer({
    allowsResource: (resource) => resources.includes(resource),
    ...options.as,
    tls: await tls(options.hostname ?? "as.test"),
  });
  const keys = serveKeys(as, authority.cert);
  const demanded = options.demandsCertificate ? { clientAuthority: authority.cert } : {};
  const mcp = await startMcpServer({
    ...options.mcp,
    authorizationServer: { ...as, jwksUrl: keys.url },
    tls: { ...await tls(options.hostname ?? "mcp.test"), ...demanded },
  });
  resources.push(mcp.resource);
  return {
    pki,
    authority,
    as,
    mcp,
    tls,
    browserOf: (home) => `env -u HTTP_PROXY DENO_CERT=${authority.certFile} ${home.environment().BROWSER}`,
    [Symbol.asyncDispose]: async () => {
      await mcp.close();
      await keys.close();
      await as.close();
      await pki[Symbol.asyncDispose]();
    },
  };
}

/** The keys of the authorization server where the MCP server finds them: neither knows the proxy. */
function serveKeys(as: AuthorizationServer, ca: string): { readonly url: string; close(): Promise<void> } {
  const client = Deno.createHttpClient({ caCerts: [ca] });
  const { port, pathname } = new URL(as.jwksUrl);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async () => Response.json(await (await fetch(`https://127.0.0.1:${port}${pathname}`, { client })).json()),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    close: async () => {
      await server.shutdown();
      client.close();
    },
  };
}

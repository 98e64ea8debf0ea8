/**
 * A host of client ID metadata documents with TLS of our own authority, and how an authorization server and the program
 * get there: as `localhost`, or under a name that is somebody else's in the world outside.
 *
 * @module
 */
import { Pki } from "../primitives/http/pki.ts";
import { FROM_CHECKOUT, type Home } from "./program.ts";

/** What a path answers; it gets the URL that was asked for. */
export type Hosted = (url: string) => Response;

/** A host that runs. */
export interface DocumentHost extends AsyncDisposable {
  /** `https://<name>`, with the port where it is not the usual one. */
  readonly origin: string;
  /** The file of the authority to trust, in PEM. */
  readonly authority: string;
  /** The paths that were asked for, and by whom: `mcp-auth/...`, or nothing. */
  readonly log: readonly { readonly path: string; readonly agent: string }[];
  /** The answers by path; 404 for others. */
  readonly pages: Map<string, Hosted>;
  /** Fetches as a server does that takes documents. */
  fetch(url: string): Promise<Response>;
}

/** An address of the loopback network that nothing else on this machine listens at. */
const ELSEWHERE = "127.0.0.77";

/**
 * Starts a host.
 *
 * @param name The name that it has: `localhost`, or any other, which then leads to it by {@linkcode knowing} alone.
 */
export async function startDocumentHost(name = "localhost"): Promise<DocumentHost> {
  const pki = await Pki.make();
  const authority = await pki.authority();
  const isLocal = name === "localhost";
  const { cert, key } = await pki.issue("authority", "host", `DNS:${name},IP:127.0.0.1,IP:${ELSEWHERE}`);
  const log: { path: string; agent: string }[] = [];
  const pages = new Map<string, Hosted>();
  const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve({
    hostname: isLocal ? "127.0.0.1" : ELSEWHERE,
    port: isLocal ? 0 : 443,
    cert,
    key,
    onListen() {},
  }, (request) => {
    const { pathname } = new URL(request.url);
    log.push({ path: pathname, agent: request.headers.get("user-agent") ?? "" });
    return pages.get(pathname)?.(origin + pathname) ?? new Response("Not Found", { status: 404 });
  });
  const origin = isLocal ? `https://localhost:${server.addr.port}` : `https://${name}`;
  const client = Deno.createHttpClient({ caCerts: [authority.cert] });
  return {
    origin,
    authority: authority.certFile,
    log,
    pages,
    fetch: (url) => {
      const target = isLocal ? url : url.replace(origin, `https://${ELSEWHERE}`);
      return fetch(target, { client, redirect: "manual", headers: { "user-agent": "" } });
    },
    [Symbol.asyncDispose]: async () => {
      client.close();
      await server.shutdown();
      await pki[Symbol.asyncDispose]();
    },
  };
}

/**
 * The command line of the program in a mount namespace of its own, where a name leads to the host.
 *
 * @param home Where the file of names is.
 * @param name The name.
 */
export async function knowing(home: Home, name: string): Promise<readonly string[]> {
  const hosts = await home.file("hosts", `127.0.0.1 localhost\n${ELSEWHERE} ${name}\n`);
  return [
    "unshare",
    "--mount",
    "sh",
    "-c",
    'mount --bind "$0" /etc/hosts && exec "$@"',
    hosts,
    ...FROM_CHECKOUT,
  ];
}

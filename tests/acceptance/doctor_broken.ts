/**
 * Servers that are broken in one place each, for what `doctor` says of them.
 *
 * @module
 */
import { answerMcp, startSmallServer } from "./small_server.ts";
import { Pki } from "../primitives/http/pki.ts";

/** A server that is broken, and what is to be said of it. */
export interface Broken {
  readonly description: string;
  /** The requirement, advisory or row that it is about. */
  readonly about: string;
  /** The check that fails first. */
  readonly first: string;
  readonly code: string;
  readonly exitCode: number;
  /** In the detail of that check. */
  readonly says: RegExp;
  readonly hints: RegExp;
  /** Starts it. */
  readonly start: () => Promise<Started>;
}

/** A server that runs. */
export interface Started extends AsyncDisposable {
  readonly url: string;
  /** The arguments with which it is no longer broken. */
  readonly mended?: readonly string[];
}

const page = () =>
  new Response("<!doctype html><title>app</title>", { headers: { "content-type": "text/html" } });
const PRM = "/.well-known/oauth-protected-resource/mcp";
const METADATA = "/.well-known/oauth-authorization-server";

type Handler = (request: Request, text: string) => Response | Promise<Response>;

function serve(handler: Handler, tls: { readonly cert?: string; readonly key?: string } = {}): Started {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls as Deno.TlsCertifiedKeyPem },
    async (request) => await handler(request, await request.text()),
  );
  const scheme = tls.cert === undefined ? "http" : "https";
  const controller = { [Symbol.asyncDispose]: () => server.shutdown() };
  return { url: `${scheme}://127.0.0.1:${server.addr.port}/mcp`, ...controller };
}

const small = (options: Parameters<typeof startSmallServer>[0]) => () =>
  Promise.resolve(startSmallServer(options));

/** A server with TLS, whose certificate is issued as said. */
async function secured(names: string, from?: string): Promise<Started> {
  const pki = await Pki.make();
  const { certFile } = await pki.authority();
  const { cert, key } = await pki.issue("authority", "server", names, from === undefined ? {} : { from });
  const started = serve(({ method }, text) => answerMcp(method, text), { cert, key });
  return {
    url: started.url,
    mended: ["--ca-file", certFile],
    async [Symbol.asyncDispose]() {
      await started[Symbol.asyncDispose]();
      await pki[Symbol.asyncDispose]();
    },
  };
}

/** Every server, in the order of the way to a sign-in. */
export const BROKEN: readonly Broken[] = [
  {
    description: "nothing listens at the port",
    about: "row 13",
    first: "tcp",
    code: "NETWORK_ERROR",
    exitCode: 3,
    says: /nothing listens there/,
    hints: /Check the host and the port/,
    start: () => {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const url = `http://127.0.0.1:${listener.addr.port}/mcp`;
      return Promise.resolve({ url, [Symbol.asyncDispose]: () => Promise.resolve() });
    },
  },
  {
    description: "the certificate is of an authority that nobody trusts",
    about: "row 39",
    first: "tls",
    code: "NETWORK_ERROR",
    exitCode: 3,
    says: /not of an authority that is trusted here; it shows server < authority|it shows server/,
    hints: /--ca-file <file>/,
    start: () => secured("IP:127.0.0.1"),
  },
  {
    description: "the certificate has expired",
    about: "row 39",
    first: "tls",
    code: "NETWORK_ERROR",
    exitCode: 3,
    says: /Cannot trust the certificate/,
    hints: /./,
    start: () => secured("IP:127.0.0.1", "2020-01-01"),
  },
  {
    description: "the server takes the request and says nothing",
    about: "row 13",
    first: "http",
    code: "TIMEOUT",
    exitCode: 3,
    says: /took longer than 10 s/,
    hints: /check that the server is up/,
    start: () => {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const open: Deno.Conn[] = [];
      const accepting = (async () => {
        for await (const connection of listener) open.push(connection);
      })();
      return Promise.resolve({
        url: `http://127.0.0.1:${listener.addr.port}/mcp`,
        async [Symbol.asyncDispose]() {
          listener.close();
          await accepting;
          for (const connection of open) connection.close();
        },
      });
    },
  },
  {
    description: "an outage: 503 for everything",
    about: "row 3",
    first: "http",
    code: "SERVER_ERROR",
    exitCode: 3,
    says: /answered 503/,
    hints: /Try again later/,
    start: () => Promise.resolve(serve(() => new Response("down", { status: 503 }))),
  },
  {
    description: "429 for everything",
    about: "row 33",
    first: "http",
    code: "RATE_LIMITED",
    exitCode: 3,
    says: /answered 429/,
    hints: /after 30/,
    start: () =>
      Promise.resolve(serve(() => new Response(null, { status: 429, headers: { "retry-after": "30" } }))),
  },
  {
    description: "the clocks are two hours apart",
    about: "C47",
    first: "clock",
    code: "CONFIG_INVALID",
    exitCode: 1,
    says: /this machine is 2 h ahead of the server/,
    hints: /NTP/,
    start: small({
      answers: {
        "/mcp": (origin) =>
          new Response(null, {
            status: 401,
            headers: {
              "www-authenticate": `Bearer resource_metadata="${origin}${PRM}"`,
              date: new Date(Date.now() - 2 * 3_600_000).toUTCString(),
            },
          }),
      },
    }),
  },
  {
    description: "there is no MCP server at the path",
    about: "row 34",
    first: "challenge",
    code: "CONFIG_INVALID",
    exitCode: 1,
    says: /answered 404 to initialize/,
    hints: /many servers have theirs at \/mcp/,
    start: () => Promise.resolve(serve(() => new Response("no", { status: 404 }))),
  },
  {
    description: "a firewall's page answers 403 for everything",
    about: "row 13",
    first: "challenge",
    code: "AUTH_FAILED",
    exitCode: 1,
    says: /forbids the request \(403\) and asks for no sign-in/,
    hints: /a firewall, a list of allowed addresses \(VPN\) or a check against robots/,
    start: () =>
      Promise.resolve(
        serve(() => new Response("<p>", { status: 403, headers: { "content-type": "text/html" } })),
      ),
  },
  {
    description: "what answers is an API that says 200 to everything",
    about: "row 34",
    first: "exchange",
    code: "SERVER_ERROR",
    exitCode: 3,
    says: /"initialize": the server ended its response without an answer/,
    hints: /Check that the URL is the server's MCP endpoint/,
    start: () => Promise.resolve(serve(() => Response.json({ ok: true }))),
  },
  {
    description: "the server refuses every request as it is, and asks for no sign-in",
    about: "row 34",
    first: "exchange",
    code: "SERVER_ERROR",
    exitCode: 3,
    says: /"initialize": the server answered HTTP 406: {"error":"Not Acceptable"}/,
    hints: /^$/,
    start: () => Promise.resolve(serve(() => Response.json({ error: "Not Acceptable" }, { status: 406 }))),
  },
  {
    description: "the server asks for a password",
    about: "C8",
    first: "resource-metadata",
    code: "DISCOVERY_FAILED",
    exitCode: 1,
    says: /it asks for a sign-in by basic and publishes nothing of OAuth/,
    hints: /another one for OAuth/,
    start: () =>
      Promise.resolve(
        serve(() => new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } })),
      ),
  },
  {
    description: "an API answers 401 to everything, a token request among it",
    about: "C21",
    first: "resource-metadata",
    code: "DISCOVERY_FAILED",
    exitCode: 1,
    says: /it publishes no metadata that can be used/,
    hints: /publish it as JSON/,
    start: () => Promise.resolve(serve(() => Response.json({ error: "unauthorized" }, { status: 401 }))),
  },
  {
    description: "the port speaks plain http",
    about: "row 39",
    first: "tls",
    code: "NETWORK_ERROR",
    exitCode: 3,
    says: /what answers there speaks something else/,
    hints: /the port of plain http/,
    start: () => {
      const { url, ...rest } = serve(() => new Response("ok"));
      return Promise.resolve({ ...rest, url: url.replace("http:", "https:") });
    },
  },
  {
    description: "the authorization server wants requests pushed and names nowhere to push them",
    about: "RFC 9126 section 5",
    first: "endpoints",
    code: "DISCOVERY_FAILED",
    exitCode: 1,
    says: /wants authorization requests pushed/,
    hints: /operator has to correct the metadata/,
    start: small({
      metadata: (document) => ({ ...document, require_pushed_authorization_requests: true }),
    }),
  },
  {
    description: "the URL leads to a page for people",
    about: "row 27",
    first: "challenge",
    code: "CONFIG_INVALID",
    exitCode: 1,
    says: /redirects \(302\) to "https:\/\/login\.example\.com\/", which may be a page for people/,
    hints: /the URL that the server's documentation gives/,
    start: () =>
      Promise.resolve(
        serve(() =>
          new Response(null, { status: 302, headers: { location: "https://login.example.com/?next=1" } })
        ),
      ),
  },
  {
    description: "a 401, no metadata anywhere, and no endpoints of 2025-03-26 either",
    about: "C14 and C21",
    first: "resource-metadata",
    code: "DISCOVERY_FAILED",
    exitCode: 1,
    says: /it publishes no metadata that can be used/,
    hints: /publish it as JSON at http:.*\/\.well-known\/oauth-protected-resource\/mcp/,
    start: () =>
      Promise.resolve(
        serve((request) =>
          new URL(request.url).pathname === "/mcp"
            ? new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } })
            : new Response("no", { status: 404 })
        ),
      ),
  },
  {
    description: "a single-page application answers every other path with its page",
    about: "row 27",
    first: "resource-metadata",
    code: "DISCOVERY_FAILED",
    exitCode: 1,
    says: /it publishes no metadata that can be used/,
    hints: /publish it as JSON/,
    start: () =>
      Promise.resolve(
        serve((request) =>
          new URL(request.url).pathname === "/mcp"
            ? new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } })
            : page()
        ),
      ),
  },
  {
    description: "the metadata is behind redirects without end",
    about: "C71",
    first: "resource-metadata",
    code: "SERVER_ERROR",
    exitCode: 3,
    says: /more than 5 redirects/,
    hints: /^$/,
    start: small({
      answers: { [PRM]: (origin) => Response.redirect(`${origin}${PRM}`, 302) },
    }),
  },
  {
    description: "the challenge names metadata at another origin",
    about: "CVE-2026-51994",
    first: "resource-metadata",
    code: "UNSAFE_URL",
    exitCode: 1,
    says: /resource_metadata "https:\/\/meta\.example\.com\/prm": it is of another origin/,
    hints: /--allow-metadata-origin https:\/\/meta\.example\.com$/,
    start: small({
      resource: null,
      metadata: null,
      challenge: () => 'resource_metadata="https://meta.example.com/prm"',
    }),
  },
  {
    description: "the challenge names metadata at the cloud's own address",
    about: "CVE-2026-51994",
    first: "resource-metadata",
    code: "UNSAFE_URL",
    exitCode: 1,
    says: /another origin than the server/,
    hints: /--allow-metadata-origin/,
    start: small({
      resource: null,
      metadata: null,
      challenge: () => 'resource_metadata="https://169.254.169.254/latest/meta-data"',
    }),
  },
  {
    description: "the metadata is for a resource of another origin",
    about: "C11",
    first: "resource",
    code: "RESOURCE_MISMATCH",
    exitCode: 1,
    says: /it is for "https:\/\/evil\.example\.com\/mcp", not for "http:\/\/127\.0\.0\.1:\d+\/mcp"/,
    hints: /Check the server's URL/,
    start: small({ resource: (document) => ({ ...document, resource: "https://evil.example.com/mcp" }) }),
  },
  {
    description: "the authorization server is at a private address that the server is not on",
    about: "C70",
    first: "address",
    code: "UNSAFE_URL",
    exitCode: 1,
    says: /private address/,
    hints: /--allow-private-host 10\.1\.2\.3/,
    start: small({
      resource: (document) => ({ ...document, authorization_servers: ["https://10.1.2.3"] }),
    }),
  },
  {
    description: "the authorization server publishes no metadata",
    about: "C15",
    first: "server-metadata",
    code: "DISCOVERY_FAILED",
    exitCode: 1,
    says: /Cannot find the metadata of authorization server/,
    hints: /RFC 8414/,
    start: small({ metadata: null }),
  },
  {
    description: "the metadata is that of another issuer",
    about: "C19",
    first: "issuer",
    code: "ISSUER_MISMATCH",
    exitCode: 1,
    says: /its issuer is "https:\/\/honest\.example\.com"/,
    hints: /do not sign in until then/,
    start: small({ metadata: (document) => ({ ...document, issuer: "https://honest.example.com" }) }),
  },
  {
    description: "the server does not say that it supports S256",
    about: "C23",
    first: "pkce",
    code: "DISCOVERY_FAILED",
    exitCode: 1,
    says: /does not list PKCE method "S256"/,
    hints: /--assume-pkce/,
    start: () => {
      const server = startSmallServer({
        metadata: ({ code_challenge_methods_supported: _, ...document }) => document,
      });
      return Promise.resolve({
        url: server.url,
        mended: ["--assume-pkce"],
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      });
    },
  },
  {
    description: "the authorization endpoint is a page of this machine's own network",
    about: "C73",
    first: "endpoints",
    code: "UNSAFE_URL",
    exitCode: 1,
    says: /private address/,
    hints: /--allow-private-host 192\.168\.1\.1/,
    start: small({
      metadata: (document) => ({ ...document, authorization_endpoint: "https://192.168.1.1/admin" }),
    }),
  },
  {
    description: "there is no way to register a client",
    about: "C25, row 18",
    first: "registration",
    code: "REGISTRATION_FAILED",
    exitCode: 1,
    says: /Cannot register a client/,
    hints: /redirect URI http:\/\/127\.0\.0\.1:\d+\/callback.*--client-id <id>/,
    start: () => {
      const server = startSmallServer({
        metadata: ({ registration_endpoint: _, ...document }) => document,
      });
      return Promise.resolve({
        url: server.url,
        mended: ["--client-id", "abc"],
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      });
    },
  },
];

export { METADATA };

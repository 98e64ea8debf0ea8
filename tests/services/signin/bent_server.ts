/**
 * An MCP server with its authorization server at one origin, in one process with the test, that can be bent at every
 * step of a sign-in. What a test leaves alone it does properly: it knows the clients that it has registered, checks their
 * secrets where it gave some, and takes each code once.
 *
 * @module
 */
import { type LocalServer, type Received, serve } from "../../primitives/http/local_server.ts";

/** A JSON object. */
export type Json = Record<string, unknown>;

/** Answers in place of the server; undefined leaves it to the server. */
export type Bend<T> = (input: T, server: BentServer) => Response | undefined | Promise<Response | undefined>;

/** How the server is bent. */
export interface BentOptions {
  readonly metadata?: (origin: string) => Json;
  /** Members of each registration, beside the id. */
  readonly registration?: (origin: string) => Json;
  readonly register?: Bend<Json>;
  readonly authorize?: Bend<URLSearchParams>;
  readonly token?: Bend<{ readonly form: URLSearchParams; readonly basic: string | undefined }>;
  /** Members of each token response. */
  readonly tokens?: Json;
  /** Answers by path, for what no server of this kind has by itself. */
  readonly other?: Readonly<Record<string, (request: Received) => Response | Promise<Response>>>;
}

/** The server as it runs. */
export interface BentServer extends AsyncDisposable {
  readonly origin: string;
  readonly url: string;
  /** The ids of its clients, with their secrets. */
  readonly clients: Map<string, string | undefined>;
  /** The codes that can be redeemed, with their clients. */
  readonly codes: Map<string, string>;
  /** The methods and paths that it was asked, but for metadata. */
  readonly asked: readonly string[];
  readonly received: readonly Received[];
  /** The answer to a client that it does not accept. */
  refuse(error: string): Response;
}

/** Starts one. */
export function startBentServer(options: BentOptions = {}): BentServer {
  const clients = new Map<string, string | undefined>();
  const codes = new Map<string, string>();
  let registered = 0;
  const local: LocalServer = serve(async (request) => {
    const { pathname } = request.url;
    const origin = local.origin;
    const other = options.other?.[pathname];
    if (other !== undefined) return await other(request);
    switch (pathname) {
      case "/.well-known/oauth-protected-resource/mcp":
        return Response.json({
          resource: `${origin}/mcp`,
          authorization_servers: [origin],
          scopes_supported: ["files"],
        });
      case "/.well-known/oauth-authorization-server":
        return Response.json({
          issuer: origin,
          authorization_endpoint: `${origin}/authorize`,
          token_endpoint: `${origin}/token`,
          registration_endpoint: `${origin}/register`,
          code_challenge_methods_supported: ["S256"],
          ...options.metadata?.(origin),
        });
      case "/register": {
        const bent = await options.register?.(JSON.parse(request.body), server);
        if (bent !== undefined) return bent;
        const members: Json = { client_id: `client-${++registered}`, ...options.registration?.(origin) };
        clients.set(String(members.client_id), members.client_secret as string | undefined);
        return Response.json(members, { status: 201 });
      }
      case "/authorize": {
        const query = request.url.searchParams;
        const bent = await options.authorize?.(query, server);
        if (bent !== undefined) return bent;
        if (!clients.has(query.get("client_id") ?? "")) {
          return Response.json({ error: "invalid_client" }, { status: 400 });
        }
        const code = crypto.randomUUID();
        codes.set(code, query.get("client_id") ?? "");
        return back(query, { code });
      }
      case "/token": {
        const form = new URLSearchParams(request.body);
        const basic = request.headers.get("authorization")?.replace(/^Basic /, "");
        return await options.token?.({ form, basic }, server) ?? answerToken(form, basic);
      }
    }
    return new Response("Not Found", { status: 404 });
  });

  function answerToken(form: URLSearchParams, basic: string | undefined): Response {
    const [id = "", secret] = basic === undefined
      ? [form.get("client_id") ?? "", form.get("client_secret") ?? undefined]
      : atob(basic).split(":");
    if (!clients.has(id) || clients.get(id) !== secret) return server.refuse("invalid_client");
    const code = form.get("code") ?? "";
    if (codes.get(code) !== id) return server.refuse("invalid_grant");
    codes.delete(code);
    return Response.json({
      access_token: `at-${crypto.randomUUID()}`,
      refresh_token: `rt-${crypto.randomUUID()}`,
      token_type: "Bearer",
      expires_in: 3600,
      ...options.tokens,
    });
  }

  const server: BentServer = {
    origin: local.origin,
    url: `${local.origin}/mcp`,
    clients,
    codes,
    received: local.received,
    get asked() {
      return local.received
        .filter(({ target }) => !target.startsWith("/.well-known/"))
        .map(({ method, url }) => `${method} ${url.pathname}`);
    },
    refuse: (error) => Response.json({ error }, { status: error === "invalid_client" ? 401 : 400 }),
    [Symbol.asyncDispose]: () => local[Symbol.asyncDispose](),
  };
  return server;
}

/** The redirect back to the client, with its state and these parameters. */
export function back(query: URLSearchParams, parameters: Readonly<Record<string, string>>): Response {
  const url = new URL(query.get("redirect_uri") ?? "");
  url.searchParams.set("state", query.get("state") ?? "");
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return Response.redirect(url, 302);
}

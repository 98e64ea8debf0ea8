/**
 * An MCP server and its authorization server at one origin, small enough to be bent in every way: for what a proper
 * authorization server cannot be made to do, such as publish no metadata or the wrong one. What a test leaves alone it
 * does properly: PKCE is verified, codes and tokens are checked.
 *
 * @module
 */
import type { Received } from "../primitives/http/local_server.ts";

/** One request as it arrived. */
export interface SmallRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly form: URLSearchParams;
}

/** What one path answers in place of the server. */
export type SmallAnswer = (origin: string) => Response | Promise<Response>;

/** What the server is to be like. */
export interface SmallServerOptions {
  /** Answers by path, in place of what the server would say there. */
  readonly answers?: Readonly<Record<string, SmallAnswer>>;
  /** Changes the protected resource metadata; `null` for none. */
  readonly resource?: null | ((document: Json) => unknown);
  /** Changes the authorization server metadata; `null` for none. */
  readonly metadata?: null | ((document: Json) => unknown);
  /** The paths of authorization endpoint, token endpoint and registration. */
  readonly paths?: readonly [string, string, string];
  /** The parameters of the challenge: gets the origin; what names the metadata unless set. */
  readonly challenge?: (origin: string) => string;
  /** The path of the MCP endpoint; `/mcp` unless set. */
  readonly mcpPath?: string;
  /** Changes the token endpoint's answer. */
  readonly token?: (document: Json) => unknown;
}

/** A JSON object. */
export type Json = Record<string, unknown>;

/** A small server that runs. */
export interface SmallServer extends AsyncDisposable {
  readonly origin: string;
  /** The URL of the MCP endpoint. */
  readonly url: string;
  readonly log: readonly SmallRequest[];
  /** The requests to a path. */
  requests(path: string): readonly SmallRequest[];
}

const RESOURCE_PATH = "/.well-known/oauth-protected-resource/mcp";
const METADATA_PATH = "/.well-known/oauth-authorization-server";

/** Starts one on 127.0.0.1. */
export function startSmallServer(options: SmallServerOptions = {}): SmallServer {
  const log: SmallRequest[] = [];
  const codes = new Map<string, string>();
  const tokens = new Set<string>();
  const [authorize, token, register] = options.paths ??
    ["/oauth/authorize", "/oauth/token", "/oauth/register"];
  const mcpPath = options.mcpPath ?? "/mcp";
  let origin = "";

  const pages: Record<string, (request: SmallRequest) => Response | Promise<Response>> = {
    [RESOURCE_PATH]: () =>
      published(options.resource, {
        resource: `${origin}/mcp`,
        authorization_servers: [origin],
        scopes_supported: ["files"],
      }),
    [METADATA_PATH]: () =>
      published(options.metadata, {
        issuer: origin,
        authorization_endpoint: origin + authorize,
        token_endpoint: origin + token,
        registration_endpoint: origin + register,
        response_types_supported: ["code"],
        code_challenge_methods_supported: ["S256"],
        token_endpoint_auth_methods_supported: ["none"],
      }),
    [register]: () => Response.json({ client_id: "small-client" }, { status: 201 }),
    [authorize]: ({ query }) => {
      const code = crypto.randomUUID();
      codes.set(code, query.get("code_challenge") ?? "");
      const back = new URL(query.get("redirect_uri") ?? "");
      back.searchParams.set("code", code);
      back.searchParams.set("state", query.get("state") ?? "");
      return Response.redirect(back, 302);
    },
    [token]: async ({ form }) => {
      const challenge = codes.get(form.get("code") ?? "");
      codes.delete(form.get("code") ?? "");
      const verifier = new TextEncoder().encode(form.get("code_verifier") ?? "");
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", verifier));
      if (challenge !== digest.toBase64({ alphabet: "base64url", omitPadding: true })) {
        return Response.json({ error: "invalid_grant" }, { status: 400 });
      }
      const accessToken = crypto.randomUUID();
      tokens.add(accessToken);
      const document = { access_token: accessToken, token_type: "Bearer", expires_in: 3600 };
      return Response.json(options.token?.(document) ?? document);
    },
  };

  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const url = new URL(request.url);
    const text = await request.text();
    const recorded: SmallRequest = {
      method: request.method,
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      form: new URLSearchParams(text),
    };
    log.push(recorded);
    const given = options.answers?.[url.pathname];
    if (given !== undefined) return await given(origin);
    if (url.pathname === mcpPath) {
      const sent = request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "";
      return tokens.has(sent) ? answerMcp(request.method, text) : challenge();
    }
    return await pages[url.pathname]?.(recorded) ?? new Response("Not Found", { status: 404 });
  });

  function challenge(): Response {
    const parameters = options.challenge?.(origin) ??
      (options.resource === null ? "" : `resource_metadata="${origin}${RESOURCE_PATH}"`);
    return new Response(null, {
      status: 401,
      headers: { "www-authenticate": `Bearer ${parameters}`.trim() },
    });
  }

  origin = `http://127.0.0.1:${server.addr.port}`;
  return {
    origin,
    url: origin + mcpPath,
    log,
    requests: (path) => log.filter((each) => each.path === path),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function published(edit: SmallServerOptions["resource"], document: Json): Response {
  return edit === null
    ? new Response("Not Found", { status: 404 })
    : Response.json(edit === undefined ? document : edit(document));
}

/** The MCP endpoint of a bent server: whoever has a token is let in. */
export const MCP = {
  "/mcp": ({ method, headers, body }: Received): Response =>
    headers.has("authorization")
      ? answerMcp(method, body)
      : new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } }),
};

/** The two requests of a first exchange, and nothing more. */
export function answerMcp(method: string, text: string): Response {
  if (method !== "POST") return new Response(null, { status: 405 });
  const message = JSON.parse(text);
  if (message.id === undefined) return new Response(null, { status: 202 });
  const result = message.method === "initialize"
    ? {
      protocolVersion: "2025-03-26",
      capabilities: { tools: {} },
      serverInfo: { name: "small", version: "1.0.0" },
    }
    : { tools: [{ name: "ping", inputSchema: { type: "object" } }] };
  return Response.json({ jsonrpc: "2.0", id: message.id, result });
}

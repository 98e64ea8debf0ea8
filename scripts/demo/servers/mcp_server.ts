/**
 * A real MCP server for the demo and the tests: the official SDK's server and its Streamable HTTP transport on a
 * free loopback port, with sessions, the GET stream and DELETE, behind OAuth or open. Its protocol is the SDK's own;
 * what is added here is the resource server around it, and what a test needs to see (the log) and to provoke
 * (faults, lost sessions, refused tokens, another authorization server).
 *
 * @module
 * @see MCP 2025-11-25, Authorization; RFC 9728
 */

import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp";
// @ts-types="@modelcontextprotocol/sdk/server/webStandardStreamableHttp"
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { isInitializeRequest } from "@modelcontextprotocol/sdk/types.js";
import { type Bearer, BearerGuard, type TrustedIssuer } from "./bearer_guard.ts";
import {
  type DemoServer,
  type Exchange,
  sendResponse,
  startHttpFront,
  type TlsSettings,
} from "./http_front.ts";
import { makeToolServer, TOOL_SCOPES } from "./mcp_tools.ts";
import type { Sdk2Manner } from "./sdk2_endpoint.ts";

export type { TrustedIssuer } from "./bearer_guard.ts";

/** What the MCP server is to be like: who issues its tokens, or open; the rest is optional. */
export type McpServerOptions =
  & McpServerSettings
  & (
    | { readonly authorizationServer: TrustedIssuer; readonly open?: false }
    | { readonly open: true }
  );

/** The optional part of {@linkcode McpServerOptions}. */
export interface McpServerSettings {
  /** The port; any free one unless set. */
  readonly port?: number;
  /** Has it speak TLS. */
  readonly tls?: TlsSettings;
  /** The path of the endpoint; `/mcp` unless set. */
  readonly path?: string;
  /** Where the protected resource metadata is: by the path rule (unless set), at the root, or nowhere. RFC 9728. */
  readonly metadata?: "path" | "root" | "none";
  /** Whether the 401 challenge names the metadata's URL; true unless set, where there is metadata. */
  readonly advertiseMetadata?: boolean;
  /** The resource identifier: in the metadata, and the audience of tokens; the endpoint's URL unless set. */
  readonly resource?: string;
  /** `scopes_supported` of the metadata; `mcp:read mcp:write` unless set, `[]` for none. */
  readonly scopesSupported?: readonly string[];
  /** The `scope` of the 401 challenge; none unless set. */
  readonly challengeScope?: string;
  /** The scope every request needs; `mcp:read` unless set, `""` for none. */
  readonly baseScope?: string;
  /** Whether POST is answered with JSON where SSE would be used; false unless set. */
  readonly enableJsonResponse?: boolean;
  /** What a server of the SDK's second line answers; one of the first line, with sessions, unless set. */
  readonly sdk2?: Sdk2Manner;
  /**
   * Whether tokens that are bound to a key are accepted beside others, or required; they are not known unless set. RFC
   * 9449.
   */
  readonly dpop?: "accept" | "require";
  /** Whether their proofs need a nonce; false unless set. */
  readonly dpopNonce?: boolean;
  /** Changes the protected resource metadata before it is sent, for servers that get it wrong. */
  readonly editMetadata?: (metadata: Record<string, unknown>) => unknown;
}

/** A running MCP server. */
export interface RunningMcpServer extends DemoServer {
  /** The URL of the endpoint. */
  readonly url: string;
  /** The resource identifier. */
  readonly resource: string;
  /** The URL of the protected resource metadata; `undefined` where there is none. */
  readonly metadataUrl: string | undefined;
  /** The ids of the sessions that are open. */
  readonly sessions: readonly string[];
  /** What `write_note` wrote, in all sessions. */
  readonly notes: readonly string[];
  /** Forgets every session, as a restart does: the next request of each is answered 404. */
  forgetSessions(): Promise<void>;
  /**
   * Sends a notification to every session, on its GET stream.
   *
   * @param method for example `"notifications/tools/list_changed"`
   * @param params its parameters
   */
  announce(method: string, params?: Record<string, unknown>): Promise<void>;
  /** Refuses from now on every token accepted until now: 401 `invalid_token`. */
  refuseSeenTokens(): void;
  /** Wants another nonce in proofs of possession from now on. */
  rotateDpopNonce(): void;
  /** How many proofs of possession were accepted, each with an id of its own. */
  readonly acceptedProofs: number;
  /**
   * Moves to another authorization server: metadata names it, and only its tokens are accepted.
   *
   * @param issuer the new authorization server
   */
  trust(issuer: TrustedIssuer): void;
}

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly server: McpServer;
}

/**
 * Starts an MCP server on 127.0.0.1.
 *
 * @param options what it is to be like
 * @returns the running server; close it when done
 * @throws Error when the port is taken
 */
export async function startMcpServer(options: McpServerOptions): Promise<RunningMcpServer> {
  const sessions = new Map<string, Session>();
  const notes: string[] = [];
  const sdk2 = options.sdk2 === undefined
    ? undefined
    : (await import("./sdk2_endpoint.ts")).makeSdk2Endpoint(options.sdk2, notes);
  const path = options.path ?? "/mcp";
  const metadataPath = metadataPathOf(options, path);
  const front = await startHttpFront((exchange) => serve(exchange), options.port, false, options.tls);
  const url = front.origin + path;
  const resource = options.resource ?? url;
  const metadataUrl = metadataPath === undefined ? undefined : front.origin + metadataPath;
  const guard = options.open === true ? undefined : new BearerGuard(options.authorizationServer, {
    resource,
    baseScope: (options.baseScope ?? "mcp:read") || undefined,
    challengeScope: options.challengeScope,
    metadataUrl: options.advertiseMetadata === false ? undefined : metadataUrl,
    dpop: options.dpop,
    dpopNonce: options.dpopNonce,
  });

  async function serve({ request, response, body, recorded, signal }: Exchange): Promise<void> {
    const send = (answer: Response) => sendResponse(response, answer, signal);
    if (guard !== undefined && recorded.path === metadataPath) return await send(metadata(guard));
    if (recorded.path !== path) return await send(new Response("Not Found", { status: 404 }));
    const message = recorded.json();
    const { method, headers } = recorded;
    const bearer = await guard?.check({ method, url, headers }, scopeFor(message), signal);
    if (bearer instanceof Response) return await send(bearer);
    const init: RequestInit = { method: recorded.method, headers: recorded.headers };
    if (request.method === "POST") init.body = body;
    const reply = await (sdk2?.answer ?? answer)(new Request(url, init), message, bearer);
    if (guard?.dpop.nonce !== undefined) reply.headers.set("dpop-nonce", guard.dpop.nonce);
    await send(reply);
  }

  async function answer(request: Request, message: unknown, bearer: Bearer | undefined): Promise<Response> {
    const id = request.headers.get("mcp-session-id");
    const session = id === null ? undefined : sessions.get(id);
    if (id !== null && session === undefined) return rpcError(404, -32001, "Session not found");
    if (session === undefined && !isInitializeRequest(message)) {
      return rpcError(400, -32000, "Bad Request: Mcp-Session-Id header is required");
    }
    const { transport } = session ?? await open();
    return await transport.handleRequest(request, {
      ...message === undefined ? {} : { parsedBody: message },
      ...bearer === undefined ? {} : {
        authInfo: {
          token: bearer.token,
          clientId: bearer.clientId,
          scopes: [...bearer.scopes],
          extra: { subject: bearer.subject },
        },
      },
    });
  }

  async function open(): Promise<Session> {
    const server = makeToolServer(notes);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      enableJsonResponse: options.enableJsonResponse ?? false,
      onsessioninitialized: (id) => void sessions.set(id, { transport, server }),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await server.connect(transport);
    return { transport, server };
  }

  function metadata(guard: BearerGuard): Response {
    const scopes = options.scopesSupported ?? ["mcp:read", "mcp:write"];
    const document: Record<string, unknown> = {
      resource,
      authorization_servers: [guard.trusted.issuer],
      ...scopes.length > 0 ? { scopes_supported: scopes } : {},
      bearer_methods_supported: ["header"],
      ...options.dpop === undefined ? {} : { dpop_signing_alg_values_supported: ["ES256"] },
      ...options.dpop === "require" ? { dpop_bound_access_tokens_required: true } : {},
      resource_name: "Demo MCP server",
    };
    return Response.json(options.editMetadata?.(document) ?? document);
  }

  async function forgetSessions(): Promise<void> {
    const all = [...sessions.values()];
    sessions.clear();
    await Promise.all(all.map(({ server }) => server.close()));
  }

  const running: RunningMcpServer = {
    url,
    resource,
    metadataUrl: guard === undefined ? undefined : metadataUrl,
    notes,
    get sessions() {
      return [...sessions.keys()];
    },
    log: front.log,
    requests: front.requests,
    fail: front.fail,
    forgetSessions,
    announce: async (method, params = {}) => {
      const message = { jsonrpc: "2.0" as const, method, params };
      await Promise.all([...sessions.values()].map(({ transport }) => transport.send(message)));
    },
    refuseSeenTokens: () => guard?.refuseSeenTokens(),
    rotateDpopNonce: () => guard?.dpop.rotateNonce(),
    get acceptedProofs() {
      return guard?.dpop.accepted ?? 0;
    },
    trust: (issuer) => guard?.trust(issuer),
    close: async () => {
      await front.close();
      await forgetSessions();
      await sdk2?.close();
    },
    [Symbol.asyncDispose]: () => running.close(),
  };
  return running;
}

function metadataPathOf({ metadata = "path" }: McpServerSettings, path: string): string | undefined {
  if (metadata === "none") return undefined;
  return "/.well-known/oauth-protected-resource" + (metadata === "root" || path === "/" ? "" : path);
}

function scopeFor(message: unknown): string | undefined {
  for (const each of [message].flat()) {
    const { method, params } = (each ?? {}) as { method?: unknown; params?: { name?: unknown } };
    const scope = method === "tools/call" ? TOOL_SCOPES[String(params?.name)] : undefined;
    if (scope !== undefined) return scope;
  }
  return undefined;
}

function rpcError(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: "2.0", error: { code, message }, id: null }, { status });
}

/**
 * A real MCP server of the transport of 2024-11-05: the official SDK's server and its `SSEServerTransport` on a free
 * loopback port, behind OAuth or open. It has the stream at `/sse`, takes messages at `/messages`, and nothing at all by
 * POST at `/sse`, as servers of that time do.
 *
 * @module
 * @see MCP 2024-11-05, Transports, HTTP with SSE; RFC 9728
 */

import type { IncomingMessage } from "node:http";
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp";
// @ts-types="@modelcontextprotocol/sdk/server/sse"
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { type Bearer, BearerGuard, type TrustedIssuer } from "./bearer_guard.ts";
import { type DemoServer, type Exchange, sendResponse, startHttpFront } from "./http_front.ts";
import { makeToolServer, TOOL_SCOPES } from "./mcp_tools.ts";

/** What the server is to be like: who issues its tokens, or open. */
export type SseServerOptions =
  & SseServerSettings
  & (
    | { readonly authorizationServer: TrustedIssuer; readonly open?: false }
    | { readonly open: true }
  );

/** The optional part of {@linkcode SseServerOptions}. */
export interface SseServerSettings {
  /** The port; any free one unless set. */
  readonly port?: number;
  /** Whether a POST at `/sse` has to show a token before it is told that there is nothing; false unless set. */
  readonly guardsPosts?: boolean;
  /** Whether tokens that are bound to a key are accepted beside others, or required; not known unless set. RFC 9449. */
  readonly dpop?: "accept" | "require";
  /** Whether their proofs need a nonce; false unless set. */
  readonly dpopNonce?: boolean;
}

/** A running server. */
export interface RunningSseServer extends DemoServer {
  /** The URL of the stream. */
  readonly url: string;
  /** The resource identifier. */
  readonly resource: string;
  /** The ids of the sessions that are open. */
  readonly sessions: readonly string[];
  /** How many proofs of possession were accepted, each with an id of its own. */
  readonly acceptedProofs: number;
  /** Ends every stream, and with it the sessions, as a restart does. */
  forgetSessions(): Promise<void>;
  /**
   * Sends a notification to every session.
   *
   * @param method for example `"notifications/tools/list_changed"`
   */
  announce(method: string): Promise<void>;
}

const METADATA_PATH = "/.well-known/oauth-protected-resource/sse";

/**
 * Starts a server on 127.0.0.1.
 *
 * @param options what it is to be like
 * @returns the running server; close it when done
 * @throws Error when the port is taken
 */
export async function startSseServer(options: SseServerOptions): Promise<RunningSseServer> {
  const sessions = new Map<string, { readonly transport: SSEServerTransport; readonly server: McpServer }>();
  const notes: string[] = [];
  const front = await startHttpFront((exchange) => serve(exchange), options.port);
  const url = `${front.origin}/sse`;
  const guard = options.open === true ? undefined : new BearerGuard(options.authorizationServer, {
    resource: url,
    baseScope: "mcp:read",
    metadataUrl: front.origin + METADATA_PATH,
    dpop: options.dpop,
    dpopNonce: options.dpopNonce,
  });

  async function serve(exchange: Exchange): Promise<void> {
    const { response, recorded, signal } = exchange;
    const { method, path, headers } = recorded;
    const send = (answer: Response) => sendResponse(response, answer, signal);
    if (guard !== undefined && path === METADATA_PATH) return await send(metadata(guard));
    const isStream = path === "/sse" && (method === "GET" || options.guardsPosts === true);
    if (!isStream && path !== "/messages") return await send(notFound(method, path));
    const scope = TOOL_SCOPES[toolOf(recorded.json())];
    const bearer = await guard?.check({ method, url: front.origin + path, headers }, scope, signal);
    if (bearer instanceof Response) return await send(bearer);
    const nonce = guard?.dpop.nonce;
    if (nonce !== undefined) response.setHeader("dpop-nonce", nonce);
    if (path === "/sse") return method === "GET" ? await open(exchange) : await send(notFound(method, path));
    await post(exchange, bearer);
  }

  async function open({ response, signal }: Exchange): Promise<void> {
    const transport = new SSEServerTransport("/messages", response);
    const server = makeToolServer(notes);
    const { sessionId } = transport;
    response.once("close", () => sessions.delete(sessionId));
    sessions.set(sessionId, { transport, server });
    await server.connect(transport);
    if (!signal.aborted) {
      await new Promise<void>((end) => signal.addEventListener("abort", () => end(), { once: true }));
    }
    await server.close();
  }

  async function post({ request, response, recorded }: Exchange, bearer: Bearer | undefined): Promise<void> {
    const session = sessions.get(recorded.query.get("sessionId") ?? "");
    if (session === undefined) {
      return void response.writeHead(404, { "content-type": "text/plain" }).end("Session not found");
    }
    const sender: IncomingMessage & { auth?: unknown } = request;
    if (bearer !== undefined) {
      const { token, clientId, scopes, subject } = bearer;
      sender.auth = { token, clientId, scopes: [...scopes], extra: { subject } };
    }
    await session.transport.handlePostMessage(sender as IncomingMessage, response, recorded.json());
  }

  function metadata({ trusted }: BearerGuard): Response {
    return Response.json({
      resource: url,
      authorization_servers: [trusted.issuer],
      scopes_supported: ["mcp:read", "mcp:write"],
      bearer_methods_supported: ["header"],
      ...options.dpop === undefined ? {} : { dpop_signing_alg_values_supported: ["ES256"] },
      ...options.dpop === "require" ? { dpop_bound_access_tokens_required: true } : {},
    });
  }

  async function forgetSessions(): Promise<void> {
    const all = [...sessions.values()];
    sessions.clear();
    await Promise.all(all.map(({ server }) => server.close()));
  }

  const running: RunningSseServer = {
    url,
    resource: url,
    get sessions() {
      return [...sessions.keys()];
    },
    get acceptedProofs() {
      return guard?.dpop.accepted ?? 0;
    },
    log: front.log,
    requests: front.requests,
    fail: front.fail,
    forgetSessions,
    announce: async (method) => {
      const message = { jsonrpc: "2.0" as const, method };
      await Promise.all([...sessions.values()].map(({ transport }) => transport.send(message)));
    },
    close: async () => {
      await forgetSessions();
      await front.close();
    },
    [Symbol.asyncDispose]: () => running.close(),
  };
  return running;
}

/** What web frameworks say of a path that has nothing for a method. */
function notFound(method: string, path: string): Response {
  const page = `<!DOCTYPE html><html><body><pre>Cannot ${method} ${path}</pre></body></html>`;
  return new Response(page, { status: 404, headers: { "content-type": "text/html" } });
}

function toolOf(message: unknown): string {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: { name?: unknown } };
  return method === "tools/call" ? String(params?.name) : "";
}

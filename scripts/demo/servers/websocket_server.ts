/**
 * A real MCP server that is reached by WebSocket: the official SDK's server, one for each connection, over a small
 * transport of its own; subprotocol `mcp`, one text message for each JSON-RPC message. It is open or behind OAuth, and
 * then takes its token where it is told to: from the header of the upgrade, from its query, or from the first message.
 * The upgrade without a good token is refused with 401 and a challenge; a connection whose token is revoked is closed
 * with 4401.
 *
 * @module
 * @see RFC 6455; RFC 6750 sections 2.1, 2.3 and 3; RFC 9728
 */

import type { AuthInfo } from "@modelcontextprotocol/sdk/server/auth/types";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport";
import type { JSONRPCMessage, MessageExtraInfo } from "@modelcontextprotocol/sdk/types";
import { type Bearer, BearerGuard, type TrustedIssuer } from "./bearer_guard.ts";
import type { TlsSettings } from "./http_front.ts";
import { makeToolServer } from "./mcp_tools.ts";

/** What the server is to be like. */
export interface WebSocketServerOptions {
  /** Whose tokens are accepted; it is open without. */
  readonly authorizationServer?: TrustedIssuer | undefined;
  /** Where the token is taken from; the header unless set. */
  readonly takes?: "header" | "query" | "message" | undefined;
  /** The port; any free one unless set. */
  readonly port?: number | undefined;
  /** Has it speak TLS. */
  readonly tls?: TlsSettings | undefined;
}

/** An HTTP request that it got: an upgrade, or another. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** Whether it asked for a WebSocket. */
  readonly upgrade: boolean;
  readonly headers: Headers;
  readonly query: URLSearchParams;
  /** The status of the answer; 101 for a WebSocket. */
  status: number;
}

/** A running server. */
export interface RunningWebSocketServer extends AsyncDisposable {
  /** Its URL, with `http:` or `https:`: the resource identifier, and what discovery goes by. */
  readonly url: string;
  /** The same with `ws:` or `wss:`. */
  readonly socketUrl: string;
  readonly port: number;
  /** Every request, in order. */
  readonly requests: readonly SeenRequest[];
  /** How many connections are open. */
  readonly open: number;
  /** Refuses every token accepted until now, and closes the connections that were opened with them: 4401. */
  revoke(): void;
  /** Closes every connection, as a restart does: 1012. */
  restart(): void;
  /** Sends a notification on every connection. */
  announce(method: string): void;
  /** Ends every connection, and frees the port. */
  close(): Promise<void>;
}

/**
 * Starts a server on 127.0.0.1.
 *
 * @param options what it is to be like
 * @returns the running server; close it when done
 */
export function startWebSocketMcpServer(options: WebSocketServerOptions = {}): RunningWebSocketServer {
  const { authorizationServer, takes = "header", tls } = options;
  const requests: SeenRequest[] = [];
  const connections = new Set<SocketTransport>();
  const notes: string[] = [];
  const metadataPath = "/.well-known/oauth-protected-resource/mcp";
  const handle = async (request: Request): Promise<Response> => {
    const { pathname: path, searchParams: query } = new URL(request.url);
    const upgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    const headers = new Headers(request.headers);
    const seen: SeenRequest = { method: request.method, path, upgrade, headers, query, status: 0 };
    requests.push(seen);
    const response = await answer(request, seen);
    seen.status = response.status;
    return response;
  };
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: options.port ?? 0,
    onListen: () => {},
    ...(tls === undefined ? {} : { cert: tls.cert, key: tls.key }),
  }, handle);
  const { port } = server.addr;
  const url = `${tls === undefined ? `http://127.0.0.1:${port}` : `https://${tls.hostname}:${port}`}/mcp`;
  const metadataUrl = new URL(metadataPath, url).href;
  const guard = authorizationServer === undefined
    ? undefined
    : new BearerGuard(authorizationServer, { resource: url, baseScope: "mcp:read", metadataUrl });

  /** Who sent a request: nobody in particular where no token is wanted. */
  async function check(authorization: string | null): Promise<Bearer | Response | undefined> {
    const headers = new Headers(authorization === null ? {} : { authorization });
    return await guard?.check({ method: "GET", url, headers }, undefined, new AbortController().signal);
  }

  async function answer(request: Request, { path, upgrade, query }: SeenRequest): Promise<Response> {
    if (guard !== undefined && path === metadataPath) {
      return Response.json({
        resource: url,
        authorization_servers: [guard.trusted.issuer],
        scopes_supported: ["mcp:read", "mcp:write"],
      });
    }
    if (path !== "/mcp") return new Response("Not Found", { status: 404 });
    const token = query.get("access_token");
    const bearer = takes === "message" && upgrade ? undefined : await check(
      takes === "query" ? token && `Bearer ${token}` : request.headers.get("authorization"),
    );
    if (bearer instanceof Response) return bearer;
    if (!upgrade) return new Response("Upgrade Required", { status: 426, headers: { upgrade: "websocket" } });
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "mcp" });
    const transport = new SocketTransport(socket, bearer, async (authorization) => {
      const found = await check(authorization);
      return found instanceof Response ? undefined : found;
    }, guard !== undefined && takes === "message");
    connections.add(transport);
    transport.over.then(() => connections.delete(transport));
    socket.onopen = () => void makeToolServer(notes).connect(transport);
    return response;
  }

  const closeAll = (code: number, reason: string) => {
    for (const { socket } of connections) {
      if (socket.readyState === WebSocket.OPEN) socket.close(code, reason);
    }
  };
  const running: RunningWebSocketServer = {
    url,
    socketUrl: url.replace(/^http/, "ws"),
    port,
    requests,
    get open() {
      return connections.size;
    },
    revoke: () => {
      guard?.refuseSeenTokens();
      closeAll(4401, "The access token is not valid: it was revoked");
    },
    restart: () => closeAll(1012, "Service restart"),
    announce: (method) => {
      for (const each of connections) void each.send({ jsonrpc: "2.0", method });
    },
    close: async () => {
      closeAll(1001, "Going away");
      await Promise.all([...connections].map(({ over }) => over));
      await server.shutdown();
    },
    [Symbol.asyncDispose]: () => running.close(),
  };
  return running;
}

/** The SDK's port of transports, over a socket that was accepted. */
class SocketTransport implements Transport {
  readonly socket: WebSocket;
  /** Resolves when the socket is closed. */
  readonly over: Promise<void>;
  onmessage?: (message: JSONRPCMessage, extra?: MessageExtraInfo) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  #bearer: Bearer | undefined;
  #waitsForToken: boolean;
  /** Messages are taken one after the other, the first of which may bring the token. */
  #last: Promise<void> = Promise.resolve();

  constructor(
    socket: WebSocket,
    bearer: Bearer | undefined,
    check: (authorization: string) => Promise<Bearer | undefined>,
    waitsForToken: boolean,
  ) {
    this.socket = socket;
    this.#bearer = bearer;
    this.#waitsForToken = waitsForToken;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    socket.onmessage = ({ data }) => {
      this.#last = this.#last.then(() => this.#take(JSON.parse(data), check));
    };
    socket.onerror = () => {};
    socket.onclose = () => {
      resolve();
      this.onclose?.();
    };
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.socket.close(1000);
    return Promise.resolve();
  }

  async #take(
    message: JSONRPCMessage & { readonly type?: unknown; readonly token?: unknown },
    check: (authorization: string) => Promise<Bearer | undefined>,
  ): Promise<void> {
    if (this.#waitsForToken) {
      this.#waitsForToken = false;
      this.#bearer = message.type === "auth" ? await check(`Bearer ${message.token}`) : undefined;
      if (this.#bearer === undefined) return this.socket.close(4401, "Unauthorized");
      return this.socket.send(JSON.stringify({ type: "auth_ok" }));
    }
    this.onmessage?.(
      message,
      this.#bearer === undefined ? undefined : { authInfo: authInfoOf(this.#bearer) },
    );
  }
}

function authInfoOf({ token, clientId, scopes, subject }: Bearer): AuthInfo {
  return { token, clientId, scopes: [...scopes], extra: { subject } };
}

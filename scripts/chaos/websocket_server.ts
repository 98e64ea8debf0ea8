/**
 * The MCP side of a server behind WebSocket: each socket is a session, with the subprotocol `mcp` and the token in the
 * header of its handshake.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/shared/transport"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { BearerGuard } from "../demo/servers/bearer_guard.ts";
import type { LedgerWriter } from "./ledger.ts";
import { makeServer } from "./server.ts";

/** What the server stands behind. */
export interface WebSocketServerOptions {
  readonly port: number;
  readonly guard: BearerGuard;
  readonly resource: string;
  readonly metadataPath: string;
  readonly metadata: () => Response;
  readonly ledger: LedgerWriter;
}

const CHECK_MS = 10_000;

/** Listens, and serves until the process ends. */
export async function serveWebSocket(options: WebSocketServerOptions): Promise<void> {
  const listening = Promise.withResolvers<void>();
  const { port, guard, ledger } = options;
  Deno.serve({ hostname: "127.0.0.1", port, onListen: () => listening.resolve() }, async (request, info) => {
    const { pathname } = new URL(request.url);
    // Not to be had any more once the connection is a socket.
    const { port: from } = info.remoteAddr;
    if (pathname === options.metadataPath) return options.metadata();
    const { method, headers } = request;
    const signal = AbortSignal.timeout(CHECK_MS);
    const bearer = await guard.check({ method, url: options.resource, headers }, undefined, signal);
    if (bearer instanceof Response) return bearer;
    if (headers.get("upgrade")?.toLowerCase() !== "websocket") return new Response(null, { status: 426 });
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "mcp" });
    const { token, clientId, scopes } = bearer;
    const authInfo = { token, clientId, scopes: [...scopes], extra: { port: from } };
    socket.onopen = () => void makeServer(ledger).connect(new SocketTransport(socket, authInfo));
    return response;
  });
  await listening.promise;
}

/** A socket as the SDK wants its transports. */
class SocketTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport["onmessage"];
  readonly #socket: WebSocket;
  readonly #authInfo: Parameters<NonNullable<Transport["onmessage"]>>[1];

  constructor(
    socket: WebSocket,
    authInfo: NonNullable<Parameters<NonNullable<Transport["onmessage"]>>[1]>["authInfo"],
  ) {
    this.#socket = socket;
    this.#authInfo = authInfo === undefined ? {} : { authInfo };
  }

  start(): Promise<void> {
    this.#socket.onmessage = ({ data }) => {
      let message: JSONRPCMessage;
      try {
        message = JSON.parse(data);
      } catch (error) {
        return this.onerror?.(error as Error);
      }
      this.onmessage?.(message, this.#authInfo);
    };
    this.#socket.onclose = () => this.onclose?.();
    this.#socket.onerror = () => {};
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#socket.close();
    return Promise.resolve();
  }
}

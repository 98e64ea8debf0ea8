/**
 * A WebSocket server of MCP that does exactly what a test tells it to, at the upgrade and by message. What a test does
 * not mention it does properly.
 *
 * @module
 */
import type { Json } from "../../contracts/remote_peer.ts";

/** An HTTP request, as it was received. */
export type Received = Pick<Request, "url" | "method" | "headers">;

/** One connection. */
export interface Accepted {
  readonly number: number;
  readonly socket: WebSocket;
  /** Of the upgrade. */
  readonly request: Received;
  /** The methods of the messages received on it, in order; `response`, or what was no JSON-RPC, as it came. */
  readonly methods: string[];
  /** Sends a message. */
  send(message: Json): void;
  /** Sends a result. */
  result(message: Json, result: Json): void;
}

/** What a test has the server do. */
export interface WebSocketScript {
  /** Looks at every HTTP request; a response is no upgrade. */
  readonly http?: (request: Received) => Response | undefined | Promise<Response | undefined>;
  /** Looks at a connection that is open. */
  readonly open?: (accepted: Accepted) => void;
  /** By method. */
  readonly on?: Readonly<Record<string, (message: Json, accepted: Accepted) => void>>;
}

/** A server that runs. */
export interface WebSocketServer extends AsyncDisposable {
  /** With `http:`. */
  readonly url: string;
  /** Every HTTP request, upgrades among them. */
  readonly requests: Received[];
  /** Every connection, in order. */
  readonly accepted: Accepted[];
  /** Stops listening, and closes what is open. */
  stop(): Promise<void>;
}

/** Starts one. */
export function startWebSocketServer(script: WebSocketScript = {}, port = 0): WebSocketServer {
  const requests: Received[] = [];
  const accepted: Accepted[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, async (request) => {
    const { url, method, headers } = request;
    const received: Received = { url, method, headers: new Headers(headers) };
    requests.push(received);
    const refused = await script.http?.(received);
    if (refused !== undefined) return refused;
    if (request.headers.get("upgrade") !== "websocket") return new Response("Upgrade", { status: 426 });
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "mcp" });
    const methods: string[] = [];
    const connection: Accepted = {
      number: accepted.length + 1,
      socket,
      request: received,
      methods,
      send: (message) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
      },
      result: (message, result) => connection.send({ jsonrpc: "2.0", id: message.id, result }),
    };
    accepted.push(connection);
    socket.onopen = () => script.open?.(connection);
    socket.onerror = () => {};
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      const method = message.jsonrpc === undefined ? data : message.method ?? "response";
      methods.push(method);
      const handler = script.on?.[method];
      if (handler !== undefined) return handler(message, connection);
      if (message.id !== undefined && message.method !== undefined) {
        connection.result(message, method === "initialize" ? INITIALIZED : { method });
      }
    };
    return response;
  });
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    for (const { socket } of accepted) {
      if (socket.readyState === WebSocket.OPEN) socket.close(1001, "stopped");
    }
    await server.shutdown();
  };
  return {
    url: `http://127.0.0.1:${server.addr.port}/mcp`,
    requests,
    accepted,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const INITIALIZED = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  serverInfo: { name: "websocket", version: "1" },
};

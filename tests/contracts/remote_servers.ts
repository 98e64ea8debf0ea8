/**
 * The server of the contract of remotes, reached by each transport.
 *
 * @module
 */
import { createHttp } from "../../lib/primitives/http/client.ts";
import { createWebSockets } from "../../lib/primitives/http/web_sockets.ts";
import { startPiped } from "../../lib/primitives/system/piped_child.ts";
import type { Endpoint } from "../../lib/services/bridge/transports/authorized_http.ts";
import { HttpSse } from "../../lib/services/bridge/transports/http_sse.ts";
import { localServerWay } from "../../lib/services/bridge/transports/stdio.ts";
import { StreamableHttp } from "../../lib/services/bridge/transports/streamable_http.ts";
import { webSocketRemote } from "../../lib/services/bridge/transports/websocket.ts";
import { type Exchange, startHttpFront } from "../../scripts/demo/servers/http_front.ts";
import { NO_SIGN_IN } from "../services/bridge/host.ts";
import type { RemotePlace } from "./remote.ts";
import { Peer, type PeerLink } from "./remote_peer.ts";

const log = () => {};

function endpoint(url: string): Endpoint {
  return { url, http: createHttp(), authorizer: NO_SIGN_IN };
}

/** The event of a message. */
function event(message: unknown): string {
  return `data: ${JSON.stringify(message)}\n\n`;
}

/** By Streamable HTTP: each message a POST, each request answered by a stream. */
export async function streamableHttpPlace(): Promise<RemotePlace> {
  const peer = new Peer();
  let ended = false;
  const open = new Set<Exchange>();
  const front = await startHttpFront(async (exchange) => {
    const { recorded, response, signal } = exchange;
    if (recorded.method === "DELETE") {
      ended = true;
      return void response.writeHead(200).end();
    }
    if (recorded.method !== "POST") return void response.writeHead(405).end();
    const message = recorded.json();
    const wanted = [message].flat().filter((one) =>
      (one as { id?: unknown }).id !== undefined && (one as { method?: unknown }).method !== undefined
    );
    const answers = new Set(wanted.map((one) => (one as { id: unknown }).id));
    const link: PeerLink = {
      send: (sent) => {
        response.write(event(sent));
        for (const one of [sent].flat()) if (one.method === undefined) answers.delete(one.id);
        if (answers.size === 0) response.end();
      },
      cut: () => {
        for (const each of open) each.response.destroy();
      },
    };
    if (wanted.length === 0) {
      await peer.take(message, link);
      return void response.writeHead(202).end();
    }
    response.writeHead(200, { "content-type": "text/event-stream", "mcp-session-id": "session" });
    response.flushHeaders();
    open.add(exchange);
    response.once("close", () => open.delete(exchange));
    await peer.take(message, link);
    await gone(signal);
  });
  const url = `${front.origin}/mcp`;
  return {
    open: (receiver) => new StreamableHttp({ ...endpoint(url), receiver, log }),
    hasEnded: () => ended,
    [Symbol.asyncDispose]: () => front.close(),
  };
}

/** By HTTP+SSE: everything of the server on one stream. */
export async function httpSsePlace(): Promise<RemotePlace> {
  const streams = new Map<string, { readonly peer: Peer; readonly link: PeerLink }>();
  let opened = 0;
  const front = await startHttpFront(async ({ recorded, response, signal }) => {
    if (recorded.method === "GET") {
      const id = String(++opened);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`event: endpoint\ndata: /messages?session=${id}\n\n`);
      streams.set(id, {
        peer: new Peer(),
        link: { send: (message) => void response.write(event(message)), cut: () => response.destroy() },
      });
      response.once("close", () => streams.delete(id));
      return await gone(signal);
    }
    const stream = streams.get(recorded.query.get("session") ?? "");
    if (stream === undefined) return void response.writeHead(404).end();
    response.writeHead(202).end();
    await stream.peer.take(recorded.json(), stream.link);
  });
  return {
    open: (receiver) => new HttpSse({ ...endpoint(`${front.origin}/sse`), receiver, log }),
    hasEnded: () => streams.size === 0,
    [Symbol.asyncDispose]: () => front.close(),
  };
}

/** By WebSocket. */
export function webSocketPlace(): Promise<RemotePlace> {
  const sockets = new Set<WebSocket>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "mcp" });
    const peer = new Peer();
    socket.onopen = () => sockets.add(socket);
    socket.onclose = () => sockets.delete(socket);
    socket.onmessage = ({ data }) =>
      void peer.take(JSON.parse(data), {
        send: (message) => socket.send(JSON.stringify(message)),
        cut: () => socket.close(4000, "cut"),
      });
    return response;
  });
  const url = `http://127.0.0.1:${server.addr.port}/`;
  return Promise.resolve({
    open: (receiver) => webSocketRemote({ ...endpoint(url), openSocket: createWebSockets(), receiver, log }),
    hasEnded: () => sockets.size === 0,
    [Symbol.asyncDispose]: () => server.shutdown(),
  });
}

/** The command of the server that is a program. */
export function peerCommand(...args: readonly string[]): readonly [string, ...string[]] {
  const script = new URL("stdio_peer.ts", import.meta.url).pathname;
  return [Deno.execPath(), "run", "-A", "--no-config", script, ...args];
}

/** By the standard streams of a program. */
export function programPlace(): Promise<RemotePlace> {
  let running = 0;
  return Promise.resolve({
    open: (receiver) => {
      const start: typeof startPiped = (command) => {
        const child = startPiped(command);
        running++;
        void child.ended.then(() => running--);
        return child;
      };
      return localServerWay({ command: peerCommand(), start, errors: () => {} }, log)(receiver);
    },
    hasEnded: () => running === 0,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

function gone(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * A server of HTTP+SSE that does on the wire exactly what a test tells it to. What a test does not mention it does
 * properly: each GET of `/sse` opens a session, whose endpoint the stream names first, and answers go out on the stream.
 *
 * @module
 */
import type { ServerResponse } from "node:http";
import { type Exchange, type HttpFront, startHttpFront } from "../../../scripts/demo/servers/http_front.ts";

/** One message that was posted. */
export interface SseCall {
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  readonly message: any;
  readonly exchange: Exchange;
  /** To the POST. */
  readonly response: ServerResponse;
  readonly session: SseSession;
  /** Accepts the POST, and sends these on the stream: text as it is, anything else as the event of a message. */
  answer(...events: unknown[]): void;
  /** Accepts the POST, and sends a result. */
  result(result: unknown): void;
}

/** One stream. */
export interface SseSession {
  readonly number: number;
  readonly stream: ServerResponse;
  /** Sends on the stream: text as it is, anything else as the event of a message. */
  send(...events: unknown[]): void;
}

/** What a scripted server does: by method of a message, or at `GET`. */
export interface SseScript {
  /** Opens the stream, or not. */
  readonly GET?: (session: SseSession, exchange: Exchange) => void | Promise<void>;
  /** What a POST of no known session is answered with; 404 with words unless set. */
  readonly unknown?: (exchange: Exchange) => void;
  /** What else meets a request; the default is 404. */
  readonly other?: (exchange: Exchange) => void | Promise<void>;
  /** By the method of the message, or `response`, or `batch`. */
  readonly on?: Readonly<Record<string, (call: SseCall) => void | Promise<void>>>;
}

/** A scripted server that runs. */
export interface ScriptedSse extends HttpFront {
  readonly url: string;
  /** What was received, in order: `GET`, or the method of a message with the number of its session. */
  readonly seen: string[];
  /** The streams that are open. */
  readonly sessions: Map<number, SseSession>;
  /** Ends every stream and forgets every session, as a restart does. */
  restart(): void;
}

/** Starts one. */
export async function startScriptedSse(script: SseScript = {}): Promise<ScriptedSse> {
  const seen: string[] = [];
  const sessions = new Map<number, SseSession>();
  let opened = 0;
  const front = await startHttpFront(async (exchange) => {
    const { recorded, response, request } = exchange;
    if (recorded.method === "GET" && recorded.path === "/sse") {
      seen.push("GET");
      const session: SseSession = {
        number: ++opened,
        stream: response,
        send: (...all) => send(response, all),
      };
      sessions.set(session.number, session);
      response.once("close", () => sessions.delete(session.number));
      if (script.GET !== undefined) return await script.GET(session, exchange);
      openStream(session);
      return await new Promise((resolve) => response.once("close", () => resolve()));
    }
    if (recorded.method !== "POST" || recorded.path !== "/messages") {
      seen.push(`${recorded.method} ${recorded.path}`);
      if (script.other !== undefined) return await script.other(exchange);
      return void response.writeHead(404, { "content-type": "text/plain" }).end(`Cannot ${request.method}`);
    }
    const session = sessions.get(Number(recorded.query.get("session")));
    const message = recorded.json() as SseCall["message"];
    const key = Array.isArray(message) ? "batch" : message?.method ?? "response";
    if (session === undefined) {
      seen.push(`${key} refused`);
      if (script.unknown !== undefined) return script.unknown(exchange);
      return void response.writeHead(404).end("Session not found");
    }
    seen.push(`${key} ${session.number}`);
    const accept = () => response.headersSent || response.writeHead(202).end("Accepted");
    const call: SseCall = {
      message,
      exchange,
      response,
      session,
      answer: (...events) => {
        accept();
        session.send(...events);
      },
      result: (result) => call.answer({ jsonrpc: "2.0", id: message.id, result }),
    };
    if (script.on?.[key] !== undefined) return await script.on[key](call);
    if (key === "initialize") {
      return call.result({
        protocolVersion: "2024-11-05",
        capabilities: {},
        serverInfo: { name: "s", version: "1" },
      });
    }
    if (key === "response" || key.startsWith("notifications/")) return void accept();
    call.result({ method: key, session: session.number });
  });
  const forget = () => {
    for (const { stream } of sessions.values()) stream.destroy();
    sessions.clear();
  };
  return Object.assign(front, { url: `${front.origin}/sse`, seen, sessions, restart: forget });
}

/** Starts the stream as servers do; `endpoint` is where messages are posted to, relative to the stream. */
export function openStream(session: SseSession, endpoint = `/messages?session=${session.number}`): void {
  session.stream.writeHead(200, { "content-type": "text/event-stream" });
  session.stream.write(`event: endpoint\ndata: ${endpoint}\n\n`);
}

function send(stream: ServerResponse, events: readonly unknown[]): void {
  for (const event of events) {
    stream.write(typeof event === "string" ? event : `event: message\ndata: ${JSON.stringify(event)}\n\n`);
  }
}

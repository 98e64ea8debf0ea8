/**
 * A server that does on the wire exactly what a test tells it to: right and wrong answers are written by hand, down to
 * the byte and to the closing of the connection. What a test does not mention it does properly.
 *
 * @module
 */
import type { ServerResponse } from "node:http";
import { type Exchange, type HttpFront, startHttpFront } from "../../../scripts/demo/servers/http_front.ts";

/** One POST of one message. */
export interface Call {
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  readonly message: any;
  readonly exchange: Exchange;
  readonly response: ServerResponse;
  /** Answers with JSON text. */
  json(text: string, status?: number, headers?: Record<string, string>): void;
  /** Starts an event stream with these events, each written as it is. */
  stream(...events: string[]): void;
  /** Answers as a server does. */
  result(result: unknown): void;
}

/** What a scripted server does, by method of the message (`POST`) or of HTTP (`GET`, `DELETE`). */
export type Script = Record<string, (call: Call) => void | Promise<void>>;

/** A scripted server that runs. */
export interface ScriptedServer extends HttpFront {
  readonly url: string;
  /** The methods of the messages received, in order. */
  readonly methods: string[];
}

/** Starts one. */
export async function startScriptedServer(script: Script): Promise<ScriptedServer> {
  const methods: string[] = [];
  const all: Script = {
    initialize: (call) => {
      const result = {
        protocolVersion: "2025-11-25",
        capabilities: {},
        serverInfo: { name: "s", version: "1" },
      };
      const body = JSON.stringify({ jsonrpc: "2.0", id: call.message.id, result });
      call.json(body, 200, { "mcp-session-id": "session-1" });
    },
    GET: (call) => void call.response.writeHead(405).end(),
    DELETE: (call) => void call.response.writeHead(200).end(),
    ...script,
  };
  const front = await startHttpFront(async (exchange) => {
    const { recorded, response } = exchange;
    const message = recorded.method === "POST" ? recorded.json() : undefined;
    const method = (message as { method?: string } | undefined)?.method;
    const key = recorded.method !== "POST"
      ? recorded.method
      : method ?? (Array.isArray(message) ? "batch" : "response");
    methods.push(key);
    const call: Call = {
      message,
      exchange,
      response,
      json: (text, status = 200, headers = {}) =>
        void response.writeHead(status, { "content-type": "application/json", ...headers }).end(text),
      stream: (...events) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.flushHeaders();
        for (const event of events) response.write(event);
      },
      result: (result) =>
        call.json(JSON.stringify({ jsonrpc: "2.0", id: (message as { id: unknown }).id, result })),
    };
    if (all[key] !== undefined) return await all[key](call);
    if (key === "response" || key.startsWith("notifications/")) return void response.writeHead(202).end();
    call.result({ method });
  });
  return Object.assign(front, { url: `${front.origin}/mcp`, methods });
}

/** Never answers: until the host's side gives up or the server closes. */
export function hang({ exchange: { signal } }: Call): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** The event that carries a message. */
export function event(message: unknown, fields = ""): string {
  return `${fields}data: ${JSON.stringify(message)}\n\n`;
}

/** A response message. */
export function answerTo(call: Call, result: unknown = {}): unknown {
  return { jsonrpc: "2.0", id: call.message.id, result };
}

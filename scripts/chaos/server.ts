/**
 * A real MCP server in a process of its own, so that it can be killed. It is made with the official SDKs, checks the token
 * of every request, and writes what it carries out into the ledger. It loads everything first, then waits for the line
 * `listen <port>` on its standard input, so that a successor is there at once; it ends when its standard input does.
 *
 *     server.ts <settings as JSON>
 *
 * @module
 */
import { createMcpHandler, McpServer as McpServer2 } from "@modelcontextprotocol/server";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
// @ts-types="@modelcontextprotocol/sdk/server/sse"
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
// @ts-types="@modelcontextprotocol/sdk/server/webStandardStreamableHttp"
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { isInitializeRequest, type JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { BearerGuard, type TrustedIssuer } from "../demo/servers/bearer_guard.ts";
import { type Exchange, sendResponse, startHttpFront } from "../demo/servers/http_front.ts";
import { LedgerWriter } from "./ledger.ts";
import { serveWebSocket } from "./websocket_server.ts";

/** What a server of a run speaks. */
export type ServerKind = "streamable" | "streamable-json" | "stateless" | "sse" | "websocket";

/** What a server process is told. */
export interface ServerSettings {
  readonly kind: ServerKind;
  readonly issuer: TrustedIssuer;
  /** Where clients reach it, which is not where it listens. */
  readonly origin: string;
  readonly ledger: string;
}

/** What a tool has been asked for. */
export interface Job {
  readonly key: string;
  readonly text: string;
  readonly steps: number;
}

const METADATA_PATH = "/.well-known/oauth-protected-resource/mcp";
const JOB = { key: z.string(), text: z.string(), steps: z.number() };
/** How long a server waits between two reports of progress at most, in ms. */
const STEP_MAX_MS = 10;
/** What a server asks clients to wait before they resume a stream, in ms. */
const RETRY_MS = 100;

type Bearer = Exclude<Awaited<ReturnType<BearerGuard["check"]>>, Response>;

/** Carries out a job, and tells how far it is. */
export async function work(
  ledger: LedgerWriter,
  { key, text, steps }: Job,
  port: number,
  report: (step: number) => Promise<void>,
) {
  ledger.executed(key, port);
  for (let step = 1; step <= steps; step++) {
    await report(step);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * STEP_MAX_MS));
  }
  return { content: [{ type: "text" as const, text: `${key}|${text}` }] };
}

/** Makes the server of one session with the first line of the SDK. */
export function makeServer(ledger: LedgerWriter): McpServer {
  const server = new McpServer({ name: "chaos", version: "1.0.0" });
  server.registerTool("work", { inputSchema: JOB }, async (job, extra) => {
    const progressToken = extra._meta?.progressToken;
    return await work(ledger, job, Number(extra.authInfo?.extra?.port), async (progress) => {
      if (progressToken === undefined) return;
      const params = { progressToken, progress, total: job.steps };
      await extra.sendNotification({ method: "notifications/progress", params });
    });
  });
  return server;
}

/** The second line of the SDK, for requests that stand alone. */
function makeStateless(ledger: LedgerWriter) {
  return createMcpHandler(() => {
    const server = new McpServer2({ name: "chaos", version: "2.0.0" });
    server.registerTool("work", { inputSchema: z.object(JOB) }, async (job, { http, mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      return await work(ledger, job, Number(http?.authInfo?.extra?.["port"]), async (progress) => {
        if (progressToken === undefined) return;
        const params = { progressToken, progress, total: job.steps };
        await mcpReq.notify({ method: "notifications/progress", params });
      });
    });
    return server;
  }, { legacy: "reject", keepAliveMs: 0 });
}

/** Keeps the events of one session, so that its streams can be resumed. */
class Events {
  readonly #events: { id: string; stream: string; message: JSONRPCMessage }[] = [];

  storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    const id = `${stream}_${this.#events.length}`;
    this.#events.push({ id, stream, message });
    return Promise.resolve(id);
  }

  /** The SDK refuses what nobody has been sent, and what somebody reads already. */
  getStreamIdForEventId(wanted: string): Promise<string | undefined> {
    return Promise.resolve(this.#events.find(({ id }) => id === wanted)?.stream);
  }

  async replayEventsAfter(
    lastId: string,
    { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const at = this.#events.findIndex(({ id }) => id === lastId);
    const stream = this.#events[at]?.stream ?? "";
    for (const event of this.#events.slice(at + 1)) {
      // The event that opens a stream has no message.
      if (event.stream === stream && Object.keys(event.message).length > 0) {
        await send(event.id, event.message);
      }
    }
    return stream;
  }
}

function authInfoOf(bearer: Bearer, port: number) {
  return {
    token: bearer.token,
    clientId: bearer.clientId,
    scopes: [...bearer.scopes],
    expiresAt: Math.floor(Date.now() / 1_000) + 60,
    extra: { port },
  };
}

/** Listens, and serves until the process ends. */
async function serve(settings: ServerSettings, port: number): Promise<void> {
  const { kind, origin, issuer } = settings;
  const ledger = new LedgerWriter(settings.ledger);
  const resource = `${origin}/mcp`;
  const guard = new BearerGuard(issuer, {
    resource,
    baseScope: "mcp:read",
    metadataUrl: origin + METADATA_PATH,
  });
  const metadata = () =>
    Response.json({ resource, authorization_servers: [issuer.issuer], scopes_supported: ["mcp:read"] });
  if (kind === "websocket") {
    return await serveWebSocket({ port, guard, resource, metadata, metadataPath: METADATA_PATH, ledger });
  }
  const answer = kind === "stateless"
    ? statelessAnswer(ledger)
    : kind === "sse"
    ? sseAnswer(ledger)
    : streamableAnswer(ledger, kind === "streamable-json");
  await startHttpFront(async (exchange) => {
    const { recorded: { path, method, headers }, response, signal } = exchange;
    if (path === METADATA_PATH) return await sendResponse(response, metadata(), signal);
    const bearer = await guard.check({ method, url: resource, headers }, undefined, signal);
    if (bearer instanceof Response) return await sendResponse(response, bearer, signal);
    await answer(exchange, authInfoOf(bearer, exchange.recorded.clientPort ?? 0));
  }, port);
}

type AuthInfo = ReturnType<typeof authInfoOf>;
type Answer = (exchange: Exchange, authInfo: AuthInfo) => Promise<void>;

function requestOf({ recorded, body }: Exchange, origin = "http://127.0.0.1"): Request {
  const { method, headers, path } = recorded;
  return new Request(origin + path, { method, headers, ...(method === "POST" ? { body } : {}) });
}

function messageOf({ recorded }: Exchange): unknown {
  return recorded.method === "POST" ? recorded.json() : undefined;
}

function statelessAnswer(ledger: LedgerWriter): Answer {
  const handler = makeStateless(ledger);
  return async (exchange, authInfo) => {
    const parsedBody = messageOf(exchange);
    const answer = await handler.fetch(requestOf(exchange), {
      ...(parsedBody === undefined ? {} : { parsedBody }),
      authInfo,
    });
    await sendResponse(exchange.response, answer, exchange.signal);
  };
}

function streamableAnswer(ledger: LedgerWriter, enableJsonResponse: boolean): Answer {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const open = async () => {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      enableJsonResponse,
      ...(enableJsonResponse ? {} : { eventStore: new Events(), retryInterval: RETRY_MS }),
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await makeServer(ledger).connect(transport);
    return transport;
  };
  const refuse = (status: number, message: string) =>
    Response.json({ jsonrpc: "2.0", error: { code: -32000, message }, id: null }, { status });
  return async (exchange, authInfo) => {
    const { response, signal, recorded: { headers } } = exchange;
    const id = headers.get("mcp-session-id");
    const known = id === null ? undefined : sessions.get(id);
    const parsedBody = messageOf(exchange);
    if (known === undefined && id !== null) {
      return await sendResponse(response, refuse(404, "Session not found"), signal);
    }
    if (known === undefined && !isInitializeRequest(parsedBody)) {
      return await sendResponse(response, refuse(400, "Bad Request: no session"), signal);
    }
    if (headers.has("last-event-id")) ledger.resumed(authInfo.extra.port);
    const answer = await (known ?? await open()).handleRequest(requestOf(exchange), {
      ...(parsedBody === undefined ? {} : { parsedBody }),
      authInfo,
    });
    await sendResponse(response, answer, signal);
  };
}

function sseAnswer(ledger: LedgerWriter): Answer {
  const sessions = new Map<string, SSEServerTransport>();
  return async (exchange, authInfo) => {
    const { request, response, signal, recorded } = exchange;
    if (recorded.method === "GET") {
      const transport = new SSEServerTransport("/mcp", response);
      sessions.set(transport.sessionId, transport);
      response.once("close", () => sessions.delete(transport.sessionId));
      // Its answers come over this connection, whichever brings the questions.
      ledger.resumed(authInfo.extra.port);
      return await makeServer(ledger).connect(transport);
    }
    const id = new URL(request.url ?? "/", "http://127.0.0.1").searchParams.get("sessionId");
    const transport = id === null ? undefined : sessions.get(id);
    if (recorded.method !== "POST" || transport === undefined) {
      const status = recorded.method !== "POST" || id === null ? 405 : 404;
      return await sendResponse(response, new Response("Session not found", { status }), signal);
    }
    await transport.handlePostMessage(
      Object.assign(request, { auth: authInfo }),
      response,
      messageOf(exchange),
    );
  };
}

if (import.meta.main) {
  const settings: ServerSettings = JSON.parse(Deno.args[0] ?? "{}");
  const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  say("loaded");
  let text = "";
  for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const port = /^listen (\d+)\n/.exec(text)?.[1];
    if (port === undefined) continue;
    text = "";
    await serve(settings, Number(port));
    say("listening");
  }
  Deno.exit(0);
}

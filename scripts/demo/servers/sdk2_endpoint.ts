/**
 * The MCP side of a demo server that is built with the official SDK of the second line, which speaks the stateless
 * revision of the protocol: alone, beside `initialize` without sessions, or not at all but with sessions.
 *
 * @module
 * @see MCP 2026-07-28, Versioning
 */

import {
  type CallToolResult,
  createMcpHandler,
  inputRequired,
  isInitializeRequest,
  McpServer,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Bearer } from "./bearer_guard.ts";

/**
 * What a server of the second line answers: requests of the stateless revision and nothing else, or `initialize` too, or
 * `initialize` alone and then with sessions.
 */
export type Sdk2Manner = "stateless" | "both" | "sessions";

/** The MCP side of one server. */
export interface Sdk2Endpoint {
  /**
   * Answers one request.
   *
   * @param request the request; its body is `message`
   * @param message the parsed body
   * @param bearer who sent it
   */
  answer(request: Request, message: unknown, bearer: Bearer | undefined): Promise<Response>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/**
 * Makes the MCP side of a server.
 *
 * @param manner what it answers
 * @param notes where `write_note` puts its notes
 */
export function makeSdk2Endpoint(manner: Sdk2Manner, notes: string[]): Sdk2Endpoint {
  if (manner === "sessions") return makeSessions(notes);
  const handler = createMcpHandler(() => makeServer(notes), {
    legacy: manner === "both" ? "stateless" : "reject",
    keepAliveMs: 0,
  });
  return {
    answer: (request, message, bearer) => handler.fetch(request, optionsFor(message, bearer)),
    close: () => handler.close(),
  };
}

function makeSessions(notes: string[]): Sdk2Endpoint {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const open = async () => {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await makeServer(notes).connect(transport);
    return transport;
  };
  return {
    async answer(request, message, bearer) {
      const id = request.headers.get("mcp-session-id");
      const known = id === null ? undefined : sessions.get(id);
      if (known === undefined && (id !== null || !isInitializeRequest(message))) {
        const error = { code: -32000, message: "Bad Request: no such session" };
        return Response.json({ jsonrpc: "2.0", error, id: null }, { status: id === null ? 400 : 404 });
      }
      return await (known ?? await open()).handleRequest(request, optionsFor(message, bearer));
    },
    close: async () => {
      await Promise.all([...sessions.values()].map((transport) => transport.close()));
    },
  };
}

function optionsFor(message: unknown, bearer: Bearer | undefined) {
  return {
    ...message === undefined ? {} : { parsedBody: message },
    ...bearer === undefined ? {} : {
      authInfo: {
        token: bearer.token,
        clientId: bearer.clientId,
        scopes: [...bearer.scopes],
        expiresAt: Math.floor(Date.now() / 1_000) + 60,
        extra: { subject: bearer.subject },
      },
    },
  };
}

/** The tools of the first line's server that a client can use without answering anything, and one that it has to. */
function makeServer(notes: string[]): McpServer {
  const server = new McpServer({ name: "demo", version: "2.0.0" });
  server.registerTool("add", {
    description: "Adds two numbers",
    inputSchema: z.object({ a: z.number(), b: z.number() }),
    outputSchema: z.object({ sum: z.number() }),
  }, ({ a, b }) => ({ ...say(String(a + b)), structuredContent: { sum: a + b } }));
  server.registerTool("whoami", {
    description: "Tells who the access token speaks for",
  }, (context) => say(String(context.http?.authInfo?.extra?.["subject"] ?? "nobody")));
  server.registerTool("write_note", {
    description: "Keeps a note; needs the scope mcp:write",
    inputSchema: z.object({ text: z.string() }),
  }, ({ text }) => say(`Note ${notes.push(text)} written`));
  server.registerTool("slow", {
    description: "Reports progress twice",
    inputSchema: z.object({}),
  }, async (_none, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (const progress of progressToken === undefined ? [] : [1, 2]) {
      await mcpReq.notify({
        method: "notifications/progress",
        params: { progressToken: progressToken!, progress, total: 2 },
      });
    }
    return say("Done");
  });
  server.registerTool("ask", {
    description: "Asks the user in return",
    inputSchema: z.object({}),
  }, () =>
    inputRequired({
      inputRequests: {
        name: inputRequired.elicit({
          message: "Who are you?",
          requestedSchema: { type: "object", properties: { name: { type: "string" } } },
        }),
      },
    }));
  return server;
}

function say(text: string): CallToolResult {
  return { content: [{ type: "text", text }] };
}

/**
 * The tools of the demo MCP server. Each one is there for something a client, a bridge or a gateway has to carry:
 * plain results, an identity, a scope of its own, progress, errors, requests in the other direction, and size.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { type CallToolResult, ListRootsResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";

/** The scope each tool needs beside the one every request needs. */
export const TOOL_SCOPES: Readonly<Record<string, string>> = { write_note: "mcp:write" };

/**
 * Makes the MCP server of one session.
 *
 * @param notes where `write_note` puts its notes: shared by all sessions
 * @returns the server, not connected yet
 */
export function makeToolServer(notes: string[]): McpServer {
  const server = new McpServer(
    { name: "demo", version: "1.0.0" },
    { capabilities: { logging: {} }, instructions: "A server to try things with." },
  );

  server.registerTool("echo", {
    description: "Returns the text it is given",
    inputSchema: { text: z.string() },
  }, ({ text }) => say(text));

  server.registerTool("add", {
    description: "Adds two numbers",
    inputSchema: { a: z.number(), b: z.number() },
    outputSchema: { sum: z.number() },
  }, ({ a, b }) => ({ ...say(String(a + b)), structuredContent: { sum: a + b } }));

  server.registerTool("whoami", {
    description: "Tells who the access token speaks for",
  }, ({ authInfo }) => say(String(authInfo?.extra?.subject ?? "nobody")));

  server.registerTool("write_note", {
    description: "Keeps a note; needs the scope mcp:write",
    inputSchema: { text: z.string() },
  }, ({ text }) => say(`Note ${notes.push(text)} written`));

  server.registerTool("slow", {
    description: "Takes its time and reports progress four times",
    inputSchema: { ms: z.number().int().min(0).max(60_000) },
  }, async ({ ms }, extra) => {
    const steps = 4;
    const progressToken = extra._meta?.progressToken;
    for (let step = 1; step <= steps; step++) {
      await sleep(ms / steps, extra.signal);
      if (progressToken === undefined) continue;
      await extra.sendNotification({
        method: "notifications/progress",
        params: { progressToken, progress: step, total: steps },
      });
    }
    return say(`Done after ${ms} ms`);
  });

  server.registerTool("fail", {
    description: "Returns a tool error",
    inputSchema: { reason: z.string().default("it was asked to") },
  }, ({ reason }) => ({ ...say(`Failed: ${reason}`), isError: true }));

  server.registerTool("ask_roots", {
    description: "Asks the client for its roots, on the stream of the call or on the GET stream",
    inputSchema: { over: z.enum(["call", "stream"]).default("call") },
  }, async ({ over }, extra) => {
    const { roots } = over === "call"
      ? await extra.sendRequest({ method: "roots/list" }, ListRootsResultSchema, { signal: extra.signal })
      : await server.server.listRoots({}, { signal: extra.signal });
    return say(roots.map(({ uri }) => uri).join("\n"));
  });

  server.registerTool("large", {
    description: "Returns a text of so many characters",
    inputSchema: { size: z.number().int().min(0).max(64 * 1024 * 1024) },
  }, ({ size }) => say("x".repeat(size)));

  return server;
}

function say(text: string): CallToolResult {
  return { content: [{ type: "text", text }] };
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}

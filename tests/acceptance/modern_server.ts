/**
 * A server of the SDK's second line that speaks the stateless revision and nothing else, with one of everything that such
 * a server can want of a client: answers of a person, a model and a file system, arguments in headers, subscriptions.
 *
 * @module
 */
import { createMcpHandler, inputRequired, McpServer, type ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import { type HttpFront, sendResponse, startHttpFront } from "../../scripts/demo/servers/http_front.ts";

/** The resource that changes. */
export const RESOURCE = "test://counter";

/** The server, running. */
export interface ModernServer extends HttpFront {
  readonly url: string;
  /** Changes the list of tools. */
  toolsChanged(): void;
  /** Changes a resource. */
  resourceUpdated(uri: string): void;
  /** How many calls of `wait` were given up by whoever made them. */
  readonly cancelled: () => number;
}

/** Starts one on 127.0.0.1. */
export async function startModernServer(): Promise<ModernServer> {
  let cancelled = 0;
  const handler = createMcpHandler(() => makeServer(() => cancelled++), { legacy: "reject", keepAliveMs: 0 });
  const front = await startHttpFront(async ({ recorded, response, body, signal }) => {
    const { method, headers } = recorded;
    const request = new Request(`http://127.0.0.1/mcp`, {
      method,
      headers,
      signal,
      ...(method === "POST" ? { body } : {}),
    });
    await sendResponse(response, await handler.fetch(request), signal);
  });
  return Object.assign(front, {
    url: `${front.origin}/mcp`,
    toolsChanged: () => handler.notify.toolsChanged(),
    resourceUpdated: (uri: string) => handler.notify.resourceUpdated(uri),
    cancelled: () => cancelled,
  });
}

function makeServer(onCancelled: () => void): McpServer {
  const server = new McpServer({ name: "modern", version: "1.0.0" }, {
    instructions: "No sessions here.",
    capabilities: {
      logging: {},
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
    },
  });
  server.registerTool("add", {
    inputSchema: z.object({ a: z.number(), b: z.number() }),
    outputSchema: z.object({ sum: z.number() }),
  }, ({ a, b }) => ({ content: [{ type: "text", text: String(a + b) }], structuredContent: { sum: a + b } }));
  server.registerTool("list", {
    inputSchema: z.object({}),
    outputSchema: z.array(z.number()),
  }, () => ({ content: [{ type: "text", text: "[1]" }], structuredContent: [1] }));
  server.registerTool("where", {
    inputSchema: z.object({ region: z.string().meta({ "x-mcp-header": "Region" }) }),
  }, ({ region }, context) => say(`${region} by ${context.http?.req?.headers.get("mcp-param-region")}`));
  server.registerTool("progress", { inputSchema: z.object({}) }, async (_none, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken ?? "none";
    for (const progress of [1, 2]) {
      await mcpReq.notify({
        method: "notifications/progress",
        params: { progressToken, progress, total: 2 },
      });
    }
    await mcpReq.log("info", "half way");
    // The SDK of the first line forgets a call before it hears of what comes together with its answer.
    await new Promise((resolve) => setTimeout(resolve, 100));
    return say("there");
  });
  server.registerTool("wait", { inputSchema: z.object({}) }, async (_none, { mcpReq: { signal } }) => {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    onCancelled();
    return say("given up");
  });
  server.registerTool("ask", { inputSchema: z.object({}) }, (_none, context) => ask(context));
  server.registerTool("ask_roots", { inputSchema: z.object({}) }, (_none, { mcpReq }) => {
    const { inputResponses } = mcpReq;
    if (inputResponses === undefined) {
      return inputRequired({ inputRequests: { roots: inputRequired.listRoots() } });
    }
    return say(JSON.stringify(inputResponses["roots"]));
  });
  server.registerResource("counter", RESOURCE, {}, (uri) => ({ contents: [{ uri: uri.href, text: "1" }] }));
  server.registerPrompt("greet", {}, () => ({
    messages: [{ role: "user", content: { type: "text", text: "Hello" } }],
  }));
  return server;
}

/** Asks a person for a name, then a model for a greeting, each in a round of its own. */
function ask({ mcpReq }: ServerContext) {
  const { inputResponses = {} } = mcpReq;
  const state = mcpReq.requestState<string>();
  if (state === undefined) {
    return inputRequired({
      inputRequests: {
        name: inputRequired.elicit({
          message: "Who are you?",
          requestedSchema: { type: "object", properties: { name: { type: "string" } } },
        }),
      },
      requestState: "asked",
    });
  }
  if (state === "asked") {
    const { content } = inputResponses["name"] as { content: { name: string } };
    return inputRequired({
      inputRequests: {
        greeting: inputRequired.createMessage({
          messages: [{ role: "user", content: { type: "text", text: content.name } }],
          maxTokens: 10,
        }),
      },
      requestState: `named ${content.name}`,
    });
  }
  const { content } = inputResponses["greeting"] as { content: { text: string } };
  return say(`${state}: ${content.text}`);
}

function say(text: string) {
  return { content: [{ type: "text" as const, text }] };
}

/**
 * A server of the matrix that is built with the first line of the official SDK, which knows the stateful revisions alone.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/server/index"
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
// @ts-types="@modelcontextprotocol/sdk/server/webStandardStreamableHttp"
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  CreateMessageResultSchema,
  ElicitResultSchema,
  GetPromptRequestSchema,
  isInitializeRequest,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import {
  type FeatureServer,
  Hanging,
  NAMES,
  page,
  PROMPT,
  PROMPTS,
  QUESTION,
  RESOURCES,
  say,
  TOOLS,
  wait,
} from "./matrix_features.ts";

/** With sessions; with none, one server for each request; or with sessions and answers in JSON alone. */
export type Sdk1Manner = "sessions" | "sessionless" | "json";

/** Makes one. */
export function makeSdk1Server(manner: Sdk1Manner): FeatureServer {
  const hanging = new Hanging();
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const all = new Set<Server>();
  const open = async () => {
    const transport = new WebStandardStreamableHTTPServerTransport({
      enableJsonResponse: manner === "json",
      ...(manner === "sessionless" ? {} : {
        sessionIdGenerator: () => crypto.randomUUID(),
        onsessioninitialized: (id: string) => void sessions.set(id, transport),
        onsessionclosed: (id: string) => void sessions.delete(id),
      }),
    });
    const server = makeServer(hanging);
    all.add(server);
    await server.connect(transport);
    return transport;
  };
  return {
    get begun() {
      return hanging.begun;
    },
    get aborted() {
      return hanging.aborted;
    },
    async answer(request, message) {
      const id = request.headers.get("mcp-session-id");
      const known = id === null ? undefined : sessions.get(id);
      if (manner !== "sessionless" && known === undefined && (id !== null || !isInitializeRequest(message))) {
        const error = { code: -32000, message: "Bad Request: no such session" };
        return Response.json({ jsonrpc: "2.0", error, id: null }, { status: id === null ? 400 : 404 });
      }
      if (manner === "sessionless" && request.method !== "POST") return new Response(null, { status: 405 });
      return await (known ?? await open()).handleRequest(
        request,
        message === undefined ? {} : { parsedBody: message },
      );
    },
    close: async () => {
      await Promise.all([...all].map((server) => server.close()));
    },
  };
}

function makeServer(hanging: Hanging): Server {
  const server = new Server({ name: "features", version: "1.0.0" }, {
    capabilities: {
      tools: { listChanged: true },
      resources: { subscribe: true },
      prompts: {},
      logging: {},
      completions: {},
    },
    instructions: "A server with one of everything.",
  });
  const subscribed = new Set<string>();

  server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
    const { items, ...rest } = page(TOOLS, params?.cursor);
    return { tools: items, ...rest };
  });
  server.setRequestHandler(ListResourcesRequestSchema, ({ params }) => {
    const { items, ...rest } = page(RESOURCES, params?.cursor);
    return { resources: items, ...rest };
  });
  server.setRequestHandler(ListPromptsRequestSchema, ({ params }) => {
    const { items, ...rest } = page(PROMPTS, params?.cursor);
    return { prompts: items, ...rest };
  });
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) => {
    return { contents: [{ uri, text: `The text of ${uri}` }] };
  });
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => {
    const text = `Greet ${params.arguments?.["name"]}`;
    return { messages: [{ role: "user", content: { type: "text", text } }] };
  });
  server.setRequestHandler(CompleteRequestSchema, ({ params: { argument } }) => {
    return { completion: { values: NAMES.filter((name) => name.startsWith(argument.value)) } };
  });
  server.setRequestHandler(SetLevelRequestSchema, () => ({}));
  server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }) => {
    subscribed.add(uri);
    return {};
  });
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
    subscribed.delete(uri);
    return {};
  });

  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const { name, arguments: args = {} } = params;
    const { signal } = extra;
    switch (name) {
      case "echo":
        return say(String(args["text"]));
      case "add": {
        const sum = Number(args["a"]) + Number(args["b"]);
        return { ...say(String(sum)), structuredContent: { sum } };
      }
      case "fail":
        return { ...say(`Failed: ${args["text"]}`), isError: true };
      case "steps": {
        const progressToken = extra._meta?.progressToken;
        for (let progress = 1; progress <= 4 && progressToken !== undefined; progress++) {
          const notice = { progressToken, progress, total: 4 };
          await extra.sendNotification({ method: "notifications/progress", params: notice });
          await wait(20, signal);
        }
        return say("Done");
      }
      case "hang":
        return await hanging.hang(signal);
      case "ask": {
        const request = { method: "elicitation/create" as const, params: QUESTION };
        const { action, content } = await extra.sendRequest(request, ElicitResultSchema, { signal });
        return say(`${action}: ${content?.["name"]}`);
      }
      case "sample": {
        const request = { method: "sampling/createMessage" as const, params: PROMPT };
        const { content } = await extra.sendRequest(request, CreateMessageResultSchema, { signal });
        return say("text" in content ? content.text : content.type);
      }
      case "roots": {
        const { roots } = await server.listRoots({}, { signal });
        return say(roots.map(({ uri }) => uri).join());
      }
      case "touch": {
        const uri = String(args["text"]);
        if (subscribed.has(uri)) await server.sendResourceUpdated({ uri });
        return say("Touched");
      }
      case "log": {
        const notice = { level: "info" as const, data: args["text"] };
        await extra.sendNotification({ method: "notifications/message", params: notice });
        return say("Logged");
      }
      case "grow":
        await server.sendToolListChanged();
        return say("Grown");
    }
    throw new Error(`No tool ${name}`);
  });
  return server;
}

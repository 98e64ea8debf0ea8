/**
 * A server of the matrix that is built with the second line of the official SDK: of the stateless revision alone, of both
 * eras, or with sessions and of the stateful revisions alone.
 *
 * @module
 */

import {
  acceptedContent,
  createMcpHandler,
  inputRequired,
  inputResponse,
  isInitializeRequest,
  Server,
  type ServerNotifier,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import type { Sdk2Manner } from "../../scripts/demo/servers/sdk2_endpoint.ts";
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

/** Makes one. */
export function makeSdk2Server(manner: Sdk2Manner): FeatureServer {
  const hanging = new Hanging();
  if (manner === "sessions") return makeSessions(hanging);
  const handler = createMcpHandler(() => makeServer(hanging, () => handler.notify), {
    legacy: manner === "both" ? "stateless" : "reject",
    keepAliveMs: 0,
  });
  return {
    get begun() {
      return hanging.begun;
    },
    get aborted() {
      return hanging.aborted;
    },
    answer: (request, message) =>
      handler.fetch(request, message === undefined ? {} : { parsedBody: message }),
    close: () => handler.close(),
  };
}

function makeSessions(hanging: Hanging): FeatureServer {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const open = async () => {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await makeServer(hanging, undefined).connect(transport);
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
      if (known === undefined && (id !== null || !isInitializeRequest(message))) {
        const error = { code: -32000, message: "Bad Request: no such session" };
        return Response.json({ jsonrpc: "2.0", error, id: null }, { status: id === null ? 400 : 404 });
      }
      return await (known ?? await open()).handleRequest(
        request,
        message === undefined ? {} : { parsedBody: message },
      );
    },
    close: async () => {
      await Promise.all([...sessions.values()].map((transport) => transport.close()));
    },
  };
}

/** @param notifier Tells changes to all subscriptions; undefined where each session has its own. */
function makeServer(hanging: Hanging, notifier: (() => ServerNotifier) | undefined): Server {
  const server = new Server({ name: "features", version: "2.0.0" }, {
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

  server.setRequestHandler("tools/list", ({ params }) => {
    const { items, ...rest } = page(TOOLS, params?.cursor);
    return { tools: items, ...rest };
  });
  server.setRequestHandler("resources/list", ({ params }) => {
    const { items, ...rest } = page(RESOURCES, params?.cursor);
    return { resources: items, ...rest };
  });
  server.setRequestHandler("prompts/list", ({ params }) => {
    const { items, ...rest } = page(PROMPTS, params?.cursor);
    return { prompts: items, ...rest };
  });
  server.setRequestHandler("resources/read", ({ params: { uri } }) => {
    return { contents: [{ uri, text: `The text of ${uri}` }] };
  });
  server.setRequestHandler("prompts/get", ({ params }) => {
    const text = `Greet ${params.arguments?.["name"]}`;
    return { messages: [{ role: "user" as const, content: { type: "text" as const, text } }] };
  });
  server.setRequestHandler("completion/complete", ({ params: { argument } }) => {
    return { completion: { values: NAMES.filter((name) => name.startsWith(argument.value)) } };
  });
  server.setRequestHandler("resources/subscribe", ({ params: { uri } }) => {
    subscribed.add(uri);
    return {};
  });
  server.setRequestHandler("resources/unsubscribe", ({ params: { uri } }) => {
    subscribed.delete(uri);
    return {};
  });

  server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
    const { name, arguments: args = {} } = params;
    const { signal, inputResponses } = mcpReq;
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
        const progressToken = mcpReq._meta?.progressToken;
        for (let progress = 1; progress <= 4 && progressToken !== undefined; progress++) {
          const notice = { progressToken, progress, total: 4 };
          await mcpReq.notify({ method: "notifications/progress", params: notice });
          await wait(20, signal);
        }
        return say("Done");
      }
      case "hang":
        return await hanging.hang(signal);
      case "ask": {
        const content = acceptedContent(inputResponses, "who");
        if (content !== undefined) return say(`accept: ${content["name"]}`);
        return inputRequired({ inputRequests: { who: inputRequired.elicit(QUESTION) } });
      }
      case "sample": {
        const response = inputResponse(inputResponses, "model");
        if (response.kind === "missing") {
          return inputRequired({ inputRequests: { model: inputRequired.createMessage(PROMPT) } });
        }
        return say(JSON.stringify(response));
      }
      case "roots": {
        const response = inputResponse(inputResponses, "roots");
        if (response.kind === "missing") {
          return inputRequired({ inputRequests: { roots: inputRequired.listRoots() } });
        }
        return say(JSON.stringify(response));
      }
      case "touch": {
        const uri = String(args["text"]);
        if (notifier !== undefined) notifier().resourceUpdated(uri);
        else if (subscribed.has(uri)) await server.sendResourceUpdated({ uri });
        return say("Touched");
      }
      case "log":
        await mcpReq.log("info", args["text"]);
        return say("Logged");
      case "grow":
        if (notifier !== undefined) notifier().toolsChanged();
        else await server.sendToolListChanged();
        return say("Grown");
    }
    throw new Error(`No tool ${name}`);
  });
  return server;
}

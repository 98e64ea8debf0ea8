/**
 * The hosts of the matrix: the official SDK's clients, each with the bridge as its server on standard input and output.
 *
 * @module
 */

import { Client as Client2 } from "@modelcontextprotocol/client";
import { StdioClientTransport as Stdio2 } from "@modelcontextprotocol/client/stdio";
// @ts-types="@modelcontextprotocol/sdk/client/index"
import { Client as Client1 } from "@modelcontextprotocol/sdk/client/index.js";
// @ts-types="@modelcontextprotocol/sdk/client/stdio"
import { StdioClientTransport as Stdio1 } from "@modelcontextprotocol/sdk/client/stdio.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";

/** How a bridge is started. */
export interface BridgeLine {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Progress of a call. */
export interface Progress {
  readonly progress: number;
  readonly total?: number | undefined;
}

/** What a host may say with a call. */
export interface CallOptions {
  readonly onprogress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** The result of a call, as far as the matrix looks. */
export interface CallResult {
  readonly content: readonly { readonly type: string; readonly text?: string }[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

/** A host that is connected. */
export interface Connected {
  readonly revision: string | undefined;
  readonly server: { readonly name?: string; readonly version?: string } | undefined;
  readonly instructions: string | undefined;
  /** Log messages, uris of changed resources, and changes of the list of tools, in order. */
  readonly heard: readonly string[];
  /**
   * Progress of calls, in order, as it arrived: clients forget a call with its answer, and then tell nobody of what came
   * just before.
   */
  readonly progress: readonly number[];
  tools(): Promise<string[]>;
  resources(): Promise<string[]>;
  prompts(): Promise<string[]>;
  read(uri: string): Promise<string>;
  prompt(name: string, args: Record<string, string>): Promise<string>;
  complete(prompt: string, name: string, value: string): Promise<readonly string[]>;
  call(name: string, args: Record<string, unknown>, options?: CallOptions): Promise<CallResult>;
  /** Wants to hear of a resource, and of the list of tools; returns how to end that. */
  subscribe(uri: string): Promise<() => Promise<void>>;
  /** Wants log messages; with each call from now on, where that is the way. */
  wantLogs(): Promise<void>;
  close(): Promise<void>;
}

/** A host of the matrix. */
export interface MatrixHost {
  readonly name: string;
  /** What it speaks where it can choose. */
  readonly era: "stateful" | "stateless";
  connect(line: BridgeLine): Promise<Connected>;
}

const INFO = { name: "matrix", version: "1.0.0" };
const CAPABILITIES = { elicitation: { form: {} }, sampling: {}, roots: {} };
const ROOTS = { roots: [{ uri: "file:///matrix" }] };
const SAMPLE = {
  model: "none",
  role: "assistant" as const,
  content: { type: "text" as const, text: "Something" },
};
const ACCEPTED = {
  action: "accept" as const,
  // What the reference server asks for, and ours.
  content: { name: "Ann", check: true, integer: 42 },
};

/** The hosts. */
export const HOSTS: readonly MatrixHost[] = [
  { name: "the SDK's first line", era: "stateful", connect: connect1 },
  { name: "the SDK's second line, stateful", era: "stateful", connect: (line) => connect2(line, "legacy") },
  { name: "the SDK's second line, by itself", era: "stateless", connect: (line) => connect2(line, "auto") },
  {
    name: "the SDK's second line, pinned to 2026-07-28",
    era: "stateless",
    connect: (line) => connect2(line, { pin: "2026-07-28" }),
  },
];

async function connect1(line: BridgeLine): Promise<Connected> {
  const client = new Client1(INFO, { capabilities: CAPABILITIES });
  const heard: string[] = [];
  client.setRequestHandler(ElicitRequestSchema, () => ACCEPTED);
  client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLE);
  client.setRequestHandler(ListRootsRequestSchema, () => ROOTS);
  client.setNotificationHandler(
    LoggingMessageNotificationSchema,
    ({ params }) => void heard.push(`log ${params.data}`),
  );
  client.setNotificationHandler(
    ResourceUpdatedNotificationSchema,
    ({ params }) => void heard.push(`updated ${params.uri}`),
  );
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.push("tools changed"));
  let revision: string | undefined;
  const transport = new Stdio1({ ...line, args: [...line.args], stderr: "pipe" });
  const said = textOf(transport.stderr);
  Object.assign(transport, { setProtocolVersion: (version: string) => revision = version });
  await client.connect(transport).catch((error) => Promise.reject(new Error(`${error.message}: ${said()}`)));
  const progress = progressOf(transport);
  return {
    get revision() {
      return revision;
    },
    get server() {
      return client.getServerVersion();
    },
    get instructions() {
      return client.getInstructions();
    },
    heard,
    progress,
    tools: async () => {
      const names = [];
      for (let cursor: string | undefined, more = true; more;) {
        const { tools, nextCursor } = await client.listTools(cursor === undefined ? {} : { cursor });
        names.push(...tools.map(({ name }) => name));
        more = (cursor = nextCursor) !== undefined;
      }
      return names;
    },
    resources: async () => {
      const names = [];
      for (let cursor: string | undefined, more = true; more;) {
        const { resources, nextCursor } = await client.listResources(cursor === undefined ? {} : { cursor });
        names.push(...resources.map(({ uri }) => uri));
        more = (cursor = nextCursor) !== undefined;
      }
      return names;
    },
    prompts: async () => {
      const names = [];
      for (let cursor: string | undefined, more = true; more;) {
        const { prompts, nextCursor } = await client.listPrompts(cursor === undefined ? {} : { cursor });
        names.push(...prompts.map(({ name }) => name));
        more = (cursor = nextCursor) !== undefined;
      }
      return names;
    },
    read: async (uri) => textIn((await client.readResource({ uri })).contents[0]),
    prompt: async (name, args) => {
      return textIn((await client.getPrompt({ name, arguments: args })).messages[0]?.content);
    },
    complete: async (prompt, name, value) => {
      const ref = { type: "ref/prompt" as const, name: prompt };
      return (await client.complete({ ref, argument: { name, value } })).completion.values;
    },
    call: async (name, args, options) => {
      return await client.callTool({ name, arguments: args }, undefined, options) as CallResult;
    },
    subscribe: async (uri) => {
      await client.subscribeResource({ uri });
      return async () => void await client.unsubscribeResource({ uri });
    },
    wantLogs: async () => void await client.setLoggingLevel("debug"),
    close: () => client.close(),
  };
}

async function connect2(
  line: BridgeLine,
  mode: "auto" | "legacy" | { readonly pin: string },
): Promise<Connected> {
  const client = new Client2(INFO, { capabilities: CAPABILITIES, versionNegotiation: { mode } });
  const heard: string[] = [];
  client.setRequestHandler("elicitation/create", () => ACCEPTED);
  client.setRequestHandler("sampling/createMessage", () => SAMPLE);
  client.setRequestHandler("roots/list", () => ROOTS);
  client.setNotificationHandler(
    "notifications/message",
    ({ params }) => void heard.push(`log ${params.data}`),
  );
  client.setNotificationHandler(
    "notifications/resources/updated",
    ({ params }) => void heard.push(`updated ${params.uri}`),
  );
  client.setNotificationHandler("notifications/tools/list_changed", () => void heard.push("tools changed"));
  const transport = new Stdio2({ ...line, args: [...line.args], stderr: "pipe" });
  const said = textOf(transport.stderr);
  await client.connect(transport).catch((error) => Promise.reject(new Error(`${error.message}: ${said()}`)));
  const progress = progressOf(transport);
  const isStateless = () => client.getNegotiatedProtocolVersion() === "2026-07-28";
  let meta = {};
  return {
    get revision() {
      return client.getNegotiatedProtocolVersion();
    },
    get server() {
      return client.getServerVersion();
    },
    get instructions() {
      return client.getInstructions();
    },
    heard,
    progress,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    prompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
    read: async (uri) => textIn((await client.readResource({ uri })).contents[0]),
    prompt: async (name, args) => {
      return textIn((await client.getPrompt({ name, arguments: args })).messages[0]?.content);
    },
    complete: async (prompt, name, value) => {
      const ref = { type: "ref/prompt" as const, name: prompt };
      return (await client.complete({ ref, argument: { name, value } })).completion.values;
    },
    call: async (name, args, options) => {
      return await client.callTool({ name, arguments: args, ...meta }, options) as CallResult;
    },
    subscribe: async (uri) => {
      if (isStateless()) {
        const { close } = await client.listen({ resourceSubscriptions: [uri], toolsListChanged: true });
        return close;
      }
      await client.subscribeResource({ uri });
      return async () => void await client.unsubscribeResource({ uri });
    },
    wantLogs: async () => {
      if (isStateless()) meta = { _meta: { "io.modelcontextprotocol/logLevel": "debug" } };
      else await client.setLoggingLevel("debug");
    },
    close: () => client.close(),
  };
}

function textIn(part: unknown): string {
  const { text } = part as { readonly text?: unknown };
  return String(text);
}

/** The progress that arrives from now on. */
function progressOf(
  transport: { onmessage?: ((message: never, extra?: never) => void) | undefined },
): number[] {
  const progress: number[] = [];
  const { onmessage } = transport;
  transport.onmessage = (message: { method?: string; params?: { progress: number } }, extra?: never) => {
    if (message.method === "notifications/progress") progress.push(message.params?.progress ?? NaN);
    onmessage?.call(transport, message as never, extra);
  };
  return progress;
}

/** What a stream of Node's has brought so far. */
function textOf(stream: { on(event: "data", hear: (chunk: unknown) => void): void } | null): () => string {
  let text = "";
  stream?.on("data", (chunk) => text += String(chunk));
  return () => text;
}

/**
 * What the bridge says by itself while nobody is signed in, in the shapes of both eras: who it is, that there is one
 * tool, and that there is nothing else. A stateless host is told to keep none of it (T14).
 *
 * @see MCP 2025-11-25, Lifecycle; MCP 2026-07-28, Discovery
 * @module
 */
import {
  idText,
  isJsonObject,
  type JsonObject,
  type RequestMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { isOfStatelessRevision } from "../../../primitives/mcp/request_headers.ts";
import { LATEST_STATEFUL, REVISIONS } from "../../../primitives/mcp/revisions.ts";
import { safeUrl } from "../../../primitives/untrusted_text.ts";
import { VERSION } from "../../../primitives/version.ts";
import type { Outbound, Receiver } from "../transports/remote.ts";
import type { Person } from "./person.ts";
import { LOGIN_TOOL } from "./person_layer.ts";
import { loginTool } from "./tool_listing.ts";

const SERVER_INFO = { name: "mcp-auth", title: "mcp-auth", version: VERSION };
const CAPABILITIES = {
  tools: { listChanged: true },
  resources: { listChanged: true },
  prompts: { listChanged: true },
};

/** The lists and the members that hold them, by the capability that a server without them lacks. */
const LISTS: Readonly<Record<string, { readonly member: string; readonly capability: string }>> = {
  "tools/list": { member: "tools", capability: "tools" },
  "resources/list": { member: "resources", capability: "resources" },
  "resources/templates/list": { member: "resourceTemplates", capability: "resources" },
  "prompts/list": { member: "prompts", capability: "prompts" },
};

/** Whether a request is for one of the lists. */
export function isList({ method }: RequestMessage): boolean {
  return Object.hasOwn(LISTS, method);
}

/**
 * The lists that a server does not have.
 *
 * @param capabilities What it says of itself, unchecked.
 * @returns Their methods.
 */
export function missingLists(capabilities: unknown): ReadonlySet<string> {
  const offered = isJsonObject(capabilities) ? capabilities : {};
  const missing = Object.entries(LISTS).filter(([, { capability }]) => !isJsonObject(offered[capability]));
  return new Set(missing.map(([method]) => method));
}

/** An empty list. */
export function emptyList({ method }: RequestMessage): JsonObject {
  return { [LISTS[method]?.member ?? "items"]: [] };
}

/**
 * What can be answered without the server.
 *
 * @param message The request.
 * @param person Who has to sign in.
 * @returns The result, without what its era adds; undefined where only the server knows.
 */
export function localResult(message: RequestMessage, person: Person): JsonObject | undefined {
  const { method } = message;
  switch (method) {
    case "initialize":
      return {
        protocolVersion: toldVersion(message),
        capabilities: CAPABILITIES,
        serverInfo: SERVER_INFO,
        instructions: instructions(person),
      };
    case "server/discover":
      return {
        supportedVersions: REVISIONS.filter(({ stateful }) => !stateful).map(({ name }) => name),
        capabilities: CAPABILITIES,
        instructions: instructions(person),
      };
    case "tools/list":
      return { tools: [loginTool(person)] };
    case "ping":
    case "logging/setLevel":
      return {};
    default:
      return isList(message) ? emptyList(message) : undefined;
  }
}

/** The revision that a host's `initialize` is answered with: its own, where it is known. */
export function toldVersion({ value: { params } }: RequestMessage): string {
  const wanted = isJsonObject(params) ? params["protocolVersion"] : undefined;
  return REVISIONS.find(({ name, stateful }) => stateful && name === wanted)?.name ?? LATEST_STATEFUL;
}

/** Hands a host the answer to a request, in the shape of its era. */
export function answer(
  host: Receiver,
  origin: Outbound,
  message: RequestMessage,
  result: JsonObject,
): Promise<void> | void {
  const whole = isOfStatelessRevision(message) ? inStatelessShape(message, result) : result;
  const payload = `{"jsonrpc":"2.0","id":${idText(message.id)},"result":${JSON.stringify(whole)}}`;
  const { id } = message;
  return host.receive({
    messages: [{ kind: "response", id, value: { jsonrpc: "2.0", id, result: whole } }],
    batch: false,
    payload,
    origin,
  });
}

function inStatelessShape(message: RequestMessage, result: JsonObject): JsonObject {
  const isCacheable = isList(message) || message.method === "server/discover";
  return {
    resultType: "complete",
    ...(isCacheable ? { ttlMs: 0, cacheScope: "private" } : {}),
    ...result,
    _meta: { "io.modelcontextprotocol/serverInfo": SERVER_INFO },
  };
}

function instructions(person: Person): string {
  const who = `Sign-in to "${person.name}" (${safeUrl(person.url)}) is needed before it can be used`;
  return person.unable === undefined
    ? `${who}: call the tool ${LOGIN_TOOL} and do what it says, or run: ${person.command}`
    : `${who}: run: ${person.command}`;
}

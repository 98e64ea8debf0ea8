/**
 * The headers that mirror a message of the stateless revisions, so that what stands between client and server can route
 * it unread. A message says by its `_meta` that it is of such a revision; one that does not gets none.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http (T10, T12)
 * @module
 */
import { isJsonObject, type JsonObject, type Message } from "./jsonrpc.ts";

const VERSION = "io.modelcontextprotocol/protocolVersion";
const CLIENT_INFO = "io.modelcontextprotocol/clientInfo";
const CLIENT_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";

/** Which member of `params` names the target of a method; the last three are those of the extension for tasks. */
const TARGETS: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId",
};

/**
 * Makes the parameters of a request say what every request of a stateless revision has to say of its sender (T10).
 *
 * @param params The parameters so far; what their `_meta` has stays, but for these members.
 * @param revision The revision of the request.
 * @param clientInfo How the client introduces itself.
 * @param capabilities What it can be asked for in return; nothing when left out.
 */
export function statelessParams(
  params: JsonObject | undefined,
  revision: string,
  clientInfo: { readonly name: string; readonly version: string },
  capabilities: JsonObject = {},
): JsonObject {
  const meta = isJsonObject(params?.["_meta"]) ? params["_meta"] : {};
  return {
    ...params,
    _meta: { ...meta, [VERSION]: revision, [CLIENT_INFO]: clientInfo, [CLIENT_CAPABILITIES]: capabilities },
  };
}

/** Whether a message says that it is of a stateless revision, as each of those does (T10). */
export function isOfStatelessRevision(message: Message | undefined): boolean {
  return revisionOf(message) !== undefined;
}

/** Whether a message of a stateless revision is about tools, of which some want arguments in headers (T12). */
export function wantsToolHeaders(message: Message | undefined): boolean {
  return message?.kind === "request" &&
    (message.method === "tools/call" || message.method === "tools/list") &&
    isOfStatelessRevision(message);
}

/**
 * The headers of a message: `MCP-Protocol-Version`, `Mcp-Method` and, where it has a target, `Mcp-Name`.
 *
 * @param message What is about to be sent.
 * @returns Names in lower case; none for a message of a stateful revision.
 */
export function mirroredHeaders(message: Message | undefined): Readonly<Record<string, string>> {
  const version = revisionOf(message);
  if (version === undefined || (message?.kind !== "request" && message?.kind !== "notification")) return {};
  const params = message.value["params"] as JsonObject;
  const target = Object.hasOwn(TARGETS, message.method) ? params[TARGETS[message.method] ?? ""] : undefined;
  return {
    "mcp-protocol-version": headerValue(version),
    "mcp-method": headerValue(message.method),
    ...(typeof target === "string" ? { "mcp-name": headerValue(target) } : {}),
  };
}

/** The revision that a message names in its `_meta`. */
function revisionOf(message: Message | undefined): string | undefined {
  if (message?.kind !== "request" && message?.kind !== "notification") return undefined;
  const { params } = message.value;
  if (!isJsonObject(params) || !isJsonObject(params["_meta"])) return undefined;
  const version = params["_meta"][VERSION];
  return typeof version === "string" ? version : undefined;
}

/**
 * A value as it may stand in a header: as it is, or as base64 of its UTF-8 where it would not survive.
 *
 * @param text Any text.
 */
export function headerValue(text: string): string {
  const isSafe = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !/^=\?base64\?.*\?=$/.test(text);
  return isSafe ? text : `=?base64?${new TextEncoder().encode(text).toBase64()}?=`;
}

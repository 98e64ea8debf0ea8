/**
 * What a request of a stateless revision says of its sender, and what a result of one has to say: read from the host's
 * requests before they become those of a stateful revision, and put into the answers on their way back.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/index#_meta (T10, T11, T14)
 * @module
 */
import { isJsonObject, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import { isStateless, REVISIONS, UNSUPPORTED_VERSION } from "../../../primitives/mcp/revisions.ts";

const PREFIX = "io.modelcontextprotocol/";
const VERSION = `${PREFIX}protocolVersion`;
const CLIENT_INFO = `${PREFIX}clientInfo`;
const CLIENT_CAPABILITIES = `${PREFIX}clientCapabilities`;
const LOG_LEVEL = `${PREFIX}logLevel`;
const SERVER_INFO = `${PREFIX}serverInfo`;
/** The id of the `subscriptions/listen` that a notification belongs to (T16). */
export const SUBSCRIPTION_ID = `${PREFIX}subscriptionId`;

/** The parameters are not those of the method. */
export const INVALID_PARAMS = -32602;
/** A client without the capability has sent a request that needs it (T13). */
export const MISSING_CAPABILITY = -32021;

/** The revisions that a host without `initialize` can speak here. */
export const STATELESS_NAMES: readonly string[] = REVISIONS.filter(({ stateful }) => !stateful)
  .map(({ name }) => name);

/** Who a host is. */
export interface Introduction {
  /** What it can be asked for. */
  readonly capabilities: JsonObject;
  /** How it introduces itself, where it does. */
  readonly clientInfo: JsonObject | undefined;
}

/** What the host says of itself with a request. */
export interface Sender extends Introduction {
  /** The least severe log messages that it wants of the request; none when undefined. */
  readonly logLevel: string | undefined;
  /** What progress of the request is told under; it wants none when undefined. */
  readonly progressToken: unknown;
}

/** A JSON-RPC error object. */
export interface RpcErrorObject {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/**
 * Reads what a request says of its sender.
 *
 * @param request The whole message.
 * @returns The error to answer with, where it does not say what it has to, or names a revision that is not spoken here.
 */
export function senderOf(request: JsonObject): Sender | { readonly error: RpcErrorObject } {
  const meta = metaOf(request);
  const requested = meta[VERSION];
  if (typeof requested !== "string") return missing(VERSION);
  if (!isStateless(requested)) {
    const data = { supported: STATELESS_NAMES, requested };
    return { error: { code: UNSUPPORTED_VERSION, message: "Unsupported protocol version", data } };
  }
  if (!isJsonObject(meta[CLIENT_CAPABILITIES])) return missing(CLIENT_CAPABILITIES);
  return {
    ...introductionOf(request),
    logLevel: typeof meta[LOG_LEVEL] === "string" ? meta[LOG_LEVEL] : undefined,
    progressToken: meta["progressToken"],
  };
}

/** Reads who the sender of a request is and what it can be asked for, as far as it says, whatever its revision. */
export function introductionOf(request: JsonObject): Introduction {
  const { [CLIENT_CAPABILITIES]: capabilities, [CLIENT_INFO]: clientInfo } = metaOf(request);
  return {
    capabilities: isJsonObject(capabilities) ? capabilities : {},
    clientInfo: isJsonObject(clientInfo) ? clientInfo : undefined,
  };
}

function metaOf({ params }: JsonObject): JsonObject {
  return isJsonObject(params) && isJsonObject(params["_meta"]) ? params["_meta"] : {};
}

function missing(key: string): { readonly error: RpcErrorObject } {
  return {
    error: { code: INVALID_PARAMS, message: `Invalid request: "${key}" is missing in "params._meta"` },
  };
}

/**
 * The parameters of a request as a stateful revision knows them.
 *
 * @param params The host's; undefined stays so.
 */
export function statefulParams(params: unknown): unknown {
  if (!isJsonObject(params)) return params;
  const { _meta, inputResponses: _responses, requestState: _state, ...rest } = params;
  if (!isJsonObject(_meta)) return rest;
  const kept = Object.entries(_meta).filter(([key]) => !OF_THE_ERA.has(key));
  return kept.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(kept) };
}

const OF_THE_ERA: ReadonlySet<string> = new Set([VERSION, CLIENT_INFO, CLIENT_CAPABILITIES, LOG_LEVEL]);

/** Results that say for how long they may be kept, and by whom. */
const CACHEABLE: ReadonlySet<string> = new Set([
  "server/discover",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
]);

/**
 * A result as a stateless revision wants it: `resultType`, who the server is, and, where the method is one whose results
 * are kept, that this one is stale at once and for nobody else. A stateful server makes no promise about either.
 *
 * @param method What was asked.
 * @param result The server's.
 * @param serverInfo How the server introduced itself.
 */
export function statelessResult(method: string, result: JsonObject, serverInfo: unknown): JsonObject {
  const hints = CACHEABLE.has(method) ? { ttlMs: 0, cacheScope: "private" } : {};
  return { resultType: "complete", ...hints, ...result, _meta: resultMeta(result["_meta"], serverInfo) };
}

/** The `_meta` of a result: what is there, and who the server is. */
export function resultMeta(meta: unknown, serverInfo: unknown): JsonObject {
  return {
    ...(isJsonObject(serverInfo) ? { [SERVER_INFO]: serverInfo } : {}),
    ...(isJsonObject(meta) ? meta : {}),
  };
}

/** The answer to `server/discover`, from the result of `initialize` (T14). */
export function discoverResult(initialized: JsonObject): JsonObject {
  const { instructions, serverInfo } = initialized;
  // Tasks of a stateful server are not the extension that took their place.
  const { tasks: _tasks, ...capabilities } = isJsonObject(initialized["capabilities"])
    ? initialized["capabilities"]
    : {};
  return statelessResult("server/discover", {
    supportedVersions: STATELESS_NAMES,
    capabilities,
    ...(typeof instructions === "string" ? { instructions } : {}),
  }, serverInfo);
}

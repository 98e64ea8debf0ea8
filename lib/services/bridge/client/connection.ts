/**
 * A client of one MCP server, for commands that have something to ask of it themselves: the first exchange of `add`,
 * `tools` and `call`. It speaks to servers of both eras, by any transport, and trusts the shape of nothing that comes back.
 *
 * The stateful handshake is tried first: most servers know it, one that knows both answers it, and one that knows only
 * the stateless way refuses it at the cost of one request. What the refusal says decides; a refusal that says nothing of
 * revisions is looked into with `server/discover`, and remains the error to report where that brings nothing. Who
 * remembers from an earlier connection that a server is a stateless one saves that request.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle (T2)
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning (T9, T14, T20)
 * @module
 */
import { asMcpAuthError, type ErrorCode, McpAuthError } from "../../../primitives/errors.ts";
import { LIST_ITEMS_MAX, LIST_PAGES_MAX } from "../../../primitives/bridge_limits.ts";
import { HTTP_TIMEOUT_MS } from "../../../primitives/limits.ts";
import { isJsonObject, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import { isStateless, LATEST_STATEFUL, LATEST_STATELESS } from "../../../primitives/mcp/revisions.ts";
import type { Authorizer } from "../../tokens/mod.ts";
import { revisionAfter, revisionIn } from "./era.ts";
import { isInputRequired, wantsUrlVisited } from "./rpc_error.ts";
import { type RequestOptions, RpcClient, type RpcClientOptions } from "./rpc_client.ts";

export type { RequestOptions } from "./rpc_client.ts";
export type { OnRequest } from "./server_requests.ts";

/** What {@linkcode connect} takes. */
export interface ConnectionOptions extends RpcClientOptions {
  /**
   * Milliseconds for the answer to what a server can say at once: `initialize`, `server/discover`, one page of a list.
   * {@linkcode HTTP_TIMEOUT_MS} when left out.
   */
  readonly answerMs?: number | undefined;
  /** Also receive what the server sends of its own accord, where a stateful one has something to say beside its answers. */
  readonly listens?: boolean | undefined;
  /** The stateless revision that the server spoke the last time; a wrong one costs one request. */
  readonly remembered?: string | undefined;
  /**
   * Is told the stateless revision of a server that was found to know no `initialize`; undefined for one that was
   * remembered as such and is none.
   */
  readonly learned?: ((revision: string | undefined) => Promise<void>) | undefined;
}

/** A connection that works. */
export interface Connection {
  /**
   * What the server said of itself, unchecked: `protocolVersion`, `capabilities`, `serverInfo`, `instructions`. A stateless
   * server that was not asked has said no more than its `protocolVersion`.
   */
  readonly server: JsonObject;
  /** Whether the server is of the stateless era. */
  readonly stateless: boolean;
  /**
   * Sends a request; what the server asks in return is answered where the connection's options say how (T15).
   *
   * @returns The result, unchecked.
   * @throws {McpAuthError} `SERVER_ERROR` for an error answer, its cause a {@linkcode RpcError}, and for one that wants
   * input that nobody gives; and what the connection or the authorizer fails with.
   */
  request(method: string, params?: JsonObject, options?: RequestOptions): Promise<unknown>;
  /**
   * Fetches a whole list, page by page.
   *
   * @param method Such as `tools/list`.
   * @param key Where in each result the items are, such as `tools`.
   * @returns The items, unchecked.
   * @throws {McpAuthError} As `request`; also `SERVER_ERROR` when there is no list, or no end to it: it has too many
   * pages, or comes back to one that it has had.
   */
  listAll(method: string, key: string, options?: RequestOptions): Promise<unknown[]>;
  /** Ends the session. Does not fail. */
  close(): Promise<void>;
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Connects to a server, in the way of its era.
 *
 * @returns A connection that must be closed.
 * @throws {McpAuthError} `SERVER_ERROR` when the server speaks no revision of ours at this URL, with its own words; and
 * what the connection or the authorizer fails with.
 */
export async function connect(given: ConnectionOptions): Promise<Connection> {
  const options = { verdict: { kind: undefined }, ...given };
  const { remembered, learned } = options;
  if (isStateless(remembered)) {
    const { RememberedConnection } = await import("./remembered.ts");
    const guess = await connectionAt(options, remembered as string);
    return new RememberedConnection(
      guess,
      guess.client,
      () => connect({ ...options, remembered: undefined }),
      learned,
    );
  }
  const connection = await connectAfresh(options);
  if (connection.stateless) await learned?.(connection.server["protocolVersion"] as string);
  return connection;
}

async function connectAfresh(options: ConnectionOptions): Promise<McpConnection> {
  const stateful = await initialize(options, LATEST_STATEFUL);
  if (stateful instanceof McpConnection) return stateful;
  const { refusal, revision } = stateful;
  if (revision === undefined) return await discover(options, refusal);
  if (isStateless(revision)) return await connectionAt(options, revision);
  const second = await initialize(options, revision);
  if (second instanceof McpConnection) return second;
  throw second.refusal;
}

/** What a refused `initialize` leads to: a revision to go on with, where the refusal named or betrayed one. */
interface Refused {
  readonly refusal: McpAuthError;
  readonly revision: string | undefined;
}

async function initialize(options: ConnectionOptions, offered: string): Promise<McpConnection | Refused> {
  const ours = new Set<unknown>();
  const client = await RpcClient.open({ ...options, authorizer: noting(options.authorizer, ours) });
  try {
    const { capabilities = {}, clientInfo } = options;
    const params = { protocolVersion: offered, capabilities, clientInfo };
    const result = await client.request("initialize", params, { answerMs: answerMsOf(options) });
    const version = isJsonObject(result) ? result["protocolVersion"] : undefined;
    if (!isJsonObject(result) || typeof version !== "string") {
      throw new McpAuthError(
        "SERVER_ERROR",
        "Cannot connect: the answer to initialize names no protocol version",
      );
    }
    if (!isStateless(version)) {
      await client.notify("notifications/initialized");
      if (options.listens) client.listen();
      return new McpConnection(client, result, options);
    }
    await client.close();
    return await connectionAt(options, version, result);
  } catch (error) {
    await client.close();
    const refusal = asMcpAuthError(error, "SERVER_ERROR", "connect");
    if (refusal.code !== "SERVER_ERROR" || ours.has(error)) throw refusal;
    return { refusal, revision: revisionAfter(refusal) };
  }
}

/**
 * An authorizer whose failures are noted: that a sign-in or a refresh has failed says nothing of the server's era, and
 * trying on would ask the person once more.
 */
function noting(authorizer: Authorizer, failures: Set<unknown>): Authorizer {
  const note = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error) => {
      failures.add(error);
      throw error;
    });
  return {
    headers: (target, signal) => note(authorizer.headers(target, signal)),
    refused: (refusal, signal) => note(authorizer.refused(refusal, signal)),
    noteNonce: (nonce, target) => authorizer.noteNonce(nonce, target),
  };
}

/** What says no more of a server than that it is none of the stateless era. */
const NO_ANSWER: ReadonlySet<ErrorCode> = new Set([
  "SERVER_ERROR",
  "NETWORK_ERROR",
  "TIMEOUT",
  "RATE_LIMITED",
]);

/**
 * Asks a server whose refusal of `initialize` says nothing of revisions whether it is a stateless one.
 *
 * @throws {McpAuthError} The refusal, where it is not; what the authorizer fails with, where this is what takes a sign-in.
 */
async function discover(options: ConnectionOptions, refusal: McpAuthError): Promise<McpConnection> {
  const client = await RpcClient.open(options, LATEST_STATELESS);
  try {
    const asked = { answerMs: answerMsOf(options) };
    const result = await client.request("server/discover", undefined, asked).catch((error) => {
      const coded = asMcpAuthError(error, "SERVER_ERROR", "connect");
      throw NO_ANSWER.has(coded.code) ? refusal : coded;
    });
    const revision = revisionIn(result);
    if (!isJsonObject(result) || !isStateless(revision)) throw refusal;
    return new McpConnection(client, { ...result, protocolVersion: revision }, options);
  } catch (error) {
    await client.close();
    throw error;
  }
}

function answerMsOf({ answerMs = HTTP_TIMEOUT_MS }: ConnectionOptions): number {
  return answerMs;
}

/** A connection to a stateless server: nothing has to be opened. */
async function connectionAt(
  options: ConnectionOptions,
  revision: string,
  said: JsonObject = {},
): Promise<McpConnection> {
  const server = { ...said, protocolVersion: revision };
  return new McpConnection(await RpcClient.open(options, revision), server, options);
}

/** What asks back by answers that are none yet. */
const ASKING: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read"]);

class McpConnection implements Connection {
  readonly client: RpcClient;
  readonly #options: ConnectionOptions;
  readonly server: JsonObject;

  constructor(client: RpcClient, server: JsonObject, options: ConnectionOptions) {
    this.client = client;
    this.#options = options;
    this.server = server;
  }

  get stateless(): boolean {
    return this.client.stateless !== undefined;
  }

  async request(method: string, params?: JsonObject, options?: RequestOptions): Promise<unknown> {
    const { onRequest } = this.#options;
    if (onRequest === undefined || !ASKING.has(method)) {
      return await this.client.request(method, params, options);
    }
    const send = (params: JsonObject | undefined) =>
      this.client.request(method, params, { ...options, takesQuestions: true });
    try {
      const result = await send(params);
      if (!this.stateless || !isInputRequired(result)) return result;
      const { answerQuestions } = await import("./questions.ts");
      return await answerQuestions({ method, params, send, onRequest, signal: options?.signal }, result);
    } catch (error) {
      if (!wantsUrlVisited(error)) throw error;
      const { visitUrls } = await import("./questions.ts");
      return await visitUrls({ method, params, send, onRequest, signal: options?.signal }, error);
    }
  }

  listAll(method: string, key: string, options?: RequestOptions): Promise<unknown[]> {
    const request = (params: JsonObject | undefined) =>
      this.request(method, params, { answerMs: answerMsOf(this.#options), ...options });
    return listAll(request, method, key);
  }

  close(): Promise<void> {
    return this.client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Fetches a list page by page; each cursor is used once. */
async function listAll(
  request: (params: JsonObject | undefined) => Promise<unknown>,
  method: string,
  key: string,
): Promise<unknown[]> {
  const items: unknown[] = [];
  const cursors = new Set<string>();
  let params: JsonObject | undefined;
  while (cursors.size < LIST_PAGES_MAX) {
    const result = await request(params);
    const list = isJsonObject(result) ? result[key] : undefined;
    if (!Array.isArray(list)) {
      throw new McpAuthError("SERVER_ERROR", `Cannot list: the answer to "${method}" has no "${key}"`);
    }
    for (const item of list) items.push(item);
    if (items.length > LIST_ITEMS_MAX) {
      throw new McpAuthError(
        "SERVER_ERROR",
        `Cannot list: "${method}" has more than ${LIST_ITEMS_MAX} items`,
      );
    }
    const cursor = isJsonObject(result) ? result["nextCursor"] : undefined;
    if (typeof cursor !== "string") return items;
    if (cursors.has(cursor)) {
      throw new McpAuthError("SERVER_ERROR", `Cannot list: "${method}" names the same next page twice`);
    }
    cursors.add(cursor);
    params = { cursor };
  }
  throw new McpAuthError("SERVER_ERROR", `Cannot list: "${method}" has more than ${LIST_PAGES_MAX} pages`);
}

/**
 * A connection that starts from what an earlier one has found: that the server is a stateless one. Nothing is asked first,
 * so a right memory costs nothing. A wrong one shows by a refusal of the first request that no server of that era gives
 * without having read it: then the era is found out anew, and the request, which was not carried out, is sent again.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning (T13, T20)
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { INVALID_REQUEST, type JsonObject, METHOD_NOT_FOUND } from "../../../primitives/mcp/jsonrpc.ts";
import { STATELESS_ERRORS, UNSUPPORTED_VERSION } from "../../../primitives/mcp/revisions.ts";
import type { Connection, RequestOptions } from "./connection.ts";
import type { RpcClient } from "./rpc_client.ts";
import { RpcError } from "./rpc_error.ts";

/** What a server says that does not know what it was sent. */
const FOREIGN: ReadonlySet<number | undefined> = new Set([
  INVALID_REQUEST,
  METHOD_NOT_FOUND,
  UNSUPPORTED_VERSION,
]);

/** The connection. */
export class RememberedConnection implements Connection {
  readonly #guess: Connection;
  #connection: Connection;
  readonly #afresh: () => Promise<Connection>;
  readonly #learned: ((revision: string | undefined) => Promise<void>) | undefined;
  /** The client of the guess, until it has proved right or wrong. */
  #doubted: RpcClient | undefined;
  /** Once for all who have met the other era. */
  #replacing: Promise<void> | undefined;

  /**
   * Takes the guess.
   *
   * @param guess A connection in the way that is remembered.
   * @param client Its client.
   * @param afresh Finds out the era.
   * @param learned Is told where the server is of another era by now.
   */
  constructor(
    guess: Connection,
    client: RpcClient,
    afresh: () => Promise<Connection>,
    learned: ((revision: string | undefined) => Promise<void>) | undefined,
  ) {
    this.#guess = guess;
    this.#connection = guess;
    this.#doubted = client;
    this.#afresh = afresh;
    this.#learned = learned;
  }

  get server(): JsonObject {
    return this.#connection.server;
  }

  get stateless(): boolean {
    return this.#connection.stateless;
  }

  request(method: string, params?: JsonObject, options?: RequestOptions): Promise<unknown> {
    return this.#try((connection) => connection.request(method, params, options));
  }

  listAll(method: string, key: string, options?: RequestOptions): Promise<unknown[]> {
    return this.#try((connection) => connection.listAll(method, key, options));
  }

  async close(): Promise<void> {
    // What others ask in the way that was remembered comes to its own end until then.
    await Promise.all([this.#guess.close(), this.#connection.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #try<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    const doubted = this.#doubted;
    try {
      const result = await ask(this.#connection);
      this.#doubted = undefined;
      return result;
    } catch (error) {
      if (doubted === undefined || !isForeign(error, doubted)) throw error;
      await (this.#replacing ??= this.#replace(error));
      if (this.#connection.stateless) throw error;
      return await ask(this.#connection);
    }
  }

  /** Finds out the era; what the guess met remains the error to report where that fails. */
  async #replace(error: unknown): Promise<void> {
    this.#doubted = undefined;
    try {
      this.#connection = await this.#afresh();
    } catch (second) {
      throw second instanceof McpAuthError && second.code !== "SERVER_ERROR" ? second : error;
    }
    if (!this.#connection.stateless) await this.#learned?.(undefined);
  }
}

function isForeign(error: unknown, client: RpcClient): boolean {
  if (!(error instanceof McpAuthError) || error.code !== "SERVER_ERROR") return false;
  const code = error.cause instanceof RpcError ? error.cause.code : undefined;
  if (FOREIGN.has(code)) return true;
  return client.wasUnprocessed(error) && (code === undefined || !STATELESS_ERRORS.has(code));
}

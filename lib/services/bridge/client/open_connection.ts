/**
 * The door to a client of our own: what it takes is loaded when it is opened, since a bridge needs none of it.
 *
 * @module
 */
import type { Connection, ConnectionOptions } from "./connection.ts";

/**
 * Connects to a server, in the way of its era.
 *
 * @returns A connection that must be closed.
 * @throws {McpAuthError} `SERVER_ERROR` when the server speaks no revision of ours at this URL, with its own words; and
 * what the connection or the authorizer fails with.
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { connect } = await import("./connection.ts");
  return await connect(options);
}

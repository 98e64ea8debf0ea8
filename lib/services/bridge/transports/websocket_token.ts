/**
 * How an access token travels to a WebSocket server.
 *
 * In the header, as RFC 6750 section 2.1 and MCP (C55) want it. Servers that were made for browsers, which cannot set
 * that, take it as `access_token` in the query (RFC 6750 section 2.3), or as a first message,
 * `{"type":"auth","token":"..."}`. Both are done only when asked for: a query ends up in the logs of others (C56), and
 * the message is a custom and no standard. The proposal's token among the subprotocols (SEP-1288) is not done: those
 * are logged as well, and may not hold every character that a token may.
 *
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";

/** Where the token is put. */
export type WebSocketAuth = "header" | "query" | "message";

/** What an upgrade is to be made with. */
export interface CarriedToken {
  /** The URL; it may hold the token. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is to be sent before anything else, where there is such a thing. */
  readonly greeting: string | undefined;
}

/**
 * Puts the token of a request where it is wanted.
 *
 * @param auth Where that is.
 * @param url The URL of the server.
 * @param headers The headers of the request, names in lower case.
 * @throws {McpAuthError} `CONFIG_INVALID` where it cannot travel so.
 */
export function carryToken(
  auth: WebSocketAuth,
  url: string,
  headers: Readonly<Record<string, string>>,
): CarriedToken {
  const { authorization, ...others } = headers;
  if (auth === "header" || authorization === undefined) return { url, headers, greeting: undefined };
  const [, token] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
  if (token === undefined) {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot send the token as --websocket-auth ${auth} wants: it is no bearer token`,
      { hint: "Leave out --websocket-auth, or --dpop where the token is bound to a key" },
    );
  }
  if (auth === "message") {
    return { url, headers: others, greeting: JSON.stringify({ type: "auth", token }) };
  }
  const parameter = `access_token=${encodeURIComponent(token)}`;
  return {
    url: `${url}${url.includes("?") ? "&" : "?"}${parameter}`,
    headers: others,
    greeting: undefined,
  };
}

/**
 * Asks an MCP server without a token, for the challenge that tells where its metadata is and which scopes it wants.
 *
 * @see RFC 9728 section 5.1 (C8)
 * @module
 */
import type { Http } from "../../primitives/http/http.ts";
import { LATEST_STATEFUL } from "../../primitives/mcp/revisions.ts";
import { VERSION } from "../../primitives/version.ts";

/** How a server is asked. */
export interface ProbeOptions {
  /** The entry's own headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/**
 * Sends an `initialize` request without credentials. Where nothing takes it, the server may be one of HTTP+SSE, whose
 * stream is then asked for: what that says counts where it says anything (T8).
 *
 * @param http The one fetch.
 * @param url The MCP server's URL.
 * @param options The entry's own headers, and what ends the wait.
 * @returns The response; its body has not been read, and has to be cancelled.
 * @throws {McpAuthError} what the fetch throws.
 */
export async function probeServer(http: Http, url: string, options: ProbeOptions): Promise<Response> {
  const response = await postInitialize(http, url, options);
  if (response.status !== 404 && response.status !== 405) return response;
  const headers = { ...options.headers, accept: "text/event-stream" };
  const stream = await http(url, { headers, signal: options.signal, stream: true }).catch(() => undefined);
  const isThere = stream?.status === 401 ||
    (stream?.ok === true && /^text\/event-stream\b/i.test(stream.headers.get("content-type") ?? ""));
  if (stream === undefined || !isThere) {
    await stream?.body?.cancel();
    return response;
  }
  await response.body?.cancel();
  return stream;
}

function postInitialize(http: Http, url: string, options: ProbeOptions): Promise<Response> {
  return http(url, {
    method: "POST",
    headers: {
      ...options.headers,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 0,
      method: "initialize",
      params: {
        protocolVersion: LATEST_STATEFUL,
        capabilities: {},
        clientInfo: { name: "mcp-auth", version: VERSION },
      },
    }),
    signal: options.signal,
    stream: true,
  });
}

/**
 * Gets the challenge of a server.
 *
 * @param http The one fetch.
 * @param url The MCP server's URL.
 * @param options The entry's own headers, and what ends the wait.
 * @returns The `WWW-Authenticate` of a 401 or 403; null where the server did not refuse or named no challenge.
 * @throws {McpAuthError} what the fetch throws.
 */
export async function probeChallenge(
  http: Http,
  url: string,
  options: ProbeOptions,
): Promise<string | null> {
  const response = await probeServer(http, url, options);
  await response.body?.cancel();
  return response.status === 401 || response.status === 403 ? response.headers.get("www-authenticate") : null;
}

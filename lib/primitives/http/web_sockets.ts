/**
 * WebSockets under the rules of the one fetch: encrypted or on loopback, at addresses that the entry may be led to,
 * through the proxy, with the trust and the certificate that follow from the entry and the environment. Redirects are
 * not followed (RFC 6455 section 4.1 leaves that open), and no URL of one is shown with its query, which may hold a token.
 *
 * @see behaviours rows 39, 40 and 41
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { HTTP_TIMEOUT_MS } from "../limits.ts";
import { waitFor } from "../system/clock.ts";
import { openWebSocket, UpgradeError } from "../system/web_socket.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { VERSION } from "../version.ts";
import { parseWebUrl } from "../web_url.ts";
import type { HttpOptions } from "./client.ts";
import { redact } from "./redaction.ts";

/** The status of an upgrade that succeeds (RFC 9110 section 15.2.2). */
export const SWITCHING_PROTOCOLS = 101;

/** What a WebSocket is opened with. */
export interface WebSocketRequest {
  /** Sent with the upgrade. */
  readonly headers: Readonly<Record<string, string>>;
  /** The subprotocols offered. */
  readonly protocols: readonly string[];
  /** Gives the attempt up. */
  readonly signal: AbortSignal;
  /** Gets the socket the moment it is open, before anything else can happen on it; whoever gets it closes it. */
  readonly opened: (socket: WebSocket) => void;
}

/**
 * The HTTP status of the answer: 101 where the socket is open, another where the server refuses it; `unknown` where it
 * does, and the runtime does not say with what.
 */
export type UpgradeStatus = number | "unknown";

/**
 * Opens a WebSocket at the place of an http or https URL.
 *
 * Throws `McpAuthError` with `UNSAFE_URL`, `NETWORK_ERROR`, `TIMEOUT` after 30 s, `PERMISSION_DENIED` (the sandbox does
 * not grant the host) or `CONFIG_INVALID` (the proxy wants another user); the signal's reason when that fires.
 *
 * @param url With `https:` for `wss:`, and `http:` for `ws:`.
 */
export type OpenSocket = (url: string, request: WebSocketRequest) => Promise<UpgradeStatus>;

/**
 * Makes the {@linkcode OpenSocket} of one entry.
 *
 * @param options As for its fetch.
 */
export function createWebSockets({ guard, connect, log }: HttpOptions = {}): OpenSocket {
  return async (url, { headers, protocols, signal, opened }) => {
    const target = parseWebUrl(url);
    for (const name in headers) checkHeader(name, headers[name]!);
    const shown = safeUrl(url).replace(/^http/i, "ws");
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(timedOut(shown)), HTTP_TIMEOUT_MS);
    const both = AbortSignal.any([signal, limit.signal]);
    try {
      if (guard !== undefined) await waitFor(guard(target), both);
      const connection = await connect?.(target, false);
      const status = await open(url.replace(/^http/i, "ws"), {
        headers: { "user-agent": `mcp-auth/${VERSION}`, ...headers },
        protocols,
        client: connection?.client,
        signal: both,
        opened,
      }).catch(async (error) => {
        if (signal.aborted || error instanceof McpAuthError) throw error;
        const { networkFailure } = await import("./failure.ts");
        throw await networkFailure(error, { ...connection, what: `WebSocket "${shown}"`, url });
      });
      log?.(redact(`WebSocket ${shown}: ${status}`));
      return status;
    } finally {
      clearTimeout(timer);
    }
  };
}

async function open(
  url: string,
  options: Parameters<typeof openWebSocket>[1],
): Promise<UpgradeStatus> {
  try {
    await openWebSocket(url, options);
    return SWITCHING_PROTOCOLS;
  } catch (error) {
    if (!(error instanceof UpgradeError) || error.status === undefined) throw error;
    return error.status;
  }
}

/** A value that HTTP does not allow may be a secret and is not shown. */
function checkHeader(name: string, value: string): void {
  try {
    new Headers([[name, value]]);
  } catch {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot send header "${safeText(name, 80)}": HTTP does not allow its name or value`,
    );
  }
}

function timedOut(shown: string): McpAuthError {
  return new McpAuthError(
    "TIMEOUT",
    `Cannot reach the server: WebSocket "${shown}" took longer than ${HTTP_TIMEOUT_MS / 1000} s to open`,
    { hint: "Try again; if it persists, check that the server is up" },
  );
}

/**
 * The port of the one fetch that every leg uses: discovery, registration, tokens and MCP itself. One client for all of
 * them, so that TLS rules, address rules, redirects, caps and redaction cannot differ between legs.
 *
 * @module
 */

import { McpAuthError } from "../errors.ts";

/** The failure of a request that has not left this machine: nobody has received a byte of it. */
export class UnsentError extends McpAuthError {
  /** @param error What happened. */
  constructor(error: McpAuthError) {
    super(error.code, error.message, { hint: error.hint, cause: error.cause });
  }
}

/** How one request is to be sent. */
export interface HttpRequest {
  /** GET when left out. */
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: BodyInit | null | undefined;
  /** Ends the exchange, its body included. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds for the whole exchange, or with `stream` until the headers arrive; `Infinity` for none.
   * @default {HTTP_TIMEOUT_MS}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Bytes of the body; a longer one fails with `SERVER_ERROR`. With `stream` there is no cap.
   * @default {METADATA_MAX_BYTES}
   */
  readonly maxBytes?: number | undefined;
  /**
   * Have nothing repeat it, for requests that must not arrive twice: on a kept-alive connection that the server closes
   * before it answers, `fetch` sends a request once more by itself. It goes out on a connection of its own; with `stream`
   * on a shared one, its body as a stream, which cannot be sent again (RFC 9110 section 9.2.2).
   */
  readonly once?: boolean | undefined;
  /** Hand the body over as it arrives, neither timed nor capped. */
  readonly stream?: boolean | undefined;
}

/**
 * Sends one request and returns its response, whatever its status. The body is read already (and capped), unless
 * `stream` was asked for. Its `url` is the one that answered, after all redirects.
 *
 * Throws `McpAuthError` with `UNSAFE_URL` (scheme, address or redirect not allowed), `NETWORK_ERROR`, `TIMEOUT`,
 * `SERVER_ERROR` (body too large), `PERMISSION_DENIED` (the sandbox does not grant the host), `CONFIG_INVALID`
 * (a header that HTTP does not allow), `AUTH_CANCELLED` (the signal fired); a signal's own `McpAuthError` or time-out
 * stays what it is.
 * Each is an {@linkcode UnsentError} where it is certain that nothing was sent: the scheme, the address, the name, the
 * connection or the sandbox stood before it.
 *
 * @param url Absolute URL, sent as given.
 */
export type Http = (url: string, request?: HttpRequest) => Promise<Response>;

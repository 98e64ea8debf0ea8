/**
 * What the demo servers remember of each request, and how a test looks it up. A server records a request before
 * it answers, values included: these servers hold only throw-away secrets, and a test can then assert facts such
 * as "this refresh token was presented once".
 *
 * @module
 */

/** One request as a demo server received it. */
export interface Recorded {
  /** When the request had arrived in full: milliseconds since the epoch. */
  readonly at: number;
  /** The HTTP method, upper case. */
  readonly method: string;
  /** The path without the query, as sent. */
  readonly path: string;
  /** The query parameters. */
  readonly query: URLSearchParams;
  /** The request headers. */
  readonly headers: Headers;
  /** The parameters of a form body; empty for any other body. */
  readonly form: URLSearchParams;
  /** The body as text. */
  readonly body: string;
  /** The HTTP status of the answer; `undefined` while there is none, and where the connection was cut instead. */
  status: number | undefined;
  /** True when a fault answered in place of the server (see `fail`). */
  faulted: boolean;
  /**
   * Parses the body as JSON.
   *
   * @returns the value, or `undefined` when the body is not JSON
   */
  json(): unknown;
}

/**
 * Builds the record of one request.
 *
 * @param method the HTTP method
 * @param target the request target: path and query
 * @param headers the request headers
 * @param body the whole body
 * @returns the record, not answered yet
 */
export function record(method: string, target: string, headers: Headers, body: Uint8Array): Recorded {
  const url = new URL(target, "http://localhost");
  const text = new TextDecoder().decode(body);
  const isForm = headers.get("content-type")?.startsWith("application/x-www-form-urlencoded") ?? false;
  return {
    at: Date.now(),
    method,
    path: url.pathname,
    query: url.searchParams,
    headers,
    form: new URLSearchParams(isForm ? text : ""),
    body: text,
    status: undefined,
    faulted: false,
    json() {
      try {
        return JSON.parse(text);
      } catch {
        return undefined;
      }
    },
  };
}

/**
 * Tells whether a request is one that a target names.
 *
 * @param request the request
 * @param target a path (`"/token"`) or a method and a path (`"POST /mcp"`)
 * @returns true when method and path fit
 */
export function matches(request: Recorded, target: string): boolean {
  return target === request.path || target === `${request.method} ${request.path}`;
}

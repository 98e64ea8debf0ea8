/**
 * What the demo servers remember of each request, and how a test looks it up. A server records a request before
 * it answers, values included: these servers hold only throw-away secrets, and a test can then assert facts such
 * as "this refresh token was presented once".
 *
 * @module
 */

import type { ServerResponse } from "node:http";

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
  /** The port that the client sent it from. */
  readonly clientPort: number | undefined;
  /**
   * What the server answered with JSON, also where a fault kept it from the client; only servers that are told to
   * record answers have it.
   */
  answer: Readonly<Record<string, unknown>> | undefined;
  /** Where the server redirected to. */
  location: string | undefined;
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
 * @param clientPort the port that the client sent it from
 * @returns the record, not answered yet
 */
export function record(
  method: string,
  target: string,
  headers: Headers,
  body: Uint8Array,
  clientPort?: number,
): Recorded {
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
    clientPort,
    answer: undefined,
    location: undefined,
    json: () => parsed(text),
  };
}

/**
 * Notes what the server answers: the body where it is a JSON object, and where it redirects to.
 *
 * @param response the place for the answer; what is written to it goes on as it was
 * @param recorded the record of the request
 */
export function recordAnswer(response: ServerResponse, recorded: Recorded): void {
  const parts: string[] = [];
  const decoder = new TextDecoder();
  const keep = (part: unknown) => {
    if (typeof part === "string") parts.push(part);
    else if (part instanceof Uint8Array) parts.push(decoder.decode(part));
  };
  const write = response.write.bind(response) as (...args: unknown[]) => boolean;
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
  response.write = ((...args: unknown[]) => (keep(args[0]), write(...args))) as typeof response.write;
  response.end = ((...args: unknown[]) => {
    keep(args[0]);
    const answer = parsed(parts.join(""));
    if (typeof answer === "object" && answer !== null) recorded.answer = answer as typeof recorded.answer;
    const location = response.getHeader("location");
    if (typeof location === "string") recorded.location = location;
    return end(...args);
  }) as typeof response.end;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
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

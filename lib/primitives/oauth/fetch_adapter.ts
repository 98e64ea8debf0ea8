/**
 * Lets `oauth4webapi` send its requests through the one fetch, which has its own rule about https and loopback.
 *
 * @module
 */
import * as oauth from "oauth4webapi";
import type { Http } from "../http/http.ts";

/** The options that every request of `oauth4webapi` takes. */
export interface TransportOptions {
  readonly [oauth.customFetch]: (
    url: string,
    options: {
      readonly method: string;
      readonly headers: Record<string, string>;
      readonly body?: unknown;
      readonly signal?: AbortSignal;
    },
  ) => Promise<Response>;
  readonly [oauth.allowInsecureRequests]: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Makes those options.
 *
 * @param http The one fetch.
 * @param signal Ends the request.
 * @param timeoutMs Milliseconds for the exchange; the one fetch's default when left out.
 */
export function overHttp(http: Http, signal?: AbortSignal, timeoutMs?: number): TransportOptions {
  return {
    [oauth.customFetch]: (url, { headers: { "user-agent": _, ...headers }, ...options }) =>
      http(url, {
        method: options.method,
        headers,
        body: options.body as BodyInit | undefined,
        signal: options.signal,
        once: options.method === "POST",
        timeoutMs,
      }),
    // The one fetch refuses http to anything but loopback.
    [oauth.allowInsecureRequests]: true,
    ...(signal === undefined ? {} : { signal }),
  };
}

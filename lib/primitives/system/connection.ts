/**
 * A connection that is used for one request. A kept-alive one that the server closes before it answers is given up by
 * Deno's `fetch` for another, on which the request is sent again: a refresh token would be presented twice.
 *
 * @see RFC 9110 section 9.2.2: a client does not repeat a request that is not idempotent
 * @module
 */

/** Makes the client of one request; close it once the response has been read. */
export function singleUseClient(): Deno.HttpClient {
  return Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
}

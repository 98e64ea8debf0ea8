/**
 * Waits for the authorization response on a loopback port. It is bound before the client is registered, it answers its
 * own path and its own Host only, and a request that does not carry the `state` of this sign-in gets a page and changes
 * nothing: nobody but the authorization server can end the wait.
 *
 * @see RFC 8252 sections 7.3 and 8.3
 * @see design: callback order path, Host, `state`, `iss`, and only then `code` or `error`
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { CALLBACK_TIMEOUT_S } from "../../primitives/limits.ts";
import { hasState } from "../../primitives/oauth/authorization.ts";
import type { Listen } from "../../primitives/system/listener.ts";
import { callbackPage } from "./callback_page.ts";

/** The path of the redirect URI. */
export const CALLBACK_PATH = "/callback";

/** What {@linkcode openCallbackServer} takes. */
export interface CallbackServerOptions {
  readonly listen: Listen;
  /** Ports tried in order; 0 is any free one. */
  readonly ports: readonly number[];
  /** Loopback address to bind and to name in the redirect URI. */
  readonly hostname?: string | undefined;
}

/** A bound callback server. */
export interface CallbackServer extends AsyncDisposable {
  /** The redirect URI, to be sent byte for byte. */
  readonly redirectUri: string;
  /**
   * Waits for the one response with this `state`. The browser gets its page once `settle` of the result was called.
   *
   * @param state The request's state.
   * @param timeoutS Seconds to wait; 300 when left out.
   * @param signal Ends the wait.
   * @throws {McpAuthError} `TIMEOUT`, or the signal's reason.
   */
  wait(state: string, timeoutS?: number, signal?: AbortSignal): Promise<CallbackResponse>;
}

/** The response, and the way to tell the person how it went. */
export interface CallbackResponse {
  readonly parameters: URLSearchParams;
  /** Sends the page; resolves once it is on its way. Call exactly once. */
  settle(succeeded: boolean): Promise<void>;
}

/**
 * Binds the server.
 *
 * @throws {McpAuthError} `CONFIG_INVALID` when every port of the list is taken, `PERMISSION_DENIED`.
 */
export async function openCallbackServer(options: CallbackServerOptions): Promise<CallbackServer> {
  const hostname = options.hostname ?? "127.0.0.1";
  let waiting: { readonly state: string; readonly resolve: (response: CallbackResponse) => void } | undefined;
  let redirectUri = "";

  const handler = async (request: Request): Promise<Response> => {
    const url = URL.parse(request.url); // Made of the Host header, so it may be no URL.
    if (url !== null && url.pathname !== CALLBACK_PATH) return new Response(null, { status: 404 });
    if (url === null || request.headers.get("host") !== new URL(redirectUri).host) {
      return new Response(null, { status: 421 });
    }
    if (request.method !== "GET") return new Response(null, { status: 405, headers: { allow: "GET" } });
    if (waiting === undefined || !hasState(url.searchParams, waiting.state)) {
      return await callbackPage("stray");
    }
    const { resolve } = waiting;
    waiting = undefined; // A state is good for one response.
    const verdict = Promise.withResolvers<boolean>();
    const sent = Promise.withResolvers<void>();
    resolve({
      parameters: url.searchParams,
      settle: async (succeeded) => {
        verdict.resolve(succeeded);
        await sent.promise;
      },
    });
    const page = await callbackPage(await verdict.promise ? "done" : "failed");
    setTimeout(sent.resolve, 50); // The listener ends by abort: let the page leave first.
    return page;
  };

  const listener = await options.listen({ hostname, ports: options.ports, handler });
  redirectUri = `http://${
    hostname.includes(":") ? `[${hostname}]` : hostname
  }:${listener.port}${CALLBACK_PATH}`;
  return {
    redirectUri,
    wait: (state, timeoutS = CALLBACK_TIMEOUT_S, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<CallbackResponse>();
      waiting = { state, resolve };
      const timer = setTimeout(() =>
        reject(
          new McpAuthError("TIMEOUT", `Cannot sign in: no answer from the browser within ${timeoutS} s`, {
            hint: "Start the sign-in again; --timeout gives it more time",
          }),
        ), timeoutS * 1000);
      const onAbort = () => reject(signal?.reason);
      if (signal?.aborted) onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
      return promise.finally(() => {
        waiting = undefined;
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      });
    },
    [Symbol.asyncDispose]: () => listener.close(),
  };
}

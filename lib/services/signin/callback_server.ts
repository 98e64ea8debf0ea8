/**
 * Waits for the authorization response at the callback's place. It is bound before the client is registered, it answers
 * its own path and its own Host only, and a request that does not carry the `state` of this sign-in gets a page and changes
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
import type { CallbackPlace } from "./callback_place.ts";

/** What {@linkcode openCallbackServer} takes. */
export interface CallbackServerOptions {
  readonly listen: Listen;
  readonly place: CallbackPlace;
}

/** A bound callback server. */
export interface CallbackServer extends AsyncDisposable {
  /** The redirect URI, to be sent byte for byte. */
  readonly redirectUri: string;
  /** The port that is bound; undefined where nothing listens, and only a paste can bring the answer. */
  readonly port: number | undefined;
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
export async function openCallbackServer({ listen, place }: CallbackServerOptions): Promise<CallbackServer> {
  let waiting: { readonly state: string; readonly resolve: (response: CallbackResponse) => void } | undefined;
  let redirectUri = "";
  let path = "";
  let hosts: readonly string[] = [];

  const handler = async (request: Request): Promise<Response> => {
    const url = URL.parse(request.url); // Made of the Host header, so it may be no URL.
    if (url !== null && url.pathname !== path) return new Response(null, { status: 404 });
    if (url === null || !hosts.includes(request.headers.get("host") ?? "")) {
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

  const listener = place.listen === undefined ? undefined : await listen({ ...place.listen, handler });
  const port = listener?.port ?? 0;
  redirectUri = place.redirectUri(port);
  path = new URL(redirectUri).pathname;
  hosts = place.hosts(port);
  return {
    port: listener?.port,
    redirectUri,
    wait: (state, timeoutS = CALLBACK_TIMEOUT_S, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<CallbackResponse>();
      const own = { state, resolve };
      waiting = own;
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
        if (waiting === own) waiting = undefined;
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      });
    },
    [Symbol.asyncDispose]: async () => await listener?.close(),
  };
}

/**
 * An MCP server of any make at a port of its own, with the demo's OAuth in front of it or open: what it answers is given
 * by a function, or is fetched from a server that knows nothing of tokens.
 *
 * @module
 */
import { BearerGuard, type TrustedIssuer } from "../../scripts/demo/servers/bearer_guard.ts";
import { type DemoServer, sendResponse, startHttpFront } from "../../scripts/demo/servers/http_front.ts";

/** Answers one request to the endpoint; the body is parsed already, where it is JSON. */
export type Answer = (request: Request, message: unknown) => Promise<Response>;

/** One that runs. */
export interface GuardedServer extends DemoServer {
  /** The URL of the endpoint. */
  readonly url: string;
}

/**
 * Starts one on 127.0.0.1.
 *
 * @param path The path of the endpoint; tokens are for it, and needed at every path.
 * @param answer What the server does.
 * @param trusted Whose tokens it takes; open when left out.
 */
export async function startGuardedServer(
  path: string,
  answer: Answer,
  trusted?: TrustedIssuer,
): Promise<GuardedServer> {
  const metadataPath = `/.well-known/oauth-protected-resource${path}`;
  const front = await startHttpFront(async ({ request, response, body, recorded, signal }) => {
    const { method, headers, path: at } = recorded;
    const url = front.origin + (request.url ?? "/");
    if (guard !== undefined && at === metadataPath) {
      const document = { resource: front.origin + path, authorization_servers: [guard.trusted.issuer] };
      return await sendResponse(
        response,
        Response.json({ ...document, scopes_supported: ["mcp:read"] }),
        signal,
      );
    }
    const bearer = await guard?.check({ method, url, headers }, undefined, signal);
    if (bearer instanceof Response) return await sendResponse(response, bearer, signal);
    const init = { method, headers, signal, ...(method === "POST" ? { body } : {}) };
    // Some servers never answer a request that was cancelled.
    const reply = await Promise.race([answer(new Request(url, init), recorded.json()), fired(signal)]);
    if (reply !== undefined) await sendResponse(response, reply, signal);
  });
  const guard = trusted === undefined ? undefined : new BearerGuard(trusted, {
    resource: front.origin + path,
    baseScope: "mcp:read",
    metadataUrl: front.origin + metadataPath,
  });
  return Object.assign(front, { url: front.origin + path });
}

function fired(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Answers with what another server says, whose endpoint is at the same path. */
export function answerOf(origin: string): Answer {
  return async (request) => {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    for (const name of ["host", "connection", "content-length", "authorization"]) headers.delete(name);
    const body = request.method === "POST" ? await request.bytes() : null;
    const { signal } = request;
    return await fetch(origin + pathname + search, { method: request.method, headers, body, signal });
  };
}

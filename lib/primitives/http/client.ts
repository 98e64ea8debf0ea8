/**
 * The one fetch. Redirects are followed by hand so that each hop passes the same checks, credentials stay at the origin
 * they were meant for, and bodies and times are capped unless a stream was asked for.
 *
 * @see MCP security best practices, SSRF (C68-C72)
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { HTTP_TIMEOUT_MS, METADATA_MAX_BYTES, REDIRECTS_MAX } from "../limits.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { VERSION } from "../version.ts";
import { parseWebUrl } from "../web_url.ts";
import { singleUseClient } from "../system/connection.ts";
import type { AddressGuard } from "./address.ts";
import { readBytes } from "./body.ts";
import type { Connect, Connection } from "./connections.ts";
import { type Http, type HttpRequest, UnsentError } from "./http.ts";
import { redact } from "./redaction.ts";

/** What {@linkcode createHttp} takes. */
export interface HttpOptions {
  /** Checked before each connection; without it only the scheme is. */
  readonly guard?: AddressGuard | undefined;
  /** Finds the way for each connection: proxy, trust, certificate; what Deno does by itself when left out. */
  readonly connect?: Connect | undefined;
  /** Gets one redacted line for each exchange (`--verbose`). */
  readonly log?: ((line: string) => void) | undefined;
}

/** Headers that may follow a redirect to another origin; all others could carry credentials. */
const PORTABLE_HEADERS: ReadonlySet<string> = new Set(["accept", "user-agent", "mcp-protocol-version"]);
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Makes the {@linkcode Http} of one entry. */
export function createHttp(options: HttpOptions = {}): Http {
  return async (url, request = {}) => {
    const started = performance.now();
    const deadline = new Deadline(request);
    const progress: Progress = { sent: false, at: url, connection: undefined, own: undefined };
    try {
      const response = await exchange(url, request, options, deadline, progress);
      options.log?.(redact(
        `${request.method ?? "GET"} ${safeUrl(url)}: ${response.status} (${
          Math.round(performance.now() - started)
        } ms)`,
      ));
      if (request.stream) return response;
      const bytes = await readBytes(response, request.maxBytes ?? METADATA_MAX_BYTES);
      const empty = response.status === 204 || response.status === 205 || response.status === 304;
      const read = new Response(empty ? null : bytes, { status: response.status, headers: response.headers });
      // Where a redirect has led to: a proof of possession names it.
      return Object.defineProperty(read, "url", { value: response.url });
    } catch (error) {
      const coded = await deadline.explain(error, url, request, progress);
      options.log?.(redact(`${request.method ?? "GET"} ${safeUrl(url)}: ${coded.message}`));
      throw progress.sent || request.signal?.aborted ? coded : new UnsentError(coded);
    } finally {
      deadline.clear();
      progress.own?.close();
    }
  };
}

/** How far an exchange has come. */
interface Progress {
  /** Whether a server may have received the request, or a part of it. */
  sent: boolean;
  /** Where it is now; redirects move it. */
  at: string;
  /** How it goes there. */
  connection: Connection | undefined;
  /** The client that is this request's own. */
  own: Deno.HttpClient | undefined;
}

async function exchange(
  url: string,
  request: HttpRequest,
  options: HttpOptions,
  deadline: Deadline,
  progress: Progress,
): Promise<Response> {
  let target = parseWebUrl(url);
  const headers = headersOf(request);
  let asStream = request.once === true && request.stream === true;
  for (let hops = 0;; hops++) {
    progress.at = target.href;
    if (options.guard !== undefined) await deadline.over(options.guard(target));
    const client = await clientFor(target, request, options, progress);
    // The first hop goes out as given, byte for byte.
    const response = await fetch(hops === 0 ? url : target, {
      method: request.method ?? "GET",
      headers,
      redirect: "manual",
      ...(request.body === undefined ? {} : { body: asStream ? streamOf(request.body) : request.body }),
      ...(client === undefined ? {} : { client }),
      ...(deadline.signal === undefined ? {} : { signal: deadline.signal }),
    }).catch(async (error) => {
      const { failedToConnect } = await import("./failure.ts");
      progress.sent ||= !failedToConnect(error);
      throw error;
    });
    progress.sent = true;
    if (asStream && response.status === 411) {
      // A server that wants the length has not taken the request.
      await response.body?.cancel();
      asStream = false;
      hops--;
      continue;
    }
    const location = REDIRECTS.has(response.status) ? response.headers.get("location") : null;
    if (location === null || !mayFollow(request, response.status)) return response;
    await response.body?.cancel();
    if (hops >= REDIRECTS_MAX) {
      throw new McpAuthError(
        "SERVER_ERROR",
        `Cannot fetch "${safeUrl(url)}": more than ${REDIRECTS_MAX} redirects`,
      );
    }
    const next = URL.parse(location, target);
    if (next === null) {
      throw new McpAuthError("UNSAFE_URL", `Cannot follow the redirect of "${safeUrl(url)}": not a URL`);
    }
    parseWebUrl(next.href, "the redirect target");
    if (next.origin !== target.origin) {
      if (request.body !== undefined && request.body !== null) {
        throw new McpAuthError(
          "UNSAFE_URL",
          `Cannot follow the redirect of "${safeUrl(url)}": it leads to another origin, "${
            safeUrl(next.origin)
          }"`,
          { hint: "Use the URL it redirects to, if you trust it" },
        );
      }
      for (const name of [...headers.keys()]) if (!PORTABLE_HEADERS.has(name)) headers.delete(name);
    }
    target = next;
  }
}

/** The client for one hop; undefined: what `fetch` uses by itself. */
async function clientFor(
  target: URL,
  request: HttpRequest,
  { connect }: HttpOptions,
  progress: Progress,
): Promise<Deno.HttpClient | undefined> {
  const single = request.once === true && request.stream !== true;
  progress.connection = await connect?.(target, single);
  const { client } = progress.connection ?? {};
  return client ?? (single ? progress.own ??= singleUseClient() : undefined);
}

/** The headers of a request; a value that HTTP does not allow may be a secret and is not shown. */
function headersOf(request: HttpRequest): Headers {
  const headers = new Headers({ "user-agent": `mcp-auth/${VERSION}` });
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    try {
      headers.set(name, value);
    } catch {
      throw new McpAuthError(
        "CONFIG_INVALID",
        `Cannot send header "${safeText(name, 80)}": HTTP does not allow its name or value`,
      );
    }
  }
  return headers;
}

/** A body that can be sent only once; a body that Deno knows to be bytes or text it would send again. */
function streamOf(body: BodyInit | null): ReadableStream<Uint8Array> | null {
  if (body === null || body instanceof ReadableStream) return body;
  return new ReadableStream({
    async pull(controller) {
      controller.enqueue(
        body instanceof Uint8Array ? body : new Uint8Array(await new Response(body).arrayBuffer()),
      );
      controller.close();
    },
  });
}

/** GET follows all redirects; a body is sent again only where the status says so (307, 308). */
function mayFollow(request: HttpRequest, status: number): boolean {
  const method = request.method ?? "GET";
  if (method === "GET" || method === "HEAD") return true;
  return (status === 307 || status === 308) && !(request.body instanceof ReadableStream);
}

/** The time limit and the caller's signal of one exchange, and what their firing means. */
class Deadline {
  readonly signal: AbortSignal | undefined;
  readonly #caller: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #timeoutMs: number;
  #expired = false;

  constructor(request: HttpRequest) {
    this.#caller = request.signal;
    this.#timeoutMs = request.timeoutMs ?? HTTP_TIMEOUT_MS;
    if (this.#timeoutMs === Infinity) {
      this.signal = request.signal;
      return;
    }
    const controller = new AbortController();
    this.#timer = setTimeout(() => {
      this.#expired = true;
      controller.abort(new DOMException("Timed out", "TimeoutError"));
    }, this.#timeoutMs);
    this.signal = request.signal === undefined
      ? controller.signal
      : AbortSignal.any([request.signal, controller.signal]);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }

  /** Ends the wait for work that cannot be aborted itself, such as a name resolution. */
  async over(work: Promise<void>): Promise<void> {
    const { signal } = this;
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([promise, work]);
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async explain(
    error: unknown,
    url: string,
    request: HttpRequest,
    { at, connection }: Progress,
  ): Promise<McpAuthError> {
    if (error instanceof McpAuthError) return error;
    const what = `${request.method ?? "GET"} "${safeUrl(url)}"`;
    if (this.#caller?.aborted) {
      const reason = this.#caller.reason;
      if (reason instanceof McpAuthError) return reason;
      if (reason instanceof DOMException && reason.name === "TimeoutError") {
        return timedOut(`${what} was not done in time`, error);
      }
      return new McpAuthError("AUTH_CANCELLED", `Cancelled: ${what}`, { cause: error });
    }
    if (this.#expired) return timedOut(`${what} took longer than ${this.#timeoutMs / 1000} s`, error);
    const { networkFailure } = await import("./failure.ts");
    return await networkFailure(error, { ...connection, what, url: at });
  }
}

function timedOut(how: string, cause: unknown): McpAuthError {
  return new McpAuthError("TIMEOUT", `Cannot reach the server: ${how}`, {
    hint: "Try again; if it persists, check that the server is up",
    cause,
  });
}

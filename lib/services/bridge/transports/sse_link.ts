/**
 * One event stream of an HTTP+SSE server, which is one session: opened by GET, it first names the endpoint that messages
 * are posted to, and then carries all that the server sends until it ends. The endpoint gets the credentials of the
 * server, so that one of another origin is refused.
 *
 * @see https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse (T8)
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { SSE_ENDPOINT_MS } from "../../../primitives/bridge_limits.ts";
import { HTTP_TIMEOUT_MS, MESSAGE_MAX_BYTES } from "../../../primitives/limits.ts";
import { readEvents, type StreamPosition } from "../../../primitives/mcp/sse.ts";
import { safeText, safeUrl } from "../../../primitives/untrusted_text.ts";
import type { AuthorizedHttp } from "./authorized_http.ts";
import { drain, HttpFailure, mediaType, NO_SERVER_HINT } from "./failure.ts";
import { isEventStream } from "./standing_stream.ts";

/** What to look into where a server turns out to be none of HTTP+SSE. */
export const NO_SSE_HINT =
  "Check that the URL is the server's HTTP+SSE endpoint, or leave out --transport sse";

/** The server has refused the stream. What it says is about the transport, and no evidence of anything else. */
export class StreamRefused extends McpAuthError {
  /** The HTTP status. */
  readonly status: number;

  /** @param failure The response. */
  constructor(failure: HttpFailure) {
    const { code, message, hint } = failure.toError("GET stream");
    super(code, message, { hint: hint === NO_SERVER_HINT ? NO_SSE_HINT : hint });
    this.status = failure.status;
  }
}

/** What {@linkcode SseLink.open} takes. */
export interface SseLinkOptions {
  /** Sends the GET. */
  readonly http: AuthorizedHttp;
  /** The URL of the server: the endpoint must be of its origin. */
  readonly url: string;
  /** Gets the server's `retry`. */
  readonly position: StreamPosition;
  /** Gets each message; a promise holds up the next one. */
  readonly receive: (data: string, link: SseLink) => Promise<void> | void;
  /** Called when the first event has shown that the server is one of HTTP+SSE, whether or not its endpoint can be used. */
  readonly recognized: () => void;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** How long the endpoint may take, in milliseconds; {@linkcode SSE_ENDPOINT_MS} when left out. */
  readonly endpointMs?: number | undefined;
}

/** A stream that has named its endpoint. */
export class SseLink {
  readonly #options: SseLinkOptions;
  readonly #controller = new AbortController();
  readonly #named = Promise.withResolvers<void>();
  #endpoint: string | undefined;
  /** When it was opened, by `performance.now`. */
  readonly since: number = performance.now();
  /** Resolves when the stream has ended, with what it failed with; undefined for a proper end. */
  ended: Promise<unknown> = Promise.resolve();

  private constructor(options: SseLinkOptions) {
    this.#options = options;
  }

  /**
   * Opens a stream and waits for its endpoint.
   *
   * @throws {McpAuthError} `SERVER_ERROR` or `TIMEOUT` when the answer is no such stream, `UNSAFE_URL` for an endpoint of
   * another origin; what the authorizer or the connection fails with.
   */
  static async open(options: SseLinkOptions): Promise<SseLink> {
    const link = new SseLink(options);
    const onAbort = () => link.close(options.signal.reason);
    options.signal.throwIfAborted();
    options.signal.addEventListener("abort", onAbort, { once: true });
    try {
      const response = await link.#get();
      link.ended = link.#read(response).finally(() => options.signal.removeEventListener("abort", onAbort));
      await link.#endpointNamed();
      return link;
    } catch (error) {
      link.close();
      await link.ended;
      options.signal.removeEventListener("abort", onAbort);
      throw error;
    }
  }

  /** Where to post messages. */
  get endpoint(): string {
    return this.#endpoint ?? this.#options.url;
  }

  /**
   * Ends the stream.
   *
   * @param reason What whoever waits for it is told.
   */
  close(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  async #get(): Promise<Response & { readonly body: ReadableStream<Uint8Array> }> {
    const response = await this.#options.http.request({
      method: "GET",
      headers: { accept: "text/event-stream", "cache-control": "no-cache" },
      signal: this.#controller.signal,
      timeoutMs: HTTP_TIMEOUT_MS,
      operation: () => "GET stream",
    });
    if (isEventStream(response)) return response;
    if (response.ok) {
      await drain(response);
      const type = safeText(mediaType(response), 80);
      throw new McpAuthError(
        "SERVER_ERROR",
        `Cannot open the event stream: the server answered with ${type === "" ? "nothing" : `"${type}"`}`,
        { hint: NO_SSE_HINT },
      );
    }
    throw new StreamRefused(await HttpFailure.read(response));
  }

  /** Waits for the endpoint, but not for ever. */
  async #endpointNamed(): Promise<void> {
    const ms = this.#options.endpointMs ?? SSE_ENDPOINT_MS;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(
          new McpAuthError(
            "TIMEOUT",
            `Cannot use the event stream: the server named no endpoint on it within ${ms / 1000} s`,
            { hint: NO_SSE_HINT },
          ),
        );
      }, ms);
    });
    try {
      const ended = this.ended.then((cause) => {
        this.#controller.signal.throwIfAborted();
        throw cause instanceof McpAuthError ? cause : new McpAuthError(
          cause === undefined ? "SERVER_ERROR" : "NETWORK_ERROR",
          "Cannot use the event stream: it ended before the server named an endpoint on it",
          { cause, hint: cause === undefined ? NO_SSE_HINT : "Try again" },
        );
      });
      await Promise.race([this.#named.promise, late, ended]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(response: Response & { readonly body: ReadableStream<Uint8Array> }): Promise<unknown> {
    const { position, receive } = this.#options;
    try {
      const onOther = (type: string, data: string) => {
        if (type === "endpoint") this.#name(data, response.url);
      };
      for await (const data of readEvents(response.body, position, MESSAGE_MAX_BYTES, onOther)) {
        await receive(data, this);
      }
      return undefined;
    } catch (error) {
      return error ?? new Error("The stream was aborted");
    }
  }

  /** Takes the endpoint, which is relative to where the stream came from. */
  #name(data: string, from: string): void {
    const { url, recognized } = this.#options;
    recognized();
    const named = URL.parse(data.trim(), from === "" ? url : from);
    if (named?.origin !== new URL(url).origin || named.username !== "" || named.password !== "") {
      throw new McpAuthError(
        "UNSAFE_URL",
        `Cannot use the endpoint "${
          safeUrl(named?.href ?? data)
        }": the server's event stream names it, and it is not on "${
          safeUrl(new URL(url).origin)
        }", which the credentials are for`,
        { hint: "If the server has moved, use the URL that it has now" },
      );
    }
    this.#endpoint = named.href;
    this.#named.resolve();
  }
}

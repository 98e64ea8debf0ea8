/**
 * One HTTP exchange with credentials: headers from the authorizer, and on 401 or 403 its verdict and one more try. The
 * transport above never sees those two statuses, and no status of theirs is read as anything but a question of
 * authorization (T20).
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { REFUSALS_MAX } from "../../primitives/limits.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import type { Authorizer } from "../tokens/mod.ts";
import { drain } from "./failure.ts";

/** How a server is reached. */
export interface Endpoint {
  /** The MCP endpoint, sent as given. */
  readonly url: string;
  /** Sends the requests. */
  readonly http: Http;
  /** Gives them their credentials. */
  readonly authorizer: Authorizer;
  /** Sent with every request; those of the protocol and of the authorizer win over them. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** One request to the endpoint. */
export interface EndpointRequest {
  readonly method: "POST" | "GET" | "DELETE";
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Nothing may repeat it: it does something at the server. */
  readonly once?: boolean;
  readonly signal: AbortSignal;
  /** Until the headers of the response, in milliseconds; `Infinity` for no limit. */
  readonly timeoutMs: number;
  /** Names what is attempted; asked only when it is refused. */
  readonly operation: () => string;
}

/** Sends requests to one endpoint with its credentials. */
export class AuthorizedHttp {
  readonly #endpoint: Endpoint;
  readonly #fixed: Record<string, string> = {};

  /** @param endpoint How the server is reached. */
  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    for (const [name, value] of Object.entries(endpoint.headers ?? {})) {
      this.#fixed[name.toLowerCase()] = value;
    }
  }

  /**
   * Sends a request, again after each refusal that the authorizer could do something about.
   *
   * @returns The response, its body as a stream; never 401 or 403.
   * @throws {McpAuthError} What the authorizer or the connection fails with.
   */
  async request(request: EndpointRequest): Promise<Response> {
    const { authorizer } = this.#endpoint;
    for (let attempt = 0;; attempt++) {
      const sent = await authorizer.headers(
        { method: request.method, url: this.#endpoint.url },
        request.signal,
      );
      const response = await this.send(request, sent);
      const { status } = response;
      const dpopNonce = response.headers.get("dpop-nonce");
      if (status !== 401 && status !== 403) {
        if (dpopNonce !== null) authorizer.noteNonce(dpopNonce);
        return response;
      }
      await drain(response);
      if (attempt >= REFUSALS_MAX) {
        throw new McpAuthError(
          "AUTH_FAILED",
          `Cannot use "${
            safeUrl(this.#endpoint.url)
          }": the server still answers HTTP ${status} after ${attempt} new attempts`,
        );
      }
      const wwwAuthenticate = response.headers.get("www-authenticate");
      const operation = request.operation();
      await authorizer.refused(
        { status, wwwAuthenticate, dpopNonce, sent, operation, attempt },
        request.signal,
      );
    }
  }

  /**
   * Sends a request once with the credentials given, whatever comes back.
   *
   * @throws {McpAuthError} What the connection fails with.
   */
  send(request: EndpointRequest, credentials: Readonly<Record<string, string>>): Promise<Response> {
    const headers: Record<string, string> = { ...this.#fixed, ...request.headers };
    for (const name in credentials) headers[name.toLowerCase()] = credentials[name]!;
    return this.#endpoint.http(this.#endpoint.url, {
      method: request.method,
      headers,
      body: request.body,
      signal: request.signal,
      timeoutMs: request.timeoutMs,
      once: request.once,
      stream: true,
    });
  }
}

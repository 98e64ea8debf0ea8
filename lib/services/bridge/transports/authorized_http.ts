/**
 * One HTTP exchange with credentials: headers from the authorizer, and on 401 or 403 its verdict and one more try; a
 * refused proof of possession is replaced on the spot, and counts for itself (RFC 9449 section 9). The transport above
 * never sees those two statuses, and no status of theirs is read as anything but a question of authorization (T20).
 *
 * Cookies that the server sets, on refusals too, go back to it with each later request: they are what a load balancer
 * tells by which of the machines behind it a session lives on. They are kept in memory.
 *
 * @see behaviours row 37
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import type { Http } from "../../../primitives/http/http.ts";
import { REFUSALS_MAX } from "../../../primitives/bridge_limits.ts";
import { DPOP_RETRIES_MAX } from "../../../primitives/limits.ts";
import { safeUrl } from "../../../primitives/untrusted_text.ts";
import type { Authorizer, RequestTarget } from "../../tokens/mod.ts";
import type { CookieJar } from "./cookies.ts";
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
  /** Where it goes, where that is not the endpoint's own URL: another one of the same origin. */
  readonly url?: string;
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
  /** Where requests arrive, as far as that is known: proofs are for that URL. */
  #arrival: string;
  /** There from the first cookie on. */
  #cookies: CookieJar | undefined;

  /** @param endpoint How the server is reached. */
  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#arrival = endpoint.url;
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
    const { authorizer, url } = this.#endpoint;
    const { method } = request;
    let target = this.#target(request);
    for (let attempt = 0, proofs = 0;;) {
      const sent = await authorizer.headers(target, request.signal);
      const response = await this.send(request, sent);
      const { status } = response;
      const dpopNonce = response.headers.get("dpop-nonce");
      if (status !== 401 && status !== 403) {
        if (dpopNonce !== null) authorizer.noteNonce(dpopNonce, target);
        return response;
      }
      await drain(response);
      if (attempt >= REFUSALS_MAX) {
        throw stillRefused(url, `answers HTTP ${status} after ${attempt} new attempts`);
      }
      const arrival = sent.dpop === undefined ? undefined : otherArrival(target.url, response);
      if (arrival !== undefined && status === 401 && proofs < DPOP_RETRIES_MAX) {
        if (request.url === undefined) this.#arrival = arrival;
        target = { method, url: arrival, nonce: dpopNonce ?? undefined };
        proofs++;
        continue;
      }
      const wwwAuthenticate = response.headers.get("www-authenticate");
      const operation = request.operation();
      const proof = sent.dpop === undefined ? {} : { proof: { target, date: response.headers.get("date") } };
      const wanted = await authorizer.refused(
        { status, wwwAuthenticate, dpopNonce, sent, operation, attempt, ...proof },
        request.signal,
      );
      target = { method, url: target.url, nonce: wanted ? wanted.nonce : undefined };
      if (!wanted) attempt++;
      else if (++proofs > DPOP_RETRIES_MAX) {
        throw stillRefused(url, `wants another proof of possession after ${DPOP_RETRIES_MAX} new ones`);
      }
    }
  }

  /**
   * Sends a request whatever comes back, with the credentials that are there; only a proof with another nonce, where that is
   * what the server wants, is worth another try. Nothing is refreshed and nobody is asked.
   *
   * @throws {McpAuthError} What the authorizer or the connection fails with.
   */
  async sendAsIs(request: EndpointRequest): Promise<Response> {
    const { authorizer } = this.#endpoint;
    const target = this.#target(request);
    for (let proofs = 0;; proofs++) {
      const sent = await authorizer.headers(target, request.signal);
      const response = await this.send(request, sent);
      const nonce = response.headers.get("dpop-nonce");
      if (nonce !== null) authorizer.noteNonce(nonce, target);
      if (response.status !== 401 || sent.dpop === undefined || nonce === null || proofs > 0) return response;
      await drain(response);
    }
  }

  /**
   * Sends a request once with the credentials given, whatever comes back.
   *
   * @throws {McpAuthError} `UNSAFE_URL` when it names another origin than the endpoint's; what the connection fails with.
   */
  async send(request: EndpointRequest, credentials: Readonly<Record<string, string>>): Promise<Response> {
    const url = request.url ?? this.#endpoint.url;
    if (request.url !== undefined) requireOrigin(url, this.#endpoint.url);
    const headers: Record<string, string> = { ...this.#fixed, ...request.headers };
    for (const name in credentials) headers[name.toLowerCase()] = credentials[name]!;
    const cookie = this.#cookies?.header(url, headers["cookie"]);
    if (cookie !== undefined) headers["cookie"] = cookie;
    const response = await this.#endpoint.http(url, {
      method: request.method,
      headers,
      body: request.body,
      signal: request.signal,
      timeoutMs: request.timeoutMs,
      once: request.once,
      stream: true,
    });
    if (response.headers.has("set-cookie")) await this.#keepCookies(response, url);
    return response;
  }

  #target({ method, url }: EndpointRequest): RequestTarget {
    return { method, url: url ?? this.#arrival };
  }

  async #keepCookies(response: Response, url: string): Promise<void> {
    const { CookieJar } = await import("./cookies.ts");
    this.#cookies ??= new CookieJar(this.#endpoint.url);
    this.#cookies.take(response.headers.getSetCookie(), response.url || url);
  }
}

/** Credentials and cookies are for one origin. */
function requireOrigin(url: string, endpoint: string): void {
  if (URL.parse(url)?.origin === new URL(endpoint).origin) return;
  throw new McpAuthError(
    "UNSAFE_URL",
    `Cannot send a request to "${safeUrl(url)}": it is of another origin than "${safeUrl(endpoint)}"`,
  );
}

/** The place that a redirect led to, where it is another than the proof named: the server there could not accept it. */
function otherArrival(named: string, response: Response): string | undefined {
  const [there, here] = [URL.parse(response.url), new URL(named)];
  return there?.origin === here.origin && there.pathname !== here.pathname ? there.href : undefined;
}

function stillRefused(url: string, how: string): McpAuthError {
  return new McpAuthError("AUTH_FAILED", `Cannot use "${safeUrl(url)}": the server still ${how}`);
}

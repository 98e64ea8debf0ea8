/**
 * Finds out by which transport a server is reached: Streamable HTTP, and HTTP+SSE where the first exchange shows that
 * the other is not there. Only 404 and 405 show that, and only where they are no answer about the method (T13): a server
 * that fails, refuses or cannot be reached is told as it is, and a fallback that fails as well does not hide why it was
 * tried. What was found once holds for as long as the process.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#backwards-compatibility (T8)
 * @see behaviours row 34
 * @module
 */
import { asMcpAuthError, type ErrorCode, McpAuthError } from "../../../primitives/errors.ts";
import { STREAM_PAUSE_MS } from "../../../primitives/bridge_limits.ts";
import { METHOD_NOT_FOUND } from "../../../primitives/mcp/jsonrpc.ts";
import type { Endpoint } from "./authorized_http.ts";
import type { HttpFailure } from "./failure.ts";
import type { HttpSse } from "./http_sse.ts";
import { operationOf, type Outbound, type Receiver, type Remote, type WayToServer } from "./remote.ts";
import { StreamableHttp } from "./streamable_http.ts";

/** What {@linkcode automaticWay} takes. */
export interface AutomaticOptions extends Endpoint {
  /** What is known of the server, to be shared by all who ask it; found out when left out. */
  readonly verdict?: Verdict | undefined;
  /** Gets one line for what nobody is told otherwise. */
  readonly log: (message: string) => void;
}

/** What is known of a server's transport. */
export interface Verdict {
  /** Undefined until an exchange has shown it. */
  kind: "http" | "sse" | undefined;
  /** Why it was not HTTP+SSE either, and when that was, by `performance.now`. */
  failed?: { readonly error: McpAuthError; readonly at: number };
}

/** Makes a way that finds its transport at the first exchange, once for all who take it. */
export function automaticWay(options: AutomaticOptions): WayToServer {
  const { verdict = { kind: undefined } } = options;
  return (receiver) => new Automatic(options, receiver, verdict);
}

/** Failures of the fallback that are told in place of the first: a person has to act, or has acted. */
const OWN_FAILURES: ReadonlySet<ErrorCode> = new Set([
  "AUTH_REQUIRED",
  "AUTH_FAILED",
  "AUTH_CANCELLED",
  "TOKEN_EXPIRED",
  "TOKEN_REFRESH_FAILED",
  "INSUFFICIENT_SCOPE",
]);

/** Streamable HTTP, or HTTP+SSE where that is not there. */
class Automatic implements Remote {
  readonly #options: AutomaticOptions;
  readonly #receiver: Receiver;
  readonly #verdict: Verdict;
  readonly #http: StreamableHttp;
  /** There from the fallback on. */
  #sse: HttpSse | undefined;
  #closed = false;

  constructor(options: AutomaticOptions, receiver: Receiver, verdict: Verdict) {
    this.#options = options;
    this.#receiver = receiver;
    this.#verdict = verdict;
    this.#http = new StreamableHttp({
      ...options,
      receiver,
      probe: {
        accepted: () => void (verdict.kind ??= "http"),
        refused: (failure, outbound) => this.#judge(failure, outbound),
      },
    });
  }

  async send(outbound: Outbound): Promise<void> {
    const { kind } = this.#verdict;
    if (kind === "http") return await this.#http.send(outbound);
    if (kind === "sse") return await (this.#sse ?? await this.#fallback()).send(outbound);
    try {
      await this.#http.send(outbound);
    } catch (error) {
      if (!(error instanceof NotThere)) throw error;
      await this.#fallBack(outbound, error);
    }
  }

  cancel(target: Outbound, notice: Outbound): Promise<void> {
    return (this.#sse ?? this.#http).cancel(target, notice);
  }

  listen(): void {
    (this.#sse ?? this.#http).listen();
  }

  get isOneChannel(): boolean {
    return this.#sse !== undefined;
  }

  reopen(isLost: boolean): void {
    this.#http.reopen();
    this.#sse?.reopen(isLost);
  }

  async close(timeoutMs: number): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#http.close(timeoutMs), this.#sse?.close(timeoutMs)]);
  }

  /** Sends a message that met no Streamable HTTP by HTTP+SSE: it was not taken, so that this is no repetition. */
  async #fallBack(outbound: Outbound, first: NotThere): Promise<void> {
    const { failed } = this.#verdict;
    // Who asks in one way after the other has asked about this just now.
    if (failed !== undefined && performance.now() - failed.at < STREAM_PAUSE_MS) {
      throw neither(first, failed.error);
    }
    this.#options.log(`${first.message}: trying HTTP+SSE`);
    const sse = await this.#fallback();
    try {
      await sse.send(outbound);
    } catch (error) {
      const second = asMcpAuthError(error, "SERVER_ERROR", "use HTTP+SSE");
      if (this.#verdict.kind === "sse") throw second;
      if (this.#sse === sse) this.#sse = undefined;
      await sse.close(0);
      if (OWN_FAILURES.has(second.code)) throw second;
      this.#verdict.failed = { error: second, at: performance.now() };
      throw neither(first, second);
    }
  }

  async #fallback(): Promise<HttpSse> {
    const { HttpSse } = await import("./http_sse.ts");
    const recognized = () => void (this.#verdict.kind ??= "sse");
    this.#sse ??= new HttpSse({ ...this.#options, receiver: this.#receiver, recognized });
    if (this.#closed) await this.#sse.close(0);
    return this.#sse;
  }

  /** Throws where a refusal shows that there is no Streamable HTTP. */
  #judge(failure: HttpFailure, outbound: Outbound): void {
    const { status, rpc } = failure;
    if (this.#verdict.kind !== undefined || (status !== 404 && status !== 405)) return;
    // Servers of HTTP+SSE give their 405 that code as well: there it is HTTP's method that is not found.
    const isOfMethod = status === 404 && rpc?.error["code"] === METHOD_NOT_FOUND;
    const isOwn = rpc !== undefined && rpc.id !== null && rpc.id === outbound.requests[0];
    if (!isOfMethod && !isOwn) throw new NotThere(failure, outbound);
  }
}

/** The first failure, and the second one in addition. */
function neither(first: McpAuthError, second: McpAuthError): McpAuthError {
  return new McpAuthError(first.code, `${first.message}; and by HTTP+SSE: ${second.message}`, {
    hint: first.hint,
    cause: first.cause,
  });
}

/** A refusal that shows that the server has no Streamable HTTP at its URL. */
class NotThere extends McpAuthError {
  constructor(failure: HttpFailure, outbound: Outbound) {
    const { code, message, hint, cause } = failure.toError(operationOf(outbound));
    super(code, message, { hint, cause });
  }
}

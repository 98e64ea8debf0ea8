/**
 * The HTTP listener both demo servers stand behind: it reads each request whole, records it, applies the faults a
 * test ordered, and only then hands it on. It is built on `node:http`, not `Deno.serve`, because a test must be able
 * to close a connection without an answer, which `Deno.serve` cannot do.
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type Fault, FaultPlan, type OrderedFault } from "./faults.ts";
import { matches, record, recordAnswer, type Recorded } from "./recorded.ts";

/** One request and the place for its answer. */
export interface Exchange {
  /** The request as Node gives it; its body has been read. */
  readonly request: IncomingMessage;
  /** The answer to write, by hand or with {@linkcode sendResponse}. */
  readonly response: ServerResponse;
  /** The whole body. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The record in the log. */
  readonly recorded: Recorded;
  /** Aborts when the client has gone or the listener closes. */
  readonly signal: AbortSignal;
}

/** What every demo server offers a test. */
export interface DemoServer extends AsyncDisposable {
  /** Every request received, in the order of arrival. */
  readonly log: readonly Recorded[];
  /**
   * The requests to one place.
   *
   * @param target a path (`"/token"`) or a method and a path (`"POST /mcp"`)
   * @returns those requests, in the order of arrival
   */
  requests(target: string): Recorded[];
  /**
   * Orders a fault for the next requests to one place.
   *
   * @param target a path (`"/token"`) or a method and a path (`"POST /mcp"`)
   * @param times how many requests it meets; `Infinity` for all of them
   * @param fault what they meet
   * @returns the order, to look at or to end early
   */
  fail(target: string, times: number, fault: Fault): OrderedFault;
  /** Ends every connection, answered or not, and frees the port. */
  close(): Promise<void>;
}

/** How a listener speaks TLS. */
export interface TlsSettings {
  /** The name that clients use: it is in the origin, and has to be in the certificate. */
  readonly hostname: string;
  /** In PEM. */
  readonly cert: string;
  readonly key: string;
  /** Demands a certificate of clients that this authority has issued, in PEM. */
  readonly clientAuthority?: string | undefined;
}

/** A running listener. */
export interface HttpFront extends DemoServer {
  /** `http://127.0.0.1:<port>`, or `https://<hostname>:<port>`; without a slash at the end. */
  readonly origin: string;
}

/**
 * Listens on 127.0.0.1.
 *
 * @param handle answers one request; a throw becomes a 500 with the message as text
 * @param port the port; 0 for any free one
 * @param recordsAnswers whether the log holds the server's answers too
 * @param tls makes it speak TLS
 * @returns the running listener
 * @throws Error when the port is taken
 */
export async function startHttpFront(
  handle: (exchange: Exchange) => Promise<void>,
  port = 0,
  recordsAnswers = false,
  tls?: TlsSettings,
): Promise<HttpFront> {
  const log: Recorded[] = [];
  const faults = new FaultPlan();
  const closing = new AbortController();
  const running = new Set<Promise<void>>();

  const server = listenerOf(tls, (request, response) => {
    const work = serve(request, response).catch((error) => {
      if (response.headersSent || response.destroyed) response.destroy();
      else response.writeHead(500, { "content-type": "text/plain" }).end(String(error));
    }).finally(() => running.delete(work));
    running.add(work);
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const signal = AbortSignal.any([gone.signal, closing.signal]);
    // Not to be had any more once the connection is gone.
    const { remotePort } = request.socket;
    const body = await readBody(request);
    const { method = "GET", url = "/" } = request;
    const recorded = record(method, url, headersOf(request), body, remotePort);
    log.push(recorded);
    response.once("finish", () => recorded.status = response.statusCode);
    const fault = faults.take(recorded);
    recorded.faulted = fault !== undefined;
    if (fault === "reset") return void request.socket.destroy();
    if (fault === "hang") return await aborted(signal);
    if (typeof fault === "function") return await sendResponse(response, await fault(recorded), signal);
    if (fault === "lose-answer") loseAnswer(request, response);
    else if (fault !== undefined && "until" in fault) {
      const settled = fault.until(recorded).then(() => {}, () => {});
      holdAnswer(response, Promise.race([settled, aborted(signal)]));
    } else if (fault !== undefined) holdAnswer(response, delayed(fault.delayMs, signal));
    if (recordsAnswers) recordAnswer(response, recorded);
    await handle({ request, response, body, recorded, signal });
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });

  let closed: Promise<void> | undefined;
  const front: HttpFront = {
    origin: `${tls === undefined ? "http://127.0.0.1" : `https://${tls.hostname}`}:${
      (server.address() as AddressInfo).port
    }`,
    log,
    requests: (target) => log.filter((each) => matches(each, target)),
    fail: (target, times, fault) => faults.order(target, times, fault),
    close() {
      closed ??= (async () => {
        closing.abort();
        const ended = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeAllConnections();
        await ended;
        await Promise.allSettled([...running]);
      })();
      return closed;
    },
    [Symbol.asyncDispose]: () => front.close(),
  };
  return front;
}

function listenerOf(
  tls: TlsSettings | undefined,
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): ReturnType<typeof createServer> {
  if (tls === undefined) return createServer(listener);
  const { cert, key, clientAuthority } = tls;
  const demand = clientAuthority === undefined
    ? {}
    : { requestCert: true, rejectUnauthorized: true, ca: [clientAuthority] };
  return createTlsServer({ cert, key, ...demand }, listener);
}

/**
 * Writes a web `Response` as the answer, streaming its body.
 *
 * @param response the place for the answer
 * @param answer the answer
 * @param signal ends the body early: the client has gone or the listener closes
 * @returns when the body has been written or the signal fired
 */
export async function sendResponse(
  response: ServerResponse,
  answer: Response,
  signal: AbortSignal,
): Promise<void> {
  const headers: Record<string, string | string[]> = Object.fromEntries(answer.headers);
  const cookies = answer.headers.getSetCookie();
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  response.writeHead(answer.status, headers);
  if (answer.body === null) return void response.end();
  response.flushHeaders();
  const reader = answer.body.getReader();
  const stop = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    while (!signal.aborted) {
      const { done, value } = await reader.read();
      if (done) return void response.end();
      if (!response.write(value)) await drained(response, signal);
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function readBody(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function headersOf(request: IncomingMessage): Headers {
  const headers = new Headers();
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    headers.append(request.rawHeaders[i]!, request.rawHeaders[i + 1]!);
  }
  return headers;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return Promise.race([
    new Promise<void>((resolve) => response.once("drain", () => resolve())),
    aborted(signal),
  ]);
}

function loseAnswer(request: IncomingMessage, response: ServerResponse): void {
  response.write = () => true;
  response.flushHeaders = () => {};
  response.end = () => {
    request.socket.destroy();
    return response;
  };
}

function delayed(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

function holdAnswer(response: ServerResponse, until: Promise<void>): void {
  const write = response.write.bind(response) as (...args: unknown[]) => boolean;
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
  const held: (() => unknown)[] = [];
  let holding = true;
  void until.then(() => {
    holding = false;
    if (!response.destroyed) { for (const each of held) each(); }
  });
  const later = (call: () => unknown) => void (holding ? held.push(call) : call());
  response.flushHeaders = () => {};
  response.write = ((...args: unknown[]) => (later(() => write(...args)), true)) as typeof response.write;
  response.end = ((...args: unknown[]) => (later(() => end(...args)), response)) as typeof response.end;
}

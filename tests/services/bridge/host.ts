/**
 * A host as a bridge sees one: it writes lines and reads lines. It keeps every line, because what must not be there
 * matters as much as what must.
 *
 * @module
 */
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import {
  type BridgeOptions,
  type Person,
  runBridge,
  type TransportKind,
} from "../../../lib/services/bridge/mod.ts";
import type { Authorizer } from "../../../lib/services/tokens/mod.ts";

/** How long a test waits for a line, in milliseconds. */
const LINE_WAIT_MS = 10_000;

/** A line the host got, parsed. */
export interface Line {
  readonly id?: string | number | null;
  readonly method?: string;
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  readonly params?: any;
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  readonly result?: any;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    // deno-lint-ignore no-explicit-any -- tests look into any shape
    readonly data?: any;
  };
}

/** What a host's bridge is to be like. */
export interface HostOptions {
  readonly authorizer?: Authorizer;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly transport?: TransportKind;
  readonly person?: Person;
  /** What else the bridge is to be told, such as a choice of tools. */
  readonly more?: Partial<BridgeOptions>;
  /** In place of the host's own ear. */
  readonly write?: (chunk: Uint8Array) => Promise<void>;
}

/** For servers that ask for no credentials. */
export const NO_SIGN_IN: Authorizer = {
  headers: () => Promise.resolve({}),
  noteNonce: () => {},
  refused: () => Promise.reject(new McpAuthError("AUTH_REQUIRED", "Cannot sign in here")),
};

/** What a host sends to open a session. */
export const INITIALIZE = {
  protocolVersion: "2025-11-25",
  capabilities: { roots: {} },
  clientInfo: { name: "host", version: "1.0.0" },
};

/** A host with its bridge. */
export class Host implements AsyncDisposable {
  /** Every line, as it came. */
  readonly raw: string[] = [];
  /** Every line that is JSON, parsed. */
  readonly lines: Line[] = [];
  /** What the bridge logged. */
  readonly log: string[] = [];
  /** Resolves when the bridge has ended. */
  readonly ended: Promise<void>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #rest = "";
  #nextId = 1;
  #watchers: (() => void)[] = [];
  #closed = false;

  constructor(url: string, options: HostOptions = {}) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.ended = runBridge({
      url,
      http: createHttp(),
      authorizer: options.authorizer ?? NO_SIGN_IN,
      headers: options.headers,
      transport: options.transport,
      person: options.person,
      ...options.more,
      input: readable,
      output: { write: options.write ?? ((chunk) => this.#take(chunk)) },
      log: (message) => void this.log.push(message),
      signal: options.signal,
    });
  }

  /** Writes one line: text as it is, anything else as JSON. */
  send(message: unknown): void {
    const text = typeof message === "string" ? message : JSON.stringify(message);
    this.sendBytes(new TextEncoder().encode(`${text}\n`));
  }

  /** Writes bytes. */
  sendBytes(bytes: Uint8Array): void {
    this.#writer.write(bytes).catch(() => {});
  }

  /** Makes a request and waits for its answer. */
  async request(method: string, params?: unknown, id: string | number = this.#nextId++): Promise<Line> {
    this.send({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) });
    return await this.answer(id);
  }

  /** Waits for the answer to a request. */
  async answer(id: string | number | null): Promise<Line> {
    return await this.line((line) => line.id === id && line.method === undefined, `an answer to ${id}`);
  }

  /** Waits for a line, or finds it among those that came. */
  async line(wanted: (line: Line) => boolean, what = "a line"): Promise<Line> {
    const until = performance.now() + LINE_WAIT_MS;
    while (true) {
      const found = this.lines.find(wanted);
      if (found !== undefined) return found;
      const left = until - performance.now();
      if (left <= 0) {
        throw new Error(
          `Waited in vain for ${what}; lines: ${this.raw.slice(-5).join(" | ").slice(-2000)}; log: ${
            this.log.slice(-5).join(" | ")
          }`,
        );
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#watchers.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Opens the session as hosts do. */
  async initialize(): Promise<Line> {
    const answer = await this.request("initialize", INITIALIZE, "initialize");
    this.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    return answer;
  }

  /** How many answers a request got. */
  answers(id: string | number | null): number {
    return this.lines.filter((line) => line.id === id && line.method === undefined).length;
  }

  /** Closes the host's end and waits for the bridge; the time that took, in milliseconds. */
  async end(): Promise<number> {
    const started = performance.now();
    if (!this.#closed) {
      this.#closed = true;
      this.#writer.close().catch(() => {});
    }
    await this.ended;
    return performance.now() - started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  #take(chunk: Uint8Array): Promise<void> {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) {
      this.raw.push(line);
      const parsed = JSON.parse(line);
      this.lines.push(...(Array.isArray(parsed) ? parsed : [parsed]));
    }
    for (const watcher of this.#watchers.splice(0)) watcher();
    return Promise.resolve();
  }
}

/** Waits until something holds. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const until = performance.now() + LINE_WAIT_MS;
  while (!condition()) {
    if (performance.now() > until) throw new Error(`Waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

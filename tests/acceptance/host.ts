/**
 * A host with a bridge process: it writes lines and reads lines. Whatever the bridge writes to standard output has to be
 * a line of JSON-RPC.
 *
 * @module
 */
import { until } from "./processes.ts";
import type { Home, ProgramOptions, Running } from "./program.ts";

/** A line the host got, parsed. */
export interface Line {
  readonly jsonrpc: "2.0";
  readonly id?: string | number | null;
  readonly method?: string;
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  readonly params?: any;
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  readonly result?: any;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data: { readonly code: string; readonly hint?: string };
  };
}

/** How long a host waits for a line, in milliseconds. */
const LINE_WAIT_MS = 15_000;

/** A host and its bridge. */
export class Host implements AsyncDisposable {
  readonly bridge: Running;
  #nextId = 1;

  /**
   * @param home Whose bridge.
   * @param args What follows `mcp-auth bridge`.
   * @param options How it is to run.
   */
  constructor(home: Home, args: readonly string[], options: ProgramOptions = {}) {
    this.bridge = home.start(["bridge", ...args], options);
  }

  /** Every line so far; throws for one that is not JSON-RPC. */
  get lines(): readonly Line[] {
    const whole = this.bridge.stdout.split("\n").slice(0, -1);
    return whole.map((text) => {
      const line = JSON.parse(text);
      if (line.jsonrpc !== "2.0") throw new Error(`Not JSON-RPC: ${text}`);
      return line;
    });
  }

  /** Writes one line: text as it is, anything else as JSON. */
  async send(message: unknown): Promise<void> {
    await this.bridge.write(`${typeof message === "string" ? message : JSON.stringify(message)}\n`);
  }

  /** Makes a request and waits for its answer. */
  async request(method: string, params?: unknown): Promise<Line> {
    const id = this.#nextId++;
    await this.send({ jsonrpc: "2.0", id, method, params });
    return await this.answer(id);
  }

  /** Calls a tool and waits for its answer. */
  async call(name: string, args: Record<string, unknown> = {}): Promise<Line> {
    return await this.request("tools/call", { name, arguments: args });
  }

  /** Opens the session as hosts do. */
  async initialize(): Promise<Line> {
    const answer = await this.request("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "host", version: "1.0.0" },
    });
    await this.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    return answer;
  }

  /** Waits for the answer to a request. */
  async answer(id: string | number): Promise<Line> {
    let found: Line | undefined;
    await until(() => {
      found = this.lines.find((line) => line.id === id && line.method === undefined);
      return found !== undefined;
    }, LINE_WAIT_MS);
    if (found !== undefined) return found;
    throw new Error(`Waited in vain for an answer to ${id}: ${this.bridge.stdout}${this.bridge.stderr}`);
  }

  /** Closes standard input and waits for the end; the exit code and the time that took, in milliseconds. */
  async end(): Promise<{ readonly code: number; readonly tookMs: number }> {
    const started = performance.now();
    await this.bridge.end();
    const { code } = await this.bridge.outcome;
    return { code, tookMs: performance.now() - started };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bridge[Symbol.asyncDispose]();
  }
}

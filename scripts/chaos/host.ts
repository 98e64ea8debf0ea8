/**
 * A host with a bridge in a process of its own: it keeps calls under way, writes down everything that comes for each, and
 * takes offence at every line that belongs to none.
 *
 * @module
 */
import { statelessParams } from "../../lib/primitives/mcp/request_headers.ts";
import { LATEST_STATEFUL, LATEST_STATELESS } from "../../lib/primitives/mcp/revisions.ts";
import type { CallRecord, Reading, Received } from "./judge.ts";
import type { Job } from "./server.ts";

/** How long a host waits for an answer before it calls it a hang, in ms. */
export const HANG_MS = 60_000;
/** How much of what the bridge says is kept for a report. */
const SAID_MAX_CHARS = 20_000;
const CLIENT = { name: "chaos-host", version: "1.0.0" };
const INITIALIZE = { protocolVersion: LATEST_STATEFUL, capabilities: {}, clientInfo: CLIENT };

/** How the bridge is started. */
export interface HostOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Whether the host speaks the stateless revision. */
  readonly stateless: boolean;
}

interface OpenCall extends CallRecord {
  received: Received[];
  gaveUp: boolean;
  cancelled: boolean;
  readonly done: () => void;
}

/** The host. */
export class ChaosHost {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stateless: boolean;
  readonly #encoder = new TextEncoder();
  readonly #byId = new Map<unknown, OpenCall>();
  readonly #reading: Promise<unknown>;
  readonly calls: CallRecord[] = [];
  readonly strays: string[] = [];
  readonly readings: Reading[] = [];
  /** The last of what the bridge wrote to standard error. */
  said = "";
  /** When it ended, while it should not have. */
  ended = false;
  #nextId = 1;

  /** @param options How the bridge is started. */
  constructor(options: HostOptions) {
    const [program = "", ...args] = options.command;
    this.#stateless = options.stateless;
    this.#child = new Deno.Command(program, {
      args,
      clearEnv: true,
      env: { ...options.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#writer.closed.catch(() => {});
    this.#reading = Promise.all([this.#read(), this.#listen()]);
  }

  /** Says the first words, as hosts of this era do. */
  async open(): Promise<void> {
    const nothing = { key: "opening", text: "", steps: 0 };
    const opened = this.#stateless
      ? await this.#ask("server/discover", {}, nothing, 1)
      : await this.#ask("initialize", INITIALIZE, nothing, 1);
    const [answer] = opened.received;
    if (answer === undefined || "error" in answer) {
      throw new Error(`The bridge did not open: ${JSON.stringify(answer)}\n${this.said}`);
    }
    if (!this.#stateless) this.#send({ jsonrpc: "2.0", method: "notifications/initialized" });
  }

  /**
   * Makes one call, and resolves when it is answered, or given up.
   *
   * @param job What is called.
   * @param cancelMs When it is cancelled, where no answer has come by then.
   */
  async call(job: Job, cancelMs?: number): Promise<CallRecord> {
    const params = {
      name: "work",
      arguments: { ...job },
      ...(job.steps > 0 ? { _meta: { progressToken: job.key } } : {}),
    };
    // Ids of both kinds, as hosts have them.
    const call = await this.#ask("tools/call", params, job, this.#nextId, cancelMs);
    this.calls.push(call);
    return call;
  }

  async #ask(
    method: string,
    given: Record<string, unknown>,
    job: Job,
    number: number,
    cancelMs?: number,
  ): Promise<OpenCall> {
    this.#nextId++;
    const id = number % 2 === 0 ? `call-${number}` : number;
    const params = this.#stateless ? statelessParams(given, LATEST_STATELESS, CLIENT) : given;
    const { promise, resolve } = Promise.withResolvers<void>();
    const call: OpenCall = {
      key: job.key,
      expected: `${job.key}|${job.text}`,
      steps: job.steps,
      sentAt: performance.now(),
      received: [],
      gaveUp: false,
      cancelled: false,
      done: resolve,
    };
    this.#byId.set(id, call);
    const timer = setTimeout(() => {
      call.gaveUp = true;
      resolve();
    }, HANG_MS);
    this.#send({ jsonrpc: "2.0", id, method, params });
    const cancelling = cancelMs === undefined ? undefined : setTimeout(() => {
      call.cancelled = true;
      this.#send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } });
      resolve();
    }, cancelMs);
    await promise;
    clearTimeout(timer);
    clearTimeout(cancelling);
    return call;
  }

  /** Reads how much memory the bridge holds; where the system does not tell, nothing. */
  async weigh(): Promise<void> {
    const status = await Deno.readTextFile(`/proc/${this.#child.pid}/status`).catch(() => "");
    const kibibytes = /^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1];
    if (kibibytes !== undefined) {
      this.readings.push({ at: performance.now(), bytes: Number(kibibytes) * 1_024 });
    }
  }

  /**
   * Closes the bridge's input, and waits for its end.
   *
   * @param withinMs How long that may take; it is killed then.
   * @returns What it came to; the code is undefined where it had to be killed.
   */
  async end(withinMs: number): Promise<{ readonly code: number | undefined; readonly tookMs: number }> {
    const started = performance.now();
    let killed = false;
    const timer = setTimeout(() => {
      killed = true;
      this.#child.kill("SIGKILL");
    }, withinMs);
    await this.#writer.close().catch(() => {});
    const { code } = await this.#child.status;
    clearTimeout(timer);
    const tookMs = performance.now() - started;
    await this.#reading;
    return { code: killed ? undefined : code, tookMs };
  }

  #send(message: unknown): void {
    this.#writer.write(this.#encoder.encode(`${JSON.stringify(message)}\n`)).catch(() => {});
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    let parts: string[] = [];
    try {
      for await (const chunk of this.#child.stdout) {
        const [more = "", ...lines] = decoder.decode(chunk, { stream: true }).split("\n");
        parts.push(more);
        for (const line of lines) {
          this.#take(parts.join(""));
          parts = [line];
        }
      }
      if (parts.join("") !== "") this.strays.push(`half a line: ${parts.join("").slice(0, 200)}`);
    } catch (error) {
      this.strays.push(`cannot be read: ${error}`);
    }
    this.ended = true;
    for (const call of this.#byId.values()) call.done();
  }

  async #listen(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.said = (this.said + text).slice(-SAID_MAX_CHARS);
    }
  }

  #take(line: string): void {
    // deno-lint-ignore no-explicit-any -- whatever a bridge writes
    let message: any;
    try {
      message = JSON.parse(line);
    } catch {
      return void this.strays.push(`no JSON: ${line.slice(0, 200)}`);
    }
    const at = performance.now();
    if (typeof message?.method === "string") {
      if (message.method !== "notifications/progress") return;
      const call = this.#ofProgress(message.params?.progressToken);
      if (call === undefined) return void this.strays.push(`progress of nobody: ${line.slice(0, 200)}`);
      return void call.received.push({ at, progress: Number(message.params?.progress) });
    }
    const call = this.#byId.get(message?.id);
    if (call === undefined) return void this.strays.push(`an answer to nobody: ${line.slice(0, 200)}`);
    if (message.error !== undefined) call.received.push({ at, error: message.error });
    else {
      const text = String(message.result?.content?.[0]?.text ?? JSON.stringify(message.result));
      // What was expected is kept once.
      call.received.push({ at, text: text === call.expected ? call.expected : text });
    }
    call.done();
  }

  #ofProgress(token: unknown): OpenCall | undefined {
    for (const call of this.#byId.values()) if (call.key === token) return call;
    return undefined;
  }
}

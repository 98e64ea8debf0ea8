/**
 * A bridge whose streams a test reads only when it wants to, below a shell that stands for the host where the host is to
 * be killed: what a bridge does while nobody takes its output is seen no other way.
 *
 * @module
 */
import { processesOf, until } from "./processes.ts";
import { FROM_CHECKOUT, type Home } from "./program.ts";

/** How a bridge is started. */
export interface RawOptions {
  /** The command line that starts the program. */
  readonly command?: readonly string[];
  /** Puts a shell between the test and the bridge. */
  readonly below?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** The time that a process has computed for, in clock ticks: 100 a second. */
export function ticksOf(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** The memory that a process has had at most, in MiB. */
export function peakMiB(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]) / 1024;
}

/** The memory that a process has, in MiB. */
export function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]) / 1024;
}

/** A bridge, and the host's end of its streams. */
export class RawBridge implements AsyncDisposable {
  readonly child: Deno.ChildProcess;
  readonly #home: Home;
  readonly #below: boolean;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: ReadableStreamDefaultReader<Uint8Array>;
  readonly #stderr: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #rest: string[] = [];
  readonly #lines: string[] = [];

  constructor(home: Home, args: readonly string[], options: RawOptions = {}) {
    const line = [...options.command ?? FROM_CHECKOUT, "bridge", ...args];
    const [program = "", ...words] = options.below
      ? ["/bin/sh", "-c", '"$@"; exit 7', "host", ...line]
      : line;
    this.#home = home;
    this.#below = options.below === true;
    this.child = new Deno.Command(program, {
      args: words,
      cwd: home.path,
      clearEnv: true,
      env: { ...home.environment(), ...options.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.child.stdin.getWriter();
    this.#stdin.closed.catch(() => {});
    this.#stdout = this.child.stdout.getReader();
    this.#stderr = this.child.stderr.getReader();
  }

  /** The process of the bridge itself, once it is there. */
  async pid(): Promise<number> {
    if (!this.#below) return this.child.pid;
    let found: number | undefined;
    await until(async () => {
      found = (await processesOf(this.#home.path)).find(({ ppid }) => ppid === this.child.pid)?.pid;
      return found !== undefined;
    }, 5_000);
    if (found === undefined) throw new Error("There is no bridge");
    return found;
  }

  /** Writes a message; not awaited where the bridge may not read. */
  async send(message: unknown): Promise<void> {
    await this.sendText(`${JSON.stringify(message)}\n`);
  }

  async sendText(text: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(text)).catch(() => {});
  }

  /** Reads the next line of standard output; undefined at its end. */
  async line(): Promise<string | undefined> {
    while (this.#lines.length === 0) {
      const { done, value } = await this.#stdout.read();
      if (done) return undefined;
      const [first = "", ...others] = this.#decoder.decode(value, { stream: true }).split("\n");
      this.#rest.push(first);
      if (others.length === 0) continue;
      this.#lines.push(this.#rest.join(""), ...others.slice(0, -1));
      this.#rest = [others.at(-1)!];
    }
    return this.#lines.shift();
  }

  /** Reads lines until one is the answer to a request. */
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  async answer(id: string | number): Promise<any> {
    for (let line; (line = await this.line()) !== undefined;) {
      const message = JSON.parse(line);
      if (message.id === id && message.method === undefined) return message;
    }
    throw new Error(`The bridge has ended without an answer to ${id}`);
  }

  /** Opens the session as hosts do. */
  async initialize(): Promise<void> {
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "host", version: "1" },
    };
    await this.send({ jsonrpc: "2.0", id: "initialize", method: "initialize", params });
    await this.answer("initialize");
    await this.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  }

  /** Reads standard error until something was said. */
  async said(pattern: RegExp): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    while (!pattern.test(text)) {
      const { done, value } = await this.#stderr.read();
      if (done) throw new Error(`The bridge has ended without saying ${pattern}: ${text}`);
      text += decoder.decode(value, { stream: true });
    }
    return text;
  }

  /** Closes standard input. */
  async closeInput(): Promise<void> {
    await this.#stdin.close().catch(() => {});
  }

  /** Stops reading for good: the next write of the bridge fails. */
  async closeOutputs(): Promise<void> {
    await this.#stdout.cancel();
    await this.#stderr.cancel();
  }

  kill(signal: Deno.Signal): void {
    this.child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.child.status;
    await this.closeInput();
    await this.#stdout.cancel().catch(() => {});
    await this.#stderr.cancel().catch(() => {});
  }
}

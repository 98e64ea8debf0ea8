/**
 * An MCP host that has started a stdio server: it writes requests as lines to the program's standard input and finds
 * their answers among the lines of its standard output. It knows nothing of HTTP or OAuth; what it talks to has to.
 *
 * @module
 */

/** A JSON-RPC message as it was parsed, unchecked. */
export type Message = Readonly<Record<string, unknown>>;

/** How the program is started. */
export interface HostOptions {
  /** The whole environment of the program; this process's own when left out. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What becomes of its standard error; shown unless set. */
  readonly stderr?: "inherit" | "null";
}

const METHOD_NOT_FOUND = -32601;

/** One host with its program. */
export class StdioHost implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  readonly #encoder = new TextEncoder();
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  #nextId = 1;
  #left = false;

  /**
   * Starts the program.
   *
   * @param command The program and its arguments.
   * @param options How it is started.
   */
  constructor(command: readonly string[], options: HostOptions = {}) {
    const [program = "", ...args] = command;
    this.#child = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: options.stderr ?? "inherit",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { clearEnv: true, env: { ...options.env } }),
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#writer.closed.catch(() => {});
    this.#reading = this.#read();
  }

  /** The process id of the program. */
  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Makes a request.
   *
   * @param method Such as `tools/list`.
   * @param params Its parameters.
   * @param signal Gives up waiting.
   * @returns The result, unchecked.
   * @throws Error when the answer is an error, or the program ends before there is one; the signal's reason.
   */
  request(method: string, params?: Message, signal?: AbortSignal): Promise<unknown> {
    const id = this.#nextId++;
    const call = Promise.withResolvers<unknown>();
    if (this.#left) call.reject(new Error(`The program has ended before "${method}"`));
    this.#calls.set(id, call);
    this.#send({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) });
    if (signal === undefined) return call.promise;
    const onAbort = () => call.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    return call.promise.finally(() => signal.removeEventListener("abort", onAbort));
  }

  /** Sends a notification. */
  notify(method: string, params?: Message): void {
    this.#send({ jsonrpc: "2.0", method, ...(params === undefined ? {} : { params }) });
  }

  /**
   * Leaves, as a host does that is closed: no more input, and the program has to end.
   *
   * @param timeoutMs How long it may take; it is killed then.
   * @returns Its exit code; undefined when it had to be killed.
   */
  async close(timeoutMs = 5_000): Promise<number | undefined> {
    await this.#writer.close().catch(() => {});
    let killed = false;
    const timer = setTimeout(() => {
      killed = true;
      this.#child.kill("SIGKILL");
    }, timeoutMs);
    const { code } = await this.#child.status;
    clearTimeout(timer);
    await this.#reading;
    return killed ? undefined : code;
  }

  /** Leaves without caring for the exit code. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #send(message: Message): void {
    this.#writer.write(this.#encoder.encode(`${JSON.stringify(message)}\n`)).catch(() => {});
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    /** The parts of a line that has no end yet: a long one is not looked through anew with each of them. */
    let parts: string[] = [];
    try {
      for await (const chunk of this.#child.stdout) {
        const [more = "", ...lines] = decoder.decode(chunk, { stream: true }).split("\n");
        parts.push(more);
        for (const line of lines) {
          this.#take(JSON.parse(parts.join("")));
          parts = [line];
        }
      }
    } finally {
      this.#left = true;
      for (const [id, call] of this.#calls) {
        call.reject(new Error(`The program has not answered request ${id}`));
      }
    }
  }

  #take(message: Message): void {
    const { id, method, error } = message;
    if (typeof method === "string") {
      if (id !== undefined) this.#answer(id, method);
      return;
    }
    const call = this.#calls.get(id as number);
    this.#calls.delete(id as number);
    if (error === undefined) call?.resolve(message["result"]);
    else call?.reject(new Error(`The answer to request ${id} is an error: ${JSON.stringify(error)}`));
  }

  /** A host without capabilities answers a ping and nothing else. */
  #answer(id: unknown, method: string): void {
    const outcome = method === "ping"
      ? { result: {} }
      : { error: { code: METHOD_NOT_FOUND, message: "Method not found" } };
    this.#send({ jsonrpc: "2.0", id, ...outcome });
  }
}

/**
 * Keeps a server running on one port, and restarts it as an outage does: killed without notice, its sessions lost, and
 * back a moment later. The successor is loaded beforehand, so that the outage is as long as it is meant to be.
 *
 * @module
 */
import { checkoutPath } from "../torture/arena.ts";
import { pause } from "../../lib/primitives/system/clock.ts";
import type { ServerSettings } from "./server.ts";

/** How long a server may take to load or to listen, in ms. */
const READY_MS = 30_000;

/** One server process. */
class ServerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(settings: ServerSettings) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--quiet", "--config", checkoutPath("tests/deno.json")],
        ...[checkoutPath("scripts/chaos/server.ts"), JSON.stringify(settings)],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#stdin.closed.catch(() => {});
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Waits for a line of its standard output. */
  async says(line: string): Promise<void> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), READY_MS);
    try {
      while (!this.#text.includes(`${line}\n`)) {
        const { done, value } = await this.#lines.read();
        if (done) throw new Error(`The server has ended before it said "${line}"`);
        this.#text += value;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async listen(port: number): Promise<void> {
    await this.says("loaded");
    await this.#stdin.write(new TextEncoder().encode(`listen ${port}\n`));
    await this.says("listening");
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#lines.cancel().catch(() => {});
    await this.#stdin.abort().catch(() => {});
  }
}

/** The server of a run, whichever process it is. */
export class ServerKeeper implements AsyncDisposable {
  readonly port: number;
  readonly #settings: ServerSettings;
  #current: ServerProcess | undefined;
  #next: ServerProcess;
  restarts = 0;

  /**
   * Makes the first process; it does not listen yet.
   *
   * @param settings What the servers are told.
   * @param port Where they listen.
   */
  constructor(settings: ServerSettings, port: number) {
    this.#settings = settings;
    this.port = port;
    this.#next = new ServerProcess(settings);
  }

  /** Has the first process listen. */
  async start(): Promise<void> {
    await this.#advance();
  }

  /**
   * Kills the server and starts another in its place.
   *
   * @param outageMs How long nobody listens at least.
   */
  async restart(outageMs: number): Promise<void> {
    await this.#next.says("loaded");
    await this.#current?.kill();
    this.#current = undefined;
    await pause(outageMs, new AbortController().signal);
    await this.#advance();
    this.restarts++;
  }

  async #advance(): Promise<void> {
    const next = this.#next;
    await next.listen(this.port);
    this.#current = next;
    this.#next = new ServerProcess(this.#settings);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#current?.kill();
    await this.#next.kill();
  }
}

/**
 * A server that is a program of this machine, spoken to over its standard input and output, one message a line. It is
 * started by the first message, and again by the next one where it has died; never by itself. What it writes to standard
 * error is passed on, and its last line says in errors why it died.
 *
 * It ends with us: its input is closed, then it is sent SIGTERM, then SIGKILL, within the time that there is. Where we
 * are killed ourselves, the end of its input is what tells it.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio (T19)
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { redact } from "../../../primitives/http/redaction.ts";
import { CHILD_EXIT_MS } from "../../../primitives/bridge_limits.ts";
import { pause } from "../../../primitives/system/clock.ts";
import type { PipedChild, ProgramEnd, StartPiped } from "../../../primitives/system/piped_child.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import { type Channel, type ChannelMessage, type Closure, LineChannel } from "./channel.ts";
import { type ChannelSource, LastingRemote } from "./lasting_remote.ts";
import type { WayToServer } from "./remote.ts";

/** The part of its time to end that a program gets before it is sent SIGTERM; the rest is until SIGKILL. */
const TERM_SHARE = 0.6;

/** A server that is a program. */
export interface LocalServer {
  /** The program, found on PATH, and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Starts it. */
  readonly start: StartPiped;
  /** Gets what it writes to standard error, as it comes. */
  readonly errors: (text: string) => void;
}

/**
 * Makes the way to a server that is a program.
 *
 * @param server The program.
 * @param log Gets one line for what nobody is told otherwise.
 */
export function localServerWay(server: LocalServer, log: (message: string) => void): WayToServer {
  return (receiver) => new LastingRemote({ source: new ProgramSource(server), receiver, log });
}

/** Starts the program. */
class ProgramSource implements ChannelSource {
  readonly what: string;
  readonly stands = false;
  readonly #server: LocalServer;

  constructor(server: LocalServer) {
    this.#server = server;
    this.what = `"${safeText(server.command[0], 200)}"`;
  }

  /** @inheritdoc */
  open(): Promise<Channel> {
    const { command, start, errors } = this.#server;
    return Promise.resolve().then(() => new ProgramChannel(start(command), errors));
  }

  /** @inheritdoc */
  explain({ detail }: Closure): McpAuthError {
    return new McpAuthError("SERVER_ERROR", `Cannot wait for the answer: ${this.what} ${detail}`, {
      hint: "Try again; whether it has carried out the request is not known",
    });
  }
}

/** A program that runs, as a channel. */
class ProgramChannel implements Channel {
  readonly closed: Promise<Closure>;
  readonly #child: PipedChild;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #complaints: ReadableStreamDefaultReader<Uint8Array>;
  readonly #lines: LineChannel;
  readonly #last = new LastLine();
  #isClosing = false;

  constructor(child: PipedChild, errors: (text: string) => void) {
    this.#child = child;
    const input = this.#input = child.stdin.getWriter();
    input.closed.catch(() => {});
    this.#complaints = child.stderr.getReader();
    this.#lines = new LineChannel({
      input: child.stdout,
      output: input,
      endOutput: () => input.close(),
    });
    this.closed = this.#closure(this.#passOn(errors));
  }

  messages(): AsyncIterable<ChannelMessage> {
    return this.#lines.messages();
  }

  send(payload: Uint8Array<ArrayBuffer> | string): Promise<void> | undefined {
    return this.#lines.send(payload);
  }

  async close(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    const { ended } = this.#child;
    const termMs = timeoutMs * TERM_SHARE;
    void this.#lines.close(timeoutMs);
    if (!await within(termMs, ended)) {
      this.#child.kill("SIGTERM");
      if (!await within(timeoutMs - termMs, ended)) this.#child.kill("SIGKILL");
    }
    await this.closed;
  }

  /** Why it is over, once the program has ended: one that has only closed its output is ended. */
  async #closure(complained: Promise<void>): Promise<Closure> {
    const { ended } = this.#child;
    await Promise.race([this.#lines.closed, ended]);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (!this.#isClosing && !await within(CHILD_EXIT_MS, ended)) this.#child.kill(signal);
    }
    const end = await ended;
    // What it has started and left behind is told as well; it may hold the streams open.
    this.#child.kill("SIGTERM");
    await within(CHILD_EXIT_MS, Promise.all([this.#lines.closed, complained]));
    void this.#lines.close(0);
    void this.#input.abort().catch(() => {});
    void this.#complaints.cancel().catch(() => {});
    const said = this.#last.text === "" ? "" : `; the last it said: ${this.#last.text}`;
    return { byUs: this.#isClosing, detail: `has ended (${wordsOf(end)})${said}`, code: end.code };
  }

  async #passOn(errors: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for (let part; !(part = await this.#complaints.read()).done;) {
        const text = decoder.decode(part.value, { stream: true });
        this.#last.add(text);
        errors(text);
      }
    } catch {
      // It has said what it had to say.
    }
  }
}

function wordsOf({ code, signal }: ProgramEnd): string {
  return signal === undefined ? `exit code ${code}` : `killed by ${signal}`;
}

/** Keeps the last line of a text that has something in it, fit to be shown. */
class LastLine {
  #whole = "";
  #begun = "";

  add(text: string): void {
    const lines = (this.#begun + text).split("\n");
    this.#begun = lines.pop()!.slice(-LINE_MAX_CHARS);
    this.#whole = lines.findLast((line) => line.trim() !== "")?.slice(0, LINE_MAX_CHARS) ?? this.#whole;
  }

  get text(): string {
    return redact(safeText(this.#begun.trim() === "" ? this.#whole : this.#begun));
  }
}

const LINE_MAX_CHARS = 4_000;

/** Whether something happens in time. */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  const done = new AbortController();
  const late = pause(ms, done.signal).then(() => false, () => true);
  const inTime = await Promise.race([work.then(() => true), late]);
  done.abort();
  return inTime;
}

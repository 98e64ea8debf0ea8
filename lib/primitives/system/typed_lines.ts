/**
 * Lines that a person types or pastes at this terminal, or that a pipe brings. A terminal that gathers lines by itself
 * cuts them off after 4,095 bytes (1,024 on macOS), and an address with a code in it can be longer; so it is asked for
 * every byte, and shows a mark in place of each of the first ones: a code is nobody else's to read. It stays so from one
 * line to the next, until the signal fires; whatever ends the wait, the terminal is left as it was. Bytes go by way of
 * the stream that prompt libraries read, so that a question asked afterwards misses none.
 *
 * @module
 */
import process from "node:process";
import { McpAuthError } from "../errors.ts";

/** How many marks are shown at most: so few stay on one row. */
const MARKS_MAX = 40;
const INTERRUPT = "\x03";
const END = "\x04";

/**
 * Waits for one line. The terminal is asked for every byte by the time that this returns.
 *
 * @param options.max Characters; what is longer is cut.
 * @param options.show Writes to the terminal.
 * @param options.signal Ends the wait, and the reading of lines.
 * @returns The line without its end; undefined at the end of the input.
 * @throws {McpAuthError} The signal's reason; `AUTH_CANCELLED` for Ctrl-C where the terminal makes no signal of it.
 */
export function readTypedLine(
  { max, show, signal }: {
    readonly max: number;
    readonly show: (text: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  if (signal.aborted) return Promise.reject(signal.reason);
  const { stdin } = process;
  const isTerminal = Deno.stdin.isTerminal();
  const editor = new LineEditor(max, isTerminal ? show : () => {});
  const decoder = new TextDecoder();
  const onData = (chunk: Uint8Array) => {
    const text = decoder.decode(chunk, { stream: true });
    for (let at = 0; at < text.length; at++) {
      const outcome = editor.take(text[at]!);
      if (outcome === undefined) continue;
      end();
      if (outcome !== "line") restore();
      // What came after the line is the next one's.
      const rest = text.slice(at + (outcome === "line" && text.startsWith("\r\n", at) ? 2 : 1));
      if (rest !== "") stdin.unshift(new TextEncoder().encode(rest));
      if (outcome === "interrupt") return reject(new McpAuthError("AUTH_CANCELLED", "Cancelled"));
      return resolve(outcome === "end" ? undefined : editor.line);
    }
  };
  const onEnd = () => {
    end();
    restore();
    resolve(editor.line === "" ? undefined : editor.line);
  };
  const onAbort = () => {
    end();
    reject(signal.reason);
  };
  const restore = () => {
    if (isTerminal) setRaw(false);
    globalThis.removeEventListener("unload", restore);
    signal.removeEventListener("abort", restore);
  };
  const end = () => {
    stdin.off("data", onData);
    stdin.off("end", onEnd);
    stdin.off("error", onEnd);
    signal.removeEventListener("abort", onAbort);
    stdin.pause();
    if (editor.hasMarks) show("\n");
  };
  if (stdin.readableEnded) return Promise.resolve(undefined);
  if (isTerminal && isInBackground()) {
    // Whoever touches the terminal from there is stopped: nothing is typed to this program, and it waits.
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    return promise;
  }
  if (isTerminal) setRaw(true);
  // The process may end by a second signal, without anybody being told.
  globalThis.addEventListener("unload", restore);
  signal.addEventListener("abort", restore, { once: true });
  signal.addEventListener("abort", onAbort, { once: true });
  stdin.on("end", onEnd);
  stdin.on("error", onEnd);
  stdin.on("data", onData);
  stdin.resume();
  return promise;
}

/** Whether this is a background job of the terminal's shell, as far as Linux says. */
function isInBackground(): boolean {
  const path = "/proc/self/stat";
  try {
    if (Deno.build.os !== "linux") return false;
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return false;
    const stat = Deno.readTextFileSync(path);
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return foreground !== "-1" && group !== foreground;
  } catch {
    return false;
  }
}

/** Ctrl-C stays a signal, except on Windows, where it comes as a character then. */
function setRaw(on: boolean): void {
  try {
    if (Deno.build.os === "windows") Deno.stdin.setRaw(on);
    else Deno.stdin.setRaw(on, { cbreak: true });
  } catch {
    return; // The terminal has gone.
  }
}

/** A line that is being typed. */
class LineEditor {
  line = "";
  readonly #max: number;
  readonly #show: (text: string) => void;
  #marks = 0;
  /** Within an escape sequence, such as an arrow key or the marks around a paste. */
  #escape: "" | "begun" | "within" = "";

  constructor(max: number, show: (text: string) => void) {
    this.#max = max;
    this.#show = show;
  }

  /** Whether something is shown on the row of the cursor. */
  get hasMarks(): boolean {
    return this.#marks > 0;
  }

  take(char: string): "line" | "end" | "interrupt" | undefined {
    if (this.#escape !== "") {
      const isFinal = this.#escape === "within" ? /[@-~]/.test(char) : char !== "[" && char !== "O";
      this.#escape = isFinal ? "" : "within";
      return undefined;
    }
    if (char === "\r" || char === "\n") return "line";
    if (char === INTERRUPT) return "interrupt";
    if (char === END) return this.line === "" ? "end" : undefined;
    if (char === "\x1b") this.#escape = "begun";
    else if (char === "\x7f" || char === "\b") this.#erase(1);
    else if (char === "\x15") this.#erase(this.line.length);
    else if (char >= " " && this.line.length < this.#max) this.#add(char);
    return undefined;
  }

  #add(char: string): void {
    this.line += char;
    if (this.#marks >= MARKS_MAX) return;
    this.#marks++;
    this.#show("*");
  }

  #erase(count: number): void {
    this.line = this.line.slice(0, this.line.length - count);
    const gone = this.#marks - Math.min(this.#marks, this.line.length);
    this.#marks -= gone;
    this.#show("\b \b".repeat(gone));
  }
}

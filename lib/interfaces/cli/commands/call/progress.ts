/**
 * What a person sees on standard error while a call is under way: its progress, in place on a terminal and as lines
 * otherwise, and what the server logs.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/progress
 * @module
 */
import { isObject } from "../../../../primitives/oauth/json.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import type { Terminal } from "../../../../primitives/system/terminal.ts";

/** Back to the start of the line, which is emptied. */
const CLEAR = "\r\x1b[2K";

/** How few columns a terminal may have before progress is shown as lines. */
const COLUMNS_MIN = 20;

/** Shows what a call tells. */
export class CallScreen {
  readonly #terminal: Terminal;
  /** What stands in the last line, where it is to be replaced. */
  #standing = "";
  /** Nothing is shown in place: a person is being asked. */
  #held = false;
  #last = -Infinity;

  /** @param terminal Where it is shown. */
  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Takes one notification of the server; others than progress and logging are none of a person's. */
  take(method: string, params: unknown): void {
    if (!isObject(params)) return;
    if (method === "notifications/progress") this.#progress(params);
    if (method === "notifications/message") this.#message(params);
  }

  /** Writes a line, above the progress. */
  say(line: string): void {
    const standing = this.#standing;
    this.clear();
    this.#terminal.err(`${line}\n`);
    this.#show(standing);
  }

  /** Takes the progress away, at the end or before something else is shown. */
  clear(): void {
    if (this.#standing !== "") this.#terminal.err(CLEAR);
    this.#standing = "";
  }

  /** Keeps the terminal free while a person is asked. */
  async held<T>(ask: () => Promise<T>): Promise<T> {
    this.clear();
    this.#held = true;
    try {
      return await ask();
    } finally {
      this.#held = false;
    }
  }

  #progress(params: Readonly<Record<string, unknown>>): void {
    const done = Number(params.progress);
    // It may only grow (Progress, Behavior requirements): what comes late says nothing.
    if (!Number.isFinite(done) || done < this.#last) return;
    this.#last = done;
    const total = typeof params.total === "number" && params.total > 0 ? params.total : undefined;
    const message = typeof params.message === "string" ? ` ${safeText(params.message)}` : "";
    const amount = `${done}${total === undefined ? "" : `/${total}`}`;
    const columns = this.#terminal.columns();
    if (columns === undefined || columns < COLUMNS_MIN) {
      return this.#terminal.err(`Progress: ${amount}${message}\n`);
    }
    const percent = total === undefined ? "" : ` ${Math.min(100, Math.floor(done / total * 100))} %`;
    this.#show(safeText(`Progress: ${amount}${percent}${message}`, columns - 1));
  }

  #show(text: string): void {
    if (this.#held || text === "") return;
    this.#standing = text;
    this.#terminal.err(`${CLEAR}${text}`);
  }

  #message(params: Readonly<Record<string, unknown>>): void {
    const level = safeText(params.level, 20);
    const logger = typeof params.logger === "string" ? ` ${safeText(params.logger, 80)}` : "";
    const { data } = params;
    // Most send a text, some an object that has one.
    const words = isObject(data) && typeof data.message === "string" && Object.keys(data).length === 1
      ? data.message
      : data;
    this.say(`[${level === "" ? "log" : level}]${logger}: ${safeText(words, LOG_MAX_CHARS)}`);
  }
}

const LOG_MAX_CHARS = 2_000;

/**
 * A private log that nobody waits for: lines are written behind, several at once where they come fast, and left out
 * where the disk does not keep up or is full. It starts over when it has grown to its bound, and keeps what it had until
 * then beside it, under its name with `.1`. Processes may share one: each opens it anew for each write, at its end.
 *
 * @module
 */
import { asMcpAuthError, type McpAuthError } from "../errors.ts";
import { LOG_BACKLOG_MAX_CHARS, LOG_FILE_MAX_BYTES, LOG_RETRY_MS } from "../bridge_limits.ts";
import { moveFile, openAppendFile } from "./append_file.ts";

/** What {@linkcode LogFile} takes. */
export interface LogFileOptions {
  /** The file. */
  readonly path: string;
  /** Gets the first failure; there is no second call. */
  readonly failed: (error: McpAuthError) => void;
  /** Bytes before it starts over. */
  readonly maxBytes?: number | undefined;
}

/** A log on the disk. */
export class LogFile {
  readonly #options: LogFileOptions;
  readonly #maxBytes: number;
  #lines: string[] = [];
  #chars = 0;
  #leftOut = 0;
  #writing: Promise<void> | undefined;
  #hasFailed = false;
  /** No write is tried before this time, by `performance.now`. */
  #pausedUntil = 0;

  /** @param options Where it is. */
  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? LOG_FILE_MAX_BYTES;
  }

  /** Hands over a line, without its end; returns at once and never fails. */
  write(line: string): void {
    if (this.#chars + line.length > LOG_BACKLOG_MAX_CHARS || performance.now() < this.#pausedUntil) {
      this.#leftOut++;
      return;
    }
    this.#lines.push(line);
    this.#chars += line.length;
    this.#writing ??= this.#run();
  }

  /** Resolves when everything handed over is written, or was given up. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  async #run(): Promise<void> {
    // What comes in the same turn goes out together.
    await Promise.resolve();
    while (this.#lines.length > 0) {
      const lines = this.#lines.splice(0);
      if (this.#leftOut > 0) lines.push(`(${this.#leftOut} lines before were left out)`);
      const text = `${lines.join("\n")}\n`;
      this.#chars = 0;
      try {
        await this.#append(new TextEncoder().encode(text));
        this.#leftOut = 0;
      } catch (error) {
        this.#leftOut += lines.length;
        this.#pausedUntil = performance.now() + LOG_RETRY_MS;
        if (!this.#hasFailed) {
          this.#options.failed(asMcpAuthError(error, "STORE_UNAVAILABLE", "write the log"));
        }
        this.#hasFailed = true;
      }
    }
    this.#writing = undefined;
  }

  async #append(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { path } = this.#options;
    if (await this.#fits(bytes)) return;
    await moveFile(path, `${path}.1`);
    using file = await openAppendFile(path);
    await file.append(bytes);
  }

  /** Writes where there is room. */
  async #fits(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    using file = await openAppendFile(this.#options.path);
    if (file.size > 0 && file.size + bytes.length > this.#maxBytes) return false;
    await file.append(bytes);
    return true;
  }
}

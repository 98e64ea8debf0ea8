/**
 * Watches which command lines and environments the machine shows of the processes of a run: a thread of its own looks
 * into `/proc` all the time, since most of them live for a tenth of a second.
 *
 * @module
 */

/** What `/proc` showed of one process at one moment. */
export interface Sighting {
  readonly pid: number;
  readonly ppid: number;
  /** The arguments. */
  readonly args: readonly string[];
  /** The variables, as `NAME=value`. */
  readonly environ: readonly string[];
}

/** Watches the processes whose `HOME` is below a folder. */
export class ProcessWatch implements Disposable {
  readonly #worker: Worker;
  readonly #waiting: ((sightings: readonly Sighting[]) => void)[] = [];

  /** @param root The folder. */
  constructor(root: string) {
    this.#worker = new Worker(new URL("process_watch_worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#waiting.shift()?.(data);
    this.#worker.postMessage({ root, self: Deno.pid });
  }

  /** What was seen since the last call. */
  take(): Promise<readonly Sighting[]> {
    const { promise, resolve } = Promise.withResolvers<readonly Sighting[]>();
    this.#waiting.push(resolve);
    this.#worker.postMessage("take");
    return promise;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

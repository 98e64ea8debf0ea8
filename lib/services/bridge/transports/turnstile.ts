/**
 * Lets large answers into the memory one after the other. A host may have a hundred calls under way and read slowly;
 * what it has not taken then waits at the server, and not here.
 *
 * @module
 */

/** Whoever waits to be let in. */
interface Waiting {
  readonly size: number;
  readonly enter: () => void;
}

/** A place for so many bytes; what is larger than that gets in alone. */
export class Turnstile {
  readonly #room: number;
  #inside = 0;
  #waiting: Waiting[] = [];

  /** @param room How many bytes may be inside. */
  constructor(room: number) {
    this.#room = room;
  }

  /**
   * Waits for room, in the order of asking.
   *
   * @param size Bytes.
   * @param signal Ends the wait by rejecting with its reason.
   * @returns To be disposed of when the bytes are gone again.
   */
  async enter(size: number, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { size, enter: resolve };
    this.#waiting.push(waiting);
    const onAbort = () => {
      this.#waiting = this.#waiting.filter((one) => one !== waiting);
      this.#admit();
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#admit();
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    let isInside = true;
    return {
      [Symbol.dispose]: () => {
        if (isInside) this.#inside -= size;
        isInside = false;
        this.#admit();
      },
    };
  }

  #admit(): void {
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined || (this.#inside > 0 && this.#inside + first.size > this.#room)) return;
      this.#waiting.shift();
      this.#inside += first.size;
      first.enter();
    }
  }
}

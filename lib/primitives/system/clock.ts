/**
 * The clock port. Expiry is absolute wall-clock time, so that it survives sleep and restarts; tests inject their own.
 *
 * @module
 */

/** Tells the time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now() };

/**
 * Waits.
 *
 * @param ms How long, in milliseconds.
 * @param signal Ends the wait by rejecting with its reason.
 */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * Waits without keeping the process alive.
 *
 * @param ms How long, in milliseconds.
 * @param signal Ends the wait by rejecting with its reason.
 */
export function pauseIdly(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    Deno.unrefTimer(timer as unknown as number);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * Waits for work that goes on whether or not somebody waits for it.
 *
 * @param work What to wait for.
 * @param signal Ends the wait, not the work, by rejecting with its reason.
 */
export async function waitFor<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return await work;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, work]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

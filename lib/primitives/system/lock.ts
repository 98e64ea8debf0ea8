/**
 * A kernel lock on a file: it is gone the moment its process is, however that ended. It is polled where the runtime can
 * (`tryLock`), because a blocking wait cannot be cancelled and a wait given up may still get the lock later.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { LOCK_POLL_MS, LOCKS_BLOCKING_MAX } from "../limits.ts";
import { pause, waitFor } from "./clock.ts";
import { pathIn } from "./paths.ts";
import { permissionDenied } from "./permissions.ts";

/** Takes a lock by name, waiting for whoever holds it. */
export interface Locks {
  /**
   * @param name File-name-safe name of what is locked.
   * @param timeoutMs How long to wait, in ms.
   * @param signal Ends the wait by rejecting with its reason.
   * @returns A handle whose disposal releases the lock.
   * @throws {McpAuthError} `TIMEOUT` when it was held all the time, `STORE_UNAVAILABLE`, `PERMISSION_DENIED`.
   */
  acquire(name: string, timeoutMs: number, signal?: AbortSignal): Promise<Disposable>;
}

/**
 * Locks as files in a folder.
 *
 * @param folder An existing private folder.
 */
export function fileLocks(folder: string): Locks {
  const lockBlocking = blockingLock();
  return {
    acquire: async (name, timeoutMs, signal) => {
      const path = pathIn(folder, `${name}.lock`);
      let file: Deno.FsFile | undefined;
      let locked = false;
      try {
        file = await Deno.open(path, { create: true, write: true, mode: 0o600 });
        locked = "tryLock" in file
          ? await lockPolling(file, timeoutMs, signal)
          : await lockBlocking(file, timeoutMs, signal);
      } catch (error) {
        signal?.throwIfAborted();
        throw cannotLock(error, path, folder);
      } finally {
        if (!locked) file?.close();
      }
      if (locked) return { [Symbol.dispose]: () => file.close() };
      throw new McpAuthError(
        "TIMEOUT",
        `Cannot lock "${path}": another process has held it for ${Math.round(timeoutMs / 1000)} s`,
        { hint: "Try again" },
      );
    },
  };
}

/** Locks that exclude within this process only, for a store that no other process sees. */
export function memoryLocks(): Locks {
  const tails = new Map<string, Promise<void>>();
  return {
    acquire: async (name, _timeoutMs, signal) => {
      const before = tails.get(name);
      const released = Promise.withResolvers<void>();
      tails.set(name, Promise.all([before, released.promise]).then(() => {}));
      try {
        await waitFor(before ?? Promise.resolve(), signal);
      } catch (error) {
        released.resolve();
        throw error;
      }
      return { [Symbol.dispose]: () => released.resolve() };
    },
  };
}

async function lockPolling(
  file: Deno.FsFile,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    if (await file.tryLock(true)) return true;
    if (performance.now() >= end) return false;
    await pause(LOCK_POLL_MS * (0.5 + Math.random()), signal);
  }
}

/** Without `tryLock`: a wait that is given up closes the file, so that it cannot get the lock afterwards. */
function blockingLock() {
  let pending = 0;
  return async (
    file: Deno.FsFile,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<boolean> => {
    const end = performance.now() + timeoutMs;
    while (pending >= LOCKS_BLOCKING_MAX) {
      if (performance.now() >= end) return false;
      await pause(LOCK_POLL_MS, signal);
    }
    pending++;
    const locked = file.lock(true).then(() => true).finally(() => pending--);
    const waited = new AbortController();
    const timer = pause(Math.max(0, end - performance.now()), waited.signal).then(() => false);
    try {
      return await waitFor(Promise.race([locked, timer]), signal);
    } finally {
      waited.abort();
      timer.catch(() => {});
      locked.catch(() => {});
    }
  };
}

function cannotLock(error: unknown, path: string, folder: string): McpAuthError {
  return permissionDenied(error, `lock "${path}"`, folder) ??
    new McpAuthError(
      "STORE_UNAVAILABLE",
      `Cannot lock "${path}": ${error instanceof Error ? error.message : error}`,
      { hint: "Check the folder's owner and the free space on its disk", cause: error },
    );
}

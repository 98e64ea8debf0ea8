/**
 * The port to locks, and the two kinds that a machine has by itself: a kernel lock on a file, which is gone the moment
 * its process is, however that ended, and locks in memory. A kernel lock is polled where the runtime can (`tryLock`),
 * because a blocking wait cannot be cancelled and a wait given up may still get the lock later. What many machines
 * share is locked by a lease (`lease.ts`).
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { LOCK_POLL_MS, LOCKS_BLOCKING_MAX } from "../limits.ts";
import { pause, waitFor } from "./clock.ts";
import { pathIn } from "./paths.ts";
import { permissionDenied } from "./permissions.ts";

/** A lock that is held. Its disposal releases it; a second one does nothing. */
export interface Lock extends AsyncDisposable {
  /**
   * To be awaited right before each step that must not happen twice, such as presenting a refresh token. A lock that
   * ends by time (a lease) is renewed where too little of it is left for one such step; one of the kernel is simply held.
   *
   * @throws {McpAuthError} `STORE_UNAVAILABLE` when the lock was lost, or cannot be kept: the step must not be taken.
   */
  assertHeld(): Promise<void>;
}

/** Takes a lock by name, waiting for whoever holds it. */
export interface Locks {
  /**
   * @param name File-name-safe name of what is locked.
   * @param timeoutMs How long to wait, in ms.
   * @param signal Ends the wait by rejecting with its reason.
   * @returns The lock; `await using` releases it.
   * @throws {McpAuthError} `TIMEOUT` when it was held all the time, `STORE_UNAVAILABLE`, `PERMISSION_DENIED`.
   */
  acquire(name: string, timeoutMs: number, signal?: AbortSignal): Promise<Lock>;
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
      signal?.throwIfAborted();
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
      if (locked) return heldUntil(() => file.close());
      throw new McpAuthError(
        "TIMEOUT",
        `Cannot lock "${path}": another process has held it for ${inSeconds(timeoutMs)}`,
        { hint: "Try again" },
      );
    },
  };
}

/** Locks that exclude within this process only, for a store that no other process sees. */
export function memoryLocks(): Locks {
  const tails = new Map<string, Promise<void>>();
  return {
    acquire: async (name, timeoutMs, signal) => {
      const before = tails.get(name);
      const released = Promise.withResolvers<void>();
      const tail = Promise.all([before, released.promise]).then(() => {
        if (tails.get(name) === tail) tails.delete(name);
      });
      tails.set(name, tail);
      const waited = new AbortController();
      try {
        if (before !== undefined) {
          const late = pause(timeoutMs, waited.signal).then(() => {
            throw new McpAuthError(
              "TIMEOUT",
              `Cannot lock "${name}": it was held for ${inSeconds(timeoutMs)}`,
            );
          });
          await waitFor(Promise.race([before, late]), signal);
        } else signal?.throwIfAborted();
      } catch (error) {
        released.resolve();
        throw error;
      } finally {
        waited.abort();
      }
      return heldUntil(() => released.resolve());
    },
  };
}

function inSeconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/** A lock that nothing but its release ends. */
function heldUntil(release: () => void): Lock {
  let released = false;
  return {
    assertHeld: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => {
      if (!released) release();
      released = true;
      return Promise.resolve();
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

/**
 * A kernel lock on a file: it is gone the moment its process is, however that ended. It is polled where the runtime can
 * (`tryLock`), because a blocking wait cannot be cancelled and a wait given up may still get the lock later.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { LOCK_POLL_MS } from "../limits.ts";
import { pause } from "./clock.ts";
import { permissionDenied } from "./permissions.ts";

/** Takes a lock by name, waiting for whoever holds it. */
export interface Locks {
  /**
   * @param name File-name-safe name of what is locked.
   * @param timeoutMs How long to wait, in ms.
   * @returns A handle whose disposal releases the lock.
   * @throws {McpAuthError} `TIMEOUT` when it was held all the time, `STORE_UNAVAILABLE`, `PERMISSION_DENIED`.
   */
  acquire(name: string, timeoutMs: number): Promise<Disposable>;
}

/**
 * Locks as files in a folder.
 *
 * @param folder An existing private folder.
 */
export function fileLocks(folder: string): Locks {
  return {
    acquire: async (name, timeoutMs) => {
      const path = `${folder}/${name}.lock`;
      let file: Deno.FsFile;
      try {
        file = await Deno.open(path, { create: true, write: true, mode: 0o600 });
      } catch (error) {
        throw permissionDenied(error, `lock "${path}"`, folder) ??
          new McpAuthError(
            "STORE_UNAVAILABLE",
            `Cannot lock "${path}": ${error instanceof Error ? error.message : error}`,
            {
              hint: "Check the folder's owner and the free space on its disk",
              cause: error,
            },
          );
      }
      if (await lockWithin(file, timeoutMs)) return { [Symbol.dispose]: () => file.close() };
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
    acquire: async (name) => {
      const before = tails.get(name);
      const released = Promise.withResolvers<void>();
      tails.set(name, released.promise);
      await before;
      return { [Symbol.dispose]: () => released.resolve() };
    },
  };
}

async function lockWithin(file: Deno.FsFile, timeoutMs: number): Promise<boolean> {
  const withTry = file as Deno.FsFile & { tryLock?: (exclusive: boolean) => Promise<boolean> };
  if (typeof withTry.tryLock !== "function") return await lockBlocking(file, timeoutMs);
  const end = performance.now() + timeoutMs;
  for (;;) {
    if (await withTry.tryLock(true)) return true;
    if (performance.now() >= end) {
      file.close();
      return false;
    }
    await pause(LOCK_POLL_MS * (0.5 + Math.random()));
  }
}

/** Without `tryLock`: a wait that is given up closes the file, so that it cannot get the lock afterwards. */
async function lockBlocking(file: Deno.FsFile, timeoutMs: number): Promise<boolean> {
  const expired = Promise.withResolvers<false>();
  const timer = setTimeout(() => expired.resolve(false), timeoutMs);
  const locked = file.lock(true).then(() => true, () => false);
  const won = await Promise.race([locked, expired.promise]);
  clearTimeout(timer);
  if (!won) file.close();
  return won;
}

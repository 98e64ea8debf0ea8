/**
 * Room on the disk, held for a write that must not fail later: as long as it is held, a disk that gets full has still
 * got that much. It is a file of noise, since a file system may store zeros in no room at all.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { folderOf } from "./paths.ts";
import { permissionDenied } from "./permissions.ts";

/**
 * Holds room on a disk. What a process that was killed has left there is used again.
 *
 * @param path A file in an existing folder of that disk; nobody else uses it at the time.
 * @param bytes How much; at most 64 kB.
 * @returns The room; its disposal gives it back, a second one does nothing.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` when there is not so much, `PERMISSION_DENIED`.
 */
export function holdDiskRoom(path: string, bytes: number): Disposable {
  let held = true;
  const room = {
    [Symbol.dispose]: () => {
      if (held) removeIfThere(path);
      held = false;
    },
  };
  try {
    using file = Deno.openSync(path, { write: true, create: true, truncate: true, mode: 0o600 });
    const noise = crypto.getRandomValues(new Uint8Array(bytes));
    for (let written = 0; written < bytes;) written += file.writeSync(noise.subarray(written));
    return room;
  } catch (error) {
    room[Symbol.dispose]();
    const folder = folderOf(path);
    const action = `hold room for new tokens in "${folder}"`;
    throw permissionDenied(error, action, folder) ?? new McpAuthError(
      "STORE_UNAVAILABLE",
      `Cannot ${action}: ${detailOf(error)}`,
      { hint: "Free some space on the disk, and see that the folder can be written to", cause: error },
    );
  }
}

function detailOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT") return "the disk is full";
  return error instanceof Error ? error.message : String(error);
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is gone already, or stays for the next one.
  }
}

/**
 * Starts the program once more with `--unstable-kv`, for users of `deno run -A jsr:@x/mcp-auth`, who have no flag. The
 * child is this program in all that anyone can see: same arguments, standard streams, signals and exit code. Neither
 * outlives the other: the parent forwards signals and watches its own parent, the child watches the parent.
 *
 * Only where `run` is granted without limit: a child started under a narrower grant would hold every permission.
 *
 * @module
 */
import { RESTARTED_VARIABLE } from "./orphan.ts";
import { terminatingSignals, watchParent } from "./process.ts";

/** A bridge lives for days: a small young generation costs it no speed and keeps 60 MiB free. */
const HEAP_FLAG = "--v8-flags=--max-semi-space-size=4";

/**
 * Restarts the program with Deno KV, where that is allowed.
 *
 * @param mainModule URL of the program (`import.meta.url` of `main.ts`).
 * @param args The program's arguments.
 * @returns The exit code of the child; undefined where none may be started: opening the store then says what is missing.
 */
export async function restartWithKv(
  mainModule: string,
  args: readonly string[],
): Promise<number | undefined> {
  if (Deno.permissions.querySync({ name: "run" }).state !== "granted" || isRestarted()) return undefined;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--unstable-kv", "--unstable-lazy-dynamic-imports", HEAP_FLAG, "-A", mainModule, ...args],
    env: { [RESTARTED_VARIABLE]: String(Deno.pid) },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const forward = (signal: Deno.Signal) => () => {
    try {
      child.kill(signal);
    } catch {
      // It has ended already.
    }
  };
  const listeners = terminatingSignals().map((signal) => [signal, forward(signal)] as const);
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  const watch = watchParent(forward(Deno.build.os === "windows" ? "SIGKILL" : "SIGTERM"));
  const status = await child.status;
  clearInterval(watch);
  for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  return status.code;
}

/** Whether this process is the child of a restart; it has to end with its parent. */
export function isRestarted(): boolean {
  try {
    return Deno.env.get(RESTARTED_VARIABLE) !== undefined;
  } catch {
    return false;
  }
}

/**
 * The processes of a test, found by their environment: whatever a program started, and whatever became of its parents,
 * has the test's own `HOME`.
 *
 * @module
 */

/** A process. */
export interface Process {
  readonly pid: number;
  readonly ppid: number;
  /** Its command line. */
  readonly args: readonly string[];
}

/** How long processes of a home may take to end by themselves, in milliseconds. */
const LINGER_MS = 3_000;

/** The processes with a home folder, zombies left out. */
export async function processesOf(home: string): Promise<readonly Process[]> {
  const found: Process[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    const process = /^\d+$/.test(name) ? readProcess(Number(name), home) : undefined;
    if (process !== undefined) found.push(process);
  }
  return found;
}

/** Waits for the processes of a home, then kills those that are left and returns their command lines. */
export async function endProcesses(home: string): Promise<readonly string[]> {
  if (await until(async () => (await processesOf(home)).length === 0, LINGER_MS)) return [];
  const left = await processesOf(home);
  for (const { pid } of left) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
  await until(async () => (await processesOf(home)).length === 0, LINGER_MS);
  return left.map(({ pid, args }) => `${pid} ${args.join(" ")}`);
}

/** Looks again and again until something holds; whether it did in time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<boolean> {
  const end = performance.now() + withinMs;
  while (!await condition()) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}

function readProcess(pid: number, home: string): Process | undefined {
  try {
    const environment = Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0");
    if (!environment.includes(`HOME=${home}`)) return undefined;
    const args = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").slice(0, -1);
    const ppid = /^PPid:\s+(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1];
    return { pid, ppid: Number(ppid), args };
  } catch {
    return undefined;
  }
}

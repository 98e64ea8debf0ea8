/**
 * The thread of {@linkcode ProcessWatch}.
 *
 * @module
 */
import type { Sighting } from "./process_watch.ts";

/** Between two looks, in ms. */
const PAUSE_MS = 15;

interface Thread {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(data: unknown): void;
}

/** Looks around until the thread ends. */
function watch(thread: Thread): void {
  let root = "";
  let self = 0;
  let sightings: Sighting[] = [];
  /** By process: the command line that was seen last. */
  let known = new Map<string, string>();
  const look = () => {
    const now = new Map<string, string>();
    for (const { name } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(name) || Number(name) === self) continue;
      const args = read(`/proc/${name}/cmdline`);
      if (args === undefined || args === "") continue;
      now.set(name, args);
      if (known.get(name) === args) continue;
      const environ = read(`/proc/${name}/environ`)?.split("\0") ?? [];
      if (!environ.some((variable) => variable.startsWith(`HOME=${root}/`))) {
        // Its environment may be about to come: right after a fork there is none.
        if (environ.length <= 1) now.delete(name);
        continue;
      }
      const ppid = Number(/\) \S (\d+)/.exec(read(`/proc/${name}/stat`) ?? "")?.[1] ?? 0);
      sightings.push({ pid: Number(name), ppid, args: args.split("\0").slice(0, -1), environ });
    }
    known = now;
  };
  thread.onmessage = ({ data }) => {
    if (data === "take") {
      thread.postMessage(sightings);
      sightings = [];
      return;
    }
    root = data.root;
    self = data.self;
    setInterval(look, PAUSE_MS);
  };
}

function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

watch(self as unknown as Thread);

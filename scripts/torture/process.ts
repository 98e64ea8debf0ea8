/**
 * The program in processes of its own: started, watched, killed at a chosen moment, and never waited for without end.
 *
 * @module
 */
import { pause } from "../../lib/primitives/system/clock.ts";

/** How one run is to be. */
export interface RunOptions {
  /** Variables beside those of the home; undefined takes one of those away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What stands before the program, such as `faketime -f +1d`. */
  readonly before?: readonly string[];
  /** A run that takes longer is killed, and counts as hung; in ms. */
  readonly boundMs?: number;
}

/** A run that has ended. */
export interface Run {
  /** The arguments, without what starts the program. */
  readonly args: readonly string[];
  /** The whole command line, with the variables that were set for this run: to be run again. */
  readonly line: string;
  readonly pid: number;
  /** The exit code; undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  /** It took longer than its bound. */
  readonly hung: boolean;
}

/** A run under way. */
export interface Running {
  readonly pid: number;
  /** Kills it as a power cut would. */
  kill(): void;
  /** Whether it has ended. */
  readonly ended: boolean;
  readonly outcome: Promise<Run>;
}

/** How long a run may take unless it says otherwise, in ms: longer than each wait of the program itself. */
export const BOUND_MS = 60_000;
/** How long the streams of a killed run are read on: a browser that it started holds them too. */
const STREAMS_MS = 5_000;

/** Where and as whom to run. */
export interface Place {
  /** The command line that starts the program. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Ends all runs. */
  readonly signal: AbortSignal;
}

/**
 * Starts the program.
 *
 * @param place Where.
 * @param args Its arguments.
 * @param options How.
 */
export function startProgram(place: Place, args: readonly string[], options: RunOptions = {}): Running {
  place.signal.throwIfAborted();
  const words = [...options.before ?? [], ...place.command, ...args];
  const env = Object.entries({ ...place.env, ...options.env })
    .filter((pair): pair is [string, string] => pair[1] !== undefined);
  const startedAt = performance.now();
  const child = new Deno.Command(words[0]!, {
    args: words.slice(1),
    cwd: place.cwd,
    clearEnv: true,
    env: Object.fromEntries(env),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const state = { ended: false, hung: false };
  const kill = () => {
    if (state.ended) return;
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended this moment.
    }
  };
  const finish = async (): Promise<Run> => {
    const timer = setTimeout(() => {
      state.hung = true;
      kill();
    }, options.boundMs ?? BOUND_MS);
    place.signal.addEventListener("abort", kill, { once: true });
    const streams = [readText(child.stdout), readText(child.stderr)] as const;
    const status = await child.status;
    state.ended = true;
    clearTimeout(timer);
    place.signal.removeEventListener("abort", kill);
    const giveUp = setTimeout(() => streams.forEach(({ cancel }) => cancel()), STREAMS_MS);
    const [stdout, stderr] = await Promise.all(streams.map(({ text }) => text));
    clearTimeout(giveUp);
    return {
      args,
      line: [...shownVariables(options.env), ...words.map(quoted)].join(" "),
      pid: child.pid,
      code: status.signal === null ? status.code : undefined,
      stdout: stdout ?? "",
      stderr: stderr ?? "",
      ms: performance.now() - startedAt,
      hung: state.hung,
    };
  };
  const outcome = finish();
  outcome.catch(() => {});
  return {
    pid: child.pid,
    kill,
    get ended() {
      return state.ended;
    },
    outcome,
  };
}

/** Looks again and again until something holds; whether it did in time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  withinMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const end = performance.now() + withinMs;
  while (!await condition()) {
    if (performance.now() > end) return false;
    await pause(5, signal);
  }
  return true;
}

function readText(stream: ReadableStream<Uint8Array>): { text: Promise<string>; cancel: () => void } {
  const reader = stream.getReader();
  const read = async () => {
    const decoder = new TextDecoder();
    let text = "";
    for (let part; !(part = await reader.read()).done;) text += decoder.decode(part.value, { stream: true });
    return text;
  };
  return { text: read(), cancel: () => void reader.cancel().catch(() => {}) };
}

function shownVariables(env: RunOptions["env"]): readonly string[] {
  return Object.entries(env ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${/KEY$|PASSPHRASE$|TOKEN$/.test(name) ? "..." : quoted(value)}`]
  );
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * Runs another program to its end: never through a shell, with what is secret on its standard input, and with an
 * environment that holds none of our secrets.
 *
 * @module
 */
import { PROGRAM_DRAIN_MS, PROGRAM_OUTPUT_MAX_BYTES } from "../limits.ts";
import { childEnvironment } from "./process.ts";

/** How to run a program. */
export interface ProgramOptions {
  /** What it reads from standard input; nothing when left out. */
  readonly stdin?: Uint8Array<ArrayBuffer> | undefined;
  /** It is killed after this long, in ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What became of it. */
export type ProgramOutcome =
  | {
    readonly kind: "ended";
    /** As in a shell 126 also where there is such a program and the system cannot start it. */
    readonly code: number;
    /** The first 64 KiB of it. */
    readonly stdout: Uint8Array<ArrayBuffer>;
    /** As much of it. Untrusted: for messages through `safeText`. */
    readonly stderr: string;
  }
  /** There is no such program on PATH. */
  | { readonly kind: "missing" }
  /** The sandbox does not allow it. */
  | { readonly kind: "denied" }
  /** It was killed, because its time was over. */
  | { readonly kind: "timed-out" };

/**
 * Runs a program found on PATH. It rejects only with the signal's reason.
 *
 * @param program Its name.
 * @param args Its arguments; never a secret.
 * @param options Its input and its time.
 */
export type RunProgram = (
  program: string,
  args: readonly string[],
  options: ProgramOptions,
) => Promise<ProgramOutcome>;

/** Runs the programs of this machine. */
export const runProgram: RunProgram = async (program, args, { stdin, timeoutMs, signal }) => {
  signal?.throwIfAborted();
  const child = start(program, args, stdin !== undefined);
  if ("kind" in child) return child;
  if (stdin !== undefined) void feed(child.stdin, stdin);
  const [stdout, stderr] = [new Head(child.stdout), new Head(child.stderr)];
  const deadline = AbortSignal.timeout(timeoutMs);
  const status = await before(
    child.status,
    signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
  );
  if (status === undefined) kill(child);
  // What it wrote is in the pipes by now; what a program that it has left behind may write is not waited for.
  const drained = Promise.all([stdout.ended, stderr.ended]);
  const isDrained = async () => await before(drained, AbortSignal.timeout(PROGRAM_DRAIN_MS)) !== undefined;
  // Twice, since a machine that was asleep finds its timers due before its pipes.
  if (status === undefined || !(await isDrained() || await isDrained())) {
    await Promise.all([stdout.cancel(), stderr.cancel()]);
    await before(child.status, AbortSignal.timeout(PROGRAM_DRAIN_MS));
    signal?.throwIfAborted();
  }
  if (status === undefined) return { kind: "timed-out" };
  return {
    kind: "ended",
    code: status.code,
    stdout: stdout.bytes(),
    stderr: new TextDecoder().decode(stderr.bytes()),
  };
};

function start(
  program: string,
  args: readonly string[],
  hasInput: boolean,
): Deno.ChildProcess | ProgramOutcome {
  const { clearEnv, env } = childEnvironment();
  const spawn = (variables: Record<string, string>) =>
    new Deno.Command(program, {
      args: [...args],
      clearEnv,
      env: variables,
      stdin: hasInput ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  try {
    try {
      return spawn(env);
    } catch (error) {
      // With the permission for single programs Deno starts none that is told to load other libraries.
      const loader = Object.keys(env).filter((name) => /^(LD|DYLD)_/.test(name));
      if (!(error instanceof Deno.errors.NotCapable) || loader.length === 0) throw error;
      return spawn(Object.fromEntries(Object.entries(env).filter(([name]) => !loader.includes(name))));
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { kind: "missing" };
    if (error instanceof Deno.errors.NotCapable) return { kind: "denied" };
    const stderr = error instanceof Error ? error.message : String(error);
    return { kind: "ended", code: 126, stdout: new Uint8Array(), stderr };
  }
}

async function feed(stream: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write(bytes);
    await writer.close();
  } catch {
    // It ended without reading all of it: what it makes of that is in its exit code.
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended at this moment.
  }
}

/** The result of a work, or undefined when the signal comes first. */
async function before<T>(work: Promise<T>, limit: AbortSignal): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => resolve(undefined);
  if (limit.aborted) onAbort();
  limit.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    limit.removeEventListener("abort", onAbort);
  }
}

/** Reads a stream to its end, and keeps the beginning. */
class Head {
  /** Settles when the stream has ended or was cancelled; never rejects. */
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.ended = this.#read().catch(() => {});
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.#length);
    let offset = 0;
    for (const part of this.#parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    return whole;
  }

  async #read(): Promise<void> {
    for (let read; !(read = await this.#reader.read()).done;) {
      const part = read.value.subarray(0, PROGRAM_OUTPUT_MAX_BYTES - this.#length);
      if (part.length === 0) continue;
      this.#parts.push(part);
      this.#length += part.length;
    }
  }
}

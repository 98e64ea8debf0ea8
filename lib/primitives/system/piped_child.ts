/**
 * A program of this machine that is spoken to over its standard input and output. No shell is involved, and none of our
 * secrets is in its environment. Where the system knows process groups it leads one of its own, so that what it has
 * started ends with it, as behind `npx`.
 *
 * @module
 */
import { cannotStart } from "./child.ts";
import { childEnvironment } from "./process.ts";

/** How a program has ended. */
export interface ProgramEnd {
  /** Its exit code; 128 and the number of the signal where one has killed it. */
  readonly code: number;
  /** The signal that has killed it. */
  readonly signal: string | undefined;
}

/** A program that runs. */
export interface PipedChild {
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Resolves when it has ended; never rejects. */
  readonly ended: Promise<ProgramEnd>;
  /** Sends a signal to it and to what it has started, as far as the sandbox allows; nothing where it has ended. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

/**
 * Starts a program.
 *
 * @param command The program, found on PATH, and its arguments.
 * @throws {McpAuthError} `NOT_FOUND` for no such program, `PERMISSION_DENIED` for one that may not be run.
 */
export type StartPiped = (command: readonly [string, ...string[]]) => PipedChild;

/** Starts the programs of this machine. */
export const startPiped: StartPiped = ([program, ...args]) => {
  const leads = Deno.build.os !== "windows";
  // Who may run single programs alone may not signal a group, and is not to be asked about it.
  const mayKillGroup = leads && Deno.permissions.querySync({ name: "run" }).state === "granted";
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      ...childEnvironment(),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      detached: leads,
    }).spawn();
  } catch (error) {
    throw cannotStart(error, program);
  }
  let hasEnded = false;
  const ended = child.status.then(({ code, signal }) => {
    hasEnded = true;
    return { code, signal: signal ?? undefined };
  });
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended,
    kill: (signal) => {
      try {
        if (mayKillGroup) Deno.kill(-child.pid, signal);
        else if (!hasEnded) child.kill(signal);
      } catch {
        // All of them have ended.
      }
    },
  };
};

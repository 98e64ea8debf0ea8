/**
 * Signals that this process gets while a command runs in its place.
 *
 * @module
 */

/** What is forwarded: what asks a program to end, and what means something to this program or that. */
export type ForwardedSignal =
  | "SIGINT"
  | "SIGBREAK"
  | "SIGTERM"
  | "SIGHUP"
  | "SIGQUIT"
  | "SIGUSR1"
  | "SIGUSR2";

/** Sends a signal to the command; may throw where it has ended already. */
export type Kill = (signal: ForwardedSignal) => void;

/**
 * Signals to this process, for the command. Those that a terminal sends reach the command by themselves as well: they
 * only must not end us, who wait for it.
 *
 * To be made after the command has started: what it finds ignored (`nohup`) it has to inherit as ignored.
 */
export class SignalForwarder implements Disposable {
  readonly #kill: Kill;
  readonly #listeners: readonly (readonly [ForwardedSignal, () => void])[];

  /** @param kill Reaches the command. */
  constructor(kill: Kill) {
    this.#kill = kill;
    const isAtTerminal = [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
    const reachesBoth = (signal: ForwardedSignal) =>
      Deno.build.os === "windows" || isAtTerminal && (signal === "SIGINT" || signal === "SIGQUIT");
    this.#listeners = forwardedSignals().map((signal) => [
      signal,
      () => {
        if (!reachesBoth(signal)) this.send(signal);
      },
    ]);
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  /** Forwards one signal. */
  send(signal: ForwardedSignal): void {
    try {
      this.#kill(signal);
    } catch {
      // It has ended already.
    }
  }

  /** Ends it: signals are for this process again. */
  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}

function forwardedSignals(): readonly ForwardedSignal[] {
  return Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];
}

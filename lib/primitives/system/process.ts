/**
 * The process as a port: signals, the parent, the exit, and the environment that children get. A signal does not end
 * the program where it stands: it fires an `AbortSignal`, and whoever holds a half-finished change finishes it first.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { isOrphan } from "./orphan.ts";

/** Variables that no child may inherit: each opens the store, is a credential itself, or speaks to this process alone. */
const SECRET_VARIABLE =
  /^MCP_AUTH_(RESTARTED_BY|(.*_)?(KEY|PASSPHRASE|PASSWORD|SECRET|TOKEN|ASSERTION))$|^DENO_KV_ACCESS_TOKEN$/i;

/** How often a long-running command looks whether its parent is still there, in ms. */
const PARENT_POLL_MS = 500;

/** Whatever a program without a parent is in the midst of, it is over by then: a refresh takes 10 s, its write 15 s; in ms. */
const ORPHAN_EXIT_MS = 30_000;

/** A repeat within this time is the same Ctrl-C, seen twice because a parent forwarded it, in ms. */
const SIGNAL_REPEAT_MS = 100;

/** The interruption of a running command. */
export interface Interruption extends Disposable {
  /** Fires on the first SIGINT, SIGTERM or SIGHUP, and when the parent dies if that was asked for. */
  readonly signal: AbortSignal;
  /**
   * Runs an operation that no signal cuts short, such as a refresh and the write of its result; whatever arrives
   * meanwhile takes effect afterwards.
   */
  shield<T>(operation: () => Promise<T>): Promise<T>;
}

/** The environment option of a child: this one's without our secrets. */
export function childEnvironment(): { readonly clearEnv: true; readonly env: Record<string, string> } {
  let all: Record<string, string> = {};
  try {
    all = Deno.env.toObject();
  } catch {
    // A sandbox that does not grant all variables: the child gets the few that openers and keychains need, where granted.
    for (
      const name of [
        "PATH",
        "HOME",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "XDG_RUNTIME_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
        "SystemRoot",
        "USERPROFILE",
        "APPDATA",
        "LOCALAPPDATA",
      ]
    ) {
      try {
        const value = Deno.env.get(name);
        if (value !== undefined) all[name] = value;
      } catch {
        continue;
      }
    }
  }
  return {
    clearEnv: true,
    env: Object.fromEntries(Object.entries(all).filter(([name]) => !SECRET_VARIABLE.test(name))),
  };
}

/**
 * Turns signals into an abort. A second signal, later than a forwarded repeat, ends the process at once, or as soon as
 * nothing is shielded.
 *
 * @param options.parent Fire also when the parent process goes away (for programs that a host starts).
 */
export function interruptible(options: { readonly parent?: boolean } = {}): Interruption {
  const controller = new AbortController();
  let first: number | undefined;
  let shields = 0;
  let exitDue = false;
  const onSignal = () => {
    const now = performance.now();
    if (first === undefined) {
      first = now;
      controller.abort(new McpAuthError("AUTH_CANCELLED", "Cancelled"));
    } else if (now - first > SIGNAL_REPEAT_MS) {
      if (shields === 0) Deno.exit(130);
      exitDue = true;
    }
  };
  const signals = terminatingSignals();
  for (const signal of signals) Deno.addSignalListener(signal, onSignal);
  let lastResort: ReturnType<typeof setTimeout> | undefined;
  const onGone = () => {
    onSignal();
    lastResort = setTimeout(() => {
      if (shields === 0) Deno.exit(130);
      exitDue = true;
    }, ORPHAN_EXIT_MS);
    Deno.unrefTimer(lastResort as unknown as number);
  };
  const watch = options.parent ? watchParent(onGone, { byLaunchd: false }) : undefined;
  return {
    signal: controller.signal,
    shield: async (operation) => {
      shields++;
      try {
        return await operation();
      } finally {
        shields--;
        if (exitDue && shields === 0) Deno.exit(130);
      }
    },
    [Symbol.dispose]: () => {
      for (const signal of signals) Deno.removeSignalListener(signal, onSignal);
      clearInterval(watch);
      clearTimeout(lastResort);
    },
  };
}

/** The signals that ask a program to end. */
export function terminatingSignals(): readonly Deno.Signal[] {
  return Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM", "SIGHUP"];
}

/**
 * Calls back once the parent process is gone, seen by the parent's id changing; one that is gone already is seen at the
 * first look. On Windows the id never changes: there a program ends with its standard input.
 *
 * @param onGone Called once.
 * @param options.byLaunchd Whether macOS itself may have started this process; what a host starts it does not.
 * @returns The timer; clear it with `clearInterval`. It does not keep the process alive.
 */
export function watchParent(
  onGone: () => void,
  options: { readonly byLaunchd: boolean } = { byLaunchd: true },
): ReturnType<typeof setInterval> {
  const parent = Deno.ppid;
  const gone = isOrphan(options);
  const timer = setInterval(() => {
    if (!gone && Deno.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, PARENT_POLL_MS);
  Deno.unrefTimer(timer as unknown as number);
  return timer;
}

/**
 * The program at a terminal of its own (util-linux `script`): what is written here is typed there, and its screen is
 * read line by line. What ends the program also tells how it has left the terminal.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "./processes.ts";
import { FROM_CHECKOUT, type Home, type ProgramOptions, type Running } from "./program.ts";

/** How long something may take to be on the screen, in ms. */
const SHOWN_MS = 15_000;

/** A person's environment without a browser that could be started: no screen, no `BROWSER`. */
export const NO_BROWSER = { BROWSER: undefined, DISPLAY: undefined, WAYLAND_DISPLAY: undefined } as const;

/** The same, by SSH. */
export const BY_SSH = { ...NO_BROWSER, SSH_CONNECTION: "192.0.2.7 50022 192.0.2.8 22" } as const;

/** A program at a terminal. */
export interface AtTerminal extends AsyncDisposable {
  readonly running: Running;
  /** Everything on the screen so far, as lines without colours. */
  lines(): readonly string[];
  /** Waits until a text is on the screen. */
  shows(text: string): Promise<void>;
  /** Waits until a line of the screen matches, and returns what its first group matched. */
  line(pattern: RegExp): Promise<string>;
  /** Types a line. */
  type(text: string): Promise<void>;
  /** Waits for the end. */
  end(): Promise<{ readonly code: number; readonly terminal: string; readonly lines: readonly string[] }>;
}

/** Starts the program at a terminal, of 120 columns unless set, in the foreground unless it is to be a background job. */
export function atTerminal(
  home: Home,
  args: readonly string[],
  env: ProgramOptions["env"] = {},
  { columns = 120, background = false }: { readonly columns?: number; readonly background?: boolean } = {},
): AtTerminal {
  const words = [...FROM_CHECKOUT, ...args].map((word) => `'${word}'`).join(" ");
  const line = background ? `set -m; ${words} & wait $!` : words;
  // The shell outlives Ctrl-C, to say how it went.
  const script =
    `trap : INT; stty cols ${columns} rows 50; ${line}; echo "ended=$?"; stty -a | tr '\\n' ' '; echo`;
  const running = home.start([], { command: ["script", "-qefc", script, "/dev/null"], env });
  const lines = () => screenOf(running.stdout);
  return {
    running,
    lines,
    shows: async (text) => {
      assert.ok(await until(() => running.stdout.includes(text), SHOWN_MS), running.stdout);
    },
    line: async (pattern) => {
      const find = () => lines().map((each) => pattern.exec(each)?.[1]).find((each) => each !== undefined);
      assert.ok(await until(() => find() !== undefined, SHOWN_MS), running.stdout);
      return find() ?? "";
    },
    type: async (text) => await running.write(`${text}\r`),
    end: async () => {
      await running.outcome;
      const all = lines();
      const at = all.findIndex((each) => each.startsWith("ended="));
      assert.ok(at >= 0, running.stdout);
      return {
        code: Number(all[at]?.slice("ended=".length)),
        terminal: all.slice(at + 1).join(" "),
        lines: all.slice(0, at),
      };
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

/** Asserts that a terminal gathers lines, shows what is typed, and makes a signal of Ctrl-C. */
export function assertSane(terminal: string): void {
  for (const flag of ["icanon", "echo", "isig", "icrnl", "opost"]) {
    assert.match(terminal, new RegExp(`(^| )${flag}( |;|$)`), terminal);
  }
}

// deno-lint-ignore no-control-regex -- what a terminal understands
const ESCAPES = /\x1b\[[0-9;?]*[A-Za-z]/g;

function screenOf(output: string): readonly string[] {
  return output.replace(ESCAPES, "").split(/\r?\n/).map((line) => line.replace(/^.*\r(?!$)/, "").trimEnd())
    .filter((line) => line !== "");
}

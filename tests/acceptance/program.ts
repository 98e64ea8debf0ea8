/**
 * The program as a user runs it: in a process of its own, with a home folder and an environment of its own, so that
 * nothing of the machine that tests gets in. A home checks at its end that no process of it is left.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Outcome } from "./outcome.ts";
import { endProcesses, processesOf, until } from "./processes.ts";

/** The path of a file of the checkout. */
export function checkoutPath(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** The command line that starts the program from the checkout. */
export const FROM_CHECKOUT: readonly string[] = [Deno.execPath(), "run", "-A", checkoutPath("main.ts")];

/**
 * The command line that starts the program as a package from a registry is started: its packages are known, no unstable
 * feature is on, and its own files need no permission.
 *
 * @param home Where the configuration is written.
 * @param flags Deno's flags.
 */
export async function asPackage(home: Home, flags: readonly string[]): Promise<readonly string[]> {
  const { imports } = JSON.parse(await Deno.readTextFile(checkoutPath("deno.json")));
  const lock = await home.file("package.lock", await Deno.readTextFile(checkoutPath("deno.lock")));
  const config = await home.file(
    "package-config.json",
    JSON.stringify({ imports, lock: { path: lock, frozen: true } }),
  );
  return [Deno.execPath(), "run", ...flags, "--config", config, checkoutPath("main.ts")];
}

/** How one run of the program is to be. Everything is optional. */
export interface ProgramOptions {
  /** The command line that starts it; {@linkcode FROM_CHECKOUT} unless set. */
  readonly command?: readonly string[];
  /** Variables beside those of the home; undefined takes one of those away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Standard input, whole; closed at once unless set. */
  readonly stdin?: string;
  /** Who signs in, in the scripted browser; alice unless set. */
  readonly user?: string;
  /** The browser denies access. */
  readonly deny?: boolean;
  /** `BROWSER`, in place of the scripted browser. */
  readonly browser?: string;
}

/** A run under way. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
  /** What it wrote so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Writes to standard input. */
  write(text: string): Promise<void>;
  /** Closes standard input. */
  end(): Promise<void>;
  kill(signal: Deno.Signal): void;
  /** Waits until something was written to standard error, and returns the first match. */
  said(pattern: RegExp): Promise<string>;
  /** Waits for the end. */
  readonly outcome: Promise<Outcome>;
}

/** How long a test waits for a program, in milliseconds. */
const WAIT_MS = 20_000;
/** How long it waits for the rest of the output once the program has ended. */
const STREAM_WAIT_MS = 5_000;

/** A throw-away home folder with a store of its own. */
export class Home implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes one. */
  static async make(): Promise<Home> {
    return new Home(await Deno.makeTempDir({ prefix: "mcp-auth-home-" }));
  }

  /** The folder of the store: the system's default in this home. */
  get store(): string {
    return `${this.path}/.local/share/mcp-auth`;
  }

  /** Writes a file with mode 0600 and returns its path. */
  async file(name: string, text: string): Promise<string> {
    await Deno.writeTextFile(`${this.path}/${name}`, text, { mode: 0o600 });
    return `${this.path}/${name}`;
  }

  /** `BROWSER` for a program that only writes down which URL it was given; see {@linkcode opened}. */
  async recordingBrowser(): Promise<string> {
    const path = await this.file("browser", `#!/bin/sh\nprintf '%s\\n' "$1" >>'${this.path}/opened'\n`);
    await Deno.chmod(path, 0o700);
    return path;
  }

  /** The URLs that the recording browser was given. */
  async opened(): Promise<readonly string[]> {
    const text = await Deno.readTextFile(`${this.path}/opened`).catch(() => "");
    return text.split("\n").filter((line) => line !== "");
  }

  /** Starts the program. */
  start(args: readonly string[], options: ProgramOptions = {}): Running {
    const [program = "", ...first] = options.command ?? FROM_CHECKOUT;
    const child = new Deno.Command(program, {
      args: [...first, ...args],
      cwd: this.path,
      clearEnv: true,
      env: this.environment(options),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return new ChildProgram(child, options.stdin);
  }

  /** Runs the program to its end. */
  async run(args: readonly string[], options: ProgramOptions = {}): Promise<Outcome> {
    await using running = this.start(args, options);
    if (options.stdin === undefined) await running.end();
    return await running.outcome;
  }

  /** The variables of a run. */
  environment(options: ProgramOptions = {}): Record<string, string> {
    const all: Record<string, string | undefined> = {
      HOME: this.path,
      PATH: Deno.env.get("PATH"),
      DENO_DIR: denoDir(),
      DENO_NO_UPDATE_CHECK: "1",
      NO_COLOR: "1",
      MCP_AUTH_KEYSTORE: "file",
      BROWSER: options.browser ?? scriptedBrowser(options),
      ...options.env,
    };
    return Object.fromEntries(
      Object.entries(all).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = await endProcesses(this.path);
    await Deno.remove(this.path, { recursive: true });
    if (left.length > 0) throw new Error(`Processes were left: ${left.join("; ")}`);
  }

  /** Waits until no process of this home is left. */
  async isQuiet(withinMs: number): Promise<boolean> {
    return await until(async () => (await processesOf(this.path)).length === 0, withinMs);
  }
}

class ChildProgram implements Running {
  readonly outcome: Promise<Outcome>;
  stdout = "";
  stderr = "";
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  #ended = false;

  constructor(child: Deno.ChildProcess, stdin: string | undefined) {
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
    this.#stdin.closed.catch(() => {});
    this.outcome = this.#finish();
    this.outcome.catch(() => {});
    if (stdin !== undefined) void this.write(stdin).then(() => this.end());
  }

  get pid(): number {
    return this.#child.pid;
  }

  async write(text: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(text)).catch(() => {});
  }

  async end(): Promise<void> {
    await this.#stdin.close().catch(() => {});
  }

  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended already.
    }
  }

  async said(pattern: RegExp): Promise<string> {
    await until(() => this.#ended || pattern.test(this.stderr), WAIT_MS);
    const found = pattern.exec(this.stderr);
    if (found === null) throw new Error(`Waited in vain for ${pattern}: ${this.stderr}`);
    return found[1] ?? found[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    this.kill("SIGKILL");
    await this.outcome;
  }

  async #finish(): Promise<Outcome> {
    const timer = setTimeout(() => this.kill("SIGKILL"), WAIT_MS);
    const streams = [
      new TextReader(this.#child.stdout, (text) => this.stdout += text),
      new TextReader(this.#child.stderr, (text) => this.stderr += text),
    ];
    const status = await this.#child.status;
    clearTimeout(timer);
    // A process that it left behind holds them open.
    const giveUp = setTimeout(() => streams.forEach((stream) => stream.cancel()), STREAM_WAIT_MS);
    await Promise.all(streams.map((stream) => stream.ended));
    clearTimeout(giveUp);
    this.#ended = true;
    const { stdout, stderr } = this;
    return {
      code: status.code,
      stdout,
      stderr,
      get json() {
        return JSON.parse(stdout);
      },
    };
  }
}

/** Reads a stream as text, as it comes. */
class TextReader {
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(stream: ReadableStream<Uint8Array>, add: (text: string) => void) {
    this.#reader = stream.getReader();
    this.ended = this.#read(add);
  }

  cancel(): void {
    void this.#reader.cancel().catch(() => {});
  }

  async #read(add: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for (let part; !(part = await this.#reader.read()).done;) {
      add(decoder.decode(part.value, { stream: true }));
    }
  }
}

function scriptedBrowser({ user, deny }: ProgramOptions): string {
  const words = [Deno.execPath(), "run", "-A", "--no-config"];
  words.push(checkoutPath("scripts/demo/browser/scripted_browser.ts"));
  if (user !== undefined) words.push("--user", user);
  if (deny) words.push("--deny");
  return words.join(" ");
}

/** Deno's cache: the programs of a test must find the packages that the test itself has. */
export function denoDir(): string {
  const { DENO_DIR, XDG_CACHE_HOME, HOME } = Deno.env.toObject();
  return DENO_DIR || `${XDG_CACHE_HOME || `${HOME}/.cache`}/deno`;
}

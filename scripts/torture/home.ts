/**
 * The home of one user: a folder with a store, and the program run in it.
 *
 * @module
 */
import { checkoutPath } from "./arena.ts";
import { tokenOf } from "./judge.ts";
import { type Run, type Running, type RunOptions, startProgram, until } from "./process.ts";
import type { Random } from "./random.ts";
import { scriptedBrowser, type World } from "./world.ts";

/** How long processes of a home may go on after what started them, in ms. */
const LINGER_MS = 10_000;
/** One run in so many is told to say on standard error what it does. */
const VERBOSE_SHARE = 0.3;

/** The home of one user. */
export class Home {
  readonly world: World;
  readonly path: string;
  readonly #random: Random;

  constructor(world: World, path: string) {
    this.world = world;
    this.path = path;
    this.#random = world.arena.random.branch(`home ${world.homes.length}`);
  }

  /** The folder of the store. */
  get store(): string {
    return `${this.path}/.local/share/mcp-auth`;
  }

  /** Starts the program. */
  start(args: readonly string[], options: RunOptions = {}): Running {
    const { arena, runs } = this.world;
    const words = this.#random.chance(VERBOSE_SHARE) ? withVerbose(args) : args;
    const running = startProgram(
      {
        command: [
          Deno.execPath(),
          "run",
          "-A",
          "--config",
          checkoutPath("deno.json"),
          arena.settings.program,
        ],
        cwd: this.path,
        env: {
          HOME: this.path,
          PATH: Deno.env.get("PATH") ?? "",
          DENO_DIR: denoDir(),
          DENO_NO_UPDATE_CHECK: "1",
          NO_COLOR: "1",
          MCP_AUTH_KEYSTORE: "file",
          // Whatever it leaves outside of its store is searched as well.
          TMPDIR: this.path,
          BROWSER: scriptedBrowser(),
        },
        signal: arena.signal,
      },
      words,
      options,
    );
    void running.outcome.then((run) => runs.push(run), () => {});
    return running;
  }

  /** Runs the program to its end. */
  async run(args: readonly string[], options?: RunOptions): Promise<Run> {
    return await this.start(args, options).outcome;
  }

  /**
   * Runs what has to work for the torture to go on.
   *
   * @throws Error when it does not.
   */
  async must(args: readonly string[], options?: RunOptions): Promise<Run> {
    const run = await this.run(args, options);
    if (run.code === 0) return run;
    throw new Error(`Cannot prepare: $ ${run.line}\nexit ${run.code}\n${run.stderr}${run.stdout}`);
  }

  /** Signs in to a new entry. */
  async signIn(name: string, options?: RunOptions): Promise<void> {
    await this.must(["add", name, this.world.mcp.url], options);
  }

  /** Asks for a token, and whether the server takes it. */
  async askForToken(name: string, options?: RunOptions): Promise<{ run: Run; good: boolean }> {
    const run = await this.run(["token", name], options);
    const token = tokenOf(run);
    return { run, good: token !== undefined && await this.world.accepts(token) };
  }

  /** Waits until no process of this home is left; whether that was so in time. */
  async quiet(signal?: AbortSignal): Promise<boolean> {
    return await until(() => processesOf(this.path).length === 0, LINGER_MS, signal);
  }

  /** Ends every process of this home. */
  clear(): void {
    for (const pid of processesOf(this.path)) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has ended this moment.
      }
    }
  }
}

function withVerbose(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? [...args, "--verbose"] : [...args.slice(0, end), "--verbose", ...args.slice(end)];
}

/** Deno's cache: the program has to find its packages. */
function denoDir(): string {
  const { DENO_DIR, XDG_CACHE_HOME, HOME } = Deno.env.toObject();
  return DENO_DIR || `${XDG_CACHE_HOME || `${HOME}/.cache`}/deno`;
}

/** The processes of a home: everything that was started in it, and whatever that has started. */
function processesOf(home: string): readonly number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => {
    try {
      return pid > 0 && Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0").includes(`HOME=${home}`);
    } catch {
      return false;
    }
  });
}

/**
 * The client that the suite judges: a person at a terminal, who adds the server, lists its tools and calls the one that
 * is there to be called. Where a command fails and names the command to run, the person runs that one and goes on, and
 * gives up when signing in again has not helped twice. The suite appends the server's URL.
 *
 *     deno run -A scripts/conformance/terminal_client.ts http://localhost:3000/mcp
 *
 * @module
 */
import { commandIn } from "./hint.ts";
import { makeWorld, type World } from "./world.ts";

const NAME = "conformance";
const TOOL = "test-tool";
/** What a command that has not worked may cost: sign-ins after its first, and commands that its errors name. */
const PATIENCE = 2;
/** One command; the suite itself waits for 30 s in all. */
const COMMAND_TIMEOUT_MS = 20_000;

/** What one command line led to. */
interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A person with a program. */
class Person {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Does what the scenarios want to see; true when all of it worked. */
  async use(url: string): Promise<boolean> {
    const added = await this.#persist(["add", NAME, url, ...this.#world.flags]);
    if (added === undefined) return false;
    const listed = await this.#persist(["tools", NAME]);
    if (listed === undefined) return false;
    const offered = listed.stdout.split("\n").some((line) => line.split(/\s/)[0] === TOOL);
    return !offered || await this.#persist(["call", NAME, TOOL]) !== undefined;
  }

  /**
   * Runs a command, and what its error says to run; then it again, unless what was run has done its work.
   *
   * @returns The last run; undefined when nothing helped.
   */
  async #persist(args: readonly string[]): Promise<Ran | undefined> {
    let ran = await this.#run(args);
    for (let tries = Math.max(0, signInsIn(ran.stderr) - 1); ran.code !== 0; tries++) {
      const advice = commandIn(ran.stderr);
      if (advice === undefined || tries >= PATIENCE) return undefined;
      const followed = await this.#run(advice);
      const done = args[0] === "add" && ["add", "login"].includes(advice[0] ?? "");
      ran = followed.code === 0 && !done ? await this.#run(args) : followed;
    }
    return ran;
  }

  async #run(args: readonly string[]): Promise<Ran> {
    const [program = "", ...first] = this.#world.program;
    write(Deno.stderr, `$ mcp-auth ${args.join(" ")}\n`);
    const child = new Deno.Command(program, {
      args: [...first, ...args, "--keystore", "file"],
      clearEnv: true,
      env: { ...this.#world.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(COMMAND_TIMEOUT_MS),
    });
    const { code, stdout, stderr } = await child.output();
    const ran = { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
    write(Deno.stdout, ran.stdout);
    write(Deno.stderr, ran.stderr);
    return ran;
  }
}

/** How often a command has sent the person to the browser. */
function signInsIn(text: string): number {
  return text.match(/^Sign in to "/gm)?.length ?? 0;
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let sent = 0; sent < bytes.length;) sent += stream.writeSync(bytes.subarray(sent));
}

async function main(url: string): Promise<number> {
  await using world = await makeWorld();
  return await new Person(world).use(url) ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args.at(-1) ?? ""));

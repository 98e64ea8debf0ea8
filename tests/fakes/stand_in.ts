/**
 * Programs of other systems, and broken ones of this system, in place of real ones: small scripts in `programs/` that
 * are found on PATH before everything else, behave like the originals down to words and exit codes, and write down what
 * they were called with.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { type RunProgram, runProgram } from "../../lib/primitives/system/program.ts";

/** The folder of the stand-ins. */
const STAND_INS: string = fileURLToPath(new URL("./programs", import.meta.url));

/** One call of a stand-in. */
export interface Call {
  /** The program and its arguments. */
  readonly argv: readonly string[];
  readonly stdin: string;
  /** Its environment, as `NAME=value`. */
  readonly environment: readonly string[];
}

/** Stand-ins with a keychain of their own. */
export class StandIns implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "mcp-auth-stand-in-" });
  /** How they behave: "" as the original with an unlocked keychain; see the scripts for the others. */
  mode = "";
  /** Whose keychain it is, where that makes a difference. */
  user = "owner";

  /** The variables that make programs find the stand-ins on PATH. */
  get environment(): Readonly<Record<string, string>> {
    return {
      PATH: `${STAND_INS}:${Deno.env.get("PATH")}`,
      STAND_IN: this.#folder,
      STAND_IN_MODE: this.mode,
      STAND_IN_USER: this.user,
    };
  }

  /** Runs a program that is found on the PATH of {@linkcode environment}. */
  readonly run: RunProgram = (program, args, options) => {
    const variables = Object.entries(this.environment).map(([name, value]) => `${name}=${value}`);
    return runProgram("env", [...variables, program, ...args], options);
  };

  /** What they were called with, in order. */
  async calls(): Promise<readonly Call[]> {
    const folder = `${this.#folder}/calls`;
    const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
    const names = entries.map(({ name }) => name).sort();
    return await Promise.all(names.map(async (name) => ({
      argv: await zeroSeparated(`${folder}/${name}/argv`),
      stdin: await Deno.readTextFile(`${folder}/${name}/stdin`),
      environment: await zeroSeparated(`${folder}/${name}/environment`),
    })));
  }

  /** The accounts of the items that are kept. */
  async accounts(): Promise<readonly string[]> {
    const entries = await Array.fromAsync(Deno.readDir(`${this.#folder}/items/mcp-auth`)).catch(() => []);
    return entries.map(({ name }) => name).sort();
  }

  /** Ends what hangs, and removes the keychain. */
  async [Symbol.asyncDispose](): Promise<void> {
    const left = await Deno.readTextFile(`${this.#folder}/left`).catch(() => "");
    for (const pid of left.split("\n").filter((line) => line !== "")) {
      try {
        Deno.kill(Number(pid), "SIGKILL");
      } catch {
        // It has ended already.
      }
    }
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function zeroSeparated(path: string): Promise<readonly string[]> {
  return (await Deno.readTextFile(path)).split("\0").slice(0, -1);
}

/**
 * A store's folder for one test, and processes that use it.
 *
 * @module
 */
import { openStore, type StoreOptions } from "../../../lib/services/credentials/mod.ts";
import type { CredentialStore } from "../../../lib/services/credentials/mod.ts";
import { fakeEnv } from "../../fakes/env.ts";

/** What a store process printed. */
export type Outcome = {
  readonly ok?: unknown;
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
};

const PROGRAM = new URL("./store_process.ts", import.meta.url).pathname;
const ALL = ["-A", "--unstable-kv"];

/** A folder that does not exist yet, in one that goes with the test. */
export class Home implements AsyncDisposable {
  readonly #parent = Deno.makeTempDirSync();
  /** The store's folder. */
  readonly path = `${this.#parent}/home`;

  /** Opens the store as a process of its own would. */
  open(options: Partial<StoreOptions> = {}): CredentialStore {
    return openStore({ env: fakeEnv(), home: this.path, ...options });
  }

  /** The database without the store on top of it. */
  raw(): Promise<Deno.Kv> {
    return Deno.openKv(`${this.path}/store.db`);
  }

  /** The paths of the key files. */
  async keyFiles(): Promise<readonly string[]> {
    const files = await Array.fromAsync(Deno.readDir(this.path)).catch(() => []);
    return files.filter(({ name }) => name.startsWith("key-")).map(({ name }) => `${this.path}/${name}`);
  }

  /** The path of the one key file. */
  async keyFile(): Promise<string> {
    const [path, ...more] = await this.keyFiles();
    if (path === undefined || more.length > 0) throw new Error(`${more.length + 1} key files`);
    return path;
  }

  /** Runs `store_process.ts` with the given arguments after the folder's path. */
  async run(action: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Outcome> {
    const { flags = ALL, shell = 'exec "$@"', env = {}, home = this.path } = options;
    const program = [
      Deno.execPath(),
      "run",
      "--no-config",
      "--no-prompt",
      ...flags,
      PROGRAM,
      action,
      home,
      ...args,
    ];
    const { stdout, stderr } = await new Deno.Command("sh", { args: ["-c", shell, "sh", ...program], env })
      .output();
    const text = new TextDecoder().decode(stdout).trim();
    if (text === "") throw new Error(`The process failed: ${new TextDecoder().decode(stderr)}`);
    return JSON.parse(text.split("\n").at(-1)!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#parent, { recursive: true });
  }
}

/** How {@linkcode Home.run} starts a process. */
export interface RunOptions {
  /** Deno's flags in place of all permissions and the key-value store. */
  readonly flags?: readonly string[];
  /** What the shell does; `"$@"` is the program. */
  readonly shell?: string;
  /** Variables to add to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Another folder for the store. */
  readonly home?: string;
}

/** Registers a test that gets a folder. */
export function testWithHome(name: string, body: (home: Home) => Promise<void>): void {
  Deno.test(name, async () => {
    await using home = new Home();
    await body(home);
  });
}

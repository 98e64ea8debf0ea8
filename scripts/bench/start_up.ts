/**
 * Measures whole processes: from starting a program until it has ended.
 *
 * @module
 */
import { type Command, ENTRY, type World } from "./world.ts";

/** The product, with the key of its store in the keychain. */
export const KEYCHAIN_TOKEN = "token, keychain";
/** What the keychain takes of it. */
export const KEYCHAIN_READ = "one keychain read, bare";

/** The first run of a program fills caches that every later run finds. */
const WARM_UP_ROUNDS = 2;

/**
 * Runs each program in turn, over and over.
 *
 * @param world What was prepared.
 * @param rounds How often.
 * @returns Milliseconds of each run, by program.
 */
export async function measureStartUp(world: World, rounds: number): Promise<Map<string, number[]>> {
  const { keychain } = world;
  const programs: Readonly<Record<string, Command>> = {
    "empty deno run": world.empty,
    "token": world.product("token", ENTRY, "--keystore", "file"),
    ...(typeof keychain === "string"
      ? {}
      : { [KEYCHAIN_TOKEN]: keychain.token, [KEYCHAIN_READ]: keychain.read }),
    "token, restarted": world.restarted("token", ENTRY, "--keystore", "file"),
    "--version": world.product("--version"),
    "--version, restarted": world.restarted("--version"),
  };
  const times = new Map(Object.keys(programs).map((name) => [name, [] as number[]]));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const [name, command] of Object.entries(programs)) {
      const ms = await runOnce(command);
      if (round >= 0) times.get(name)?.push(ms);
    }
  }
  return times;
}

async function runOnce({ line: [program = "", ...args], env }: Command): Promise<number> {
  const command = new Deno.Command(program, { args, clearEnv: true, env: { ...env }, stdin: "null" });
  const started = performance.now();
  const { success, stderr } = await command.output();
  const ms = performance.now() - started;
  if (success) return ms;
  throw new Error(`"${args.join(" ")}" failed: ${new TextDecoder().decode(stderr)}`);
}

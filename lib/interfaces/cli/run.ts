/**
 * Runs one command line and returns the exit code.
 *
 * @module
 */
import { VERSION } from "../../primitives/version.ts";
import type { World } from "./context.ts";
import { readHotLine } from "./hot_line.ts";

/**
 * Runs the program.
 *
 * @param argv The arguments, without the program's name.
 * @param world What it runs on.
 * @returns The exit code.
 */
export async function run(argv: readonly string[], world: World): Promise<number> {
  const hot = readHotLine(argv);
  if (hot !== undefined) {
    await world.anticipate?.(hot.flags.keystore);
    const { runToken } = await import("./token_line.ts");
    return await runToken(hot, world);
  }
  if (argv.length === 1 && argv[0] === "--version") {
    // The rest is loaded when it is needed, which in a checkout takes the permission to read it.
    world.terminal.out(`${VERSION}\n`);
    return 0;
  }
  const { runProgram } = await import("./program.ts");
  return await runProgram(argv, world);
}

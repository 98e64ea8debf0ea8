/**
 * Runs one command line and returns the exit code.
 *
 * @module
 */
import { asMcpAuthError } from "../../primitives/errors.ts";
import { VERSION } from "../../primitives/version.ts";
import { action as token } from "./commands/token/action.ts";
import { CliContext, type World } from "./context.ts";
import { type HotLine, readHotLine } from "./hot_line.ts";
import { reportError } from "./output/report.ts";

/**
 * Runs the program.
 *
 * @param argv The arguments, without the program's name.
 * @param world What it runs on.
 * @returns The exit code.
 */
export async function run(argv: readonly string[], world: World): Promise<number> {
  const hot = readHotLine(argv);
  if (hot !== undefined) return await runToken(hot, world);
  if (argv.length === 1 && argv[0] === "--version") {
    // The rest is loaded when it is needed, which in a checkout takes the permission to read it.
    world.terminal.out(`${VERSION}\n`);
    return 0;
  }
  const { runProgram } = await import("./program.ts");
  return await runProgram(argv, world);
}

async function runToken({ name, flags }: HotLine, world: World): Promise<number> {
  using context = new CliContext(world, () => {});
  try {
    return await token(context, flags, name) ?? 0;
  } catch (error) {
    return reportError(world.terminal, asMcpAuthError(error, "SERVER_ERROR", "finish the command"), flags);
  }
}

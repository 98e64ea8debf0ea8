/**
 * Runs the one command line that is recognised without the command-line library, `token <name>`. It is a module of its
 * own so that what the command waits for can be started before all of its code is loaded.
 *
 * @module
 */
import { asMcpAuthError } from "../../primitives/errors.ts";
import { action as token } from "./commands/token/action.ts";
import { CliContext, type World } from "./context.ts";
import type { HotLine } from "./hot_line.ts";

/** Runs the recognised command line on a world, and returns the exit code. */
export async function runToken({ name, flags }: HotLine, world: World): Promise<number> {
  using context = new CliContext(world, () => {});
  try {
    return await token(context, flags, name) ?? 0;
  } catch (error) {
    const { reportError } = await import("./output/report.ts");
    return reportError(world.terminal, asMcpAuthError(error, "SERVER_ERROR", "finish the command"), flags);
  } finally {
    await context.settled();
  }
}

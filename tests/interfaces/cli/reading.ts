/**
 * How the parser reads a command line: the real grammars in the real program, with actions that only say what they got.
 *
 * @module
 */
import { type Command, run } from "@stricli/core";
import { CliContext } from "../../../lib/interfaces/cli/context.ts";
import { buildProgram, COMMANDS } from "../../../lib/interfaces/cli/program.ts";
import { testWorld } from "./world.ts";

/** What an action would get; undefined flags are left out. */
export interface Reading {
  readonly command: string;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly args: readonly unknown[];
}

/** A function that reads command lines; undefined for those that run no action (mistakes, help). */
export async function reader(): Promise<(argv: readonly string[]) => Promise<Reading | undefined>> {
  let reading: Reading | undefined;
  const routes: Record<string, Command<CliContext>> = {};
  for (const [name, load] of Object.entries(COMMANDS)) {
    const { command } = await load();
    const action = (flags: object, ...args: unknown[]) => {
      const given = Object.entries(flags).filter(([, value]) => value !== undefined);
      reading = {
        command: name,
        flags: Object.fromEntries(given),
        args: args.filter((each) => each !== undefined),
      };
    };
    routes[name] = { ...command, loader: () => Promise.resolve(action) } as Command<CliContext>;
  }
  const program = buildProgram(routes);
  return async (argv) => {
    reading = undefined;
    await run(program, argv, new CliContext(testWorld().world, () => {}));
    return reading;
  };
}

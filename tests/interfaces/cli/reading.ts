/**
 * How the parser reads a command line: the real grammars in the real program, with actions that only say what they got.
 *
 * @module
 */
import { buildRouteMap, type Command, run } from "@stricli/core";
import { CliContext } from "../../../lib/interfaces/cli/context.ts";
import { buildProgram, COMMANDS, type Target } from "../../../lib/interfaces/cli/program.ts";
import { testWorld } from "./world.ts";

/** What an action would get; undefined flags are left out. */
export interface Reading {
  /** Its words, such as `keystore use`. */
  readonly command: string;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly args: readonly unknown[];
}

/** A function that reads command lines; undefined for those that run no action (mistakes, help). */
export async function reader(): Promise<(argv: readonly string[]) => Promise<Reading | undefined>> {
  let reading: Reading | undefined;
  const listen = (command: string) => (flags: object, ...args: unknown[]) => {
    const given = Object.entries(flags).filter(([, value]) => value !== undefined);
    reading = { command, flags: Object.fromEntries(given), args: args.filter((each) => each !== undefined) };
  };
  const routes: Record<string, Target> = {};
  for (const [name, load] of Object.entries(COMMANDS)) {
    routes[name] = listening(name, (await load()).command, listen);
  }
  const program = buildProgram(routes);
  return async (argv) => {
    reading = undefined;
    await run(program, argv, new CliContext(testWorld().world, () => {}));
    return reading;
  };
}

/** Every command with its words, those of groups too; groups themselves are left out. */
export async function allCommands(): Promise<ReadonlyMap<string, Command<CliContext>>> {
  const found = new Map<string, Command<CliContext>>();
  const add = (words: string, target: Target) => {
    if (!("getAllEntries" in target)) return void found.set(words, target);
    for (const { name, target: member } of target.getAllEntries()) add(`${words} ${name.original}`, member);
  };
  for (const [name, load] of Object.entries(COMMANDS)) add(name, (await load()).command);
  return found;
}

function listening(
  words: string,
  target: Target,
  listen: (words: string) => (flags: object, ...args: unknown[]) => void,
): Target {
  if (!("getAllEntries" in target)) {
    return { ...target, loader: () => Promise.resolve(listen(words)) } as Command<CliContext>;
  }
  const members = target.getAllEntries().map(({ name, target: member }) =>
    [name.original, listening(`${words} ${name.original}`, member, listen)] as const
  );
  return buildRouteMap<string, CliContext>({
    routes: Object.fromEntries(members),
    docs: { brief: target.brief },
  });
}

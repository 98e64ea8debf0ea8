/**
 * `mcp-auth bridge -- <command>`: a server that is a program of this machine. Nothing is signed in to and nothing is
 * stored, so that neither the store nor the network is touched.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { startPiped } from "../../../../primitives/system/piped_child.ts";
import { bridgeWishOptions } from "../../bridge_flags.ts";
import type { CliContext } from "../../context.ts";
import type { BridgeFlags } from "./action.ts";

/** The flags that say something of the bridge itself; all others are about entries. */
const OWN_FLAGS: ReadonlySet<string> = new Set(["verbose", "logFile", "allowTool", "ignoreTool"]);

/**
 * Runs a bridge to a program until the host closes standard input.
 *
 * @param context The command's context.
 * @param flags The flags of the command line.
 * @param words Its words, those after `--` among them.
 * @param record Gets a line for each message.
 * @throws {McpAuthError} `USAGE` for flags that are about entries, for a name before `--`, and for nothing after it.
 */
export async function bridgeToProgram(
  context: CliContext,
  flags: BridgeFlags,
  words: readonly string[],
  record?: (line: string) => void,
): Promise<void> {
  const command = commandOf(context.args, words);
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined || OWN_FLAGS.has(name)) continue;
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new McpAuthError(
      "USAGE",
      `Cannot use "--${flag}" with a command: there is no entry that it is about`,
      {
        hint: "Leave it out; what comes after -- goes to the command as it is",
      },
    );
  }
  using interruption = await context.world.ports.interruption({ parent: true });
  context.sayWithoutWaiting();
  const { allowTools, ignoreTools } = bridgeWishOptions(flags);
  const { runBridge } = await import("../../../../services/bridge/mod.ts");
  await runBridge({
    program: { command, start: startPiped, errors: (text) => context.terminal.err(text) },
    tools: { allow: allowTools, ignore: ignoreTools },
    input: context.terminal.input(),
    output: { write: (chunk) => context.terminal.write(chunk) },
    log: (message) => context.say(message),
    record,
    signal: interruption.signal,
  });
}

function commandOf(args: readonly string[], words: readonly string[]): readonly [string, ...string[]] {
  const [program, ...rest] = args.slice(args.indexOf("--") + 1);
  if (program === undefined || program === "") {
    throw new McpAuthError("USAGE", "Cannot run a command: none is given after --", {
      hint: "Run: mcp-auth bridge -- <command> <argument>...",
    });
  }
  if (words.length > rest.length + 1) {
    throw new McpAuthError("USAGE", "Cannot bridge to an entry and to a command: one of them is meant", {
      hint: "Leave out what stands before --, or -- and what follows it",
    });
  }
  return [program, ...rest];
}

/**
 * Reading the keychain ahead of time. The key of a store is in an item that the store itself names, so the keychain's
 * program could be started only once the store is open; but it is nearly always the item of last time. Its account name,
 * which is no secret, is noted in a file beside the store, and the program is started while the code of the command is
 * still being loaded: on most days its answer costs no time at all. A note that is wrong costs one read of another item.
 *
 * @module
 */
import { KEYCHAIN_TIMEOUT_MS } from "../../limits.ts";
import { waitFor } from "../clock.ts";
import type { Env } from "../env.ts";
import { dataFolder, type Os, pathIn } from "../paths.ts";
import type { ProgramOutcome, RunProgram } from "../program.ts";

/** What all items are filed under, beside their account name. */
export const KEYCHAIN_SERVICE = "mcp-auth";

/** The name of the note in the store's folder. */
const NOTE = "last-keychain-item";

/** An account name as the note may hold it; it becomes a part of a command line. */
const ACCOUNT = /^[0-9a-f]{16}$/;

/**
 * The command line that reads an item.
 *
 * @param account The item's account name.
 * @param os Whose keychain.
 * @returns The program and its arguments; undefined where an account name is not all that it takes.
 */
export function lookupCommand(account: string, os: Os): readonly [string, ...string[]] | undefined {
  switch (os) {
    case "darwin":
      return ["security", "find-generic-password", "-s", KEYCHAIN_SERVICE, "-a", account, "-w"];
    case "windows":
      return undefined;
    default:
      return ["secret-tool", "lookup", "service", KEYCHAIN_SERVICE, "account", account];
  }
}

/**
 * Notes which item of the keychain was read, or that it is of no use any more. That nothing can be noted is no failure.
 *
 * @param folder The store's folder.
 * @param account The item's account name.
 * @param isUsed Whether it will be read the next time.
 */
export function noteItem(folder: string, account: string, isUsed: boolean): void {
  const path = pathIn(folder, NOTE);
  try {
    if ((readNote(folder) === account) === isUsed) return;
    if (isUsed) Deno.writeTextFileSync(path, account, { mode: 0o600 });
    else Deno.removeSync(path);
  } catch {
    // A folder that cannot be written to: the next run does without the note.
  }
}

/**
 * The command line that reads the item that was noted for the store of the environment.
 *
 * @param env Where the store's folder is read.
 * @param os Whose keychain it is.
 * @returns Undefined where nothing is noted, or the store is a remote one.
 */
export function notedLookup(env: Env, os: Os = Deno.build.os): ReturnType<typeof lookupCommand> {
  const account = notedItem(env);
  return account === undefined ? undefined : lookupCommand(account, os);
}

/**
 * Starts a command line whose answer will be asked for.
 *
 * @param command The program and its arguments.
 * @param run Starts programs.
 * @returns What starts programs from now on: it answers the same question, once, by what was started here.
 */
export function startAhead([program, ...args]: readonly [string, ...string[]], run: RunProgram): RunProgram {
  let started: Promise<ProgramOutcome> | undefined = run(program, args, { timeoutMs: KEYCHAIN_TIMEOUT_MS });
  return async (askedProgram, askedArgs, options) => {
    const isSame = askedProgram === program && askedArgs.join("\0") === args.join("\0");
    if (!isSame || options.stdin !== undefined || started === undefined) {
      return await run(askedProgram, askedArgs, options);
    }
    const outcome = started;
    started = undefined;
    return await waitFor(outcome, options.signal);
  };
}

/** The noted account name of the store of an environment, where it is a local one. */
function notedItem(env: Env): string | undefined {
  if (env.get("MCP_AUTH_STORE") !== undefined) return undefined;
  try {
    return readNote(dataFolder(env));
  } catch {
    // There is no telling where the store is: whoever opens it says so.
    return undefined;
  }
}

function readNote(folder: string): string | undefined {
  try {
    const note = Deno.readTextFileSync(pathIn(folder, NOTE));
    return ACCOUNT.test(note) ? note : undefined;
  } catch {
    return undefined;
  }
}

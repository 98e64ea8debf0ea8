/**
 * Recognises the one command line that scripts run thousands of times, `token <name>`, without the command-line library
 * and its tables: they cost as much as everything else that the command does. What is not plainly that command line, a
 * mistake above all, is left to the parser; a test holds the two to the same reading.
 *
 * @module
 */
import type { TokenFlags } from "./commands/token/action.ts";

/** A recognised command line. */
export interface HotLine {
  readonly name: string;
  readonly flags: TokenFlags;
}

const SWITCHES: ReadonlySet<string> = new Set(["header", "json", "verbose"]);
const KEYSTORES: readonly string[] = ["keychain", "passphrase", "file", "env", "memory"];

/**
 * Reads a command line.
 *
 * @param argv The arguments, without the program's name.
 * @returns Undefined for every command line but a plain `token <name>`.
 */
export function readHotLine(argv: readonly string[]): HotLine | undefined {
  if (argv[0] !== "token") return undefined;
  const flags: Record<string, string | boolean> = {};
  let name: string | undefined;
  for (let index = 1; index < argv.length; index++) {
    const word = argv[index] ?? "";
    if (!word.startsWith("-")) {
      if (name !== undefined) return undefined;
      name = word;
      continue;
    }
    const flag = word.slice(2);
    if (!word.startsWith("--") || Object.hasOwn(flags, flag)) return undefined;
    const keystore = argv[index + 1] ?? "";
    if (SWITCHES.has(flag)) flags[flag] = true;
    else if (flag === "keystore" && KEYSTORES.includes(keystore)) flags[flag] = argv[++index] ?? "";
    else return undefined;
  }
  return name === undefined ? undefined : { name, flags: flags as TokenFlags };
}

/**
 * The keychain of macOS by `security`. A secret among its arguments would be seen by every user of the machine, so the
 * command that writes one goes to standard input, where `security -i` reads a command from each line. Its exit codes are
 * the last byte of the framework's own codes, and say more than its words, which are translated and at times missing.
 *
 * @see https://github.com/apple-oss-distributions/Security/tree/main/SecurityTool/macOS; behaviours rows 42, 43
 * @module
 */
import { KEYCHAIN_TIMEOUT_MS } from "../../limits.ts";
import type { ProgramOutcome, RunProgram } from "../program.ts";
import { KEYCHAIN_SERVICE } from "./ahead.ts";
import { type Keychain, KEYCHAIN_LABEL } from "./keychain.ts";

/** errSecItemNotFound, -25300. */
const NOT_FOUND = 44;

/** errSecInteractionNotAllowed, -25308: locked, and nobody can be asked; errSecAuthFailed, -25293. */
const LOCKED: ReadonlySet<number> = new Set([36, 51]);

const WORDS = {
  program: "security",
  install: "Put /usr/bin on PATH",
  unlock: "Unlock it with: security unlock-keychain",
};

const REACH = "Run it as the user who is logged in to this Mac";

/**
 * Returns the login keychain of this user.
 *
 * @param run Starts `security`.
 */
export function macosKeychain(run: RunProgram): Keychain {
  const item = (account: string) => ["-s", KEYCHAIN_SERVICE, "-a", account];

  /** Runs one command; undefined where there is no such item. */
  async function ask(
    args: readonly string[],
    signal?: AbortSignal,
    stdin?: string,
  ): Promise<string | undefined> {
    const outcome = await run(WORDS.program, args, {
      stdin: stdin === undefined ? undefined : new TextEncoder().encode(stdin),
      timeoutMs: KEYCHAIN_TIMEOUT_MS,
      signal,
    });
    if (outcome.kind === "ended" && outcome.code === 0) return new TextDecoder().decode(outcome.stdout);
    if (outcome.kind === "ended" && outcome.code === NOT_FOUND) return undefined;
    const { lockedError, programError } = await import("./failure.ts");
    const locked = outcome.kind === "ended" && LOCKED.has(outcome.code);
    throw locked ? lockedError(WORDS) : programError(WORDS, outcome, wordsOf(outcome), REACH);
  }

  async function read(account: string, signal?: AbortSignal): Promise<string | undefined> {
    return (await ask(["find-generic-password", ...item(account), "-w"], signal))?.replace(/\n$/, "");
  }

  return {
    read,
    remove: async (account, signal) => void await ask(["delete-generic-password", ...item(account)], signal),
    write: async (account, secret, signal) => {
      const words = [
        "add-generic-password",
        "-U",
        ...item(account),
        "-l",
        `"${KEYCHAIN_LABEL}"`,
        "-w",
        secret,
      ];
      await ask(["-i"], signal, `${words.join(" ")}\n`);
      if (await read(account, signal) === secret) return;
      throw (await import("./failure.ts")).alteredError(WORDS);
    },
  };
}

/** What it says, without the lines that only repeat the exit code and the usage. */
function wordsOf(outcome: ProgramOutcome): string {
  if (outcome.kind !== "ended") return "";
  const own = outcome.stderr.split("\n").filter((line) => line.startsWith(`${WORDS.program}: `));
  return own.map((line) => line.slice(WORDS.program.length + 2)).join("; ");
}

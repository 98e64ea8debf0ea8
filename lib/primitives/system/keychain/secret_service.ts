/**
 * The keychain of Linux desktops: the Secret Service over D-Bus (GNOME Keyring, KWallet, KeePassXC) by `secret-tool` of
 * libsecret. It ends with 1 and says nothing for an item that is not there, but also for one that is locked: a second
 * look (`search`, which finds locked items by their attributes) tells them apart.
 *
 * @see https://specifications.freedesktop.org/secret-service-spec/latest/; behaviours rows 42, 43
 * @module
 */
import { KEYCHAIN_TIMEOUT_MS } from "../../limits.ts";
import type { ProgramOutcome, RunProgram } from "../program.ts";
import { KEYCHAIN_SERVICE } from "./ahead.ts";
import { type Keychain, KEYCHAIN_LABEL } from "./keychain.ts";

const WORDS = {
  program: "secret-tool",
  install: "Install it (Debian and Ubuntu: apt install libsecret-tools)",
  unlock: "Unlock the keyring",
};

const REACH = "Run it within a desktop session, where a keyring answers on D-Bus";

/**
 * Returns the keychain of this session.
 *
 * @param run Starts `secret-tool`.
 */
export function secretService(run: RunProgram): Keychain {
  /** Runs one command; undefined where it ended with 1 without a word. */
  async function ask(
    command: readonly string[],
    account: string,
    { stdin, signal }: { readonly stdin?: string; readonly signal: AbortSignal | undefined },
  ): Promise<string | undefined> {
    const outcome = await run(WORDS.program, [...command, "service", KEYCHAIN_SERVICE, "account", account], {
      stdin: stdin === undefined ? undefined : new TextEncoder().encode(stdin),
      timeoutMs: KEYCHAIN_TIMEOUT_MS,
      signal,
    });
    if (outcome.kind === "ended" && outcome.code === 0) return new TextDecoder().decode(outcome.stdout);
    const said = wordsOf(outcome);
    if (outcome.kind === "ended" && outcome.code === 1 && said === "") return undefined;
    const { lockedError, programError } = await import("./failure.ts");
    throw /\blocked\b/.test(said) ? lockedError(WORDS) : programError(WORDS, outcome, said, REACH);
  }

  /** Makes sure that an item is absent, and not locked. */
  async function assertAbsent(account: string, signal: AbortSignal | undefined): Promise<void> {
    if (!await ask(["search"], account, { signal })) return;
    throw (await import("./failure.ts")).lockedError(WORDS);
  }

  async function read(account: string, signal?: AbortSignal): Promise<string | undefined> {
    const secret = await ask(["lookup"], account, { signal });
    if (secret === undefined) await assertAbsent(account, signal);
    return secret;
  }

  async function remove(account: string, signal?: AbortSignal): Promise<void> {
    if (await ask(["clear"], account, { signal }) === undefined) await assertAbsent(account, signal);
  }

  return {
    read,
    remove,
    write: async (account, secret, signal) => {
      const stored = await ask(["store", `--label=${KEYCHAIN_LABEL}`], account, { stdin: secret, signal });
      if (stored !== undefined && await read(account, signal) === secret) return;
      await remove(account, signal).catch(() => {});
      throw (await import("./failure.ts")).alteredError(WORDS);
    },
  };
}

/** What the program itself says; the libraries under it write warnings of their own. */
function wordsOf(outcome: ProgramOutcome): string {
  if (outcome.kind !== "ended") return "";
  const own = outcome.stderr.split("\n").filter((line) => line.startsWith(`${WORDS.program}: `));
  return own.map((line) => line.slice(WORDS.program.length + 2)).join("; ") ||
    (outcome.code === 1 ? "" : outcome.stderr);
}

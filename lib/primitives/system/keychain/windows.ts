/**
 * The keychain of Windows: the data protection API (DPAPI), which seals bytes for the signed-in user, by PowerShell.
 * It keeps nothing itself: what it sealed is in a private file beside the store. The script is fixed and holds no quotes
 * that Windows' command line could take apart; secrets go through standard input and output as base64.
 *
 * @see https://learn.microsoft.com/dotnet/api/system.security.cryptography.protecteddata; behaviours rows 42, 43
 * @module
 */
import { McpAuthError } from "../../errors.ts";
import { KEYCHAIN_TIMEOUT_MS } from "../../limits.ts";
import { createTextFile, ensurePrivateFolder, readTextFile, removeFile } from "../files.ts";
import { pathIn } from "../paths.ts";
import type { RunProgram } from "../program.ts";
import type { Keychain } from "./keychain.ts";

const WORDS = {
  program: "powershell.exe",
  install: "Put the folder of Windows PowerShell on PATH",
  unlock: "Sign in to Windows",
};

const REACH = "Run it as the Windows user who made the store, on the same machine";

/**
 * Returns what DPAPI seals for this user.
 *
 * @param run Starts PowerShell.
 * @param folder Where what it sealed is kept.
 */
export function windowsKeychain(run: RunProgram, folder: string): Keychain {
  const pathOf = (account: string) => pathIn(folder, `key-${account}.dpapi`);

  async function convert(
    method: "Protect" | "Unprotect",
    base64: string,
    signal?: AbortSignal,
  ): Promise<string> {
    const outcome = await run(
      WORDS.program,
      ["-NoLogo", "-NoProfile", "-NonInteractive", "-Command", script(method)],
      { stdin: new TextEncoder().encode(base64), timeoutMs: KEYCHAIN_TIMEOUT_MS, signal },
    );
    const text = outcome.kind === "ended" ? new TextDecoder().decode(outcome.stdout).trim() : "";
    if (outcome.kind === "ended" && outcome.code === 0 && BASE64.test(text)) return text;
    const { programError } = await import("./failure.ts");
    const said = outcome.kind === "ended"
      ? outcome.stderr.split("\n").find((line) => line.trim() !== "")
      : "";
    throw programError(WORDS, outcome, said ?? "", REACH);
  }

  async function read(account: string, signal?: AbortSignal): Promise<string | undefined> {
    const sealed = readTextFile(pathOf(account))?.trim();
    if (sealed === undefined) return undefined;
    if (BASE64.test(sealed)) return atob(await convert("Unprotect", sealed, signal));
    throw new McpAuthError(
      "KEYSTORE_UNAVAILABLE",
      `Cannot use the keychain: the file "${pathOf(account)}" is damaged`,
      { hint: "Restore the file from a backup; the store cannot be opened without its key" },
    );
  }

  return {
    read,
    remove: (account) => removeFile(pathOf(account)),
    write: async (account, secret, signal) => {
      const sealed = await convert("Protect", btoa(secret), signal);
      await ensurePrivateFolder(folder);
      const created = await createTextFile(pathOf(account), `${sealed}\n`);
      if (created && await read(account, signal) === secret) return;
      throw (await import("./failure.ts")).alteredError(WORDS);
    },
  };
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The types are loaded where they are not already: in another assembly in Windows PowerShell than in PowerShell 7. */
function script(method: "Protect" | "Unprotect"): string {
  return [
    "$ErrorActionPreference = 'Stop'",
    "try { Add-Type -AssemblyName System.Security } catch { }",
    "try { Add-Type -AssemblyName System.Security.Cryptography.ProtectedData } catch { }",
    "$bytes = [Convert]::FromBase64String([Console]::In.ReadToEnd().Trim())",
    `$bytes = [Security.Cryptography.ProtectedData]::${method}($bytes, $null, 'CurrentUser')`,
    "[Console]::Out.Write([Convert]::ToBase64String($bytes))",
  ].join("; ");
}

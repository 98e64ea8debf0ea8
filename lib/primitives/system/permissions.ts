/**
 * Turns a refusal of Deno's sandbox into `PERMISSION_DENIED` with the flag that would have allowed it. Deno names the
 * access and its target in the message of the error and nowhere else, so the message is taken apart here and only here;
 * where it has another form, the hint names the flag's kind or says where to look.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { safeText } from "../untrusted_text.ts";

const REFUSAL = /^Requires (\w+) access(?: to (.+?))?, run again with the --allow-/s;

/**
 * Returns the coded error for a refusal of the sandbox.
 *
 * @param thrown What was caught.
 * @param action What was being done, for the message: `Cannot <action>`.
 * @param folder The folder to name in the flag in place of a file in it, where temporary files or several files of one
 * folder are used; applies to read and write access only.
 * @returns The error, or undefined when the thrown value is no refusal of the sandbox.
 */
export function permissionDenied(thrown: unknown, action: string, folder?: string): McpAuthError | undefined {
  if (!(thrown instanceof Deno.errors.NotCapable)) return undefined;
  const [, access, target] = REFUSAL.exec(thrown.message) ?? [];
  return new McpAuthError(
    "PERMISSION_DENIED",
    `Cannot ${action}: the sandbox grants no ${access ?? "such"} access`,
    {
      hint: access === undefined
        ? `Grant what Deno asks for: ${safeText(thrown.message)}`
        : `Run again with ${allowFlag(access, granted(access, target, folder))}`,
      cause: thrown,
    },
  );
}

/**
 * Returns the command line flag that grants an access, quoted for a shell where it has to be.
 *
 * @param access Deno's name of the access: `read`, `write`, `net`, `env`, `run`, `sys`, ...
 * @param target The path, host, variable or program; without it the flag grants the access to everything.
 */
export function allowFlag(access: string, target?: string): string {
  if (target === undefined) return `--allow-${access}`;
  return shellWord(`--allow-${access}=${safeText(target).replaceAll(",", ",,")}`);
}

/**
 * Quotes a word for a shell, where it has to be.
 *
 * @param word Any text; what is in it stays as it is.
 */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./\\[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function granted(access: string, target: string | undefined, folder: string | undefined): string | undefined {
  if (folder !== undefined && (access === "read" || access === "write")) return folder;
  return target?.match(/^"(.*)"$/s)?.[1];
}

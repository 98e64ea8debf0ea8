/**
 * The keychain of the operating system as a port: small secrets under an account name, kept by programs that come with
 * the system, so that no native module is needed. All of them take a secret on standard input, never as an argument,
 * and every secret that was written is read back: some of these programs end well and kept nothing, or only a part.
 *
 * @module
 */
import type { Os } from "../paths.ts";
import type { RunProgram } from "../program.ts";

/** What people see of an item in the system's own view of the keychain. */
export const KEYCHAIN_LABEL = "mcp-auth: key of a store";

/**
 * Keeps small secrets: printable ASCII without spaces, at most 1,000 characters. An account name is letters and digits.
 * Every method throws {@linkcode McpAuthError} with `KEYSTORE_UNAVAILABLE` when the keychain cannot be reached, is
 * locked, or does not answer in time, with `PERMISSION_DENIED` when the sandbox does not allow its program, and the
 * signal's reason; the messages begin with "Cannot use the keychain: ".
 */
export interface Keychain {
  /**
   * Reads a secret.
   *
   * @returns Undefined when the keychain can be reached and holds no such item.
   */
  read(account: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Writes a secret, and reads it back. */
  write(account: string, secret: string, signal?: AbortSignal): Promise<void>;
  /** Removes a secret; one that is not there is no error. */
  remove(account: string, signal?: AbortSignal): Promise<void>;
}

/** What {@linkcode openKeychain} takes. */
export interface KeychainOptions {
  /** Whose keychain; this machine's when left out. */
  readonly os?: Os | undefined;
  readonly run: RunProgram;
  /** Where Windows, which only seals secrets for a user, has them kept. */
  readonly folder: string;
}

/** Returns the keychain of an operating system; nothing is started yet. */
export async function openKeychain({ os = Deno.build.os, run, folder }: KeychainOptions): Promise<Keychain> {
  switch (os) {
    case "darwin":
      return (await import("./macos.ts")).macosKeychain(run);
    case "windows":
      return (await import("./windows.ts")).windowsKeychain(run, folder);
    default:
      return (await import("./secret_service.ts")).secretService(run);
  }
}

/** What the sandbox has to allow for the keychain of an operating system, beside the folder of the store. */
export interface KeychainNeeds {
  /** For `--allow-run`. */
  readonly program: string;
  /** For `--allow-env`: what that program needs of the environment. */
  readonly variables: readonly string[];
}

/** Says what {@linkcode openKeychain} needs. */
export function keychainNeeds(os: Os = Deno.build.os): KeychainNeeds {
  switch (os) {
    case "darwin":
      return { program: "security", variables: ["HOME"] };
    case "windows":
      return {
        program: "powershell.exe",
        variables: ["SystemRoot", "USERPROFILE", "APPDATA", "LOCALAPPDATA"],
      };
    default:
      return {
        program: "secret-tool",
        variables: ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "HOME"],
      };
  }
}

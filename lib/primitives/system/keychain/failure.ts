/**
 * What to say when a keychain cannot be used; loaded when that has happened. The hint is what helps at this moment:
 * another keystore is advice for a new store only, since one that is sealed by the keychain opens with nothing else.
 *
 * @module
 */
import { McpAuthError } from "../../errors.ts";
import { KEYCHAIN_TIMEOUT_MS } from "../../limits.ts";
import { safeText } from "../../untrusted_text.ts";
import { allowFlag } from "../permissions.ts";
import type { ProgramOutcome } from "../program.ts";

/** What the program of a keychain means. */
export interface ProgramWords {
  /** Its name. */
  readonly program: string;
  /** How to get it, where it is missing. */
  readonly install: string;
  /** How to unlock the keychain. */
  readonly unlock: string;
}

/** A new store needs no keychain. */
const OTHERWISE = "for a new store choose --keystore passphrase or file";

/** The error for a keychain; `detail` says why, and came through `safeText` where a program said it. */
export function keychainError(detail: string, hint: string): McpAuthError {
  return new McpAuthError("KEYSTORE_UNAVAILABLE", `Cannot use the keychain: ${detail}`, { hint });
}

/** The error for a locked keychain. */
export function lockedError({ unlock }: ProgramWords): McpAuthError {
  return keychainError("it is locked", `${unlock}, then try again`);
}

/** The error for a secret that the keychain took, and gave back as another. */
export function alteredError({ program }: ProgramWords): McpAuthError {
  return keychainError(
    `"${program}" kept something else than it was given`,
    `Check the keychain; ${OTHERWISE}`,
  );
}

/**
 * The error for a program that did not do what it was asked to.
 *
 * @param words Which program.
 * @param outcome What became of it.
 * @param said What it said, taken out of its standard error; its exit code where it said nothing.
 * @param reach How to reach this keychain.
 */
export function programError(
  words: ProgramWords,
  outcome: ProgramOutcome,
  said: string,
  reach: string,
): McpAuthError {
  const { program, install, unlock } = words;
  switch (outcome.kind) {
    case "missing":
      return keychainError(`there is no program "${program}"`, `${install}; ${OTHERWISE}`);
    case "denied":
      return new McpAuthError(
        "PERMISSION_DENIED",
        `Cannot use the keychain: the sandbox does not allow "${program}"`,
        { hint: `Run again with ${allowFlag("run", program)}; ${OTHERWISE}` },
      );
    case "timed-out":
      return keychainError(
        `"${program}" did not answer within ${KEYCHAIN_TIMEOUT_MS / 1000} s`,
        `${unlock}, then try again; ${OTHERWISE}`,
      );
    case "ended": {
      const detail = safeText(said).replace(/[.\s]+$/, "") || `"${program}" ended with ${outcome.code}`;
      return keychainError(detail, `${reach}; ${OTHERWISE}`);
    }
  }
}

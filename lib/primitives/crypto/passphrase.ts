/**
 * A key out of a passphrase, for what a person seals with words: the passphrase keystore and the file of an export. The
 * work that each guess costs is the caller's to choose and to store beside the salt, so that it can grow later.
 *
 * @see RFC 8018 section 5.2 (PBKDF2), NIST SP 800-132
 * @module
 */
import { PASSPHRASE_MIN_CHARS } from "../limits.ts";
import { type Bytes, KEY_BYTES } from "./sealing.ts";

/**
 * Derives a key with PBKDF2-HMAC-SHA-256.
 *
 * @param passphrase As typed; normalised to NFC, so that one typed on another keyboard is the same.
 * @param salt Random bytes that are stored beside what is sealed.
 * @param iterations How often the function is applied: the cost of a guess.
 * @returns {@linkcode KEY_BYTES} bytes.
 */
export async function derivePassphraseKey(
  passphrase: string,
  salt: Bytes,
  iterations: number,
): Promise<Bytes> {
  const words = new TextEncoder().encode(passphrase.normalize("NFC"));
  const material = await crypto.subtle.importKey("raw", words, "PBKDF2", false, ["deriveBits"]);
  const parameters = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, material, KEY_BYTES * 8));
}

/**
 * Why a passphrase is not to be sealed with, as the end of a sentence; undefined for one that may be.
 *
 * @param passphrase As typed; its characters are counted as the key is derived from them, normalised to NFC.
 */
export function passphraseWeakness(passphrase: string): string | undefined {
  const length = [...passphrase.normalize("NFC")].length;
  if (length >= PASSPHRASE_MIN_CHARS) return undefined;
  return `it has ${length} ${
    length === 1 ? "character" : "characters"
  }, and needs at least ${PASSPHRASE_MIN_CHARS}`;
}

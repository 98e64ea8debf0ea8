/**
 * SHA-256 of a text, for keys that must not grow with what they name and for fingerprints of secrets.
 *
 * @module
 */

/**
 * Returns the SHA-256 of a text's UTF-8 form as 64 lower-case hexadecimal digits.
 *
 * @param text Any text; it is not normalized.
 */
export async function sha256Hex(text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).toHex();
}

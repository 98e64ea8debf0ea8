/**
 * MD5, for one purpose: the names of files that other programs have given. Web Crypto does not have it, rightly, so
 * `node:crypto` is loaded for it; nothing is protected by it.
 *
 * @see RFC 1321
 * @module
 */
import { createHash } from "node:crypto";

/**
 * Returns the MD5 of a text's UTF-8 form as 32 lower-case hexadecimal digits.
 *
 * @param text Any text.
 */
export function md5Hex(text: string): string {
  return createHash("md5").update(text).digest("hex");
}

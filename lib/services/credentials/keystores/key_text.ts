/**
 * A key as people and files write it.
 *
 * @module
 */
import { type Bytes, KEY_BYTES } from "../../../primitives/crypto/sealing.ts";

/**
 * Reads a key of 32 bytes.
 *
 * @param text 64 hexadecimal digits, or base64url or base64 with or without padding.
 * @returns The key; undefined when the text is anything else.
 */
export function parseKey(text: string): Bytes | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Uint8Array.fromHex(text);
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  if (!/^[A-Za-z0-9+/]{43}=?$/.test(base64)) return undefined;
  const key = Uint8Array.fromBase64(base64);
  return key.length === KEY_BYTES ? key : undefined;
}

/**
 * A key as people and files write it, and the names of the slots that keys are kept in.
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

/** Makes the name of a slot that no other key has: 16 hexadecimal digits. */
export function newSlot(): string {
  return crypto.getRandomValues(new Uint8Array(8)).toHex();
}

/**
 * Whether {@linkcode newSlot} could have made a name. It becomes part of a path or of another program's command line:
 * what a store says is not trusted for that.
 */
export function isSlot(name: string): boolean {
  return /^[0-9a-f]{16}$/.test(name);
}

/**
 * A key that protects a key. The records are sealed with a data key that never changes place; only its wrapping does,
 * so that moving a store to another keystore writes one small record however many there are.
 *
 * @module
 */
import { type Bytes, importKey, seal, unseal } from "./sealing.ts";

/**
 * Wraps a key.
 *
 * @param wrapping The key that protects, 32 raw bytes.
 * @param key The key to protect, 32 raw bytes.
 * @param additionalData What the wrapped key belongs to.
 * @returns The wrapped key, in the layout of {@linkcode seal}.
 */
export async function wrapKey(wrapping: Bytes, key: Bytes, additionalData: Bytes): Promise<Bytes> {
  return await seal(await importKey(wrapping), key, additionalData);
}

/**
 * Unwraps a key.
 *
 * @param wrapping The key that {@linkcode wrapKey} was given.
 * @param wrapped What it returned.
 * @param additionalData The same as then.
 * @returns The raw key; undefined when the wrapping key, the additional data or a byte is not the same.
 */
export async function unwrapKeyBytes(
  wrapping: Bytes,
  wrapped: Bytes,
  additionalData: Bytes,
): Promise<Bytes | undefined> {
  return await unseal(await importKey(wrapping), wrapped, additionalData);
}

/**
 * Authenticated encryption of what is stored: AES-256-GCM with a fresh random nonce, bound to its place by additional
 * data. The layout carries a version, so that another algorithm can follow without guessing:
 *
 *     1 byte version (1) | 12 bytes nonce | ciphertext and 16 bytes tag
 *
 * Keys are random bytes that are imported; `crypto.subtle.generateKey` costs 20 ms to load.
 *
 * @see NIST SP 800-38D sections 5.2 and 8.2.2
 * @module
 */

/** Bytes that Web Crypto takes. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The length of every key, in bytes. */
export const KEY_BYTES = 32;

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** How much longer sealed bytes are than what they hold. */
export const SEALING_OVERHEAD_BYTES: number = 1 + NONCE_BYTES + TAG_BYTES;

/** Returns a new random key of {@linkcode KEY_BYTES} bytes. */
export function newKey(): Bytes {
  return crypto.getRandomValues(new Uint8Array(KEY_BYTES));
}

/**
 * Makes raw key bytes usable for {@linkcode seal} and {@linkcode unseal}; they cannot be read out of the result.
 *
 * @param raw The key, of {@linkcode KEY_BYTES} bytes.
 * @throws {TypeError} When the length is another.
 */
export async function importKey(raw: Bytes): Promise<CryptoKey> {
  if (raw.length !== KEY_BYTES) throw new TypeError(`Cannot import a key of ${raw.length} bytes`);
  return await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/**
 * Seals bytes.
 *
 * @param key From {@linkcode importKey}.
 * @param plain What to seal.
 * @param additionalData What the sealed bytes belong to; they open only with the same again.
 * @returns The version, the nonce, and the ciphertext with its tag.
 */
export async function seal(key: CryptoKey, plain: Bytes, additionalData: Bytes): Promise<Bytes> {
  const sealed = new Uint8Array(plain.length + SEALING_OVERHEAD_BYTES);
  sealed[0] = VERSION;
  const nonce = crypto.getRandomValues(sealed.subarray(1, 1 + NONCE_BYTES));
  const ciphertext = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData }, key, plain);
  sealed.set(new Uint8Array(ciphertext), 1 + NONCE_BYTES);
  return sealed;
}

/**
 * Opens what {@linkcode seal} made.
 *
 * @param key The key it was sealed with.
 * @param sealed The sealed bytes.
 * @param additionalData The additional data it was sealed with.
 * @returns The plain bytes; undefined when the version is unknown, or when the key, the additional data or any byte is
 * not what it was.
 */
export async function unseal(
  key: CryptoKey,
  sealed: Bytes,
  additionalData: Bytes,
): Promise<Bytes | undefined> {
  if (sealed[0] !== VERSION || sealed.length < SEALING_OVERHEAD_BYTES) return undefined;
  const iv = sealed.subarray(1, 1 + NONCE_BYTES);
  try {
    const ciphertext = sealed.subarray(1 + NONCE_BYTES);
    return new Uint8Array(
      await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData }, key, ciphertext),
    );
  } catch (error) {
    if (error instanceof DOMException && error.name === "OperationError") return undefined;
    throw error;
  }
}

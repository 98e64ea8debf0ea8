/**
 * The `keychain` keystore: the key as one small item in the keychain of the operating system, which keeps it from other
 * users and from whoever copies the disk. The item holds the key alone and never changes, so that nothing can be cut off
 * or overwritten there; everything else is in the store.
 *
 * @see behaviours rows 42, 43
 * @module
 */
import { KEY_BYTES, newKey } from "../../../primitives/crypto/sealing.ts";
import { McpAuthError } from "../../../primitives/errors.ts";
import { noteItem } from "../../../primitives/system/keychain/ahead.ts";
import { type Keychain, openKeychain } from "../../../primitives/system/keychain/keychain.ts";
import type { Keystore, KeystoreContext } from "../keystore.ts";
import { isSlot, newSlot, parseKey } from "./key_text.ts";

/**
 * Returns the keystore of the operating system's keychain; nothing is read yet.
 *
 * @param context The operating system, what starts its programs, and the store's folder.
 * @throws {McpAuthError} `KEYSTORE_UNAVAILABLE` when no programs may be started.
 */
export async function openKeychainKeystore(
  { os, run, home }: Pick<KeystoreContext, "os" | "run" | "home">,
): Promise<Keystore> {
  if (run !== undefined) return keychainKeystore(await openKeychain({ os, run, folder: home }), home);
  throw new McpAuthError("KEYSTORE_UNAVAILABLE", "Cannot use the keychain: no programs may be started here");
}

/**
 * Returns the keystore of a keychain.
 *
 * @param keychain Where the items are; each slot is an account name.
 * @param home The store's folder, for the note that lets the next run ask for the key ahead of time.
 */
export function keychainKeystore(keychain: Keychain, home: string): Keystore {
  return {
    kind: "keychain",
    place: "the keychain",
    read: async (slot, signal) => {
      if (!isSlot(slot)) return undefined;
      const text = await keychain.read(slot, signal);
      noteItem(home, slot, text !== undefined);
      if (text === undefined) return undefined;
      const key = parseKey(text);
      if (key !== undefined) return key;
      throw new McpAuthError(
        "KEYSTORE_UNAVAILABLE",
        `Cannot use the item "mcp-auth", account "${slot}", of the keychain: it is not ${KEY_BYTES} bytes`,
        { hint: "Restore the item from a backup; the store cannot be opened without its key" },
      );
    },
    create: async ({ slot = newSlot() }, signal) => {
      const key = newKey();
      await keychain.write(slot, key.toBase64({ alphabet: "base64url", omitPadding: true }), signal);
      return { slot, key };
    },
    remove: async (slot, signal) => {
      if (!isSlot(slot)) return;
      noteItem(home, slot, false);
      await keychain.remove(slot, signal);
    },
  };
}

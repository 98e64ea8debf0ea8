/**
 * The `file` keystore: the key as base64url in a file `key-<slot>` beside the store, readable by its owner alone. It
 * protects a copy of the database without the folder, and nothing more; the operating system's keychain does better.
 *
 * @module
 */
import { KEY_BYTES, newKey } from "../../../primitives/crypto/sealing.ts";
import { McpAuthError } from "../../../primitives/errors.ts";
import {
  createTextFile,
  ensurePrivateFolder,
  readTextFile,
  removeFile,
} from "../../../primitives/system/files.ts";
import { pathIn } from "../../../primitives/system/paths.ts";
import type { Keystore } from "../keystore.ts";
import { isSlot, newSlot, parseKey } from "./key_text.ts";

/**
 * Returns the keystore of a folder.
 *
 * @param home The store's folder; created when a key is.
 */
export function fileKeystore(home: string): Keystore {
  const pathOf = (slot: string) => pathIn(home, `key-${slot}`);

  return {
    kind: "file",
    place: `the folder "${home}"`,
    // deno-lint-ignore require-await -- what is thrown inside must reject
    read: async (slot) => {
      if (!isSlot(slot)) return undefined;
      const path = pathOf(slot);
      const text = readTextFile(path);
      if (text === undefined) return undefined;
      const key = parseKey(text.trim());
      if (key !== undefined) return key;
      throw new McpAuthError(
        "KEYSTORE_UNAVAILABLE",
        `Cannot use the key in "${path}": it is not ${KEY_BYTES} bytes`,
        { hint: "Restore the file from a backup; the store cannot be opened without its key" },
      );
    },
    create: async ({ slot = newSlot() }) => {
      await ensurePrivateFolder(home);
      const made = { slot, key: newKey() };
      const text = made.key.toBase64({ alphabet: "base64url", omitPadding: true });
      if (await createTextFile(pathOf(made.slot), `${text}\n`)) return made;
      throw new McpAuthError(
        "KEYSTORE_UNAVAILABLE",
        `Cannot keep a key in "${pathOf(made.slot)}": it exists`,
      );
    },
    remove: async (slot) => {
      if (isSlot(slot)) await removeFile(pathOf(slot));
    },
  };
}

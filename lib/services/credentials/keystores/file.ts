/**
 * The `file` keystore: the key as base64url in the file `key` beside the store, readable by its owner alone. It
 * protects a copy of the database without the folder, and nothing more; the operating system's keychain does better.
 *
 * @module
 */
import { KEY_BYTES, newKey } from "../../../primitives/crypto/sealing.ts";
import { McpAuthError } from "../../../primitives/errors.ts";
import { createTextFile, ensurePrivateFolder, readTextFile } from "../../../primitives/system/files.ts";
import { pathIn } from "../../../primitives/system/paths.ts";
import type { Keystore } from "../keystore.ts";
import { parseKey } from "./key_text.ts";

/**
 * Returns the keystore of a folder.
 *
 * @param home The store's folder; created when a key is.
 */
export function fileKeystore(home: string): Keystore {
  const path = pathIn(home, "key");

  // deno-lint-ignore require-await -- what is thrown inside must reject
  async function read() {
    const text = readTextFile(path);
    if (text === undefined) return undefined;
    const key = parseKey(text.trim());
    if (key !== undefined) return key;
    throw new McpAuthError(
      "KEYSTORE_UNAVAILABLE",
      `Cannot use the key in "${path}": it is not ${KEY_BYTES} bytes`,
      {
        hint: "Restore the file from a backup; the store cannot be opened without its key",
      },
    );
  }

  return {
    kind: "file",
    place: `the file "${path}"`,
    read,
    async create() {
      const found = await read();
      if (found !== undefined) return found;
      await ensurePrivateFolder(home);
      const key = newKey();
      if (await createTextFile(path, `${key.toBase64({ alphabet: "base64url", omitPadding: true })}\n`)) {
        return key;
      }
      const winner = await read();
      if (winner !== undefined) return winner;
      throw new McpAuthError(
        "KEYSTORE_UNAVAILABLE",
        `Cannot keep a key in "${path}": it was removed at once`,
      );
    },
  };
}

/**
 * The `memory` keystore: a key that ends with the process, for a store that does too.
 *
 * @module
 */
import { type Bytes, newKey } from "../../../primitives/crypto/sealing.ts";
import type { Keystore } from "../keystore.ts";
import { newSlot } from "./key_text.ts";

/** Returns a keystore of its own, holding nothing yet. */
export function memoryKeystore(): Keystore {
  const keys = new Map<string, Bytes>();
  return {
    kind: "memory",
    place: "this process",
    read: (slot) => Promise.resolve(keys.get(slot)),
    create: ({ slot = newSlot() }) => {
      const made = { slot, key: newKey() };
      keys.set(made.slot, made.key);
      return Promise.resolve(made);
    },
    remove: (slot) => Promise.resolve(void keys.delete(slot)),
  };
}

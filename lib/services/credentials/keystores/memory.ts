/**
 * The `memory` keystore: a key that ends with the process, for a store that does too.
 *
 * @module
 */
import { type Bytes, newKey } from "../../../primitives/crypto/sealing.ts";
import type { Keystore } from "../keystore.ts";

/** Returns a keystore of its own, holding nothing yet. */
export function memoryKeystore(): Keystore {
  let key: Bytes | undefined;
  return {
    kind: "memory",
    place: "this process",
    read: () => Promise.resolve(key),
    create: () => Promise.resolve(key ??= newKey()),
  };
}

/**
 * What every {@linkcode Keystore} that can make a key does. Each adapter's test calls {@linkcode testKeystoreContract}.
 *
 * @module
 */
import assert from "node:assert/strict";
import { KEY_BYTES } from "../../lib/primitives/crypto/sealing.ts";
import type { Keystore, KeystoreKind } from "../../lib/services/credentials/keystore.ts";

/** One empty place for a key. */
export interface KeystorePlace {
  /** A keystore over the place; each call another one, as another process would have. */
  open(): Keystore;
  /** Removes the place. */
  remove(): Promise<void>;
}

/**
 * Registers the tests of the contract.
 *
 * @param kind The kind that the keystore says it is.
 * @param place Makes an empty place.
 */
export function testKeystoreContract(kind: KeystoreKind, place: () => Promise<KeystorePlace>): void {
  function test(name: string, body: (open: () => Keystore) => Promise<void>): void {
    Deno.test(`keystore ${kind}: ${name}`, async () => {
      const { open, remove } = await place();
      try {
        await body(open);
      } finally {
        await remove();
      }
    });
  }

  test("says its kind and where the key is", (open) => {
    assert.equal(open().kind, kind);
    assert.notEqual(open().place, "");
    return Promise.resolve();
  });

  test("reads nothing where no key was made", async (open) => {
    assert.equal(await open().read(), undefined);
  });

  test("makes a key of the right length that every later read returns", async (open) => {
    const key = await open().create();
    assert.equal(key.length, KEY_BYTES);
    assert.notDeepEqual(key, new Uint8Array(KEY_BYTES));
    assert.deepEqual(await open().read(), key);
    assert.deepEqual(await open().read(), key);
  });

  test("keeps the key there is when asked to make one again", async (open) => {
    const key = await open().create();
    assert.deepEqual(await open().create(), key);
  });

  test("gives all who make a key at once the same one", async (open) => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => open().create()));
    for (const key of keys) assert.deepEqual(key, keys[0]);
  });
}

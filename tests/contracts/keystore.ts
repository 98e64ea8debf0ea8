/**
 * What every {@linkcode Keystore} does. Each adapter's test calls {@linkcode testKeystoreContract}.
 *
 * @module
 */
import assert from "node:assert/strict";
import { KEY_BYTES } from "../../lib/primitives/crypto/sealing.ts";
import type { Keystore, KeystoreKind } from "../../lib/services/credentials/keystore.ts";

/** One place for keys that holds none. */
export interface KeystorePlace {
  /** A keystore over the place; each call another one, as another process would have. */
  open(): Keystore;
  /** Removes the place. */
  remove(): Promise<void>;
}

/** How the tests of an adapter are registered. */
export interface ContractOptions {
  /** Where its keys come from: it makes and keeps them, or they are given to it from outside, each time anew. */
  readonly keys: "kept" | "given";
  /** What the names of the tests say beside the kind. */
  readonly variant?: string;
  /** Why the tests cannot run here; their names say it. */
  readonly skip?: string | undefined;
}

/** Slots that a store which somebody else wrote could name. */
const HOSTILE_SLOTS = [
  "../x",
  "",
  "/etc/passwd",
  "0123456789abcdef/../../x",
  "-w",
  "--help",
  "a b",
  "a\nb",
  "a\0b",
  "'; true #",
  "$(true)",
  "é",
  "x".repeat(100_000),
];

/**
 * Registers the tests of the contract.
 *
 * @param kind The kind that the keystore says it is.
 * @param place Makes an empty place.
 */
export function testKeystoreContract(
  kind: KeystoreKind,
  options: ContractOptions,
  place: () => Promise<KeystorePlace>,
): void {
  const { keys, variant, skip } = options;
  const subject = `keystore ${kind}${variant === undefined ? "" : ` (${variant})`}`;

  function test(name: string, body: (open: () => Keystore) => Promise<void>): void {
    Deno.test({
      name: `${subject}: ${name}${skip === undefined ? "" : ` [skipped: ${skip}]`}`,
      ignore: skip !== undefined,
      async fn() {
        const { open, remove } = await place();
        try {
          await body(open);
        } finally {
          await remove();
        }
      },
    });
  }

  test("says its kind and where its keys are", (open) => {
    assert.equal(open().kind, kind);
    assert.notEqual(open().place, "");
    return Promise.resolve();
  });

  test("makes a key of the right length that every later read of its slot returns", async (open) => {
    const { slot, key } = await open().create({ renewed: false });
    assert.equal(key.length, KEY_BYTES);
    assert.notDeepEqual(key, new Uint8Array(KEY_BYTES));
    assert.ok(slot.length <= 200);
    assert.deepEqual(await open().read(slot), key);
    assert.deepEqual(await open().read(slot), key);
  });

  test("removes a slot that is not there without complaint", async (open) => {
    await open().remove("0123456789abcdef");
    for (const slot of HOSTILE_SLOTS) await open().remove(slot);
  });

  if (keys === "given") return;

  test("reads nothing from a slot that was never made", async (open) => {
    assert.equal(await open().read("0123456789abcdef"), undefined);
    await open().create({ renewed: false });
    assert.equal(await open().read("0123456789abcdef"), undefined);
  });

  test("reads nothing from a slot that no keystore makes", async (open) => {
    await open().create({ renewed: false });
    for (const slot of HOSTILE_SLOTS) assert.equal(await open().read(slot), undefined, slot.slice(0, 40));
  });

  test("makes another key in another slot each time, and keeps them all", async (open) => {
    const first = await open().create({ renewed: false });
    const second = await open().create({ renewed: true });
    assert.notEqual(first.slot, second.slot);
    assert.notDeepEqual(first.key, second.key);
    assert.deepEqual(await open().read(first.slot), first.key);
    assert.deepEqual(await open().read(second.slot), second.key);
  });

  test("gives all who make a key at once one of their own (row 43)", async (open) => {
    const made = await Promise.all(Array.from({ length: 10 }, () => open().create({ renewed: false })));
    assert.equal(new Set(made.map(({ slot }) => slot)).size, made.length);
    assert.equal(new Set(made.map(({ key }) => key.toHex())).size, made.length);
    for (const { slot, key } of made) assert.deepEqual(await open().read(slot), key);
  });

  test("forgets a key that is removed, and no other", async (open) => {
    const gone = await open().create({ renewed: false });
    const kept = await open().create({ renewed: false });
    await open().remove(gone.slot);
    assert.equal(await open().read(gone.slot), undefined);
    assert.deepEqual(await open().read(kept.slot), kept.key);
    await open().remove(gone.slot);
  });
}

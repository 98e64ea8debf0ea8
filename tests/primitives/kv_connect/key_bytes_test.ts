/**
 * Keys as bytes: they are those of Deno KV itself, compare as keys do, and come back as they were.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import {
  after,
  decodeKey,
  encodeKey,
  rangeBelow,
  rangeOfKey,
} from "../../../lib/primitives/kv_connect/key_bytes.ts";
import type { KvKey } from "../../../lib/primitives/system/kv.ts";

const part = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom("", "\0", "\0\xff", "a\0", "\ufeffbom", "𝒳", "\uffee"),
  fc.double({ noNaN: true }),
  fc.integer(),
);
const key = fc.array(part, { minLength: 1, maxLength: 4 });

Deno.test("the bytes of a key are those that Deno KV writes", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const keys: KvKey[] = fc.sample(key, { numRuns: 200, seed: 7 });
    const kv = await Deno.openKv(`${folder}/store.db`);
    for (const each of keys) await kv.set([...each], 1);
    kv.close();
    using database = new DatabaseSync(`${folder}/store.db`, { readOnly: true });
    const written = database.prepare("SELECT k FROM kv").all().map(({ k }) => (k as Uint8Array).toHex());
    deepEqual(new Set(keys.map((each) => encodeKey(each).toHex())), new Set(written));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a key comes back as it was", () => {
  fc.assert(fc.property(key, (each) => deepEqual(decodeKey(encodeKey(each)), each)));
});

Deno.test("what is no key of strings and numbers is none, whatever its bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
    const decoded = decodeKey(new Uint8Array(bytes));
    ok(decoded === undefined || Array.isArray(decoded));
  }));
  for (const bytes of ["02", "0261", "0200ff", "21", "2100", "1501", "26", "020002"]) {
    equal(decodeKey(Uint8Array.fromHex(bytes)), undefined, bytes);
  }
});

Deno.test("a stretch below a prefix has the longer keys that begin with it, and no other", () => {
  fc.assert(fc.property(key, key, part, (prefix, other, last) => {
    const { start, end } = rangeBelow(prefix);
    const isIn = (each: KvKey) => {
      const hex = encodeKey(each).toHex();
      return hex >= start.toHex() && hex < end.toHex();
    };
    ok(isIn([...prefix, last]));
    ok(!isIn(prefix));
    const below = other.length > prefix.length &&
      prefix.every((each, index) => Object.is(each, other[index]));
    equal(isIn(other), below);
  }));
});

Deno.test("the stretch of a key ends before the first key after it", () => {
  const { start, end } = rangeOfKey(["a"]);
  equal(end.toHex(), after(start).toHex());
  ok(encodeKey(["a", ""]).toHex() >= end.toHex());
});

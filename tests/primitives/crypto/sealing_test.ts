import assert from "node:assert/strict";
import fc from "fast-check";
import { unwrapKeyBytes, wrapKey } from "../../../lib/primitives/crypto/key_wrapping.ts";
import {
  importKey,
  KEY_BYTES,
  newKey,
  seal,
  SEALING_OVERHEAD_BYTES,
  unseal,
} from "../../../lib/primitives/crypto/sealing.ts";

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

Deno.test("sealed bytes open with the same key and additional data, whatever they hold", async () => {
  const key = await importKey(newKey());
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.string(), async (plain, place) => {
    const copy = new Uint8Array(plain);
    const sealed = await seal(key, copy, bytes(place));
    assert.equal(sealed.length, plain.length + SEALING_OVERHEAD_BYTES);
    assert.deepEqual(await unseal(key, sealed, bytes(place)), copy);
  }));
});

Deno.test("the layout is a version, a nonce of 12 bytes, and what AES-256-GCM makes of the rest", async () => {
  const raw = newKey();
  const sealed = await seal(await importKey(raw), bytes("secret"), bytes("place"));
  assert.equal(sealed[0], 1);
  const peer = await crypto.subtle.importKey("raw", raw, { name: "AES-GCM" }, false, ["decrypt"]);
  const plain = await crypto.subtle.decrypt(
    { name: "AES-GCM", iv: sealed.slice(1, 13), additionalData: bytes("place"), tagLength: 128 },
    peer,
    sealed.slice(13),
  );
  assert.equal(new TextDecoder().decode(plain), "secret");
});

Deno.test("no two sealings share a nonce", async () => {
  const key = await importKey(newKey());
  const nonces = new Set<string>();
  for (let count = 0; count < 500; count++) {
    nonces.add((await seal(key, bytes("same"), bytes("same"))).subarray(1, 13).toHex());
  }
  assert.equal(nonces.size, 500);
});

Deno.test("sealed bytes with any single bit changed, or cut anywhere, do not open", async () => {
  const key = await importKey(newKey());
  const sealed = await seal(key, bytes("secret"), bytes("place"));
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = sealed.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(await unseal(key, changed, bytes("place")), undefined, `bit ${bit}`);
  }
  for (let length = 0; length < sealed.length; length++) {
    assert.equal(await unseal(key, sealed.slice(0, length), bytes("place")), undefined, `length ${length}`);
  }
});

Deno.test("sealed bytes do not open at another place or with another key", async () => {
  const key = await importKey(newKey());
  const sealed = await seal(key, bytes("secret"), bytes('["a","b"]'));
  assert.equal(await unseal(key, sealed, bytes('["a","c"]')), undefined);
  assert.equal(await unseal(key, sealed, bytes("")), undefined);
  assert.equal(await unseal(await importKey(newKey()), sealed, bytes('["a","b"]')), undefined);
});

Deno.test("a key of another length is refused", async () => {
  for (const length of [0, 16, 31, 33]) {
    await assert.rejects(importKey(new Uint8Array(length)), TypeError);
  }
});

Deno.test("a wrapped key comes back as it was, and needs the wrapping key and its place", async () => {
  const [wrapping, key] = [newKey(), newKey()];
  const wrapped = await wrapKey(wrapping, key, bytes("generation 1"));
  assert.equal(wrapped.length, KEY_BYTES + SEALING_OVERHEAD_BYTES);
  assert.deepEqual(await unwrapKeyBytes(wrapping, wrapped, bytes("generation 1")), key);
  assert.equal(await unwrapKeyBytes(newKey(), wrapped, bytes("generation 1")), undefined);
  assert.equal(await unwrapKeyBytes(wrapping, wrapped, bytes("generation 2")), undefined);
});

import assert from "node:assert/strict";
import { sha256Hex } from "../../../lib/primitives/crypto/digest.ts";

// FIPS 180-4 examples, and a text that is longer in UTF-8 than in UTF-16.
for (
  const [text, digest] of [
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    ["é", "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"],
  ] as const
) {
  Deno.test(`the SHA-256 of "${text}" is the known one`, async () => {
    assert.equal(await sha256Hex(text), digest);
  });
}

/** A key out of a passphrase. */
import { equal, notEqual } from "node:assert/strict";
import { derivePassphraseKey } from "../../../lib/primitives/crypto/passphrase.ts";

const SALT = new TextEncoder().encode("salt");

for (
  const [iterations, key] of [
    [1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"],
    [2, "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"],
    [4096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"],
  ] as const
) {
  Deno.test(`PBKDF2-HMAC-SHA-256 of "password" and "salt", ${iterations} times, is the published vector`, async () => {
    equal((await derivePassphraseKey("password", SALT, iterations)).toHex(), key);
  });
}

Deno.test("a passphrase is the same however its accents were typed", async () => {
  const [composed, decomposed] = ["caf\u00e9", "cafe\u0301"];
  notEqual(composed, decomposed);
  const keys = await Promise.all(
    [composed, decomposed].map((each) => derivePassphraseKey(each, SALT, 10)),
  );
  equal(keys[0]!.toHex(), keys[1]!.toHex());
  notEqual((await derivePassphraseKey("cafe", SALT, 10)).toHex(), keys[0]!.toHex());
});

/** The sealed file of an export. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { PASSPHRASE_ITERATIONS } from "../../../lib/primitives/limits.ts";
import { openDocument, sealDocument } from "../../../lib/services/transfer/document.ts";
import { PASSPHRASE } from "./scene.ts";

const VALUE = { secret: "s3cret-value" };

Deno.test("a value is sealed, and opened with the same passphrase again", async () => {
  const text = await sealDocument(VALUE, PASSPHRASE);
  deepEqual(await openDocument(text, PASSPHRASE), VALUE);
  const document = JSON.parse(text);
  deepEqual(Object.keys(document), ["format", "version", "kdf", "sealed"]);
  equal(document.format, "mcp-auth-export");
  equal(document.version, 1);
  equal(document.kdf.name, "PBKDF2-SHA-256");
  equal(document.kdf.iterations, PASSPHRASE_ITERATIONS);
  ok(!text.includes("s3cret"));
  ok(!atob(document.sealed).includes("s3cret"));
});

Deno.test("two files of one value have nothing in common but the header's form", async () => {
  const [a, b] = [await sealDocument(VALUE, PASSPHRASE), await sealDocument(VALUE, PASSPHRASE)].map((text) =>
    JSON.parse(text)
  );
  ok(a.kdf.salt !== b.kdf.salt);
  ok(a.sealed !== b.sealed);
});

Deno.test("a passphrase is the same however its accents were typed", async () => {
  deepEqual(
    await openDocument(
      await sealDocument(VALUE, "cafe\u0301 cafe\u0301 cafe\u0301"),
      "caf\u00e9 caf\u00e9 caf\u00e9",
    ),
    VALUE,
  );
});

Deno.test("another passphrase, and a file that was changed anywhere, are the same error", async () => {
  const text = await sealDocument(VALUE, PASSPHRASE);
  const document = JSON.parse(text);
  const bytes = Uint8Array.fromBase64(document.sealed);
  bytes[bytes.length - 1]! ^= 1;
  const salt = Uint8Array.fromBase64(document.kdf.salt);
  salt[0]! ^= 1;
  const altered = [
    { ...document, sealed: bytes.toBase64() },
    { ...document, sealed: bytes.subarray(0, 10).toBase64() },
    { ...document, kdf: { ...document.kdf, salt: salt.toBase64() } },
    { ...document, kdf: { ...document.kdf, iterations: 200_000 } },
  ];
  const error = { code: "CONFIG_INVALID", message: /the passphrase is another, or the file was changed/ };
  await rejects(openDocument(text, `${PASSPHRASE}.`), error);
  for (const each of altered) await rejects(openDocument(JSON.stringify(each), PASSPHRASE), error);
});

Deno.test("a short passphrase seals nothing", async () => {
  for (const passphrase of ["", "short", "x".repeat(11), "\u{1F511}".repeat(11)]) {
    await rejects(sealDocument(VALUE, passphrase), { code: "CONFIG_INVALID", message: /fewer than 12/ });
  }
  await sealDocument(VALUE, "\u{1F511}".repeat(12));
});

Deno.test("what is no export is told from one that is newer", async () => {
  const document = JSON.parse(await sealDocument(VALUE, PASSPHRASE));
  const { kdf } = document;
  const table: readonly (readonly [string, unknown, RegExp])[] = [
    ["no JSON", undefined, /it is not JSON/],
    ["a list", [], /is no object/],
    ["another format", { ...document, format: "other" }, /"format" is not/],
    ["version 2", { ...document, version: 2 }, /its version is 2, and 1 is known/],
    ["version 0", { ...document, version: 0 }, /"version"/],
    ["a version in words", { ...document, version: "1" }, /"version"/],
    ["no kdf", { ...document, kdf: undefined }, /"kdf" is no object/],
    ["another kdf", { ...document, kdf: { ...kdf, name: "none" } }, /"kdf.name"/],
    ["few iterations", { ...document, kdf: { ...kdf, iterations: 1 } }, /"kdf.iterations"/],
    ["endless iterations", { ...document, kdf: { ...kdf, iterations: 4e9 } }, /"kdf.iterations"/],
    ["half an iteration", { ...document, kdf: { ...kdf, iterations: 600_000.5 } }, /"kdf.iterations"/],
    ["a short salt", { ...document, kdf: { ...kdf, salt: "AAAA" } }, /"kdf.salt"/],
    [
      "a salt that is no base64",
      { ...document, kdf: { ...kdf, salt: "A".repeat(25) + "===" } },
      /"kdf.salt"/,
    ],
    ["sealed that is no base64", { ...document, sealed: "%" }, /"sealed" cannot be used/],
    ["nothing sealed", { ...document, sealed: undefined }, /"sealed"/],
  ];
  for (const [what, value, message] of table) {
    const text = value === undefined ? "no JSON" : JSON.stringify(value);
    await rejects(openDocument(text, PASSPHRASE), { code: "CONFIG_INVALID", message }, what);
  }
});

Deno.test("the file is one line of JSON that a mail or a form carries unharmed", async () => {
  match(await sealDocument(VALUE, PASSPHRASE), /^\{[\x20-\x7e]+\}\n$/);
});

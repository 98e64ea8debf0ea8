import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { safeText, safeUrl } from "../../lib/primitives/untrusted_text.ts";

const texts: readonly (readonly [string, unknown, string])[] = [
  ["plain text as it is", "Zugriff verweigert: 漢字 😀", "Zugriff verweigert: 漢字 😀"],
  ["escape sequences without their escape", "a\u001b[31mred\u001b[0m", "a [31mred [0m"],
  ["line breaks and NUL as one blank", "one\r\n\0two", "one two"],
  ["C1 controls and DEL as a blank", "a\u009b31mb\u007fc", "a 31mb c"],
  ["bidirectional overrides as a blank", "abc\u202egpj.exe\u2066x\u061cy", "abc gpj.exe x y"],
  ["zero-width characters and byte order marks as a blank", "a\u200bb\u2060c\ufeffd\u180ee", "a b c d e"],
  ["line and paragraph separators as a blank", "a\u2028b\u2029c", "a b c"],
  ["tag characters, which carry hidden text, as a blank", "a\u{e0001}\u{e0041}\u{e0042}b", "a b"],
  ["a lone surrogate as a replacement character", "a\ud800b", "a\ufffdb"],
  ["objects as their JSON", { a: "\u0001" }, '{"a":"\\u0001"}'],
  ["undefined as nothing", undefined, ""],
  ["null as its JSON", null, "null"],
  ["a number as its JSON", 4, "4"],
  ["a function as nothing", () => 1, ""],
  ["a big integer, which has no JSON, as nothing", 10n, ""],
];

for (const [description, text, shown] of texts) {
  Deno.test(`safeText() shows ${description}`, () => equal(safeText(text), shown));
}

Deno.test("safeText() cuts long text, and never between the halves of a character", () => {
  equal(safeText("x".repeat(301)), `${"x".repeat(299)}…`);
  equal(safeText("x".repeat(300)), "x".repeat(300));
  equal(safeText("ab😀cd", 4), "ab\ufffd…");
});

Deno.test("safeText() shows anything as one bounded line without control characters", () => {
  fc.assert(fc.property(
    fc.oneof(fc.string({ unit: "binary" }), fc.anything({ withBigInt: true, withDate: true })),
    fc.integer({ min: 2, max: 50 }),
    (text, max) => {
      const shown = safeText(text, max);
      ok(shown.length <= max);
      ok(shown.isWellFormed());
      ok(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(shown));
    },
  ));
});

const urls: readonly (readonly [string, unknown, string])[] = [
  ["a URL as it is", "https://example.com/a/b", "https://example.com/a/b"],
  ["an at sign in the path", "https://example.com/@scope/x", "https://example.com/@scope/x"],
  ["no query", "https://example.com/a?token=secret", "https://example.com/a"],
  ["no fragment", "https://example.com/a#access_token=secret", "https://example.com/a"],
  ["no user name and password", "https://user:secret@example.com/a", "https://example.com/a"],
  ["no password with an at sign in it", "https://user:se@cret@example.com/a", "https://example.com/a"],
  ["no password without slashes before it", "https:user:secret@example.com", "https:example.com"],
  ["no password after backslashes", "https:\\\\user:secret@example.com", "https:\\\\example.com"],
  [
    "no password of a URL inside a URL",
    "blob:https://user:secret@example.com/a",
    "blob:https://example.com/a",
  ],
  ["something else as text", { a: 1 }, '{"a":1}'],
  ["nothing for undefined", undefined, ""],
];

for (const [description, url, shown] of urls) {
  Deno.test(`safeUrl() shows ${description}`, () => equal(safeUrl(url), shown));
}

Deno.test("safeUrl() cuts a URL that is very long", () => {
  equal(safeUrl(`https://example.com/${"a".repeat(100_000)}`).length, 2_000);
});

Deno.test("safeUrl() never shows the password of a URL", () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9@:._~!$&'()*+,;=-]{8,20}$/);
  fc.assert(fc.property(secret, (password) => {
    const shown = safeUrl(`https://user:${password}@example.com/path`);
    equal(shown, "https://example.com/path");
  }));
});

/**
 * Who signed in, as an ID token says: for showing, and never trusted.
 *
 * @see OpenID Connect Core 1.0 sections 2 and 5.1; behaviours row 45
 * @module
 */
import { deepEqual, equal } from "node:assert/strict";
import { accountName, accountSubject, claimsOf } from "../../../lib/primitives/oauth/id_token.ts";

function encode(text: string): string {
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

function jwt(payload: unknown): string {
  return `${encode('{"alg":"none"}')}.${encode(JSON.stringify(payload))}.`;
}

Deno.test("the claims of a JWT are read without looking at its signature (row 45)", () => {
  deepEqual(claimsOf(jwt({ sub: "1", name: "Zoë" })), { sub: "1", name: "Zoë" });
  deepEqual(claimsOf(`e30.${encode("{}")}.c2ln`), {});
});

for (
  const token of [
    undefined,
    "",
    "opaque",
    "a.b",
    "a.b.c",
    `a.${encode("[]")}.c`,
    `a.${encode("null")}.c`,
    `a.${encode("{")}.c`,
    `a.${encode("{}")}.c.d.e`,
    `a.!!!!.c`,
    `${"a.".repeat(10_000)}`,
  ]
) {
  Deno.test(`a token that is no signed JWT has no claims: ${JSON.stringify(token?.slice(0, 20))}`, () => {
    equal(claimsOf(token), undefined);
  });
}

const names: readonly (readonly [string, Record<string, unknown>, string | undefined])[] = [
  [
    "e-mail address first",
    { email: "a@b.example", preferred_username: "u", name: "N", sub: "s" },
    "a@b.example",
  ],
  ["user name second", { preferred_username: "u", name: "N", sub: "s" }, "u"],
  ["full name third", { name: "N", sub: "s" }, "N"],
  ["no name where there is none", { sub: "s" }, undefined],
  ["what is no text is not a name", { email: ["a"], preferred_username: 4, name: null }, undefined],
  ["blanks are not a name", { email: "  \u0000 ", name: "N" }, "N"],
];

for (const [description, claims, account] of names) {
  Deno.test(`the account's name: ${description} (row 45)`, () => equal(accountName(claims), account));
}

Deno.test("a name cannot move the cursor, turn the line around or fill it", () => {
  equal(accountName({ email: "\u001b[2J\u202Emoc.elpmaxe@a\nb" }), "[2J moc.elpmaxe@a b");
  equal(accountName({ name: "x".repeat(10_000) })?.length, 100);
  equal(accountSubject({ sub: "\u0007s" }), "s");
  equal(accountSubject({ sub: 7 }), undefined);
  equal(accountSubject(undefined), undefined);
});

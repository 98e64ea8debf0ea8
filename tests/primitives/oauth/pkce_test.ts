/**
 * @see RFC 7636; MCP 2026-07-28 authorization, Authorization Code Protection (C23, C38, C39)
 * @module
 */
import { equal, match, notEqual, throws } from "node:assert/strict";
import { codeChallengeOf, createPkce, requireS256 } from "../../../lib/primitives/oauth/pkce.ts";
import { coded } from "../coded_error.ts";

Deno.test("the S256 challenge of RFC 7636 appendix B comes out", async () => {
  equal(
    await codeChallengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
  );
});

Deno.test("each pair is fresh, has 43 characters of the unreserved set, and fits together", async () => {
  const first = await createPkce();
  const second = await createPkce();
  match(first.codeVerifier, /^[A-Za-z0-9_-]{43}$/);
  match(first.codeChallenge, /^[A-Za-z0-9_-]{43}$/);
  notEqual(first.codeVerifier, second.codeVerifier);
  equal(await codeChallengeOf(first.codeVerifier), first.codeChallenge);
});

Deno.test("a server that lists S256 among its methods is accepted", () => {
  requireS256(["plain", "S256"], "https://auth.example.com");
});

const refused: readonly (readonly [string, readonly string[] | undefined, RegExp])[] = [
  ["no methods at all", undefined, /does not list PKCE method "S256"$/],
  ["plain alone", ["plain"], /\(it lists \["plain"\]\)$/],
  ["s256 in small letters", ["s256"], /does not list/],
  ["an empty list", [], /does not list/],
  ["a method with an escape sequence", ["\u001b[31mS256", "\u202e"], /does not list/],
  ["a method of 400 kB", ["x".repeat(400_000)], /does not list/],
];

for (const [description, methods, message] of refused) {
  Deno.test(`a server that lists ${description} is refused, with the flag that overrides it`, () => {
    throws(
      () => requireS256(methods, "https://auth.example.com/\u001b[2J"),
      (error: unknown) => coded("DISCOVERY_FAILED", message)(error),
    );
    throws(() => requireS256(methods, "https://auth.example.com"), { hint: /--assume-pkce$/ });
  });
}

/**
 * No secret survives in what is logged.
 *
 * @module
 */
import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { redact } from "../../../lib/primitives/http/redaction.ts";

const JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

const cases: readonly (readonly [string, string])[] = [
  ["Authorization: Bearer abc", "Authorization: [redacted]"],
  ["proxy-authorization: Basic YTpi\r\naccept: */*", "proxy-authorization: [redacted]\r\naccept: */*"],
  ["Set-Cookie: a=b; Secure", "Set-Cookie: [redacted]"],
  ["sent Bearer mF_9.B5f-4.1JqM to the server", "sent Bearer [redacted] to the server"],
  ["dpop Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp", "dpop [redacted]"],
  [`got ${JWT}, and more`, "got [redacted], and more"],
  ['{"access_token":"a\\"b","token_type":"Bearer"}', '{"access_token":"[redacted]","token_type":"Bearer"}'],
  ['{"refresh_token" : "cut in the mid', '{"refresh_token" : "[redacted]"'],
  ['"{\\"client_secret\\":\\"abc\\"}"', '"{\\"client_secret\\":\\"[redacted]"}"'],
  ["{ accessToken: 1, access_token: 'abc' }", "{ accessToken: 1, access_token: '[redacted]' }"],
  ["grant_type=refresh_token&refresh_token=abc", "grant_type=refresh_token&refresh_token=[redacted]"],
  ['password="two words" x', "password=[redacted] x"],
  ["/callback?code=abc&state=def&iss=x", "/callback?code=[redacted]&state=[redacted]&iss=x"],
  ["https://h/p?anything=goes#and=this", "https://h/p?[redacted]"],
  ["https://user:pass@word@h/p", "https://[redacted]@h/p"],
  ["next=%2Fcb%3Fcode%3Dabc%26x%3D1", "next=%2Fcb%3Fcode%3D[redacted]%26x%3D1"],
];

for (const [text, clean] of cases) {
  Deno.test(`redact() turns ${JSON.stringify(text)} into ${JSON.stringify(clean)}`, () => {
    equal(redact(text), clean);
  });
}

const prose = [
  'Cannot refresh the access token: "https://auth.example.com/token" answered 400: invalid_grant',
  'Cannot exchange the authorization code: "https://auth.example.com/token" answered 500',
  "Bearer authentication is required",
  "the error code is invalid_grant",
  "Run: mcp-auth login demo --scope files:read",
  "redirect URI http://127.0.0.1:8456/callback",
  "GET https://example.com/.well-known/oauth-protected-resource: 404 (12 ms)",
];

for (const text of prose) {
  Deno.test(`redact() leaves ${JSON.stringify(text)} alone`, () => equal(redact(text), text));
}

/** What tokens, codes and secrets are made of; long enough not to occur by chance. */
const secret = fc.stringMatching(/^[A-Za-z0-9._~+/=-]{20,60}$/);
/** What a person or a careless server may choose. */
const wild = fc.string({ unit: "binary", minLength: 12, maxLength: 40 }).filter((text) =>
  text.isWellFormed() && text.trim().length >= 12
);
const parameter = fc.constantFrom(
  "access_token",
  "refresh_token",
  "id_token",
  "client_secret",
  "client_assertion",
  "assertion",
  "subject_token",
  "actor_token",
  "code",
  "code_verifier",
  "device_code",
  "user_code",
  "password",
  "registration_access_token",
  "token",
  "state",
);
const header = fc.constantFrom("Authorization", "Cookie", "Set-Cookie", "X-API-Key", "Mcp-Session-Id");

const positions: readonly (readonly [string, (value: string, name: string, field: string) => string])[] = [
  ["a header line", (value, _, field) => `accept: */*\r\n${field}: ${value}\r\nx: y`],
  ["a bearer header in lower case", (value) => `sent bearer ${value}, and waited`],
  ["a DPoP credential", (value) => `DPoP ${value}`],
  ["a query", (value, name) => `GET /x?a=b&${name}=${value}&c=d`],
  ["a whole URL under any name", (value) => `https://example.com/x?whatever=${value} failed`],
  ["a fragment", (value) => `https://example.com/x#y=${value} failed`],
  ["the user information of a URL", (value) => `https://user:${value.replaceAll("/", "")}@example.com/x`],
  ["a form", (value, name) => `a=b&${name}=${value}`],
  ["a quoted word", (value, name) => `with ${name}="${value}", or without`],
  ["compact JSON", (value, name) => `{"a":1,"${name}":"${value}","b":2}`],
  ["spaced JSON", (value, name) => `{ "a": 1,\n  "${name}" : "${value}" }`],
  ["JSON in JSON", (value, name) => JSON.stringify({ body: JSON.stringify({ [name]: value }) })],
  ["an inspected object", (value, name) => Deno.inspect({ [name]: value, b: 2 })],
  ["an inspected Headers", (value, _, field) => Deno.inspect(new Headers({ [field]: value }))],
];

for (const [description, plant] of positions) {
  Deno.test(`redact() leaves nothing of a secret in ${description}`, () => {
    fc.assert(fc.property(secret, parameter, header, (value, name, field) => {
      const text = plant(value, name, field);
      const bare = value.replaceAll("/", "");
      ok(text.includes(value) || text.includes(bare), "the secret was not planted");
      const clean = redact(text);
      ok(!clean.includes(value) && !clean.includes(bare), clean);
      // Nor the half of it.
      ok(!clean.includes(value.slice(0, 12)) && !clean.includes(value.slice(-12)), clean);
    }));
  });
}

Deno.test("redact() leaves nothing of a secret of any characters in JSON and in forms", () => {
  fc.assert(fc.property(wild, parameter, (value, name) => {
    const json = JSON.stringify({ before: 1, [name]: value, after: 2 });
    equal(redact(json), `{"before":1,"${name}":"[redacted]","after":2}`);
    const form = new URLSearchParams([["before", "1"], [name, value], ["after", "2"]]).toString();
    equal(redact(form), `before=1&${name}=[redacted]&after=2`);
  }));
});

const slow: readonly (readonly [string, string])[] = [
  ["words with dots", "a.".repeat(100_000)],
  ["beginnings of tokens", "eyJ-".repeat(50_000)],
  ["backslashes", "\\".repeat(100_000)],
  ["a name and blanks", `"code"${" ".repeat(100_000)}`],
  ["names without values", '"code":"'.repeat(30_000)],
  ["schemes", "a://b@".repeat(30_000)],
  ["Bearer, again and again", "Bearer ".repeat(30_000)],
];

for (const [description, text] of slow) {
  Deno.test(`redact() takes no longer than it should for 100 kB of ${description}`, () => {
    const started = performance.now();
    redact(text);
    ok(performance.now() - started < 1_500);
  });
}

/**
 * What is read of `WWW-Authenticate`.
 *
 * @see RFC 9110 section 11.6.1; RFC 9728 section 5.1; RFC 6750 section 3 (C8, X20)
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { parseChallenges, summarizeChallenges } from "../../../lib/primitives/oauth/challenge.ts";

/** The challenges as plain data: scheme, parameters, and the token68 where there is one. */
function read(value: string | null): unknown[] {
  return parseChallenges(value).map(({ scheme, parameters, token68 }) =>
    token68 === undefined ? [scheme, { ...parameters }] : [scheme, { ...parameters }, token68]
  );
}

const url = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

const challenges: readonly (readonly [string, string | null, unknown[]])[] = [
  ["no field", null, []],
  ["an empty field", "", []],
  ["a scheme alone", "Bearer", [["bearer", {}]]],
  ["a scheme in any case", "bEaReR", [["bearer", {}]]],
  ["a quoted parameter", 'Bearer realm="a b"', [["bearer", { realm: "a b" }]]],
  ["an unquoted parameter", "Bearer realm=ab", [["bearer", { realm: "ab" }]]],
  ["an unquoted URL", `Bearer resource_metadata=${url}, a=b`, [[
    "bearer",
    { resource_metadata: url, a: "b" },
  ]]],
  ["parameter names in any case", 'Bearer ReAlM="x"', [["bearer", { realm: "x" }]]],
  ["values as they are", 'Bearer realm="XyZ"', [["bearer", { realm: "XyZ" }]]],
  ["several parameters", 'Bearer a="1", b=2,c="3"', [["bearer", { a: "1", b: "2", c: "3" }]]],
  ["parameters without commas", 'Bearer a="1" b="2"', [["bearer", { a: "1", b: "2" }]]],
  ["blanks around the equals sign", 'Bearer a = "1" , b =2', [["bearer", { a: "1", b: "2" }]]],
  ["tabs", 'Bearer\ta="1"\t,\tb="2"', [["bearer", { a: "1", b: "2" }]]],
  ["an empty quoted value", 'Bearer a="", b="1"', [["bearer", { a: "", b: "1" }]]],
  ["a comma in quotes", 'Bearer a="1, b=2", c=3', [["bearer", { a: "1, b=2", c: "3" }]]],
  ["a scheme in quotes, which is none", 'Bearer a="x, Basic realm=y"', [["bearer", {
    a: "x, Basic realm=y",
  }]]],
  ["an escaped quote", String.raw`Bearer a="say \"hi\"", b=1`, [["bearer", { a: 'say "hi"', b: "1" }]]],
  ["an escaped backslash", String.raw`Bearer a="c:\\x", b=1`, [["bearer", { a: "c:\\x", b: "1" }]]],
  ["a quote that is escaped at the end", String.raw`Bearer a="x\"", b=1`, [["bearer", { a: 'x"', b: "1" }]]],
  ["the first of two parameters of one name", 'Bearer a="1", A="2"', [["bearer", { a: "1" }]]],
  ["a first parameter that is empty", 'Bearer a="", a="2"', [["bearer", { a: "" }]]],
  [
    "a parameter that is named like a member of every object",
    "Bearer __proto__=x, constructor=y",
    [["bearer", Object.fromEntries([["__proto__", "x"], ["constructor", "y"]])]],
  ],
  ["two challenges", 'Basic realm="a", Bearer realm="b"', [["basic", { realm: "a" }], ["bearer", {
    realm: "b",
  }]]],
  ["two challenges without parameters", "Negotiate, Bearer", [["negotiate", {}], ["bearer", {}]]],
  ["the same scheme twice", "Bearer a=1, Bearer b=2", [["bearer", { a: "1" }], ["bearer", { b: "2" }]]],
  [
    "the example of RFC 9110",
    String.raw`Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\""`,
    [["basic", { realm: "simple" }], ["newauth", { realm: "apps", type: "1", title: 'Login to "apps"' }]],
  ],
  [
    "the same example the other way round",
    String.raw`Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple"`,
    [["newauth", { realm: "apps", type: "1", title: 'Login to "apps"' }], ["basic", { realm: "simple" }]],
  ],
  ["a token68", "Negotiate YWJj==", [["negotiate", {}, "YWJj=="]]],
  ["a token68 before another challenge", "Negotiate a/b+c=, Bearer x=y", [
    ["negotiate", {}, "a/b+c="],
    ["bearer", { x: "y" }],
  ]],
  ["a DPoP challenge", 'DPoP algs="ES256 PS256", error="use_dpop_nonce"', [
    ["dpop", { algs: "ES256 PS256", error: "use_dpop_nonce" }],
  ]],
  ["a comma after the scheme", 'Bearer, realm="x"', [["bearer", { realm: "x" }]]],
  ["commas without end", ',,, Bearer ,, a="1",,, b="2",,', [["bearer", { a: "1", b: "2" }]]],
  ["no comma between challenges", 'Bearer a="1" Basic b="2"', [["bearer", { a: "1" }], ["basic", {
    b: "2",
  }]]],
  ["no blank after a comma", 'Bearer a="1",Basic b="2"', [["bearer", { a: "1" }], ["basic", { b: "2" }]]],
  ["parameters before any scheme, which belong to none", 'a="1, Basic x=y", Bearer b="2"', [["bearer", {
    b: "2",
  }]]],
  ["a value that is missing, and what follows it", 'Bearer x=1, a=, b="2"', [["bearer", { x: "1", b: "2" }]]],
  ["a value without a name, and what follows it", 'Bearer x=1, ="1", b="2"', [["bearer", {
    x: "1",
    b: "2",
  }]]],
  ["what may be a token68 as one", "Bearer a=, b=2", [["bearer", { b: "2" }, "a="]]],
  ["a quoted word alone, and what follows it", 'Bearer "x", b="2"', [["bearer", { b: "2" }]]],
  ["a quote that never ends, and nothing of it", 'Bearer a="1", b="2', [["bearer", { a: "1" }]]],
  ["characters that no token has", "Bearer ä=1, b=2", [["bearer", { b: "2" }]]],
  ["a page in place of a challenge", "<html>", []],
];

for (const [description, value, expected] of challenges) {
  Deno.test(`parseChallenges() reads ${description}`, () => deepEqual(read(value), expected));
}

const summaries: readonly (readonly [string, string | null, unknown])[] = [
  ["nothing of no field", null, {}],
  ["nothing of a scheme alone", "Bearer", {}],
  [
    "all that a Bearer challenge says",
    `Bearer error="insufficient_scope", scope="files:read  files:write", resource_metadata="${url}", error_description="More"`,
    {
      resourceMetadata: url,
      scopes: ["files:read", "files:write"],
      error: "insufficient_scope",
      errorDescription: "More",
    },
  ],
  ["X20: the metadata of a DPoP challenge, and that there is no other", `DPoP resource_metadata="${url}"`, {
    resourceMetadata: url,
    dpop: { only: true },
  }],
  [
    "what a DPoP challenge says beside a Bearer challenge of its own words",
    'Bearer error="invalid_token", DPoP error="use_dpop_nonce", algs="ES256  PS256"',
    {
      error: "invalid_token",
      dpop: { only: false, error: "use_dpop_nonce", algorithms: ["ES256", "PS256"] },
    },
  ],
  ["nothing of empty words in a DPoP challenge", 'DPoP error="", algs=" "', { dpop: { only: true } }],
  ["the metadata of an unknown scheme", `Custom resource_metadata="${url}"`, { resourceMetadata: url }],
  [
    "Bearer before DPoP before others, in whatever order they come",
    'Custom resource_metadata="c", scope="c", error="c", DPoP resource_metadata="d", scope="d", Bearer resource_metadata="b"',
    { resourceMetadata: "b", scopes: ["d"], error: "c", dpop: { only: false } },
  ],
  [
    "the first of two Bearer challenges that says it",
    'Bearer realm="x", Bearer scope="a", Bearer scope="b"',
    { scopes: ["a"] },
  ],
  ["nothing where values are empty", 'Bearer scope="", resource_metadata="", error=""', {}],
  ["no scopes where there are only blanks", 'Bearer scope="  "', {}],
  ["what a later challenge says where the first is empty", 'Bearer scope="", DPoP scope="a"', {
    scopes: ["a"],
    dpop: { only: false },
  }],
  [
    "a challenge after Negotiate and Basic",
    `Negotiate, Basic realm="a, b", Bearer resource_metadata="${url}"`,
    {
      resourceMetadata: url,
    },
  ],
  ["nothing of what hides in another value", `Basic realm="Bearer resource_metadata=\\"${url}\\""`, {
    otherSchemes: ["basic"],
  }],
  ["the schemes where none is of OAuth", 'Negotiate, NTLM, Basic realm="a", Basic realm="b"', {
    otherSchemes: ["negotiate", "ntlm", "basic"],
  }],
];

for (const [description, value, expected] of summaries) {
  Deno.test(`summarizeChallenges() takes ${description}`, () => {
    deepEqual(summarizeChallenges(value), expected);
  });
}

Deno.test("several fields are read like one: Headers joins them with commas", () => {
  const headers = new Headers([["www-authenticate", 'Basic realm="x"'], [
    "www-authenticate",
    "Bearer scope=a",
  ]]);
  deepEqual(summarizeChallenges(headers.get("www-authenticate")), { scopes: ["a"] });
});

Deno.test("what follows the first 16,384 characters is not read", () => {
  const filler = `Basic realm="${"x".repeat(16_384)}"`;
  deepEqual(read(`${filler}, Bearer a=1`), [["basic", {}]]);
  deepEqual(read(`Bearer a=1, ${filler}`), [["bearer", { a: "1" }], ["basic", {}]]);
});

const long: readonly (readonly [string, string])[] = [
  ["one token", "a".repeat(100_000)],
  ["challenges", "a ".repeat(50_000)],
  ["parameters", "Bearer " + "a=b,".repeat(25_000)],
  ["quotes that open", 'Bearer a="'.repeat(10_000)],
  ["escapes", `Bearer a="${"\\".repeat(100_000)}`],
  ["escaped quotes", `Bearer ${'a="\\"'.repeat(20_000)}`],
  ["equals signs", "Bearer " + "=".repeat(100_000)],
  ["commas", ",".repeat(100_000)],
  ["blanks", `Bearer${" ".repeat(100_000)}=`],
  ["token68 padding", `Bearer ${"=".repeat(50_000)},`.repeat(2)],
];

for (const [description, value] of long) {
  Deno.test(`100 kB of ${description} are read in no time`, () => {
    const started = performance.now();
    summarizeChallenges(value);
    ok(performance.now() - started < 500);
  });
}

/** Text that is nearly a challenge, which finds more than any characters at all. */
const nearly = fc.array(
  fc.constantFrom(
    "Bearer",
    "DPoP",
    "scope",
    "a",
    "=",
    '"',
    "\\",
    ",",
    " ",
    "\t",
    "x y",
    "==",
    "é",
    "\u0000",
    url,
  ),
  { maxLength: 30 },
).map((parts) => parts.join(""));

Deno.test("any text is read without an exception, and what comes out is well-formed", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 200 }), nearly), (value) => {
      for (const { scheme, parameters } of parseChallenges(value)) {
        ok(/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(scheme), scheme);
        for (const [name, text] of Object.entries(parameters)) {
          equal(name, name.toLowerCase());
          equal(typeof text, "string");
        }
      }
      summarizeChallenges(value);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("what is written as a challenge is read back, whatever the values are", () => {
  const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,8}$/);
  const quoted = fc.string({ maxLength: 20 });
  const challenge = fc.tuple(
    token,
    fc.uniqueArray(fc.tuple(token.map((name) => name.toLowerCase()), quoted), {
      selector: ([name]) => name,
      minLength: 1,
      maxLength: 4,
    }),
  );
  fc.assert(fc.property(fc.array(challenge, { maxLength: 4 }), (given) => {
    const value = given.map(([scheme, parameters]) =>
      `${scheme} ${
        parameters.map(([name, text]) => `${name}="${text.replace(/["\\]/g, "\\$&")}"`).join(", ")
      }`
    ).join(", ");
    deepEqual(
      read(value),
      given.map(([scheme, parameters]) => [scheme.toLowerCase(), Object.fromEntries(parameters)]),
    );
  }));
});

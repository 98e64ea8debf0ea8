/**
 * The judgement of what came back: `state`, then `iss`, and only then `code` or `error`.
 *
 * @see RFC 6749 section 4.1.2; RFC 9207 section 2.4
 * @see MCP 2026-07-28 authorization, Authorization Response Validation (C47, C50-C53)
 * @module
 */
import { doesNotMatch, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import type { ErrorCode, McpAuthError } from "../../../lib/primitives/errors.ts";
import {
  type AuthorizationExpectation,
  hasState,
  validateAuthorizationResponse,
} from "../../../lib/primitives/oauth/authorization.ts";
import { coded } from "../coded_error.ts";

const issuer = "https://auth.example.com";
const expectation: AuthorizationExpectation = {
  server: {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
  },
  clientId: "client",
  state: "s".repeat(43),
};
const advertising: AuthorizationExpectation = {
  ...expectation,
  server: { ...expectation.server, authorization_response_iss_parameter_supported: true },
};
const state = `state=${expectation.state}`;
const iss = `iss=${encodeURIComponent(issuer)}`;

function judge(query: string, expected: AuthorizationExpectation = expectation): URLSearchParams {
  return validateAuthorizationResponse(new URLSearchParams(query), expected);
}

const issuers: readonly (readonly [string, boolean, string, boolean])[] = [
  ["is right and advertised", true, iss, true],
  ["is missing though advertised", true, "", false],
  ["is right though not advertised", false, iss, true],
  ["is missing and not advertised", false, "", true],
  ["is wrong and advertised", true, "iss=https%3A%2F%2Fevil.example.com", false],
  ["is wrong and not advertised", false, "iss=https%3A%2F%2Fevil.example.com", false],
  ["has a slash too many", true, `${iss}%2F`, false],
  ["is written in capitals", false, "iss=https%3A%2F%2FAUTH.example.com", false],
  ["names the default port", false, "iss=https%3A%2F%2Fauth.example.com%3A443", false],
  ["is encoded twice", false, `iss=${encodeURIComponent(encodeURIComponent(issuer))}`, false],
  ["is empty", false, "iss=", false],
  ["comes once right and once wrong", false, `${iss}&iss=x`, false],
  ["comes once wrong and once right", false, `iss=x&${iss}`, false],
];

for (const [description, advertised, parameter, accepted] of issuers) {
  Deno.test(`a response whose iss ${description} is ${accepted ? "accepted" : "refused"}`, () => {
    const expected = advertised ? advertising : expectation;
    const query = `code=abc&${state}${parameter === "" ? "" : `&${parameter}`}`;
    if (accepted) return equal(judge(query, expected).get("code"), "abc");
    throws(() => judge(query, expected), coded("ISSUER_MISMATCH"));
  });

  if (!accepted) {
    Deno.test(`an error response whose iss ${description} is not shown`, () => {
      const expected = advertised ? advertising : expectation;
      const query = `error=access_denied&error_description=Call+555-0100&${state}&${parameter}`;
      throws(() => judge(query, expected), (error: Error) => {
        coded("ISSUER_MISMATCH")(error);
        doesNotMatch(Deno.inspect(error), /555|access_denied/);
        return true;
      });
    });
  }
}

Deno.test("an issuer that is only a guess is not compared", () => {
  const guessed = { ...expectation, issuerUnknown: true };
  for (const parameter of ["", iss, "iss=https%3A%2F%2Fother.example.com", `${iss}&iss=x`]) {
    equal(judge(`code=abc&${state}&${parameter}`, guessed).get("code"), "abc");
  }
  throws(() => judge("code=abc&state=x", guessed), coded("STATE_MISMATCH"));
});

const states: readonly (readonly [string, string])[] = [
  ["no state", "code=abc"],
  ["an empty state", "code=abc&state="],
  ["another state", `code=abc&state=${"x".repeat(43)}`],
  ["the beginning of the state", `code=abc&state=${"s".repeat(42)}`],
  ["the state and more", `code=abc&${state}s`],
  ["the state and NUL", `code=abc&${state}%00`],
  ["the state twice", `code=abc&${state}&${state}`],
  ["the state and another", `code=abc&${state}&state=x`],
  ["another state and the state", `code=abc&state=x&${state}`],
  ["the state under another name", `code=abc&State=${expectation.state}`],
  ["an error alone", "error=access_denied&error_description=Call+555-0100"],
  ["a right issuer alone", `code=abc&${iss}`],
];

for (const [description, query] of states) {
  Deno.test(`a response with ${description} is not ours, and nothing of it is shown`, () => {
    throws(() => judge(query, advertising), (error: Error) => {
      coded("STATE_MISMATCH")(error);
      doesNotMatch(Deno.inspect(error), /555|access_denied|abc/);
      return true;
    });
    equal(hasState(new URLSearchParams(query), expectation.state), false);
  });
}

Deno.test("hasState() says the same as a comparison of strings, whatever the two are", () => {
  const text = fc.string({ unit: "binary", maxLength: 6 }).filter((value) => value.isWellFormed());
  fc.assert(fc.property(text, text, (given, expected) => {
    equal(hasState(new URLSearchParams([["state", given]]), expected), given === expected);
    equal(hasState(new URLSearchParams([["state", given]]), given), true);
  }));
});

const refusals: readonly (readonly [string, string, ErrorCode, RegExp])[] = [
  ["the person's no", "error=access_denied", "AUTH_CANCELLED", /refused at the server: access_denied$/],
  ["a reason", "error=access_denied&error_description=Not+today", "AUTH_CANCELLED", /: Not today$/],
  ["another error", "error=server_error", "AUTH_FAILED", /the server answered "server_error"$/],
  ["an unknown scope", "error=invalid_scope&error_description=x", "AUTH_FAILED", /"invalid_scope": x$/],
  ["an error beside a code", "error=server_error&code=abc", "AUTH_FAILED", /server_error/],
  ["an error without a name", "error=", "AUTH_FAILED", /the server answered ""$/],
  ["no code", "", "AUTH_FAILED", /"code" is missing/],
  ["an empty code", "code=", "AUTH_FAILED", /"code" is missing/],
  ["two codes", "code=abc&code=def", "AUTH_FAILED", /"code" is there more than once/],
  ["the same code twice", "code=abc&code=abc", "AUTH_FAILED", /more than once/],
  ["a token of the implicit flow", "code=abc&token=x", "AUTH_FAILED", /implicit/],
  ["an ID token of the hybrid flow", "code=abc&id_token=x", "AUTH_FAILED", /hybrid/],
  ["a signed response", "code=abc&response=x", "AUTH_FAILED", /JARM/],
  [
    "escape sequences",
    "error=%1B%5B31m&error_description=%1B%5D0%3Bx%07%E2%80%AE",
    "AUTH_FAILED",
    /answered/,
  ],
  ["100 kB of words", `error=x&error_description=${"y".repeat(100_000)}`, "AUTH_FAILED", /yyy…$/],
];

for (const [description, query, code, message] of refusals) {
  Deno.test(`a response with ${description} is ${code}`, () => {
    throws(() => judge(`${query}&${state}&${iss}`, advertising), (error: Error) => {
      coded(code, message)(error);
      doesNotMatch(Deno.inspect(error), /abc/, "the code is in the error");
      return true;
    });
  });
}

Deno.test("an unknown scope has a hint that names --scope", () => {
  throws(() => judge(`error=invalid_scope&${state}`), (error: McpAuthError) => {
    ok(error.hint?.includes("--scope"));
    return true;
  });
});

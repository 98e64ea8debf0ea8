/**
 * What is read of a token response: what is right, what is put right, and what is refused.
 *
 * @see RFC 6749 section 5; behaviours rows 6, 7 and 24
 * @module
 */
import { deepEqual, doesNotMatch, equal, rejects } from "node:assert/strict";
import type { ErrorCode } from "../../../lib/primitives/errors.ts";
import type { TokenSet } from "../../../lib/primitives/oauth/token.ts";
import { coded } from "../coded_error.ts";
import { endless } from "../http/local_server.ts";
import { serveTokens } from "./token_server.ts";

const at = { access_token: "at", token_type: "Bearer" };
const plain: TokenSet = { accessToken: "at", tokenType: "bearer" };

const accepted: readonly (readonly [string, unknown, TokenSet])[] = [
  ["only what it must have", at, plain],
  ["all that it may have", {
    ...at,
    expires_in: 3600,
    refresh_token: "rt",
    scope: "a  b",
    id_token: "x",
    more: 1,
  }, { ...plain, expiresIn: 3600, refreshToken: "rt", scopes: ["a", "b"], idToken: "x" }],
  ["no token type", { access_token: "at" }, plain],
  ["a token type that is null", { access_token: "at", token_type: null }, plain],
  ["a token type in any case", { access_token: "at", token_type: "BEARER" }, plain],
  ["an expiry in a string", { ...at, expires_in: "3600" }, { ...plain, expiresIn: 3600 }],
  ["an expiry with a fraction", { ...at, expires_in: 3599.5 }, { ...plain, expiresIn: 3599.5 }],
  ["an expiry that is null", { ...at, expires_in: null }, plain],
  ["an expiry that is empty", { ...at, expires_in: "" }, plain],
  ["an expiry of 0", { ...at, expires_in: 0 }, plain],
  ["an expiry of 0 in a string", { ...at, expires_in: "0" }, plain],
  ["an expiry that is negative", { ...at, expires_in: -1 }, plain],
  ["an expiry that is no number", { ...at, expires_in: "soon" }, plain],
  ["an expiry that is an object", { ...at, expires_in: {} }, plain],
  ["an expiry that no date can hold", { ...at, expires_in: 1e300 }, plain],
  ["an expiry without end", { ...at, expires_in: "Infinity" }, plain],
  ["a refresh token that is null", { ...at, refresh_token: null }, plain],
  ["a refresh token that is empty", { ...at, refresh_token: "" }, plain],
  ["a scope that is null", { ...at, scope: null }, plain],
  ["a scope that is empty", { ...at, scope: "" }, plain],
  ["scopes in a list", { ...at, scope: ["a", "b"] }, { ...plain, scopes: ["a", "b"] }],
  ["an error that is null", { ...at, error: null }, plain],
  ["an error that is empty", { ...at, error: "" }, plain],
  ["an ID token of another issuer", { ...at, id_token: "eyJ.e30." }, { ...plain, idToken: "eyJ.e30." }],
  ["an ID token that is no token", { ...at, id_token: { a: 1 } }, plain],
  ["an ID token that is null", { ...at, id_token: null }, plain],
  ["an ID token that leaves no room beside it", { ...at, id_token: `e30.${"x".repeat(70_000)}.` }, plain],
];

for (const [description, body, tokens] of accepted) {
  Deno.test(`a token response with ${description} is read, at exchange and refresh alike`, async () => {
    await using server = serveTokens(() => Response.json(body));
    deepEqual(await server.exchange(), tokens);
    deepEqual(await server.refresh(), tokens);
  });
}

const typed = (body: string, type: string) => new Response(body, { headers: { "content-type": type } });

const encodings: readonly (readonly [string, () => Response])[] = [
  [
    "as a form",
    () => typed("access_token=at&token_type=bearer&scope=&expires_in=", "application/x-www-form-urlencoded"),
  ],
  [
    "as a form with a charset",
    () => typed("access_token=at&token_type=bearer", "application/x-www-form-urlencoded; charset=utf-8"),
  ],
  [
    "as a form in capitals",
    () => typed("access_token=at&token_type=bearer", "Application/X-WWW-Form-Urlencoded"),
  ],
  ["as JSON that is called text", () => typed(JSON.stringify(at), "text/plain")],
  ["as JSON without a type", () => new Response(new TextEncoder().encode(JSON.stringify(at)))],
  ["as JSON with a byte order mark", () => typed(`\ufeff${JSON.stringify(at)}`, "application/json")],
];

for (const [description, answer] of encodings) {
  Deno.test(`a token response ${description} is read`, async () => {
    await using server = serveTokens(answer);
    deepEqual(await server.exchange(), plain);
  });
}

Deno.test("a form says all that JSON says", async () => {
  const form = "access_token=a%2Bt&token_type=bearer&scope=a+b&expires_in=60&refresh_token=r%3Dt";
  await using server = serveTokens(() => typed(form, "application/x-www-form-urlencoded"));
  deepEqual(await server.refresh(), {
    accessToken: "a+t",
    tokenType: "bearer",
    expiresIn: 60,
    refreshToken: "r=t",
    scopes: ["a", "b"],
  });
});

type Refused = readonly [string, () => Response, ErrorCode, RegExp];
const json = (body: unknown, status = 200) => () => Response.json(body, { status });
const refused: readonly Refused[] = [
  [
    "200 and an error",
    json({ error: "bad_verification_code", error_description: "Old" }),
    "AUTH_FAILED",
    /: bad_verification_code \(Old\)$/,
  ],
  ["200 and an error beside a token", json({ ...at, error: "x" }), "AUTH_FAILED", /: x$/],
  [
    "200 and an error as a form",
    () => typed("error=x&error_description=y", "application/x-www-form-urlencoded"),
    "AUTH_FAILED",
    /: x \(y\)$/,
  ],
  ["400 and an error", json({ error: "invalid_grant" }, 400), "AUTH_FAILED", /answered 400: invalid_grant$/],
  [
    "400 and an error as a form",
    () => new Response("error=invalid_grant", { status: 400 }),
    "AUTH_FAILED",
    /: invalid_grant$/,
  ],
  [
    "400 and plain text",
    () => new Response("No such code", { status: 400 }),
    "AUTH_FAILED",
    /answered 400: No such code$/,
  ],
  ["403 and a page", () => new Response("  <html>", { status: 403 }), "AUTH_FAILED", /answered 403$/],
  ["429", () => new Response("", { status: 429 }), "RATE_LIMITED", /answered 429$/],
  ["500", json({ error: "invalid_grant" }, 500), "SERVER_ERROR", /answered 500: invalid_grant$/],
  [
    "a redirect",
    () => new Response("", { status: 302, headers: { location: "/" } }),
    "AUTH_FAILED",
    /answered 302$/,
  ],
  ["a page", () => typed("<!doctype html>", "text/html"), "AUTH_FAILED", /is not valid/],
  ["nothing", () => new Response(""), "AUTH_FAILED", /is not valid/],
  [
    "truncated JSON",
    () => typed('{"access_token":"hunter2', "application/json"),
    "AUTH_FAILED",
    /is not valid/,
  ],
  ["null", json(null), "AUTH_FAILED", /is not valid/],
  ["a list", json([at]), "AUTH_FAILED", /is not valid/],
  ["no token", json({ token_type: "Bearer" }), "AUTH_FAILED", /access_token/],
  ["an empty token", json({ ...at, access_token: "" }), "AUTH_FAILED", /access_token/],
  ["a token that is a number", json({ ...at, access_token: 1 }), "AUTH_FAILED", /access_token/],
  ["a token type that nobody knows", json({ ...at, token_type: "mac" }), "AUTH_FAILED", /token_type/],
  ["a token that only a DPoP proof can present", json({ ...at, token_type: "DPoP" }), "AUTH_FAILED", /dpop/],
  [
    "a refresh token that is a list",
    json({ ...at, refresh_token: ["hunter2"] }),
    "AUTH_FAILED",
    /refresh_token/,
  ],
  ["a scope that is a number", json({ ...at, scope: 1 }), "AUTH_FAILED", /scope/],
  ["600 kB", () => new Response(" ".repeat(600 * 1024)), "SERVER_ERROR", /longer than/],
  [
    "escape sequences",
    json({ error: "\u001b]0;x\u0007", error_description: "\u202e".repeat(9_999) }, 400),
    "AUTH_FAILED",
    /400: \]0;x$/,
  ],
];

for (const [description, answer, code, message] of refused) {
  Deno.test(`a token response with ${description} is ${code}`, async () => {
    await using server = serveTokens(answer);
    await rejects(server.exchange(), (error: unknown) => {
      coded(code, message)(error);
      doesNotMatch(Deno.inspect(error), /hunter2/);
      return true;
    });
  });
}

Deno.test("the tokens of an answer that cannot be used are nowhere in the error", async () => {
  const body = { access_token: "hunter2", refresh_token: "hunter3", id_token: "hunter4" };
  for (
    const answer of [
      () => Response.json({ ...body, token_type: "mac" }),
      () => Response.json(body, { status: 201 }),
      () => Response.json(body, { status: 400 }),
      () => new Response("access_token=hunter2&refresh_token=hunter3", { status: 203 }),
    ]
  ) {
    await using server = serveTokens(answer);
    await rejects(server.exchange(), (error: unknown) => {
      coded("AUTH_FAILED")(error);
      doesNotMatch(Deno.inspect(error, { depth: 20 }) + JSON.stringify(error), /hunter/);
      return true;
    });
  }
});

Deno.test("an exchange that hangs ends with its signal", async () => {
  await using server = serveTokens(() => endless());
  const signal = AbortSignal.timeout(50);
  await rejects(server.exchange({ signal }), coded("TIMEOUT"));
  await rejects(server.refresh({ signal: AbortSignal.abort() }), coded("AUTH_CANCELLED"));
  equal(server.received.length, 1);
});

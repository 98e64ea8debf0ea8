/**
 * What a person may add to authorization requests.
 *
 * @see RFC 6749 section 4.1.1; behaviours row 8
 * @module
 */
import { deepEqual, throws } from "node:assert/strict";
import { parseAuthorizeParameter, permitted } from "../../../lib/primitives/oauth/authorize_parameters.ts";
import { coded } from "../coded_error.ts";

const readings: readonly (readonly [string, readonly [string, string]])[] = [
  ["access_type=offline", ["access_type", "offline"]],
  ["prompt=consent", ["prompt", "consent"]],
  ["login_hint=", ["login_hint", ""]],
  ["a=b=c", ["a", "b=c"]],
  ['claims={"userinfo":{}}', ["claims", '{"userinfo":{}}']],
  ["__proto__=x", ["__proto__", "x"]],
];

for (const [text, parameter] of readings) {
  Deno.test(`${text} is a parameter`, () => deepEqual(parseAuthorizeParameter(text), parameter));
}

for (
  const text of ["", "access_type", "=x", "a b=c", "a\u0000=c", "a=\r\nb", `a=${"x".repeat(1_001)}`, "ä=1"]
) {
  Deno.test(`${JSON.stringify(text.slice(0, 20))} is no parameter`, () => {
    throws(() => parseAuthorizeParameter(text), coded("USAGE", /not a name with a value$/));
  });
}

for (
  const name of [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "state",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "resource",
    "request",
    "request_uri",
    "dpop_jkt",
    "Client_ID",
  ]
) {
  Deno.test(`${name} is not for a person to set`, () => {
    throws(() => parseAuthorizeParameter(`${name}=x`), coded("USAGE", /mcp-auth sets it itself$/));
    deepEqual(permitted({ [name]: "x", access_type: "offline" }), { access_type: "offline" });
  });
}

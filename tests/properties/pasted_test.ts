/**
 * What a person pastes and what a browser brings: only an answer to this sign-in is one (row 14, C47, C50-C53).
 *
 * @see RFC 6749 section 4.1.2, RFC 9207 section 2.4
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { validateAuthorizationResponse } from "../../lib/primitives/oauth/authorization.ts";
import { judgePaste } from "../../lib/services/signin/pasted_response.ts";
import { keepsSecret, property, secrets, text, tried } from "./property.ts";

const STATE = "state-of-this-sign-in";
const URL_SENT = `https://as.example.com/authorize?client_id=c&state=${STATE}`;
const REDIRECT = "http://127.0.0.1:8456/callback";
const server = { issuer: "https://as.example.com", token_endpoint: "https://as.example.com/token" };
const strict = { ...server, authorization_response_iss_parameter_supported: true };

function judge(line: string, metadata: typeof server = server) {
  return judgePaste(line, { url: URL_SENT, redirectUri: REDIRECT, server: metadata, state: STATE });
}

property("a pasted line of any kind is judged, and without our state is no answer", text, (line) => {
  for (
    const each of [line, `${REDIRECT}?${line}`, `${REDIRECT}?code=${line}&state=other`, `?code=a&${line}`]
  ) {
    if (each.includes(STATE)) continue;
    const verdict = judge(each, strict);
    ok(verdict.kind !== "answer", each);
    const lax = judge(each);
    ok(lax.kind !== "answer" || lax.isBareCode, each);
  }
});

const wrappings = fc.constantFrom<(text: string) => string>(
  (line) => line,
  (line) => `  ${line}\r\n`,
  (line) => `"${line}"`,
  (line) => `'${line}'`,
  (line) => `<${line}>`,
  (line) => `\`${line}\``,
);

property(
  "an answer with our state is found however it is pasted",
  fc.tuple(fc.stringMatching(/^[A-Za-z0-9._~-]{1,40}$/), wrappings, fc.boolean()),
  ([code, wrap, first]) => {
    const query = first ? `code=${code}&state=${STATE}` : `state=${STATE}&code=${code}`;
    for (
      const line of [
        `${REDIRECT}?${query}`,
        `${REDIRECT}?${query}#_=_`,
        query,
        `?${query}`,
        `127.0.0.1:8456/callback?${query}`,
      ]
    ) {
      const verdict = judge(wrap(line), strict);
      ok(verdict.kind === "answer", line);
      deepEqual([verdict.parameters.get("code"), verdict.isBareCode], [code, false]);
    }
  },
);

property(
  "a bare code is taken only where the server never says who it is",
  fc.stringMatching(/^[A-Za-z0-9._~-]{8,60}$/),
  (code) => {
    const lax = judge(code);
    ok(lax.kind === "answer" && lax.isBareCode && lax.parameters.get("code") === code);
    deepEqual(judge(code, strict), { kind: "refused", reason: "code-alone" });
  },
);

const parameters = fc.array(
  fc.tuple(
    fc.constantFrom("code", "state", "iss", "error", "error_description", "id_token", "response", "token"),
    fc.oneof(text, fc.constantFrom(STATE, server.issuer, "access_denied", "")),
  ),
  { maxLength: 6 },
).map((pairs) => new URLSearchParams(pairs));

property(
  "a response of any kind is accepted with our state, the right issuer and one code, and refused with a code else",
  fc.tuple(parameters, fc.boolean()),
  async ([given, advertised]) => {
    const metadata = advertised ? strict : server;
    const outcome = await tried(() =>
      validateAuthorizationResponse(given, { server: metadata, clientId: "c", state: STATE })
    );
    const states = given.getAll("state");
    if ("error" in outcome) {
      const { code } = outcome.error;
      if (states.length !== 1 || states[0] !== STATE) equal(code, "STATE_MISMATCH");
      return ok(["STATE_MISMATCH", "ISSUER_MISMATCH", "AUTH_CANCELLED", "AUTH_FAILED"].includes(code), code);
    }
    deepEqual(states, [STATE]);
    deepEqual(given.getAll("code").filter((each) => each !== "").length, 1);
    for (const issuer of given.getAll("iss")) equal(issuer, server.issuer);
    ok(!advertised || given.has("iss"));
    ok(!given.has("error"));
  },
);

property(
  "a refused response shows neither its code nor its state (row 41)",
  fc.tuple(secrets, secrets, parameters),
  async ([code, state, more]) => {
    for (
      const [name, value] of [["state", state], ["iss", `https://evil.example.com/?code=${code}`], [
        "state",
        STATE,
      ]] as const
    ) {
      const given = new URLSearchParams([...more, ["code", code], ["code", code], ["state", STATE], [
        name,
        value,
      ]]);
      const outcome = await tried(() =>
        validateAuthorizationResponse(given, { server: strict, clientId: "c", state: STATE })
      );
      ok("error" in outcome);
      keepsSecret(outcome.error, code, state);
    }
  },
);

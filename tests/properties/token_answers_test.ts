/**
 * Token endpoints that answer anything: tokens or a coded error, and no word of a secret (rows 6, 7, 24, 41).
 *
 * @see RFC 6749 section 5
 * @module
 */
import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { validateAuthorizationResponse } from "../../lib/primitives/oauth/authorization.ts";
import { exchangeCode, refreshTokens, type TokenRequest } from "../../lib/primitives/oauth/token.ts";
import { documents, json, keepsSecret, property, secrets, text, tried } from "./property.ts";

const server = {
  issuer: "https://as.example.com",
  authorization_endpoint: "https://as.example.com/authorize",
  token_endpoint: "https://as.example.com/token",
};
const STATE = "state-of-this-sign-in";
const ACCESS = "s3cr3tAccess0123456789abcd";
const RENEW = "s3cr3tRefresh0123456789abc";
const IDENTITY = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzM2NyM3RJZCJ9.s3cr3tIdentity0123456789ab";

function asking(answer: () => Response, clientSecret?: string): TokenRequest {
  return {
    server,
    http: () => Promise.resolve(answer()),
    client: {
      clientId: "client",
      tokenEndpointAuthMethod: clientSecret === undefined ? "none" : "client_secret_post",
      ...(clientSecret === undefined ? {} : { clientSecret }),
    },
  };
}

const answers = documents({
  access_token: fc.constantFrom(ACCESS, `${ACCESS}\n`, ` ${ACCESS}`, ""),
  token_type: fc.constantFrom("Bearer", "bearer", "BEARER", "mac", "access_token"),
  expires_in: fc.oneof(fc.integer(), fc.constantFrom<unknown>("3600", "soon", 1e20, 0, -5, 3.5)),
  refresh_token: fc.constantFrom(RENEW, `${RENEW}\r\nx: y`),
  id_token: fc.constantFrom(IDENTITY, "no token"),
  scope: fc.oneof(text, fc.constantFrom("a b", "")),
  ok: fc.boolean(),
});

const statuses = fc.constantFrom(200, 200, 200, 200, 400, 401, 403, 404, 429, 500, 503);
const types = fc.constantFrom(
  "application/json",
  "text/plain",
  "text/html",
  "application/x-www-form-urlencoded",
  "",
);

function response(body: string, status: number, type: string): Response {
  return new Response(body, { status, headers: type === "" ? {} : { "content-type": type } });
}

/** Both grants of a person's sign-in over the same answer. */
const GRANTS: readonly ((request: TokenRequest, sent: string) => ReturnType<typeof refreshTokens>)[] = [
  (request, sent) => refreshTokens(request, sent),
  (request, sent) =>
    exchangeCode(request, {
      response: validateAuthorizationResponse(
        new URLSearchParams({ code: sent, state: STATE }),
        { server, clientId: "client", state: STATE },
      ),
      redirectUri: "http://127.0.0.1:8456/callback",
      codeVerifier: "v".repeat(43),
    }),
];

property(
  "an answer with members of any kind is tokens that can be sent, or a coded error without them",
  fc.tuple(answers, statuses),
  async ([body, status]) => {
    const outcome = await tried(() => refreshTokens(asking(() => Response.json(body, { status })), "sent"));
    if ("error" in outcome) return keepsSecret(outcome.error, ACCESS, RENEW, "s3cr3tIdentity");
    const { accessToken, tokenType, expiresIn, refreshToken } = outcome.value;
    ok(/^[\x20-\x7e]+$/.test(accessToken) && /^[\x20-\x7e]*$/.test(refreshToken ?? ""));
    equal(tokenType, "bearer");
    ok(expiresIn === undefined || (expiresIn > 0 && Number.isFinite(new Date(expiresIn * 1000).getTime())));
  },
);

property(
  "a body of any kind is a coded error, or tokens",
  fc.tuple(fc.oneof(text, json.map((each) => JSON.stringify(each) ?? "")), statuses, types),
  async ([body, status, type]) => {
    const outcome = await tried(() => refreshTokens(asking(() => response(body, status, type)), "sent"));
    ok("value" in outcome || outcome.error.message.startsWith("Cannot refresh the access token"));
  },
);

/** What broken servers write the tokens into. */
const SPOILT: readonly ((tokens: Record<string, string>) => string)[] = [
  (tokens) => JSON.stringify(tokens).slice(0, -1),
  (tokens) => `${JSON.stringify(tokens)} trailing`,
  (tokens) => JSON.stringify([tokens]),
  (tokens) => JSON.stringify({ data: tokens }),
  (tokens) => JSON.stringify({ ...tokens, token_type: 7 }),
  (tokens) => JSON.stringify({ ...tokens, token_type: "mac" }),
  (tokens) => JSON.stringify({ error: "invalid_request", ...tokens }),
  (tokens) => JSON.stringify({ error: "invalid_request", error_description: JSON.stringify(tokens) }),
  (tokens) => JSON.stringify({ error_description: new URLSearchParams(tokens).toString() }),
  (tokens) => new URLSearchParams({ ...tokens, token_type: "mac" }).toString(),
  (tokens) => `Internal error: ${JSON.stringify(tokens)}`,
  (tokens) => `<html>${JSON.stringify(tokens)}</html>`,
];

property(
  "an answer that is spoilt shows none of its tokens, whatever its status and type",
  fc.record({
    access: secrets,
    refresh: secrets,
    spoil: fc.constantFrom(...SPOILT),
    status: statuses,
    type: types,
  }),
  async ({ access, refresh, spoil, status, type }) => {
    const body = spoil({ access_token: access, refresh_token: refresh });
    for (const grant of GRANTS) {
      const outcome = await tried(() => grant(asking(() => response(body, status, type)), "sent"));
      if ("error" in outcome) keepsSecret(outcome.error, access, refresh);
    }
  },
);

property(
  "what was sent is not shown where a server repeats it",
  fc.record({
    sent: secrets,
    clientSecret: secrets,
    around: text,
    status: statuses,
    type: types,
    member: fc.constantFrom("error", "error_description", "message"),
  }),
  async ({ sent, clientSecret, around, status, type, member }) => {
    const words = `${around} ${sent} ${clientSecret} ${around}`;
    for (const body of [words, JSON.stringify({ error: "invalid_request", [member]: words })]) {
      for (const grant of GRANTS) {
        const outcome = await tried(() =>
          grant(asking(() => response(body, status, type), clientSecret), sent)
        );
        if ("error" in outcome) keepsSecret(outcome.error, sent, clientSecret);
      }
    }
  },
);

/**
 * Answers to the requests beside the browser's: device codes, pushed requests, token exchange, machine grants, and what a
 * server says of a client. Whatever comes is used, or refused with a code and without a secret (row 41).
 *
 * @see RFC 8628 section 3.2, RFC 9126 section 2.2, RFC 8693 section 2.2, RFC 7523 section 2.1, RFC 7592 section 2.1
 * @module
 */
import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { redeemDeviceCode, requestDeviceCode } from "../../lib/primitives/oauth/device.ts";
import { byAssertion, byClientCredentials } from "../../lib/primitives/oauth/machine_grants.ts";
import { pushAuthorization } from "../../lib/primitives/oauth/pushed_authorization.ts";
import { readRegistration } from "../../lib/primitives/oauth/registration_management.ts";
import { exchangeIdToken } from "../../lib/primitives/oauth/token_exchange.ts";
import { documents, json, keepsSecret, property, secrets, text, tried } from "./property.ts";

const ISSUER = "https://as.example.com";
const server = {
  issuer: ISSUER,
  token_endpoint: `${ISSUER}/token`,
  device_authorization_endpoint: `${ISSUER}/device`,
  pushed_authorization_request_endpoint: `${ISSUER}/par`,
};

/** What is sent in these requests, and must not come back in a message. */
interface Sent {
  readonly clientSecret: string;
  readonly credential: string;
}

function request(answer: () => Response, { clientSecret }: Sent) {
  const client = {
    clientId: "client",
    clientSecret,
    tokenEndpointAuthMethod: "client_secret_post" as const,
  };
  return { http: () => Promise.resolve(answer()), server, client, resource: undefined, scopes: [] };
}

const REQUESTS: Readonly<Record<string, (answer: () => Response, sent: Sent) => Promise<unknown>>> = {
  "a device code": (answer, sent) => requestDeviceCode(request(answer, sent), []),
  "a redeemed device code": (answer, sent) => redeemDeviceCode(request(answer, sent), sent.credential),
  "a pushed request": (answer, sent) =>
    pushAuthorization(request(answer, sent), { client_id: "client", state: sent.credential }),
  "a token exchange": (answer, sent) =>
    exchangeIdToken({
      ...request(answer, sent),
      idToken: sent.credential,
      audience: "https://other.example.com",
      clientId: "client",
    }),
  "client credentials": (answer, sent) => byClientCredentials(request(answer, sent)),
  "an assertion": (answer, sent) => byAssertion(request(answer, sent), sent.credential),
  "a registration": (answer, sent) => {
    const { http, client } = request(answer, sent);
    const means = {
      registrationClientUri: `${ISSUER}/register/client`,
      registrationAccessToken: sent.credential,
    };
    return readRegistration(http, ISSUER, { ...client, ...means });
  },
};

const sent = fc.record({ clientSecret: secrets, credential: secrets });
const name = fc.constantFrom(...Object.keys(REQUESTS));
const status = fc.constantFrom(200, 200, 200, 201, 400, 401, 403, 404, 429, 500);
const TOKEN = "s3cr3tToken0123456789abcde";
const answers = documents({
  access_token: fc.constant(TOKEN),
  refresh_token: fc.constant(TOKEN),
  registration_access_token: fc.constant(TOKEN),
  client_secret: fc.constant(TOKEN),
  device_code: fc.constant(TOKEN),
  token_type: fc.constantFrom("Bearer", "N_A", "n_a", "mac"),
  issued_token_type: fc.constantFrom("urn:ietf:params:oauth:token-type:id-jag", "urn:other"),
  expires_in: fc.oneof(fc.integer(), fc.constantFrom<unknown>("600", 1e20)),
  interval: fc.oneof(fc.integer(), fc.constantFrom<unknown>("5", "soon", 1e300)),
  user_code: fc.oneof(text, fc.constant("ABCD-EFGH")),
  verification_uri: fc.oneof(fc.webUrl(), text),
  verification_uri_complete: fc.oneof(fc.webUrl(), text),
  request_uri: fc.oneof(text, fc.constant("urn:ietf:params:oauth:request_uri:abc")),
  client_id: fc.constantFrom("client", "other"),
  registration_client_uri: fc.oneof(fc.webUrl(), text),
});

property(
  "an answer with members of any kind is used, or refused without its secrets",
  fc.tuple(name, answers, status, sent),
  async ([name, body, status, sent]) => {
    const outcome = await tried(() => REQUESTS[name]!(() => Response.json(body, { status }), sent));
    if ("error" in outcome) keepsSecret(outcome.error, TOKEN, sent.clientSecret, sent.credential);
  },
);

property(
  "a body of any kind is used, or refused with a code",
  fc.tuple(name, fc.oneof(text, json.map((each) => JSON.stringify(each) ?? "")), status, sent),
  async ([name, body, status, sent]) => {
    await tried(() => REQUESTS[name]!(() => new Response(body, { status }), sent));
  },
);

property(
  "what was sent is not shown where a server repeats it",
  fc.tuple(name, text, status, sent),
  async ([name, around, status, sent]) => {
    // Nothing but the client's secret is sent in these two.
    const credential = /^(a device code|client credentials)$/.test(name) ? "" : sent.credential;
    const words = `${around} ${credential} ${sent.clientSecret}`;
    const bodies = [
      words,
      JSON.stringify({ error: "invalid_request", error_description: words }),
      JSON.stringify([words]),
    ];
    for (const body of bodies) {
      const headers = { "content-type": "application/json" };
      const outcome = await tried(() => REQUESTS[name]!(() => new Response(body, { status, headers }), sent));
      if ("error" in outcome) keepsSecret(outcome.error, sent.clientSecret, sent.credential);
    }
  },
);

property(
  "a device code leads a person to an https address that can be shown, and waits within bounds",
  fc.tuple(answers, sent),
  async ([body, sent]) => {
    const whole = {
      device_code: TOKEN,
      user_code: "ABCD",
      verification_uri: `${ISSUER}/device`,
      expires_in: 600,
      ...body,
    };
    const outcome = await tried(() => requestDeviceCode(request(() => Response.json(whole), sent), []));
    if ("error" in outcome) return;
    const { verificationUri, verificationUriComplete, userCode, intervalS, expiresInS } = outcome.value;
    for (const address of [verificationUri, verificationUriComplete ?? verificationUri]) {
      equal(new URL(address).protocol, "https:");
      ok(!/[\p{Cc}\p{Cf}]/u.test(address));
    }
    ok(!/[\p{Cc}\p{Cf}]/u.test(userCode) && userCode.length <= 64);
    ok(intervalS > 0 && intervalS <= 60 && expiresInS <= 3_600);
  },
);

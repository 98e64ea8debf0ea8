/**
 * Registration endpoints that answer anything (C26, C33, C34, row 41).
 *
 * @see RFC 7591 section 3.2
 * @module
 */
import { ok } from "node:assert/strict";
import fc from "fast-check";
import { registerClient } from "../../lib/primitives/oauth/registration.ts";
import { documents, keepsSecret, property, secrets, text, tried } from "./property.ts";

const server = {
  issuer: "https://as.example.com",
  token_endpoint: "https://as.example.com/token",
  registration_endpoint: "https://as.example.com/register",
};
const SECRET = "s3cr3tClient0123456789abcd";
const MANAGEMENT = "s3cr3tManagement0123456789";

const answers = documents({
  client_id: fc.oneof(fc.constantFrom("client", "a b", "\u0007"), text),
  client_secret: fc.constantFrom(SECRET, "", null),
  client_secret_expires_at: fc.oneof(fc.integer(), fc.constantFrom<unknown>("0", 0, "never")),
  token_endpoint_auth_method: fc.constantFrom(
    "none",
    "client_secret_basic",
    "client_secret_post",
    "tls_client_auth",
  ),
  registration_client_uri: fc.oneof(fc.webUrl(), text),
  registration_access_token: fc.constant(MANAGEMENT),
  redirect_uris: fc.array(text, { maxLength: 2 }),
  require_pushed_authorization_requests: fc.boolean(),
});
const statuses = fc.constantFrom(201, 201, 200, 400, 401, 403, 404, 429, 500);

function register(answer: () => Response, initialAccessToken?: string, headers?: Record<string, string>) {
  return registerClient(() => Promise.resolve(answer()), server, {
    clientName: "mcp-auth",
    redirectUris: ["http://127.0.0.1:8456/callback"],
    initialAccessToken,
    headers,
  });
}

property(
  "an answer with members of any kind is a client that can be used, or a coded error without its secrets",
  fc.tuple(answers, statuses),
  async ([body, status]) => {
    const outcome = await tried(() => register(() => Response.json(body, { status })));
    if ("error" in outcome) return keepsSecret(outcome.error, SECRET, MANAGEMENT);
    const { clientId, clientSecret, tokenEndpointAuthMethod: method, clientSecretExpiresAt } = outcome.value;
    ok(clientId !== "" && !/\p{Cc}/u.test(clientId));
    ok((method === "none") === (clientSecret === undefined) || method === "none");
    ok(["none", "client_secret_basic", "client_secret_post"].includes(method));
    ok(clientSecretExpiresAt === undefined || clientSecretExpiresAt > 0);
  },
);

property(
  "an answer that is spoilt, or repeats what was sent, shows no secret",
  fc.record({ secret: secrets, token: secrets, cookie: secrets, status: statuses, around: text }),
  async ({ secret, token, cookie, status, around }) => {
    const client = { client_id: "client", client_secret: secret, registration_access_token: secret };
    const echoed = `${around} ${token} ${cookie} ${around}`;
    const bodies = [
      JSON.stringify(client).slice(0, -1),
      JSON.stringify([client]),
      JSON.stringify({ ...client, token_endpoint_auth_method: 1 }),
      JSON.stringify({ ...client, client_id: 5 }),
      JSON.stringify({ error: "invalid_client_metadata", error_description: echoed, ...client }),
      `${JSON.stringify(client)} ${echoed}`,
    ];
    for (const body of bodies) {
      const headers = { "content-type": "application/json" };
      const answer = () => new Response(body, { status, headers });
      const outcome = await tried(() => register(answer, token, { cookie }));
      if ("error" in outcome) keepsSecret(outcome.error, secret, token, cookie);
    }
  },
);

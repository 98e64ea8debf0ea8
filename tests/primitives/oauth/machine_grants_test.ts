/**
 * The token requests of machines, at a token endpoint that says what a test wants it to say.
 *
 * @see RFC 6749 section 4.4, RFC 7523 section 2.1 (X3, X11, X21)
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { decodeJwt, exportPKCS8, generateKeyPair } from "jose";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import type { ClientIdentity } from "../../../lib/primitives/oauth/client_auth.ts";
import { createDpopKey, DpopProver } from "../../../lib/primitives/oauth/dpop.ts";
import {
  byAssertion,
  byClientCredentials,
  type MachineGrantRequest,
} from "../../../lib/primitives/oauth/machine_grants.ts";
import { OAuthResponseError } from "../../../lib/primitives/oauth/response_error.ts";
import { coded } from "../coded_error.ts";
import { serveTokens } from "./token_server.ts";

const TOKEN = { access_token: "at", token_type: "Bearer", expires_in: 60 };
const NOBODY: ClientIdentity = { clientId: "", tokenEndpointAuthMethod: "none" };
const ASSERTION = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ3In0.c2lnbmF0dXJl";

async function keyed(): Promise<ClientIdentity> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return {
    clientId: "me",
    privateKey: await exportPKCS8(privateKey),
    signingAlgorithm: "ES256",
    tokenEndpointAuthMethod: "private_key_jwt",
  };
}

function request(
  server: Pick<ReturnType<typeof serveTokens>, "metadata">,
  changes: Partial<MachineGrantRequest>,
) {
  return {
    http: createHttp(),
    server: server.metadata,
    client: NOBODY,
    scopes: [],
    resource: "https://mcp.example/mcp",
    ...changes,
  };
}

Deno.test("an assertion alone names no client, and no scope where none is wanted (X21)", async () => {
  await using server = serveTokens(() => Response.json(TOKEN));
  const tokens = await byAssertion(request(server, {}), ASSERTION);
  deepEqual(tokens, { accessToken: "at", tokenType: "bearer", expiresIn: 60 });
  const [{ body, headers } = { body: "", headers: new Headers() }] = server.received;
  deepEqual(Object.fromEntries(new URLSearchParams(body)), {
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    assertion: ASSERTION,
    resource: "https://mcp.example/mcp",
  });
  equal(headers.get("authorization"), null);
});

Deno.test("neither a refresh token nor an ID token of the answer is kept", async () => {
  await using server = serveTokens(() =>
    Response.json({ ...TOKEN, refresh_token: "rt", id_token: ASSERTION, scope: "a b" })
  );
  const client = {
    clientId: "me",
    clientSecret: "s",
    tokenEndpointAuthMethod: "client_secret_basic",
  } as const;
  const tokens = await byClientCredentials(request(server, { client, scopes: ["a", "b"] }));
  deepEqual(tokens, { accessToken: "at", tokenType: "bearer", expiresIn: 60, scopes: ["a", "b"] });
});

Deno.test("what was presented is in no word of a refusal, however the server repeats it", async () => {
  const client = await keyed();
  await using server = serveTokens(({ body }) => {
    const form = new URLSearchParams(body);
    const shown = [form.get("assertion"), form.get("client_assertion")].join(" and ");
    return Response.json({ error: "invalid_grant", error_description: `no: ${shown}` }, { status: 400 });
  });
  await rejects(byAssertion(request(server, { client }), ASSERTION), (error) => {
    coded("AUTH_FAILED", /invalid_grant/)(error);
    const sent = new URLSearchParams(server.received[0]?.body).get("client_assertion") ?? "";
    const { message, words } = error as OAuthResponseError;
    for (const secret of [ASSERTION, ASSERTION.slice(0, 30), sent, sent.slice(0, 30)]) {
      ok(!`${message}${words}`.includes(secret), message);
    }
    return true;
  });
  equal(server.received.length, 1);
});

Deno.test("the client's id is added only where the server says that it misses it", async () => {
  const client = await keyed();
  await using server = serveTokens(({ body }) =>
    new URLSearchParams(body).has("client_id") ? Response.json(TOKEN) : Response.json({
      error: "invalid_request",
      error_description: "AADSTS900144: The request body must contain the following parameter: 'client_id'.",
    }, { status: 400 })
  );
  await byClientCredentials(request(server, { client }));
  deepEqual(server.received.map(({ body }) => new URLSearchParams(body).get("client_id")), [null, "me"]);
  await using other = serveTokens(() => Response.json({ error: "invalid_client" }, { status: 401 }));
  await rejects(byClientCredentials(request(other, { client })), coded("AUTH_FAILED"));
  equal(other.received.length, 1);
});

Deno.test("a request that is sent again for the nonce of its proof has a new assertion (RFC 7523 section 3, RFC 9449)", async () => {
  const client = await keyed();
  const proof = await DpopProver.of(await createDpopKey(), { now: () => Date.now() });
  await using server = serveTokens(({ headers }) => {
    const payload = headers.get("dpop")?.split(".")[1] ?? "";
    const { nonce } = JSON.parse(
      new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" })),
    );
    return nonce === "n-1"
      ? Response.json({ ...TOKEN, token_type: "DPoP" })
      : Response.json({ error: "use_dpop_nonce" }, { status: 400, headers: { "dpop-nonce": "n-1" } });
  });
  const tokens = await byClientCredentials(request(server, { client, proof }));
  equal(tokens.tokenType, "dpop");
  const sent = server.received.map(({ body }) => new URLSearchParams(body).get("client_assertion"));
  equal(sent.length, 2);
  equal(new Set(sent).size, 2);
  deepEqual(server.received.map(({ body }) => new URLSearchParams(body).has("client_id")), [false, false]);
});

Deno.test("an answer that is no token is an error with a code, without the tokens in it", async () => {
  await using server = serveTokens(() => Response.json({ access_token: "secret-at", token_type: "mac" }));
  await rejects(byAssertion(request(server, {}), ASSERTION), (error) => {
    coded("AUTH_FAILED", /not valid/)(error);
    return !(error as Error).message.includes("secret-at");
  });
});

for (const seconds of [-90, 90, -3_000, 3_000]) {
  Deno.test(`a server whose clock is ${seconds} s off gets one more assertion, by its own clock`, async () => {
    const server = clockedServer(() => Date.now() + seconds * 1000);
    await using _ends = server;
    const tokens = await byClientCredentials(request(server, { client: await keyed() }));
    equal(tokens.accessToken, "at");
    equal(server.ids.length, 2);
    equal(new Set(server.ids).size, 2);
  });
}

Deno.test("a refusal that is not about the time is not answered by another assertion", async () => {
  for (
    const [seconds, error] of [[0, "invalid_client"], [5, "invalid_client"], [
      3_000,
      "invalid_scope",
    ]] as const
  ) {
    const server = clockedServer(() => Date.now() + seconds * 1000, error);
    await using _ends = server;
    await rejects(byClientCredentials(request(server, { client: await keyed() })), coded("AUTH_FAILED"));
    equal(server.ids.length, 1);
  }
});

Deno.test("a second assertion that is refused is the last, and neither is shown", async () => {
  const server = clockedServer(() => Date.now() + 3_000_000, "invalid_client");
  await using _ends = server;
  await rejects(byClientCredentials(request(server, { client: await keyed() })), (error) => {
    ok(error instanceof OAuthResponseError);
    ok(!/eyJ/.test(error.message), error.message);
    return true;
  });
  equal(server.ids.length, 2);
});

/** A token endpoint that believes its own clock, allows for 10 s, repeats what it refuses, and may refuse everything. */
function clockedServer(now: () => number, refuses?: string) {
  const ids: unknown[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (incoming) => {
    const assertion = new URLSearchParams(await incoming.text()).get("client_assertion") ?? "";
    const { iat = 0, exp = 0, jti } = decodeJwt(assertion);
    ids.push(jti);
    const seconds = now() / 1000;
    const isGood = refuses === undefined && iat <= seconds + 10 && exp > seconds - 10 && iat > seconds - 60;
    const headers = { date: new Date(now()).toUTCString() };
    if (isGood) return Response.json(TOKEN, { headers });
    const body = { error: refuses ?? "invalid_client", error_description: `not now: ${assertion}` };
    return Response.json(body, { status: 401, headers });
  });
  const issuer = `http://127.0.0.1:${server.addr.port}`;
  return {
    ids,
    metadata: { issuer, token_endpoint: `${issuer}/token` },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

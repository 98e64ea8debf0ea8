/**
 * The demo authorization server is what its options say, and can be seen at its work.
 *
 * @module
 */

import assert from "node:assert/strict";
import { decodeJwt } from "jose";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { startAuthorizationServer } from "../../scripts/demo/servers/authorization_server.ts";
import { registerClient } from "./hand_written_client.ts";

const RESOURCE = "https://mcp.example/mcp";
const READ = { scope: "mcp:read", resource: RESOURCE };

Deno.test("the authorization server gives a registered client a token for the resource it asked for", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const { status, body } = await client.signIn(READ);
  assert.equal(status, 200);
  assert.equal(body.token_type, "Bearer");
  assert.equal(body.expires_in, 3600);
  assert.equal(typeof body.refresh_token, "string");
  const claims = decodeJwt(String(body.access_token));
  assert.equal(claims.iss, server.issuer);
  assert.equal(claims.aud, RESOURCE);
  assert.equal(claims.sub, "alice");
  assert.equal(claims.scope, "mcp:read");
  assert.deepEqual(server.errors, []);
});

Deno.test("the authorization server names itself in the callback and gives the state back", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const answer = await client.authorize(READ);
  assert.equal(answer.get("iss"), server.issuer);
  assert.equal(answer.get("state"), "the-state");
});

Deno.test("the authorization server records each request with its form values and its status", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const { body } = await client.signIn(READ);
  await client.refresh(body.refresh_token);
  const [exchange, refresh] = server.requests("POST /token");
  assert.equal(exchange?.form.get("grant_type"), "authorization_code");
  assert.equal(refresh?.form.get("refresh_token"), body.refresh_token);
  assert.equal(refresh?.status, 200);
  assert.equal(
    (server.requests("/reg")[0]?.json() as { client_name: string }).client_name,
    "Hand-written client",
  );
});

Deno.test("the authorization server detects a refresh token presented twice and ends the family", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const { body: first } = await client.signIn(READ);
  const { status, body: second } = await client.refresh(first.refresh_token);
  assert.equal(status, 200);
  assert.notEqual(second.refresh_token, first.refresh_token);

  const replayed = await client.refresh(first.refresh_token);
  assert.deepEqual([replayed.status, replayed.body.error], [400, "invalid_grant"]);
  const heir = await client.refresh(second.refresh_token);
  assert.deepEqual([heir.status, heir.body.error], [400, "invalid_grant"]);
});

Deno.test("the authorization server keeps a refresh token where rotation is off", async () => {
  await using server = await startAuthorizationServer({ rotateRefreshTokens: false });
  const client = await registerClient(server);
  const { body } = await client.signIn(READ);
  assert.equal((await client.refresh(body.refresh_token)).body.refresh_token, body.refresh_token);
  assert.equal((await client.refresh(body.refresh_token)).status, 200);
});

Deno.test("the authorization server demands PKCE with S256", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const plain = await client.authorize({ ...READ, code_challenge_method: "plain" });
  assert.equal(plain.get("error"), "invalid_request");
});

Deno.test("the authorization server answers access_denied when the user denies", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const answer = await client.authorize(READ, { decide: "deny" });
  assert.equal(answer.get("error"), "access_denied");
  assert.equal(answer.get("code"), null);
});

Deno.test("the authorization server gives a request without a scope its default", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const { body } = await client.signIn({ resource: RESOURCE });
  assert.equal(body.scope, "mcp:read");
  assert.equal(server.requests("GET /auth")[0]?.query.has("scope"), false);
});

Deno.test("the authorization server refuses a request without a scope where it has no default", async () => {
  await using server = await startAuthorizationServer({ defaultScope: "refuse" });
  const client = await registerClient(server);
  const answer = await client.authorize({ resource: RESOURCE });
  assert.equal(answer.get("error"), "access_denied");
});

Deno.test("the authorization server refuses a resource that is not allowed", async () => {
  await using server = await startAuthorizationServer({ allowsResource: (each) => each !== RESOURCE });
  const client = await registerClient(server);
  const answer = await client.authorize(READ);
  assert.equal(answer.get("error"), "invalid_target");
});

Deno.test("the authorization server refuses at step-up a scope that registration did not name", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server, { scope: "mcp:read" });
  const answer = await client.authorize({ ...READ, scope: "mcp:read mcp:write" });
  assert.equal(answer.get("error"), "invalid_scope");
});

Deno.test("the authorization server gives a refresh token only for offline_access where it is told to", async () => {
  await using server = await startAuthorizationServer({ refreshTokens: "offline_access" });
  const client = await registerClient(server);
  assert.equal((await client.signIn(READ)).body.refresh_token, undefined);
  const offline = await client.signIn({ ...READ, scope: "mcp:read offline_access", prompt: "consent" });
  assert.equal(typeof offline.body.refresh_token, "string");
});

Deno.test("the authorization server gives tokens the lifetime it is told to", async () => {
  await using server = await startAuthorizationServer({
    accessTokenLifetime: 7,
    accessTokenFormat: "opaque",
  });
  const client = await registerClient(server);
  const { body } = await client.signIn(READ);
  assert.equal(body.expires_in, 7);
  assert.equal(String(body.access_token).includes("."), false);
});

Deno.test("the authorization server revokes a refresh token", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const { body } = await client.signIn(READ);
  const revocation = await client.post(server.paths.revocation, { token: String(body.refresh_token) });
  assert.equal(revocation.status, 200);
  assert.equal((await client.refresh(body.refresh_token)).body.error, "invalid_grant");
});

Deno.test("the authorization server forgets clients and grants when told to", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const { body } = await client.signIn(READ);
  server.forgetGrants();
  assert.equal((await client.refresh(body.refresh_token)).body.error, "invalid_grant");
  server.forgetClients();
  const dead = await client.refresh(body.refresh_token);
  assert.deepEqual([dead.status, dead.body.error], [401, "invalid_client"]);
});

Deno.test("the authorization server manages a registration where management is on", async () => {
  await using server = await startAuthorizationServer({ registration: { management: true } });
  const registered = await (await fetch(server.issuer + "/reg", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: ["http://127.0.0.1/"], application_type: "native" }),
  })).json();
  const headers = { authorization: `Bearer ${registered.registration_access_token}` };
  const deletion = await fetch(registered.registration_client_uri, { method: "DELETE", headers });
  assert.equal(deletion.status, 204);
});

Deno.test("the authorization server has no registration endpoint where registration is off", async () => {
  const clients = [{
    client_id: "known",
    client_secret: "very secret",
    redirect_uris: ["http://127.0.0.1:8456/callback"],
    token_endpoint_auth_method: "client_secret_post",
    grant_types: ["client_credentials"],
    response_types: [],
  }];
  await using server = await startAuthorizationServer({ registration: false, clients });
  const metadata = await (await fetch(server.issuer + "/.well-known/oauth-authorization-server")).json();
  assert.equal("registration_endpoint" in metadata, false);
  const registration = await fetch(server.issuer + "/reg", { method: "POST", body: "{}" });
  await registration.body?.cancel();
  assert.equal(registration.status, 404);
  const token = await fetch(server.issuer + "/token", {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: "known",
      client_secret: "very secret",
      ...READ,
    }),
  });
  assert.equal((await token.json()).scope, "mcp:read");
});

Deno.test("the authorization server publishes what its options say", async () => {
  await using server = await startAuthorizationServer({
    publishS256: false,
    offlineAccess: false,
    tokenEndpointAuthMethods: ["none"],
    edit: { metadata: (metadata) => ({ ...metadata, service_documentation: "https://docs.example/" }) },
  });
  const metadata = await (await fetch(server.issuer + "/.well-known/oauth-authorization-server")).json();
  assert.equal(metadata.code_challenge_methods_supported, undefined);
  assert.deepEqual(metadata.scopes_supported, ["openid", "mcp:read", "mcp:write", "profile"]);
  assert.deepEqual(metadata.token_endpoint_auth_methods_supported, ["none"]);
  assert.equal(metadata.service_documentation, "https://docs.example/");
});

Deno.test("the authorization server edits token answers", async () => {
  await using server = await startAuthorizationServer({
    edit: { token: ({ expires_in: _, ...rest }) => ({ ...rest, token_type: "bearer" }) },
  });
  const client = await registerClient(server);
  const { body } = await client.signIn(READ);
  assert.equal("expires_in" in body, false);
  assert.equal(body.token_type, "bearer");
});

Deno.test("the authorization server works below a path, with metadata in the places it is told", async () => {
  await using server = await startAuthorizationServer({
    issuerPath: "/tenant1",
    metadataAt: ["oauth", "openid-appended"],
  });
  const { origin } = new URL(server.issuer);
  const status = async (path: string) => {
    const response = await fetch(origin + path);
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(server.issuer, `${origin}/tenant1`);
  assert.equal(server.paths.token, "/tenant1/token");
  assert.equal(await status("/.well-known/oauth-authorization-server/tenant1"), 200);
  assert.equal(await status("/tenant1/.well-known/openid-configuration"), 200);
  assert.equal(await status("/.well-known/openid-configuration/tenant1"), 404);
  assert.equal(await status("/.well-known/oauth-authorization-server"), 404);
  const client = await registerClient(server);
  assert.equal((await client.signIn(READ)).status, 200);
});

Deno.test("the authorization server takes an authorization request pushed without a scope", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const { status, body } = await client.post(server.paths.pushed_authorization_request, {
    response_type: "code",
    redirect_uri: "http://127.0.0.1:9/callback",
    resource: RESOURCE,
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
  });
  assert.equal(status, 201);
  const query = new URLSearchParams({ client_id: client.clientId, request_uri: String(body.request_uri) });
  const page = await browse(`${server.issuer}${server.paths.authorization}?${query}`, { decide: "follow" });
  assert.match(page.text, /type="password"/);
});

Deno.test("the authorization server shows no form for a sign-in that has ended", async () => {
  await using server = await startAuthorizationServer();
  const page = await browse(`${server.issuer}/interaction/unknown`);
  assert.equal(page.status, 400);
  assert.match(page.text, /has ended/);
});

Deno.test("the authorization server connects a device", async () => {
  await using server = await startAuthorizationServer({ deviceFlow: true });
  const client = await registerClient(server, {
    grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
    response_types: [],
    redirect_uris: [],
  });
  const { body: device } = await client.post(server.paths.device_authorization, READ);
  const poll = () =>
    client.post(server.paths.token, {
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
      device_code: String(device.device_code),
    });
  assert.equal((await poll()).body.error, "authorization_pending");
  const page = await browse(String(device.verification_uri_complete));
  assert.match(page.text, /Device connected/);
  const { status, body } = await poll();
  assert.equal(status, 200);
  assert.equal(decodeJwt(String(body.access_token)).aud, RESOURCE);
});

Deno.test("closing the authorization server frees its port, also with a request unanswered", async () => {
  const server = await startAuthorizationServer();
  server.fail("/jwks", 1, "hang");
  const hanging = assert.rejects(fetch(server.jwksUrl), TypeError);
  while (server.requests("/jwks").length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await server.close();
  await hanging;
  const port = Number(new URL(server.issuer).port);
  await using again = await startAuthorizationServer({ port });
  assert.equal(again.issuer, server.issuer);
});

Deno.test("the authorization server prints nothing", async () => {
  const module = import.meta.resolve("../../scripts/demo/servers/authorization_server.ts");
  const program = `const { startAuthorizationServer } = await import(${JSON.stringify(module)});
    const server = await startAuthorizationServer({ deviceFlow: true });
    await (await fetch(server.issuer + "/auth?client_id=none")).text();
    await server.close();`;
  const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--config", new URL("../deno.json", import.meta.url).pathname, program],
  }).output();
  const text = new TextDecoder();
  assert.deepEqual([code, text.decode(stdout), text.decode(stderr)], [0, "", ""]);
});

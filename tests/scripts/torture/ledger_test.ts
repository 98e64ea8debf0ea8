/**
 * The ledger tells what a real authorization server has issued, for what, and what of it is alive.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startAuthorizationServer } from "../../../scripts/demo/servers/authorization_server.ts";
import { Ledger } from "../../../scripts/torture/ledger.ts";
import { registerClient } from "../../demo/hand_written_client.ts";

const READ = { scope: "openid offline_access mcp:read", resource: "https://mcp.example/mcp" };

async function signedIn() {
  const server = await startAuthorizationServer({ accessTokenFormat: "opaque" });
  const ledger = new Ledger(server);
  const client = await registerClient(server);
  const { body } = await client.signIn(READ);
  return { server, ledger, client, body };
}

Deno.test("a refresh is told with what was presented, what was issued, and what was answered", async () => {
  const { server, ledger, client, body } = await signedIn();
  await using _server = server;
  const first = body.refresh_token as string;
  assert.equal(ledger.signedIn(0), first);
  const mark = ledger.length;
  assert.equal(ledger.signedIn(mark), undefined);
  const second = (await client.refresh(first)).body.refresh_token as string;
  assert.equal((await client.refresh(first)).status, 400);
  const [exchanged, refused, ...none] = ledger.refreshes(mark);
  assert.deepEqual(none, []);
  assert.deepEqual([exchanged?.presented, exchanged?.issued?.refresh, exchanged?.status], [
    first,
    second,
    200,
  ]);
  assert.deepEqual([refused?.presented, refused?.issued, refused?.error], [
    first,
    undefined,
    "invalid_grant",
  ]);
  assert.equal(ledger.successor(first)?.refresh, second);
  assert.equal(ledger.successor(second), undefined);
  assert.ok(ledger.tail().some((line) => /POST \/token 400 invalid_grant presented /.test(line)));
  assert.ok(!ledger.tail().join().includes(first));
});

Deno.test("a token is alive until the server ends it, as it does when one is presented twice", async () => {
  const { server, ledger, client, body } = await signedIn();
  await using _server = server;
  const first = body.refresh_token as string;
  assert.equal(await ledger.isAlive(first), true);
  assert.equal(await ledger.isAlive("no-such-token"), false);
  const second = (await client.refresh(first)).body;
  assert.equal(await ledger.isAlive(second.access_token as string), true);
  await client.refresh(first);
  assert.equal(await ledger.isAlive(second.refresh_token as string), false);
  assert.equal(await ledger.isAlive(second.access_token as string), false);
});

Deno.test("what was issued is known also where the answer never arrived", async () => {
  const { server, ledger, client, body } = await signedIn();
  await using _server = server;
  const first = body.refresh_token as string;
  const mark = ledger.length;
  server.fail("/token", 1, "lose-answer");
  await assert.rejects(client.refresh(first), TypeError);
  const [lost] = ledger.refreshes(mark);
  assert.equal(lost?.status, undefined);
  assert.equal(await ledger.isAlive(lost?.issued?.refresh ?? ""), true);
  assert.ok(ledger.secrets().some(({ value }) => value === lost?.issued?.refresh));
});

Deno.test("every kind of secret that a sign-in has is collected, once", async () => {
  const { server, ledger, client, body } = await signedIn();
  await using _server = server;
  const kinds = () => Map.groupBy(ledger.secrets(), ({ kind }) => kind);
  const counted = Object.fromEntries([...kinds()].map(([kind, secrets]) => [kind, secrets.length]));
  assert.deepEqual(counted, {
    "registration token": 1,
    state: 1,
    code: 1,
    "PKCE verifier": 1,
    "access token": 1,
    "refresh token": 1,
    "ID token": 1,
  });
  await client.refresh(body.refresh_token as string);
  assert.equal(kinds().get("refresh token")?.length, 2);
  assert.equal(kinds().get("access token")?.length, 2);
  await registerClient(server, { token_endpoint_auth_method: "client_secret_post" });
  assert.equal(kinds().get("client secret")?.length, 1);
});

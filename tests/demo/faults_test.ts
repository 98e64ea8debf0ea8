/**
 * The faults of a demo server are exactly the faults a test ordered.
 *
 * @module
 */

import assert from "node:assert/strict";
import { startAuthorizationServer } from "../../scripts/demo/servers/authorization_server.ts";
import { htmlFault, jsonFault } from "../../scripts/demo/servers/faults.ts";
import { registerClient } from "./hand_written_client.ts";

const READ = { scope: "mcp:read", resource: "https://mcp.example/mcp" };

Deno.test("a fault answers as often as it was ordered, and the server does nothing meanwhile", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const { body } = await client.signIn(READ);
  const order = server.fail(
    "/token",
    2,
    jsonFault(503, { error: "temporarily_unavailable" }, { "retry-after": "1" }),
  );
  assert.equal((await client.refresh(body.refresh_token)).status, 503);
  assert.equal((await client.refresh(body.refresh_token)).status, 503);
  assert.equal(order.left, 0);
  assert.equal((await client.refresh(body.refresh_token)).status, 200);
  assert.deepEqual(server.requests("/token").map(({ faulted }) => faulted), [false, true, true, false]);
});

Deno.test("a fault can answer with a page", async () => {
  await using server = await startAuthorizationServer();
  server.fail("GET /jwks", 1, htmlFault(200));
  const response = await fetch(server.jwksUrl);
  assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
  assert.match(await response.text(), /Oops/);
});

Deno.test("a reset closes the connection and leaves the refresh token unused", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const { body } = await client.signIn(READ);
  server.fail("/token", 1, "reset");
  await assert.rejects(client.refresh(body.refresh_token), TypeError);
  assert.equal((await client.refresh(body.refresh_token)).status, 200);
});

Deno.test("a lost answer closes the connection after the refresh token was used", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const { body } = await client.signIn(READ);
  server.fail("/token", 1, "lose-answer");
  await assert.rejects(client.refresh(body.refresh_token), TypeError);
  assert.equal(server.requests("/token").length, 2);
  assert.equal((await client.refresh(body.refresh_token)).body.error, "invalid_grant");
});

Deno.test("a delayed answer comes later, and a hanging one when the client gives up", async () => {
  await using server = await startAuthorizationServer();
  server.fail("/jwks", 1, { delayMs: 60 });
  const start = performance.now();
  assert.ok((await (await fetch(server.jwksUrl)).json()).keys.length > 0);
  assert.ok(performance.now() - start >= 55);
  server.fail("/jwks", 1, "hang");
  await assert.rejects(fetch(server.jwksUrl, { signal: AbortSignal.timeout(60) }), { name: "TimeoutError" });
});

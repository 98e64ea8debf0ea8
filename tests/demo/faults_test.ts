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

Deno.test("an answer can be held until something has happened", async () => {
  await using server = await startAuthorizationServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  const held: (number | undefined)[] = [];
  server.fail("/jwks", 1, {
    until: ({ clientPort }) => {
      held.push(clientPort);
      return promise;
    },
  });
  let isAnswered = false;
  const answer = fetch(server.jwksUrl).then((response) => {
    isAnswered = true;
    return response.json();
  });
  while (held.length === 0) await new Promise((wait) => setTimeout(wait, 5));
  assert.equal(isAnswered, false);
  assert.ok(held[0]! > 0, "the port of the client is known");
  resolve();
  assert.ok((await answer).keys.length > 0);
});

Deno.test("the log has what the server answered, also where it was lost on the way", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const { body } = await client.signIn(READ);
  server.fail("/token", 1, "lose-answer");
  await assert.rejects(client.refresh(body.refresh_token), TypeError);
  const [signIn, lost] = server.requests("/token");
  assert.deepEqual(signIn?.answer, body);
  assert.equal(lost?.status, undefined);
  assert.equal(typeof lost?.answer?.refresh_token, "string");
  assert.notEqual(lost?.answer?.refresh_token, body.refresh_token);
  const redirects = server.log.map(({ location }) => location).filter((each) => each?.includes("code="));
  assert.equal(redirects.length, 1);
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

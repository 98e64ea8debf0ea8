/**
 * Refreshing against a server that rotates refresh tokens and ends the sign-in of whoever presents one twice: many
 * processes at once, every way a refresh can fail, and what is kept of the old tokens.
 *
 * @see RFC 6749 section 6; RFC 9700 section 4.14.2
 * @module
 */
import assert from "node:assert/strict";
import { type Fault, htmlFault, jsonFault } from "../../scripts/demo/servers/faults.ts";
import type { ErrorCode } from "../../lib/primitives/errors.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import {
  apart,
  assertNonePresentedTwice,
  isAccepted,
  OVER_AT_ONCE,
  presented,
  signIn,
  signInWithTokenThatIsOver,
  startRefreshing,
  wait,
} from "./refreshing.ts";

for (
  const [name, life, refreshes] of [
    ["of whom one refreshes for all", 3600, 1],
    ["who all find a token that is over: one after the other", OVER_AT_ONCE, 12],
  ] as const
) {
  Deno.test(`row 1: 12 processes at once, ${name}`, async () => {
    await using servers = await startRefreshing();
    await using home = await Home.make();
    await signInWithTokenThatIsOver(home, servers);
    servers.life = life;
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => home.run(["token", "demo"])));
    for (const { code, stdout, stderr } of outcomes) {
      assert.equal(code, 0, stderr);
      assert.ok(await isAccepted(servers, stdout));
    }
    assert.equal(presented(servers.as).length, 1 + refreshes);
    assert.equal(new Set(outcomes.map(({ stdout }) => stdout)).size, refreshes);
    assertNonePresentedTwice(servers.as);
  });
}

Deno.test("rows 3 and 5: in real time: tokens that live 2 s are always good, a token is served while its refresh fails, and a refresh without an answer is given up after 10 s", async () => {
  const always = apart(async (servers, home) => {
    servers.life = 2;
    await signIn(home, servers);
    const seen = new Set<string>();
    const end = performance.now() + 4_000;
    while (performance.now() < end) {
      const { code, stdout, stderr } = await home.run(["token", "demo"]);
      assert.equal(code, 0, stderr);
      assert.ok(await isAccepted(servers, stdout));
      seen.add(stdout);
      await wait(100);
    }
    assert.equal(seen.size, presented(servers.as).length + 1, "each refresh was put to use");
    assert.ok(seen.size >= 3, `${seen.size} tokens`);
    assertNonePresentedTwice(servers.as);
  });
  const whileGood = apart(async (servers, home) => {
    servers.life = 8;
    await signIn(home, servers);
    const signedIn = performance.now();
    const fresh = (await home.run(["token", "demo"])).stdout;
    servers.as.fail("POST /token", Infinity, jsonFault(500, {}));
    // It is due when less than a fifth of its life is left.
    await wait(6_500 - (performance.now() - signedIn));
    const due = await home.run(["token", "demo"]);
    assert.equal(due.stdout, fresh, due.stderr);
    assert.equal(presented(servers.as).length, 1, "the refresh was tried");
  });
  const givenUp = apart(async (servers, home) => {
    await signInWithTokenThatIsOver(home, servers);
    servers.as.fail("POST /token", 1, "hang");
    const started = performance.now();
    assertError(await home.run(["token", "demo", "--json"]), "TIMEOUT", 3);
    assert.ok(performance.now() - started < 12_000);
    assert.equal((await home.run(["refresh", "demo"])).code, 0);
  });
  const outcomes = await Promise.allSettled([always, whileGood, givenUp]);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
});

const TEMPORARY: readonly (readonly [name: string, fault: Fault, code: ErrorCode, exitCode: number])[] = [
  ["500", jsonFault(500, { error: "server_error" }), "SERVER_ERROR", 3],
  ["503 and HTML", htmlFault(503), "SERVER_ERROR", 3],
  ["429", jsonFault(429, {}), "RATE_LIMITED", 3],
  ["a closed connection", "reset", "NETWORK_ERROR", 3],
  ["200 and HTML", htmlFault(200), "SERVER_ERROR", 3],
  ["400 and HTML", htmlFault(400), "SERVER_ERROR", 3],
  ["invalid_request", jsonFault(400, { error: "invalid_request" }), "SERVER_ERROR", 3],
  ["invalid_grant with status 500", jsonFault(500, { error: "invalid_grant" }), "SERVER_ERROR", 3],
];

Deno.test("row 3: a refresh that fails on doubt keeps the credential, spares the server, and works when a person asks", async (t) => {
  await using servers = await startRefreshing();
  await using home = await Home.make();
  await signInWithTokenThatIsOver(home, servers);
  for (const [name, fault, code, exitCode] of TEMPORARY) {
    await t.step(name, async () => {
      const before = presented(servers.as).length;
      servers.as.fail("POST /token", 1, fault);
      assertError(await home.run(["token", "demo", "--json"]), code, exitCode);
      const again = await home.run(["token", "demo", "--json"]);
      assertError(again, code, exitCode);
      assert.match(again.json.error.message, /^Cannot refresh "demo": the last try failed: .*due in \d+ s$/);
      assert.equal(presented(servers.as).length, before + 1, "one request, not repeated");
      const { json } = await home.run(["status", "demo", "--json"]);
      assert.deepEqual([json.state, json.can_refresh, json.last_error.code], ["signed-in", true, code]);
      const asked = await home.run(["refresh", "demo"]);
      assert.equal(asked.code, 0, asked.stderr);
      const { last_error } = (await home.run(["status", "demo", "--json"])).json;
      assert.equal(last_error, null);
    });
  }
  servers.life = 3600;
  assert.ok(await isAccepted(servers, (await home.run(["token", "demo"])).stdout));
});

Deno.test("row 3: a server's Retry-After is kept to by everybody, and what was a pause is over when it is", async () => {
  await using servers = await startRefreshing();
  await using home = await Home.make();
  await signInWithTokenThatIsOver(home, servers);
  const before = presented(servers.as).length;
  const started = performance.now();
  servers.as.fail("POST /token", 1, jsonFault(429, {}, { "retry-after": "4" }));
  assertError(await home.run(["token", "demo", "--json"]), "RATE_LIMITED", 3, /^Try again later$/);
  for (const command of ["token", "refresh"]) {
    assertError(
      await home.run([command, "demo", "--json"]),
      "RATE_LIMITED",
      3,
      /the server asks for this pause$/,
    );
  }
  assert.equal(presented(servers.as).length, before + 1);
  await wait(4_800 - (performance.now() - started));
  assert.equal((await home.run(["token", "demo"])).code, 0);
});

for (
  const [error, status] of [["invalid_grant", 400], ["invalid_client", 401], [
    "unauthorized_client",
    400,
  ]] as const
) {
  Deno.test(`row 3: ${error} ends the sign-in: exit 4, the command to run, and no further request`, async () => {
    await using servers = await startRefreshing();
    await using home = await Home.make();
    await signInWithTokenThatIsOver(home, servers);
    servers.as.fail("POST /token", 1, jsonFault(status, { error, error_description: "gone" }));
    for (let time = 0; time < 2; time++) {
      const outcome = await home.run(["token", "demo", "--json"]);
      assertError(outcome, "TOKEN_REFRESH_FAILED", 4, /^Run: mcp-auth login demo$/);
    }
    assert.equal(presented(servers.as).length, 2);
    const { json } = await home.run(["status", "demo", "--json"]);
    assert.deepEqual([json.state, json.can_refresh], ["refresh-failed", false]);
    assert.equal(json.last_error.code, "TOKEN_REFRESH_FAILED");
    assert.ok(json.last_error.message.includes(error));
    servers.life = 3600;
    assert.equal((await home.run(["login", "demo"])).code, 0);
    assert.equal((await home.run(["status", "demo", "--json"])).json.last_error, null);
  });
}

Deno.test("rows 6 and 7: what a refresh leaves out stays as it was", async (t) => {
  await using servers = await startRefreshing();
  await using home = await Home.make();
  await signIn(home, servers);
  const status = async () => (await home.run(["status", "demo", "--json"])).json;
  const refresh = async () => assert.equal((await home.run(["refresh", "demo"])).code, 0);

  await t.step("scope", async () => {
    servers.shape = ({ scope: _, ...rest }) => rest;
    await refresh();
    assert.equal((await status()).scope, "mcp:read mcp:write");
  });
  await t.step("expires_in: the old expiry does not stay, the new one is not known", async () => {
    servers.shape = ({ expires_in: _, ...rest }) => rest;
    await refresh();
    assert.equal((await status()).expires_at, null);
    assert.equal((await home.run(["token", "demo"])).code, 0);
  });
  await t.step("expires_in as text is read", async () => {
    servers.shape = (body) => ({ ...body, expires_in: "1800" });
    await refresh();
    const { obtained_at, expires_at } = await status();
    assert.equal(Date.parse(expires_at) - Date.parse(obtained_at), 1_800_000);
  });
  await t.step("refresh_token: the old one is presented again", async () => {
    servers.shape = ({ refresh_token: _, ...rest }) => rest;
    await refresh();
    assert.equal((await status()).can_refresh, true);
    servers.as.fail("POST /token", 1, jsonFault(503, {}));
    assert.equal((await home.run(["refresh", "demo"])).code, 3);
    assert.equal(presented(servers.as).at(-1), presented(servers.as).at(-2));
  });
});

Deno.test("expired without a refresh token: a sign-in is needed, and says so", async () => {
  await using servers = await startRefreshing({ refreshTokens: "never" });
  await using home = await Home.make();
  servers.life = 1;
  await signIn(home, servers);
  await wait(1_000);
  const { code, stdout, stderr } = await home.run(["token", "demo"]);
  assert.deepEqual([code, stdout], [4, ""]);
  assert.match(
    stderr,
    /^Error: .*the server gave no refresh token \[TOKEN_EXPIRED\]\nHint: Run: mcp-auth login demo\n$/,
  );
  assert.equal((await home.run(["status", "demo", "--json"])).json.state, "expired");
});

Deno.test("row 2: a 401 of the MCP server is answered by one refresh and one retry", async () => {
  await using servers = await startRefreshing();
  await using home = await Home.make();
  await signIn(home, servers);
  servers.mcp.refuseSeenTokens();
  const before = servers.mcp.requests("POST /mcp").length;
  const called = await home.run(["call", "demo", "whoami"]);
  assert.equal(called.stdout, "alice\n", called.stderr);
  const statuses = servers.mcp.requests("POST /mcp").slice(before).map(({ status }) => status);
  assert.deepEqual(statuses, [401, 200, 202, 200]);
  assert.equal(presented(servers.as).length, 1);
});

/**
 * What mcp-auth keeps, the row of the commands that show and end a sign-in.
 *
 * @see features, "Keep"; behaviours rows 8, 45 and 46
 * @module
 */
import assert from "node:assert/strict";
import { jsonFault } from "../../scripts/demo/servers/faults.ts";
import type { AuthorizationServer } from "../../scripts/demo/servers/authorization_server.ts";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { done, letPass, libraryIn, MINUTE, valueOf } from "./keeping.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { presented, startRefreshing } from "./refreshing.ts";
import { startServers } from "./servers.ts";

const ROW =
  "Keep: status (not authenticated, authenticated, expired, refresh failed; account; scopes; time left; can it refresh), list, refresh, logout, remove, login again";

/** The tokens that the server was asked to revoke, since some request. */
function revoked(as: AuthorizationServer, from = 0): readonly (string | null)[] {
  return as.requests("POST /token/revocation").slice(from).map(({ form }) => form.get("token"));
}

/** The pair that the server issued last. */
function issuedLast(as: AuthorizationServer): readonly unknown[] {
  const answer = as.requests("POST /token").findLast((each) => each.answer?.access_token !== undefined)
    ?.answer;
  return [answer?.refresh_token, answer?.access_token];
}

Deno.test(ROW, async (t) => {
  await using servers = await startServers({ as: { accessTokenFormat: "opaque" } });
  await using without = await startRefreshing({ refreshTokens: "never" });
  await using open = await startMcpServer({ open: true });
  await using home = await Home.make();
  const { as, mcp } = servers;
  const status = async (name: string) => (await done(home, ["status", name, "--json"])).json;
  const text = async (name: string) => (await done(home, ["status", name])).stdout;

  await t.step("authenticated: account, scopes, time left, and that it can be refreshed", async () => {
    const scope = ["--scope", "openid mcp:read"];
    for (const user of ["alice", "bob"]) await done(home, ["add", user, mcp.url, ...scope], { user });
    await letPass(home, "alice", 20 * MINUTE);
    const { obtained_at, expires_at, client_id, ...rest } = await status("alice");
    assert.equal(Date.parse(expires_at) - Date.parse(obtained_at), 60 * MINUTE);
    const leftMs = Date.parse(expires_at) - Date.now();
    assert.ok(leftMs > 39 * MINUTE && leftMs <= 40 * MINUTE, `${leftMs} ms`);
    assert.equal(client_id, as.requests("POST /reg")[0]?.answer?.client_id);
    assert.deepEqual(rest, {
      name: "alice",
      url: mcp.url,
      transport: "auto",
      kind: "mcp",
      provider: null,
      site: null,
      quirks: [],
      state: "signed-in",
      account: "alice",
      issuer: as.issuer,
      resource: mcp.resource,
      client_source: "dynamic",
      scope: "mcp:read",
      can_refresh: true,
      grant: null,
      bound_to_key: false,
      keystore: "file",
      pending_refresh: null,
      last_error: null,
    });
    const shown = await text("alice");
    for (
      const row of [
        /^State: +signed in$/m,
        /^Account: +alice$/m,
        /^Scopes: +mcp:read$/m,
        /^Expires: +in 40 min$/m,
        /^Refresh: +yes$/m,
      ]
    ) assert.match(shown, row);
    assert.doesNotMatch(shown, /^Next:/m);
    await using client = libraryIn(home);
    const { state, account, tokens, lastError } = valueOf(await client.getStatus("bob"));
    assert.deepEqual([state, account, lastError], ["signed-in", "bob", undefined]);
    assert.deepEqual(tokens?.scopes, ["mcp:read"]);
    assert.equal(tokens?.canRefresh, true);
    assert.equal(tokens?.accessToken, issuedLast(as)[1]);
  });

  await t.step("expired, without a refresh token: no way but to sign in again", async () => {
    await done(home, ["add", "short", without.mcp.url]);
    assert.match(await text("short"), /^Refresh: +no refresh token: the sign-in ends in 60 min$/m);
    await letPass(home, "short", 65 * MINUTE);
    const { state, can_refresh } = await status("short");
    assert.deepEqual([state, can_refresh], ["expired", false]);
    const shown = await text("short");
    assert.match(shown, /^State: +expired$/m);
    assert.match(shown, /^Expires: +5 min ago$/m);
    assert.match(shown, /^Next: +mcp-auth login short$/m);
    assertError(
      await home.run(["token", "short", "--json"]),
      "TOKEN_EXPIRED",
      4,
      /^Run: mcp-auth login short$/,
    );
    assert.equal(presented(without.as).length, 0);
  });

  await t.step("refresh failed: what happened, and when", async () => {
    await done(home, ["add", "dead", mcp.url]);
    await letPass(home, "dead", 61 * MINUTE);
    assert.equal((await status("dead")).state, "signed-in", "the next use refreshes it");
    as.fail("POST /token", 1, jsonFault(400, { error: "invalid_grant" }));
    assertError(await home.run(["refresh", "dead", "--json"]), "TOKEN_REFRESH_FAILED", 4);
    const { state, can_refresh, last_error } = await status("dead");
    assert.deepEqual([state, can_refresh, last_error.code], [
      "refresh-failed",
      false,
      "TOKEN_REFRESH_FAILED",
    ]);
    assert.ok(Math.abs(Date.parse(last_error.at) - Date.now()) < MINUTE);
    assert.match(await text("dead"), /^State: +refresh failed$/m);
    await using client = libraryIn(home);
    assert.equal(valueOf(await client.getStatus("dead")).lastError?.code, "TOKEN_REFRESH_FAILED");
  });

  await t.step("not authenticated: nobody is signed in, or nobody has to be", async () => {
    await done(home, ["add", "open", open.url]);
    await done(home, ["add", "out", mcp.url]);
    await done(home, ["logout", "out"]);
    assert.deepEqual([(await status("out")).state, (await status("open")).state], [
      "not-signed-in",
      "no-sign-in-needed",
    ]);
    assert.match(await text("out"), /^State: +not signed in$/m);
    assert.match(await text("out"), /^Next: +mcp-auth login out$/m);
    assertError(await home.run(["token", "out", "--json"]), "AUTH_REQUIRED", 4, /^Run: mcp-auth login out$/);
  });

  await t.step("list: all of them, each in its state", async () => {
    const { json } = await done(home, ["list", "--json"]);
    assert.deepEqual(
      json.map((each: Record<string, unknown>) => [each.name, each.state, each.account, each.can_refresh]),
      [
        ["alice", "signed-in", "alice", true],
        ["bob", "signed-in", "bob", true],
        ["dead", "refresh-failed", null, false],
        ["open", "no-sign-in-needed", null, false],
        ["out", "not-signed-in", null, false],
        ["short", "expired", null, false],
      ],
    );
    const rows = (await done(home, ["list"])).stdout.trimEnd().split("\n").map((row) => row.split(/ {2,}/));
    assert.deepEqual(rows.slice(0, 2), [
      ["NAME", "STATE", "ACCOUNT", "TOKEN EXPIRES", "URL"],
      ["alice", "signed in", "alice", "in 40 min", mcp.url],
    ]);
    const all = (await done(home, ["status", "--json"])).json as { name: string; state: string }[];
    assert.deepEqual(
      all.map(({ name, state }) => [name, state]),
      json.map(({ name, state }: { name: string; state: string }) => [name, state]),
    );
  });

  await t.step("refresh: a new token, an hour, the same account", async () => {
    const before = presented(as).length;
    const { json } = await done(home, ["refresh", "alice", "--json"]);
    assert.equal(json.scope, "mcp:read");
    assert.ok(Date.parse(json.expires_at) - Date.now() > 59 * MINUTE);
    assert.equal((await done(home, ["refresh", "bob"])).stdout, "✓ Refreshed bob: expires in 60 min\n");
    assert.equal(presented(as).length, before + 2);
    assert.equal((await status("alice")).account, "alice");
  });

  await t.step("logout: both tokens are dead at the server, and that is said", async () => {
    const pair = [presented(as).at(-1), ...issuedLast(as)];
    const from = revoked(as).length;
    const { stdout } = await done(home, ["logout", "bob"]);
    assert.equal(stdout, "✓ Signed out of bob: refresh token revoked, access token revoked\n");
    assert.deepEqual(revoked(as, from), pair.slice(1));
    const refused = await fetch(mcp.url, { headers: { authorization: `Bearer ${pair[2]}` } });
    await refused.body?.cancel();
    assert.equal(refused.status, 401);
    assertError(await home.run(["token", "bob", "--json"]), "AUTH_REQUIRED", 4);
    assert.equal((await done(home, ["logout", "bob"])).stdout, '"bob" was not signed in\n');
  });

  await t.step("login again: another account, and the same client", async () => {
    const registrations = as.requests("POST /reg").length;
    await done(home, ["login", "bob"], { user: "alice" });
    assert.equal((await done(home, ["call", "bob", "whoami"])).stdout, "alice\n");
    const { account, scope } = await status("bob");
    assert.deepEqual([account, scope], ["alice", "mcp:read"]);
    await done(home, ["login", "dead"]);
    assert.equal((await status("dead")).state, "signed-in");
    assert.equal(as.requests("POST /reg").length, registrations);
  });

  await t.step("the library refreshes, signs out and in again as the commands do", async () => {
    await using client = libraryIn(home);
    const old = valueOf(await client.getTokens("bob")).accessToken;
    const { accessToken } = valueOf(await client.refresh("bob"));
    assert.notEqual(accessToken, old);
    assert.equal((await done(home, ["token", "bob"])).stdout, `${accessToken}\n`);
    const outcomes = valueOf(await client.logout("bob")).map(({ token, outcome }) => [token, outcome]);
    assert.deepEqual(outcomes, [["refresh_token", "revoked"], ["access_token", "revoked"]]);
    assert.equal(revoked(as).at(-1), accessToken);
    assert.equal((await status("bob")).state, "not-signed-in");
    valueOf(await client.authenticate("bob"));
    assert.equal((await status("bob")).state, "signed-in");
  });

  await t.step("logout reports what was not revoked, and why", async () => {
    as.fail("POST /token/revocation", 2, jsonFault(503, {}));
    const { json } = await done(home, ["logout", "dead", "--json"]);
    assert.deepEqual(
      json.revocations.map((each: { token: string; outcome: string; error?: { code: string } }) => [
        each.token,
        each.outcome,
        each.error?.code,
      ]),
      [["refresh_token", "failed", "SERVER_ERROR"], ["access_token", "failed", "SERVER_ERROR"]],
    );
    assert.equal(
      (await status("dead")).state,
      "not-signed-in",
      "it is forgotten here whatever the server does",
    );
    await using never = await startServers({ as: { revocation: false } });
    await done(home, ["add", "never", never.mcp.url]);
    const { stdout } = await done(home, ["logout", "never"]);
    assert.equal(stdout.match(/token not revoked \(the server does not offer that/g)?.length, 2, stdout);
    await done(home, ["login", "never"]);
    const local = await done(home, ["logout", "never", "--local-only"]);
    assert.match(local.stdout, /^✓ Signed out of never here only; the tokens stay valid at the server/);
  });

  await t.step("remove: revoked, and nothing of it is left", async () => {
    const from = revoked(as).length;
    const tokens = (await done(home, ["token", "alice"])).stdout.trim();
    const { stdout } = await done(home, ["remove", "alice"]);
    assert.equal(stdout, "✓ Removed alice: refresh token revoked, access token revoked\n");
    assert.equal(revoked(as, from).length, 2);
    assert.equal(revoked(as).at(-1), tokens);
    for (const command of ["status", "token", "remove", "login"]) {
      assertError(await home.run([command, "alice", "--json"]), "NOT_FOUND", 5);
    }
    using kv = await Deno.openKv(`${home.store}/store.db`);
    for await (const { key } of kv.list({ prefix: [] })) assert.ok(!key.includes("alice"), key.join());
  });
  assert.deepEqual(as.errors, []);
});

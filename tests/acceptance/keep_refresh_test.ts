/**
 * What mcp-auth keeps, the rows of refreshing: tokens are renewed before anybody misses them, once for all who ask, and
 * where that is over, it is said with the command to run.
 *
 * @see features, "Keep"; behaviours rows 1 to 6
 * @module
 */
import assert from "node:assert/strict";
import { jsonFault } from "../../scripts/demo/servers/faults.ts";
import { Host } from "./host.ts";
import { done, letPass, libraryIn, MINUTE, valueOf } from "./keeping.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { apart, isAccepted, presented, type Refreshing, signIn, startRefreshing } from "./refreshing.ts";

const ROW =
  "Keep: refresh ahead of expiry, on 401, by timer; once across processes; rotation, lost responses, kept refresh token, merged scopes";

/** The refresh tokens that the server issued, in order. */
function issued({ as }: Refreshing): readonly unknown[] {
  return as.requests("POST /token").flatMap(({ answer }) => answer?.refresh_token ?? []);
}

async function tokenOf(home: Home): Promise<string> {
  return (await done(home, ["token", "demo"])).stdout.trim();
}

Deno.test(ROW, async (t) => {
  await using servers = await startRefreshing();
  await using home = await Home.make();
  const { as, mcp } = servers;
  const refreshes = () => presented(as).length;
  await signIn(home, servers);

  await t.step(
    "ahead of expiry: from five minutes before the end, while the old token still works",
    async () => {
      const first = await tokenOf(home);
      await letPass(home, "demo", 54 * MINUTE);
      assert.equal(await tokenOf(home), first);
      assert.equal(refreshes(), 0, "six minutes are left");
      await letPass(home, "demo", 2 * MINUTE);
      const second = await tokenOf(home);
      assert.notEqual(second, first);
      assert.equal(refreshes(), 1);
      for (const token of [first, second]) assert.ok(await isAccepted(servers, token));
      assert.equal(await tokenOf(home), second);
      assert.equal(refreshes(), 1, "the new one is fresh");
    },
  );

  await t.step("ahead of expiry, and the server fails: the token that works is handed out", async () => {
    const token = await tokenOf(home);
    await letPass(home, "demo", 56 * MINUTE);
    as.fail("POST /token", 1, jsonFault(503, {}));
    const outcome = await done(home, ["token", "demo"]);
    assert.deepEqual([outcome.stdout.trim(), outcome.stderr], [token, ""]);
    assert.equal(refreshes(), 2);
    await done(home, ["refresh", "demo"]);
    assert.equal(refreshes(), 3);
  });

  await t.step("on 401: one refresh, one retry; by the program and by the library", async () => {
    mcp.refuseSeenTokens();
    await done(home, ["tools", "demo"]);
    mcp.refuseSeenTokens();
    let from = mcp.requests("POST /mcp").length;
    assert.equal((await done(home, ["call", "demo", "whoami"])).stdout, "alice\n");
    const statuses = () => mcp.requests("POST /mcp").slice(from).map(({ status }) => status);
    assert.deepEqual(statuses(), [401, 200, 202, 200]);
    assert.equal(refreshes(), 4);
    mcp.refuseSeenTokens();
    from = mcp.requests("POST /mcp").length;
    await using client = libraryIn(home);
    const answer = await client.authorizedFetch("demo")(mcp.url, { method: "POST", body: "{}" });
    await answer.body?.cancel();
    assert.equal(statuses().length, 2);
    assert.equal(statuses()[0], 401);
    assert.notEqual(statuses()[1], 401);
    assert.equal(refreshes(), 5);
  });

  await t.step("once across processes: 8 programs and 2 clients of the library at expiry", async () => {
    await letPass(home, "demo", 61 * MINUTE);
    await using one = libraryIn(home);
    await using two = libraryIn(home);
    const tokens = await Promise.all([
      ...Array.from({ length: 8 }, () => tokenOf(home)),
      ...[one, one, two, two].map(async (client) => valueOf(await client.ensureValid("demo")).accessToken),
    ]);
    assert.equal(tokens.length, 12);
    assert.equal(new Set(tokens).size, 1);
    assert.ok(await isAccepted(servers, tokens[0]!));
    assert.equal(refreshes(), 6);
  });

  await t.step("rotation: each refresh presents the token of the answer before, and none twice", () => {
    assert.equal(issued(servers).length, 6, "the sign-in, and five that succeeded");
    // The second was not seen by the server: a fault answered in its place, and it was good for another try.
    const seen = as.requests("POST /token").filter(({ faulted, form }) =>
      !faulted && form.get("grant_type") === "refresh_token"
    );
    assert.deepEqual(seen.map(({ form }) => form.get("refresh_token")), issued(servers).slice(0, -1));
  });

  await t.step("merged scopes: what an answer leaves out stays, what it says counts", async () => {
    const scope = async () => (await done(home, ["status", "demo", "--json"])).json.scope;
    servers.shape = ({ scope: _, ...rest }) => rest;
    await done(home, ["refresh", "demo"]);
    assert.equal(await scope(), "mcp:read mcp:write");
    servers.shape = (body) => ({ ...body, scope: "mcp:read" });
    await done(home, ["refresh", "demo"]);
    assert.equal(await scope(), "mcp:read");
    servers.shape = (body) => body;
  });
});

Deno.test(`${ROW}: by timer, in a bridge that nobody asks anything`, () =>
  apart(async (servers, home) => {
    servers.life = 3;
    await signIn(home, servers);
    servers.life = 3600;
    const started = performance.now();
    const first = await tokenOf(home);
    const from = servers.mcp.requests("POST /mcp").length;
    await using host = new Host(home, ["demo"]);
    assert.equal((await host.initialize()).error, undefined);
    assert.equal(presented(servers.as).length, 0);
    assert.ok(await until(() => presented(servers.as).length > 0, 6_000));
    assert.ok(performance.now() - started < 6_000);
    const sent = servers.mcp.requests("POST /mcp").slice(from).map((each) =>
      each.json() as { method: string }
    );
    assert.deepEqual(sent.map(({ method }) => method), ["initialize", "notifications/initialized"]);
    assert.ok(await until(async () => await tokenOf(home) !== first, 3_000));
    assert.equal((await host.call("whoami")).result.content[0].text, "alice");
    assert.equal((await host.end()).code, 0);
    assert.equal(presented(servers.as).length, 1);
  }));

Deno.test(`${ROW}: lost responses, said for what they are, and no request more than that takes`, () =>
  apart(async (servers, home) => {
    await signIn(home, servers);
    const token = await tokenOf(home);
    servers.as.fail("POST /token", 1, "lose-answer");
    assertError(await home.run(["refresh", "demo", "--json"]), "NETWORK_ERROR", 3);
    const { json } = await done(home, ["status", "demo", "--json"]);
    assert.equal(json.state, "signed-in");
    assert.ok(json.pending_refresh !== null && json.last_error.code === "NETWORK_ERROR");
    assert.equal(await tokenOf(home), token, "the old token is served while it works");
    await letPass(home, "demo", 56 * MINUTE);
    assert.equal(await tokenOf(home), token);
    assert.equal(presented(servers.as).length, 1);

    await letPass(home, "demo", 5 * MINUTE);
    await using client = libraryIn(home);
    const over = await client.refresh("demo");
    assert.equal(over.ok ? "ok" : over.error.code, "TOKEN_REFRESH_FAILED");
    assert.match(over.ok ? "" : over.error.message, /; a refresh begun at \d{4}-\S+Z got no answer$/);
    assert.equal(presented(servers.as).length, 2);
    const next = await home.run(["token", "demo", "--json"]);
    assertError(next, "TOKEN_REFRESH_FAILED", 4, /^Run: mcp-auth login demo$/);
    assert.equal(presented(servers.as).length, 2);

    // A server that never saw the request has nothing against another one.
    await done(home, ["login", "demo"]);
    servers.as.fail("POST /token", 1, "reset");
    assertError(await home.run(["refresh", "demo", "--json"]), "NETWORK_ERROR", 3);
    await done(home, ["refresh", "demo"]);
    assert.equal(presented(servers.as).at(-1), presented(servers.as).at(-2));
  }));

Deno.test(`${ROW}: a refresh token that is not rotated is kept`, async () => {
  await using servers = await startRefreshing({ rotateRefreshTokens: false });
  await using home = await Home.make();
  servers.shape = (body) => {
    const { refresh_token, ...rest } = body;
    return presented(servers.as).length === 0 ? { ...rest, refresh_token } : rest;
  };
  await signIn(home, servers);
  const tokens = new Set([await tokenOf(home)]);
  for (const _ of [1, 2]) {
    await letPass(home, "demo", 61 * MINUTE);
    tokens.add(await tokenOf(home));
  }
  await using client = libraryIn(home);
  tokens.add(valueOf(await client.refresh("demo")).accessToken);
  assert.equal(tokens.size, 4);
  assert.equal(valueOf(await client.getTokens("demo")).canRefresh, true);
  assert.deepEqual(presented(servers.as), Array(3).fill(issued(servers)[0]));
  assert.equal((await done(home, ["status", "demo", "--json"])).json.can_refresh, true);
});

Deno.test("Keep: refresh token dead: says so and names the command", () =>
  apart(async (servers, home) => {
    const { as } = servers;
    await signIn(home, servers);
    await letPass(home, "demo", 61 * MINUTE);
    as.forgetGrants();
    const { code, stdout, stderr } = await home.run(["token", "demo"]);
    assert.deepEqual([code, stdout], [4, ""]);
    assert.match(
      stderr,
      /^Error: Cannot refresh "demo": the server ended the sign-in: invalid_grant.* \[TOKEN_REFRESH_FAILED\]\nHint: Run: mcp-auth login demo\n$/,
    );
    for (
      const args of [["token", "demo"], ["refresh", "demo"], ["tools", "demo"], ["call", "demo", "whoami"]]
    ) {
      const outcome = await home.run([...args, "--json"]);
      assertError(outcome, "TOKEN_REFRESH_FAILED", 4, /^Run: mcp-auth login demo$/);
    }
    await using host = new Host(home, ["demo"]);
    await host.initialize();
    const { error } = await host.request("tools/call", { name: "whoami", arguments: {} });
    assert.deepEqual(error?.data, {
      code: "TOKEN_REFRESH_FAILED",
      hint: "Run: mcp-auth login demo, or call the tool mcp_auth_login",
    });
    await using client = libraryIn(home);
    const result = await client.getBearerToken("demo");
    assert.ok(!result.ok);
    assert.deepEqual([result.error.code, result.error.hint], [
      "TOKEN_REFRESH_FAILED",
      "Run: mcp-auth login demo",
    ]);
    assert.equal(presented(as).length, 1, "the server was asked once, and no browser came");

    const shown = await done(home, ["status", "demo"]);
    assert.match(shown.stdout, /^State: +refresh failed$/m);
    assert.match(shown.stdout, /^Last error: +.*invalid_grant.*\[TOKEN_REFRESH_FAILED\], /m);
    assert.match(shown.stdout, /^Next: +mcp-auth login demo$/m);
    const { json } = await done(home, ["status", "demo", "--json"]);
    assert.deepEqual([json.state, json.can_refresh], ["refresh-failed", false]);

    await done(home, ["login", "demo"]);
    assert.equal((await host.initialize()).error, undefined, "the bridge goes on by itself");
    assert.equal((await host.call("whoami")).result.content[0].text, "alice");
    assert.match(valueOf(await client.getBearerToken("demo")), /^Bearer \S+$/);
    assert.equal((await done(home, ["status", "demo", "--json"])).json.last_error, null);
    assert.equal((await host.end()).code, 0);
  }));

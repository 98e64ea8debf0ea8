/**
 * What mcp-auth does to connect, walked through as a user would: the rows of many entries beside each other, and of
 * scopes that one of them gets later.
 *
 * @see features, "Connect"; behaviours rows 32 and 45
 * @module
 */
import assert from "node:assert/strict";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { Host } from "./host.ts";
import { done, libraryIn } from "./keeping.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";

Deno.test("Connect: many servers, each isolated; two accounts at one URL; rename, set (scopes, headers, URL) without starting over; a server that needs no sign-in simply connects", async (t) => {
  await using one = await startServers();
  await using other = await startServers();
  await using open = await startMcpServer({ open: true });
  await using home = await Home.make();
  const whoami = async (name: string) => (await done(home, ["call", name, "whoami"])).stdout.trim();
  const tokenOf = async (name: string) => (await done(home, ["token", name])).stdout.trim();

  await t.step("three entries, two servers, two accounts", async () => {
    await done(home, ["add", "work", one.mcp.url], { user: "alice" });
    await done(home, ["add", "home", one.mcp.url], { user: "bob" });
    await done(home, ["add", "other", other.mcp.url], { user: "bob" });
    assert.deepEqual([await whoami("work"), await whoami("home"), await whoami("other")], [
      "alice",
      "bob",
      "bob",
    ]);
    const foreign = [await tokenOf("work"), await tokenOf("home")];
    const seen = other.mcp.log.concat(other.as.log).flatMap((
      { headers, body },
    ) => [...headers.values(), body]);
    for (const token of foreign) assert.ok(!seen.some((text) => text.includes(token)));
  });

  await t.step("what happens to one does not happen to another", async () => {
    await done(home, ["logout", "home"]);
    assertError(await home.run(["token", "home", "--json"]), "AUTH_REQUIRED", 4);
    assert.equal(await whoami("work"), "alice");
    await done(home, ["refresh", "work"]);
    await done(home, ["remove", "home"]);
    assert.deepEqual([await whoami("work"), await whoami("other")], ["alice", "bob"]);
  });

  await t.step("rename and set: no sign-in, at once", async () => {
    const browser = await home.recordingBrowser();
    const token = await tokenOf("work");
    await done(home, ["rename", "work", "office"]);
    await done(home, ["set", "office", "--header", "X-Team: blue", "--scope", "mcp:read"]);
    await done(home, ["set", "office", "--url", `${one.mcp.url}?v=2`]);
    const { stdout } = await done(home, ["call", "office", "whoami"], { browser });
    assert.equal(stdout, "alice\n");
    const last = one.mcp.requests("POST /mcp").at(-1);
    assert.deepEqual([last?.headers.get("x-team"), last?.query.get("v")], ["blue", "2"]);
    assert.equal(await tokenOf("office"), token);
    assert.deepEqual(await home.opened(), []);
    const away = await home.run(["set", "office", "--url", other.mcp.url, "--json"]);
    assertError(away, "CONFIG_INVALID", 1, /logout office/);
    await done(home, ["login", "office"]);
    const asked = one.as.requests("GET /auth").findLast(({ query }) => query.has("scope"));
    assert.match(asked?.query.get("scope") ?? "", /^mcp:read( offline_access)?$/);
  });

  await t.step("a server that needs no sign-in", async () => {
    const browser = await home.recordingBrowser();
    const { stdout } = await done(home, ["add", "open", open.url], { browser });
    assert.equal(stdout, "✓ Connected to open (no sign-in needed, 8 tools)\n");
    await done(home, ["tools", "open"], { browser });
    assert.deepEqual(await home.opened(), []);
    assert.ok(open.log.every(({ headers }) => !headers.has("authorization")));
  });
});

Deno.test("Connect: step-up on 403 insufficient_scope: union of scopes, bounded", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { as, mcp } = servers;
  await done(home, ["add", "demo", mcp.url, "--scope", "openid mcp:read"]);
  const call = ["call", "demo", "write_note", '{"text":"n"}'];
  const refused = await home.run([...call, "--json"]);
  assertError(refused, "INSUFFICIENT_SCOPE", 4);
  // The command in the hint is meant to be run as it stands.
  const [, line = ""] = /^Run: mcp-auth (.*)$/.exec(refused.json.error.hint) ?? [];
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
  await done(home, words);
  const scopes = () =>
    as.requests("GET /auth").findLast(({ query }) => query.has("scope"))?.query.get("scope")?.split(" ") ??
      [];
  for (const scope of ["openid", "mcp:read", "mcp:write"]) {
    assert.ok(scopes().includes(scope), scopes().join());
  }
  assert.equal((await done(home, call)).stdout, "Note 1 written\n");
  // A scope that the server wants and does not grant: told each time, and no sign-in follows by itself.
  const before = as.requests("GET /auth").length;
  mcp.fail("POST /mcp", Infinity, () =>
    new Response(null, {
      status: 403,
      headers: { "www-authenticate": 'Bearer error="insufficient_scope", scope="mcp:admin"' },
    }));
  await using client = libraryIn(home);
  const response = await client.authorizedFetch("demo")(mcp.url, { method: "POST", body: "{}" });
  await response.body?.cancel();
  assert.equal(response.status, 403, "a library behaves as fetch does");
  assertError(await home.run([...call, "--json"]), "INSUFFICIENT_SCOPE", 4, /mcp:admin/);
  assert.equal(as.requests("GET /auth").length, before);
});

Deno.test("C55, C56: POST, GET and DELETE carry the token in their header, and no URL has it", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { mcp } = servers;
  await done(home, ["add", "demo", mcp.url]);
  const { length } = mcp.log;
  await using host = new Host(home, ["demo"]);
  await host.initialize();
  assert.ok(await until(() => mcp.requests("GET /mcp").length > 0, 5_000), "the server's stream is opened");
  await host.call("whoami");
  assert.equal((await host.end()).code, 0);
  await using client = libraryIn(home);
  await (await client.authorizedFetch("demo")(`${mcp.url}?page=1`, { method: "DELETE" })).body?.cancel();
  assert.equal(mcp.log.at(-1)?.query.toString(), "page=1");
  const token = (await done(home, ["token", "demo"])).stdout.trim();
  const sent = mcp.log.slice(length);
  assert.deepEqual([...new Set(sent.map(({ method }) => method))].sort(), ["DELETE", "GET", "POST"]);
  for (const { method, headers } of sent) {
    assert.equal(headers.get("authorization"), `Bearer ${token}`, method);
  }
  for (const { path, query } of [...mcp.log, ...servers.as.log]) {
    assert.ok(!`${path}?${query}`.includes(token), path);
  }
});

/**
 * What the bridge does where a sign-in is needed: it tells the host the command to run, or with `--login` signs in, once
 * for all who wait.
 *
 * @see MCP 2025-11-25, Scope Challenge Handling
 * @module
 */
import assert from "node:assert/strict";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { Host } from "./host.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

/** The authorization requests that a browser made. */
/** How many browsers came; the program itself asks whether its client is known still. */
function authorizations({ as }: Servers): number {
  return as.requests("GET /auth").filter(({ headers }) => !headers.get("user-agent")?.startsWith("mcp-auth/"))
    .length;
}

function refreshes({ as }: Servers): number {
  return as.requests("POST /token").filter(({ form }) => form.get("grant_type") === "refresh_token").length;
}

async function add(home: Home, servers: Servers, ...flags: readonly string[]): Promise<void> {
  const added = await home.run(["add", "demo", servers.mcp.url, ...flags]);
  assert.equal(added.code, 0, added.stderr);
}

Deno.test("row 12: not signed in: each request is answered with the command to run, and works once it was run", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers);
  assert.equal((await home.run(["logout", "demo"])).code, 0);
  const before = authorizations(servers);
  await using host = new Host(home, ["demo"]);
  const unopened = await host.request("tools/list");
  assert.deepEqual(unopened.error?.data, { code: "AUTH_REQUIRED", hint: "Run: mcp-auth login demo" });
  assert.equal((await host.initialize()).result?.serverInfo.name, "mcp-auth");
  for (const answer of [await host.call("whoami"), await host.request("resources/read", { uri: "x:y" })]) {
    assert.deepEqual(answer.error?.data, {
      code: "AUTH_REQUIRED",
      hint: "Run: mcp-auth login demo, or call the tool mcp_auth_login",
    });
    assert.match(answer.error?.message ?? "", /mcp-auth login demo/);
  }
  assert.equal(authorizations(servers), before, "no browser was opened");
  assert.equal((await home.run(["login", "demo"])).code, 0);
  const told = () => host.lines.some(({ method }) => method === "notifications/tools/list_changed");
  assert.ok(await until(told, 10_000));
  assert.equal((await host.call("whoami")).result.content[0].text, "alice");
  assert.equal((await host.end()).code, 0);
});

Deno.test("a name that is no entry is an error at once: exit 5, and nothing on standard output", async () => {
  await using home = await Home.make();
  const { code, stdout, stderr } = await home.run(["bridge", "nowhere"]);
  assert.deepEqual([code, stdout], [5, ""]);
  assert.match(stderr, /^Error: Cannot find "nowhere": there is no such entry \[NOT_FOUND\]\nHint: /);
});

Deno.test("row 11: --login signs in once for all requests that wait", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers);
  await using host = new Host(home, ["demo", "--login"]);
  await host.initialize();
  servers.mcp.refuseSeenTokens();
  servers.as.forgetGrants();
  const before = authorizations(servers);
  const answers = await Promise.all(Array.from({ length: 6 }, () => host.call("whoami")));
  for (const { result, error } of answers) assert.equal(result?.content[0].text, "alice", error?.message);
  assert.equal(authorizations(servers), before + 1);
  assert.equal((await home.run(["tools", "demo"])).code, 0, "the new tokens are stored");
});

Deno.test("row 11: --login that is denied answers with an error, and does not open browsers for ever", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers);
  assert.equal((await home.run(["logout", "demo"])).code, 0);
  await using host = new Host(home, ["demo", "--login"], { deny: true });
  const before = authorizations(servers);
  assert.equal((await host.request("ping")).error?.data.code, "AUTH_CANCELLED");
  assert.equal(authorizations(servers), before + 1);
  let last = "";
  for (let time = 0; time < 5; time++) last = (await host.request("ping")).error?.data.code ?? "";
  assert.equal(last, "AUTH_REQUIRED");
  assert.ok(authorizations(servers) <= before + 3, `${authorizations(servers) - before} browsers`);
});

Deno.test("a scope that is missing: the command to run, and everything else goes on", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers, "--scope", "mcp:read");
  await using host = new Host(home, ["demo"]);
  await host.initialize();
  const { error } = await host.call("write_note", { text: "n" });
  assert.deepEqual(error?.data, {
    code: "INSUFFICIENT_SCOPE",
    hint: 'Run: mcp-auth login demo --scope "mcp:read mcp:write", or call the tool mcp_auth_login',
  });
  assert.equal((await host.call("whoami")).result.content[0].text, "alice");
});

Deno.test("row 32: with --login a scope that is missing is asked for on top of those there are", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers, "--scope", "mcp:read");
  await using host = new Host(home, ["demo", "--login"]);
  await host.initialize();
  assert.equal((await host.call("write_note", { text: "n" })).result?.content[0].text, "Note 1 written");
  const scope = servers.as.requests("GET /auth").at(-1)?.query.get("scope")?.split(" ") ?? [];
  assert.ok(scope.includes("mcp:read") && scope.includes("mcp:write"), scope.join(" "));
  assert.equal(authorizations(servers), 2);
  assert.equal((await host.call("write_note", { text: "n" })).result?.content[0].text, "Note 2 written");
  assert.equal(authorizations(servers), 2);
});

Deno.test("a URL in place of a name: its entry if there is one, else the command that makes one, or --login", async (t) => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { url } = servers.mcp;
  const name = `local-${new URL(url).port}`;
  await t.step("no entry: the command to run", async () => {
    await using host = new Host(home, [url]);
    const { result } = await host.initialize();
    assert.match(result.instructions, new RegExp(`or run: mcp-auth add ${name} ${url}$`));
    const { error } = await host.call("whoami");
    assert.deepEqual(error?.data, {
      code: "AUTH_REQUIRED",
      hint: `Run: mcp-auth add ${name} ${url}, or call the tool mcp_auth_login`,
    });
  });
  await t.step("no entry, --login: it becomes one", async () => {
    await using host = new Host(home, [url, "--login"]);
    assert.equal((await host.initialize()).result?.serverInfo.name, "demo");
    assert.equal((await home.run(["list", "--json"])).json[0].name, name);
  });
  await t.step("its entry", async () => {
    await using host = new Host(home, [url]);
    await host.initialize();
    assert.equal((await host.call("whoami")).result.content[0].text, "alice");
  });
  await t.step("a server that needs no sign-in", async () => {
    await using open = await startMcpServer({ open: true });
    await using host = new Host(home, [open.url]);
    await host.initialize();
    assert.equal((await host.call("whoami")).result.content[0].text, "nobody");
  });
});

Deno.test("401 for all calls under way: one refresh, one retry each", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers);
  await using host = new Host(home, ["demo"]);
  await host.initialize();
  await host.call("whoami");
  servers.mcp.refuseSeenTokens();
  const from = servers.mcp.requests("POST /mcp").length;
  const answers = await Promise.all(Array.from({ length: 8 }, () => host.call("whoami")));
  for (const { result } of answers) assert.equal(result?.content[0].text, "alice");
  assert.equal(refreshes(servers), 1);
  const statuses = servers.mcp.requests("POST /mcp").slice(from).map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 200).length, 8);
  assert.ok(statuses.length <= 16, statuses.join());
});

Deno.test("row 1: a refresh whose answer is lost on a connection in use is not sent again, and its end is said for what it is", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers);
  await using host = new Host(home, ["demo"]);
  await host.initialize();
  servers.mcp.refuseSeenTokens();
  assert.equal((await host.call("whoami")).result?.content[0].text, "alice");
  assert.equal(refreshes(servers), 1);
  servers.mcp.refuseSeenTokens();
  servers.as.fail("POST /token", 1, "lose-answer");
  const { error } = await host.call("whoami");
  assert.equal(error?.data.code, "NETWORK_ERROR");
  assert.equal(refreshes(servers), 2);
  const again = await host.call("whoami");
  assert.match(again.error?.message ?? "", /the last try failed: .*due in \d s/);
  assert.equal(refreshes(servers), 2);
  // The server has rotated the token that nobody received: only it can say that the sign-in is over.
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  const { error: end } = await host.call("whoami");
  assert.equal(end?.data.code, "TOKEN_REFRESH_FAILED");
  assert.match(end?.message ?? "", /a refresh begun at \S+ got no answer/);
  assert.equal(refreshes(servers), 3);
});

/**
 * The commands, one after the other, as a person uses them: real servers, a browser that signs in by plain HTTP, and
 * each command in a process of its own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { startServers } from "./servers.ts";

Deno.test("add connects, and every command of the entry's life works in its own process", async (t) => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { as, mcp } = servers;
  const { url } = mcp;

  await t.step("add signs in with the browser and proves it with a first exchange", async () => {
    const { code, stdout, stderr } = await home.run(["add", "demo", url]);
    assert.equal(stdout, "✓ Connected to demo (8 tools)\n", stderr);
    assert.equal(code, 0);
    assert.match(stderr, /^Sign in to "demo" \(http:\S+\/mcp\) at http:\S+\n/);
    const [authorization] = as.requests("GET /auth");
    assert.equal(authorization?.query.get("resource"), mcp.resource);
    assert.equal(authorization?.query.get("code_challenge_method"), "S256");
    const [registration] = as.requests("POST /reg");
    const client = registration?.json() as Record<string, unknown>;
    assert.equal(client.application_type, "native");
    assert.equal("scope" in client, false);
    assert.equal(as.requests("POST /token")[0]?.form.get("resource"), mcp.resource);
  });

  await t.step("the folder is private and holds no token in the clear", async () => {
    const { stdout } = await home.run(["token", "demo"]);
    assert.equal(((await Deno.stat(home.store)).mode ?? 0) & 0o777, 0o700);
    for await (const { name, isFile } of Deno.readDir(home.store)) {
      if (!isFile) continue;
      assert.equal(((await Deno.stat(`${home.store}/${name}`)).mode ?? 0) & 0o777, 0o600, name);
      const text = new TextDecoder("latin1").decode(await Deno.readFile(`${home.store}/${name}`));
      assert.ok(!text.includes(stdout.trim()), name);
    }
  });

  await t.step("list shows it", async () => {
    const { stdout } = await home.run(["list"]);
    assert.match(stdout, /^NAME +STATE +TOKEN EXPIRES +URL\ndemo +signed in +in 60 min +http:\S+\/mcp\n$/);
    const { json } = await home.run(["list", "--json"]);
    assert.deepEqual(Object.keys(json[0]), [
      "name",
      "url",
      "transport",
      "state",
      "account",
      "expires_at",
      "can_refresh",
    ]);
    assert.equal(json.length, 1);
  });

  await t.step("status shows where, as whom, with which scopes and for how long", async () => {
    const { stdout } = await home.run(["status", "demo"]);
    assert.match(stdout, /^State: +signed in$/m);
    assert.match(stdout, /^Expires: +in 60 min$/m);
    const { json } = await home.run(["status", "demo", "--json"]);
    const { client_id, obtained_at, expires_at, ...rest } = json;
    assert.deepEqual(rest, {
      name: "demo",
      url,
      transport: "auto",
      kind: "mcp",
      provider: null,
      site: null,
      quirks: [],
      state: "signed-in",
      account: null,
      issuer: as.issuer,
      resource: mcp.resource,
      client_source: "dynamic",
      scope: "mcp:read mcp:write",
      can_refresh: true,
      grant: null,
      bound_to_key: false,
      keystore: "file",
      pending_refresh: null,
      last_error: null,
    });
    assert.ok(client_id);
    assert.equal(Date.parse(expires_at) - Date.parse(obtained_at), 3_600_000);
  });

  await t.step("token prints it bare, as a header and as JSON, and the server accepts it", async () => {
    const bare = await home.run(["token", "demo"]);
    const header = await home.run(["token", "demo", "--header"]);
    const { json } = await home.run(["token", "demo", "--json"]);
    assert.equal(header.stdout, `Authorization: Bearer ${bare.stdout}`);
    assert.equal(`${json.access_token}\n`, bare.stdout);
    assert.deepEqual(Object.keys(json), [
      ...["name", "access_token", "token_type", "expires_at", "scope", "resource"],
    ]);
    const answer = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${json.access_token}`, "content-type": "application/json" },
      body: "{}",
    });
    await answer.body?.cancel();
    assert.notEqual(answer.status, 401);
  });

  await t.step("tools lists the tools", async () => {
    const { stdout } = await home.run(["tools", "demo"]);
    assert.match(stdout, /^echo text\n {4}Returns the text it is given$/m);
    const { json } = await home.run(["tools", "demo", "--json"]);
    assert.equal(json.length, 8);
    assert.equal(json[0].inputSchema.type, "object");
  });

  for (
    const [what, args, stdin, expected, exitCode] of [
      ["arguments as JSON", ["add", '{"a":2,"b":3}'], undefined, "5\n", 0],
      ["arguments from standard input", ["echo", "-"], '{"text":"grüße\\n2"}', "grüße\n2\n", 0],
      ["no arguments", ["whoami"], undefined, "alice\n", 0],
      ["a tool's error", ["fail", '{"reason":"no"}'], undefined, "Failed: no\n", 1],
    ] as const
  ) {
    await t.step(`call: ${what}`, async () => {
      const outcome = await home.run(
        ["call", "demo", ...args],
        stdin === undefined ? {} : { stdin },
      );
      assert.equal(outcome.stdout, expected, outcome.stderr);
      assert.equal(outcome.code, exitCode);
    });
  }

  await t.step("call tells progress on standard error and the whole result with --json", async () => {
    const slow = await home.run(["call", "demo", "slow", '{"ms":40}', "--json"]);
    assert.equal(slow.stderr, "Progress: 1/4\nProgress: 2/4\nProgress: 3/4\nProgress: 4/4\n");
    assert.deepEqual(slow.json, { content: [{ type: "text", text: "Done after 40 ms" }] });
    const sum = await home.run(["call", "demo", "add", '{"a":2,"b":3}', "--json"]);
    assert.deepEqual(sum.json.structuredContent, { sum: 5 });
    assertError(await home.run(["call", "demo", "echo", "nonsense", "--json"]), "USAGE", 2);
  });

  await t.step(
    "login asks for other scopes, and a call that needs more names the command to run",
    async () => {
      const login = await home.run(["login", "demo", "--scope", "mcp:read", "--json"]);
      assert.equal(login.json.scope, "mcp:read", login.stderr);
      const refused = await home.run(["call", "demo", "write_note", '{"text":"n"}', "--json"]);
      assertError(
        refused,
        "INSUFFICIENT_SCOPE",
        4,
        /^Run: mcp-auth login demo --scope "mcp:read mcp:write"$/,
      );
      assert.equal((await home.run(["login", "demo", "--scope", "mcp:read mcp:write"])).code, 0);
      assert.equal(
        (await home.run(["call", "demo", "write_note", '{"text":"n"}'])).stdout,
        "Note 1 written\n",
      );
    },
  );

  await t.step(
    "set sends a header with every request, from the environment, and forgets it again",
    async () => {
      const set = await home.run(["set", "demo", "--header", "X-Team: ${TEAM}", "--json"]);
      assert.deepEqual(set.json.options.headers, ["X-Team"], set.stdout);
      await home.run(["tools", "demo"], { env: { TEAM: "red" } });
      assert.equal(mcp.requests("POST /mcp").at(-1)?.headers.get("x-team"), "red");
      assertError(await home.run(["tools", "demo", "--json"]), "CONFIG_MISSING", 5);
      assert.equal((await home.run(["set", "demo", "--unset", "header"])).stdout, "✓ Changed demo\n");
      assert.equal((await home.run(["tools", "demo"])).code, 0);
      assert.equal(mcp.requests("POST /mcp").at(-1)?.headers.get("x-team"), null);
      assertError(
        await home.run(["set", "demo", "--url", "https://other.example/mcp", "--json"]),
        "CONFIG_INVALID",
        1,
      );
    },
  );

  await t.step("a second add of the name is refused, and --force replaces the entry", async () => {
    const before = as.requests("GET /auth").length;
    assertError(await home.run(["add", "demo", url, "--json"]), "CONFIG_INVALID", 1, /mcp-auth login demo/);
    assert.equal(as.requests("GET /auth").length, before);
    const forced = await home.run(["add", "demo", url, "--force", "--json"], { user: "bob" });
    assert.equal(forced.json.sign_in, "oauth", forced.stderr);
    assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "bob\n");
  });

  await t.step("refresh gets another token", async () => {
    const before = (await home.run(["token", "demo"])).stdout;
    const { json } = await home.run(["refresh", "demo", "--json"]);
    assert.deepEqual(Object.keys(json), ["name", "expires_at", "scope"]);
    assert.notEqual((await home.run(["token", "demo"])).stdout, before);
  });

  await t.step("rename keeps it signed in under the new name", async () => {
    const { json } = await home.run(["rename", "demo", "notes", "--json"]);
    assert.deepEqual(json, { name: "notes", old_name: "demo" });
    assert.equal((await home.run(["tools", "notes"])).code, 0);
    assertError(await home.run(["token", "demo", "--json"]), "NOT_FOUND", 5);
    assertError(await home.run(["status", "note", "--json"]), "NOT_FOUND", 5, /Did you mean "notes"\?/);
  });

  await t.step("logout revokes at the server and says what was revoked (row 46)", async () => {
    const token = (await home.run(["token", "notes"])).stdout.trim();
    const { json } = await home.run(["logout", "notes", "--json"]);
    assert.deepEqual(json, {
      name: "notes",
      signed_out: true,
      revocations: [
        { token: "refresh_token", outcome: "revoked" },
        { token: "access_token", outcome: "unsupported" },
      ],
    });
    const revoked = as.requests(`POST ${as.paths.revocation}`).map(({ form }) => [
      form.get("token_type_hint"),
      form.get("token") === token,
    ]);
    assert.deepEqual(revoked, [["refresh_token", false], ["access_token", true]]);
    assertError(
      await home.run(["token", "notes", "--json"]),
      "AUTH_REQUIRED",
      4,
      /^Run: mcp-auth login notes$/,
    );
    assert.equal((await home.run(["status", "notes", "--json"])).json.state, "not-signed-in");
    assert.equal((await home.run(["logout", "notes"])).stdout, '"notes" was not signed in\n');
  });

  await t.step("remove leaves nothing", async () => {
    assert.equal((await home.run(["remove", "notes"])).stdout, "✓ Removed notes\n");
    assert.deepEqual((await home.run(["list", "--json"])).json, []);
    assertError(await home.run(["remove", "notes", "--json"]), "NOT_FOUND", 5);
  });
  assert.deepEqual(as.errors, []);
});

Deno.test("two names for one URL are two accounts that stay apart (row 45)", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { mcp } = servers;
  for (const user of ["alice", "bob"]) {
    const added = await home.run(["add", user, mcp.url], { user });
    assert.equal(added.code, 0, added.stderr);
  }
  for (const user of ["alice", "bob"]) {
    assert.equal((await home.run(["call", user, "whoami"])).stdout, `${user}\n`);
    assert.equal((await home.run(["refresh", user])).code, 0);
  }
  assert.equal(servers.as.requests("POST /reg").length, 1, "the client of an issuer is registered once");
  assert.equal((await home.run(["remove", "alice"])).code, 0);
  assert.equal((await home.run(["call", "bob", "whoami"])).stdout, "bob\n");
});

Deno.test("add with a URL alone names the entry after the host, and says so", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const name = `local-${new URL(servers.mcp.url).port}`;
  const { stdout, stderr } = await home.run(["add", servers.mcp.url]);
  assert.equal(stdout, `✓ Connected to ${name} (8 tools)\n`);
  assert.match(stderr, new RegExp(`^The entry is named "${name}"\n`));
});

Deno.test("a server that needs no sign-in is connected without one", async () => {
  await using mcp = await startMcpServer({ open: true });
  await using home = await Home.make();
  const browser = await home.recordingBrowser();
  const added = await home.run(["add", "open", mcp.url], { browser });
  assert.equal(added.stdout, "✓ Connected to open (no sign-in needed, 8 tools)\n", added.stderr);
  assert.equal((await home.run(["status", "open", "--json"])).json.state, "no-sign-in-needed");
  assert.equal((await home.run(["call", "open", "add", '{"a":1,"b":1}'])).stdout, "2\n");
  assertError(await home.run(["token", "open", "--json"]), "AUTH_REQUIRED", 4);
  assert.deepEqual(await home.opened(), []);
});

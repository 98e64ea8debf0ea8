/**
 * Access tokens that are given by hand, with real servers: from standard input for an entry, in the environment for a
 * URL; where they go, where they are kept, and what happens when they are refused. No browser is opened in any of it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { assertError, type Outcome } from "./outcome.ts";
import { until } from "./processes.ts";
import { FROM_CHECKOUT, Home, type ProgramOptions } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";
import { startSmallServer } from "./small_server.ts";

/** A machine without a person, and a token that somebody got elsewhere. */
interface Scene {
  readonly servers: Servers;
  readonly url: string;
  readonly token: string;
  readonly home: Home;
  /** Runs the program without a keystore that was asked for; a browser that it starts would be noted. */
  run(args: readonly string[], options?: ProgramOptions): Promise<Outcome>;
  /** The same, with the token in the environment. */
  runWith(args: readonly string[], options?: ProgramOptions): Promise<Outcome>;
}

async function scene(test: (scene: Scene) => Promise<void>): Promise<void> {
  await using servers = await startServers();
  await using elsewhere = await Home.make();
  const { url } = servers.mcp;
  assert.equal((await elsewhere.run(["add", "demo", url])).code, 0);
  const token = (await elsewhere.run(["token", "demo"])).stdout.trim();
  await using home = await Home.make();
  const browser = await home.recordingBrowser();
  const run = (args: readonly string[], options: ProgramOptions = {}) =>
    home.run(args, { browser, ...options, env: { MCP_AUTH_KEYSTORE: undefined, ...options.env } });
  await test({
    servers,
    url,
    token,
    home,
    run,
    runWith: (args, options = {}) =>
      run(args, { ...options, env: { MCP_AUTH_ACCESS_TOKEN: token, ...options.env } }),
  });
  assert.deepEqual(await home.opened(), [], "a browser was opened");
}

const FILE = { env: { MCP_AUTH_KEYSTORE: "file" } };

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

Deno.test("a token from standard input makes an entry that works, says what it is, and is never printed", async () => {
  await scene(async ({ url, token, run, servers }) => {
    const added = await run(["add", "ci", url, "--token-stdin", "--expires-in", "600"], {
      ...FILE,
      stdin: `Bearer ${token}\n`,
    });
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.stdout, /Connected to ci \(token given by hand, \d+ tools\)/);
    assert.ok(!(added.stdout + added.stderr).includes(token));
    assert.equal((await run(["token", "ci"], FILE)).stdout, `${token}\n`);
    const status = await run(["status", "ci", "--json"], FILE);
    const { state, issuer, client_id, can_refresh, expires_at } = status.json;
    assert.deepEqual([state, issuer, client_id, can_refresh], ["token-given", null, null, false]);
    assert.ok(Date.parse(expires_at) > Date.now() + 500_000);
    assert.match((await run(["list"], FILE)).stdout, /ci +token given by hand/);
    assert.equal((await run(["tools", "ci"], FILE)).code, 0);
    assert.deepEqual((await run(["client", "list", "--json"], FILE)).json, []);
    assert.deepEqual(servers.as.requests("POST /reg").length, 1, "only that of the other machine");
    const exported = await run(["export", "ci"], {
      ...FILE,
      env: { ...FILE.env, MCP_AUTH_EXPORT_PASSPHRASE: "correct horse battery" },
    });
    assert.equal(exported.code, 0, exported.stderr);
    await run(["remove", "ci", "--local-only"], FILE);
    const imported = await run(["import", "-"], {
      stdin: exported.stdout,
      env: { ...FILE.env, MCP_AUTH_EXPORT_PASSPHRASE: "correct horse battery" },
    });
    assert.equal(imported.code, 0, imported.stderr);
    assert.equal((await run(["tools", "ci"], FILE)).code, 0);
  });
});

Deno.test("a token that the server refuses makes no entry, and one that it refuses later names the command for another", async () => {
  await scene(async ({ url, token, run, servers }) => {
    const wrong = await run(["add", "ci", url, "--token-stdin", "--json"], { ...FILE, stdin: "wrong" });
    assertError(wrong, "AUTH_REQUIRED", 4);
    assert.deepEqual((await run(["list", "--json"], FILE)).json, []);

    assert.equal((await run(["add", "ci", url, "--token-stdin"], { ...FILE, stdin: token })).code, 0);
    servers.mcp.refuseSeenTokens();
    for (const args of [["tools", "ci"], ["call", "ci", "echo"]]) {
      assertError(
        await run([...args, "--json"], FILE),
        "AUTH_REQUIRED",
        4,
        /^Run: mcp-auth login ci --token-stdin$/,
      );
    }
    assertError(
      await run(["login", "ci", "--json"], FILE),
      "CONFIG_INVALID",
      1,
      /mcp-auth login ci --token-stdin/,
    );
    const stillWrong = await run(["login", "ci", "--token-stdin", "--json"], { ...FILE, stdin: "wrong" });
    assertError(stillWrong, "AUTH_REQUIRED", 4);
    assert.equal((await run(["token", "ci"], FILE)).stdout, `${token}\n`, "the token is as it was");
  });
});

Deno.test("login --token-stdin replaces a token, and takes no entry's sign-in away", async () => {
  await scene(async ({ url, token, run, home }) => {
    assert.equal(
      (await run(["add", "ci", url, "--token-stdin", "--expires-in", "1"], { ...FILE, stdin: token })).code,
      0,
    );
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    assertError(await run(["token", "ci", "--json"], FILE), "TOKEN_EXPIRED", 4, /login ci --token-stdin$/);
    assert.match(
      (await run(["status", "ci"], FILE)).stdout,
      /State: +expired[\s\S]*Next: +mcp-auth login ci --token-stdin/,
    );
    const renewed = await run(["login", "ci", "--token-stdin"], { ...FILE, stdin: token });
    assert.equal(renewed.code, 0, renewed.stderr);
    assert.equal((await run(["tools", "ci"], FILE)).code, 0);

    const added = await home.run(["add", "person", url]);
    assert.equal(added.code, 0, added.stderr);
    const refused = await run(["login", "person", "--token-stdin", "--json"], { ...FILE, stdin: token });
    assertError(refused, "CONFIG_INVALID", 1, /mcp-auth logout person/);
    assert.equal((await home.run(["refresh", "person"])).code, 0, "its sign-in is whole");
  });
});

Deno.test("a token in the environment serves a URL in every command, and leaves nothing on the disk", async () => {
  await scene(async ({ url, token, runWith, home, run }) => {
    assert.match((await runWith(["tools", url])).stdout, /^echo /m);
    const called = await runWith(["call", url, "echo", '{"text":"hi"}']);
    assert.equal(called.stdout, "hi\n", called.stderr);
    assert.equal((await runWith(["token", url, "--header"])).stdout, `Authorization: Bearer ${token}\n`);
    const child = await runWith([
      "exec",
      url,
      "--",
      "sh",
      "-c",
      'printf %s "$MCP_ACCESS_TOKEN.$MCP_AUTH_ACCESS_TOKEN"',
    ]);
    assert.equal(child.stdout, `${token}.`);
    const initialize = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
    });
    const bridged = await runWith(["bridge", url], { stdin: `${initialize}\n` });
    assert.match(bridged.stdout, /"serverInfo"/, bridged.stderr);
    assert.equal(await isThere(home.store), false, "a store was made");

    assertError(
      await runWith(["tools", url, "--json"], { env: { MCP_AUTH_ACCESS_TOKEN: "wrong" } }),
      "AUTH_REQUIRED",
      4,
      /^Run: export MCP_AUTH_ACCESS_TOKEN=<new token>$/,
    );
    assertError(await run(["tools", url, "--json"]), "NOT_FOUND", 5, /MCP_AUTH_ACCESS_TOKEN/);
  });
});

Deno.test("add with a token in the environment keeps nothing and says so, unless there is a store or one is asked for", async () => {
  await scene(async ({ url, runWith, run, home }) => {
    const passing = await runWith(["add", "ci", url]);
    assert.equal(passing.code, 0, passing.stderr);
    assert.match(
      passing.stderr,
      /The store is in memory: MCP_AUTH_ACCESS_TOKEN is set and there is no store yet/,
    );
    assert.match(passing.stderr, /Nothing is kept/);
    assert.equal(await isThere(home.store), false);

    const kept = await runWith(["add", "ci", url, "--keystore", "file"]);
    assert.equal(kept.code, 0, kept.stderr);
    assert.doesNotMatch(kept.stderr, /memory/);
    assert.equal((await run(["tools", "ci"])).code, 0, "the store is found again");
    const second = await runWith(["add", "second", url]);
    assert.equal(second.code, 0, second.stderr);
    assert.doesNotMatch(second.stderr, /memory/);
    assert.equal((await run(["list", "--json"])).json.length, 2);
  });
});

Deno.test("a token in the environment never goes before an entry's sign-in, and that is said", async () => {
  await scene(async ({ url, home, servers }) => {
    assert.equal((await home.run(["add", "person", url])).code, 0);
    const env = { MCP_AUTH_ACCESS_TOKEN: "another-token" };
    for (
      const args of [["tools", url], ["call", url, "echo", '{"text":"hi"}'], ["token", url], ["bridge", url]]
    ) {
      const outcome = await home.run(args, { env });
      assert.equal(outcome.code, 0, outcome.stderr);
      assert.match(outcome.stderr, /MCP_AUTH_ACCESS_TOKEN is not used: "person" is an entry for this URL/);
    }
    assert.doesNotMatch((await home.run(["tools", "person"], { env })).stderr, /MCP_AUTH_ACCESS_TOKEN/);
    const sent = servers.mcp.log.map(({ headers }) => headers.get("authorization"));
    assert.ok(!sent.includes("Bearer another-token"));
  });
});

Deno.test("a token in the environment goes to the origin of its URL alone", async () => {
  const seen: (string | null)[] = [];
  await using other = startOther(seen);
  await using server = startSmallServer({
    answers: {
      "/mcp": () => new Response(null, { status: 307, headers: { location: `${other.origin}/mcp` } }),
    },
  });
  await using home = await Home.make();
  const outcome = await home.run(["tools", server.url], { env: { MCP_AUTH_ACCESS_TOKEN: "s3cret-token" } });
  assert.notEqual(outcome.code, 0);
  assert.equal(server.requests("/mcp")[0]?.headers.get("authorization"), "Bearer s3cret-token");
  assert.deepEqual(seen.filter((header) => header !== null), []);
  assert.ok(!(outcome.stdout + outcome.stderr).includes("s3cret-token"));
});

function startOther(seen: (string | null)[]) {
  const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      seen.push(request.headers.get("authorization"));
      return new Response(null, { status: 404 });
    },
  );
  return {
    origin: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("a person at a terminal is asked for the token, which the screen does not show; Ctrl-C stores nothing", async () => {
  await scene(async ({ url, token, home }) => {
    const line = [...FROM_CHECKOUT, "add", "ci", url, "--token-stdin"].map((word) => `'${word}'`).join(" ");
    const command = ["script", "-qefc", `stty cols 120 rows 40; exec ${line}`, "/dev/null"];
    await using cancelled = home.start([], { command });
    assert.ok(await until(() => cancelled.stdout.includes("Access token"), 10_000), cancelled.stdout);
    await cancelled.write("\x03");
    assert.equal((await cancelled.outcome).code, 130, cancelled.stdout);
    assert.deepEqual((await home.run(["list", "--json"])).json, []);
    await using adding = home.start([], { command });
    assert.ok(await until(() => adding.stdout.includes("Access token"), 10_000), adding.stdout);
    await adding.write(`${token}\r`);
    assert.equal((await adding.outcome).code, 0, adding.stdout);
    assert.match(adding.stdout, /Connected to ci/);
    assert.ok(!adding.stdout.includes(token.slice(0, 20)));
  });
});

for (
  const [what, args, stdin, code, exitCode] of [
    ["nothing", ["--token-stdin"], "\n", "CONFIG_INVALID", 1],
    ["two words", ["--token-stdin"], "a b", "CONFIG_INVALID", 1],
    ["control characters", ["--token-stdin"], "a\u001b[31m", "CONFIG_INVALID", 1],
    ["more than any token has", ["--token-stdin"], "a".repeat(40_000), "CONFIG_INVALID", 1],
    ["a client beside it", ["--token-stdin", "--client-id", "x"], "token", "USAGE", 2],
    ["a scope beside it", ["--token-stdin", "--scope", "x"], "token", "USAGE", 2],
    ["a grant beside it", ["--token-stdin", "--client-credentials"], "token", "USAGE", 2],
    ["a site beside it", ["--token-stdin", "--site", "x"], "token", "USAGE", 2],
    ["a key's name beside it", ["--token-stdin", "--key-id", "x"], "token", "USAGE", 2],
    [
      "an identity provider's client beside it",
      ["--token-stdin", "--idp-client-id", "x"],
      "token",
      "USAGE",
      2,
    ],
    ["an audience beside it", ["--token-stdin", "--assertion-audience", "x"], "token", "USAGE", 2],
    ["a quirk beside it", ["--token-stdin", "--quirk", "omit-resource"], "token", "USAGE", 2],
    ["a life without it", ["--expires-in", "60"], "", "USAGE", 2],
  ] as const
) {
  Deno.test(`add refuses a token from standard input with ${what} before it asks any server`, async () => {
    await using server = startSmallServer();
    await using home = await Home.make();
    const outcome = await home.run(["add", "small", server.url, ...args, "--json"], { stdin });
    assertError(outcome, code, exitCode);
    assert.deepEqual(server.log, []);
    assert.ok(outcome.stdout.length < 2_000);
  });
}

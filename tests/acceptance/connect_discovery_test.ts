/**
 * What mcp-auth does to connect, walked through as a user would: the first rows, from finding the server to the tokens,
 * by the program and by the library.
 *
 * @see features, "Connect"; MCP 2026-07-28 authorization (C7-C23, C38-C53)
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { htmlFault } from "../../scripts/demo/servers/faults.ts";
import { done, libraryIn, valueOf } from "./keeping.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { type ServersOptions, startServers } from "./servers.ts";
import { type SmallServerOptions, startSmallServer } from "./small_server.ts";

const PRM = "/.well-known/oauth-protected-resource";

Deno.test("Connect: add <name> <url>: discovery, registration, browser, callback, exchange, storage, a first MCP exchange; with the tool count; transactional", async (t) => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { as, mcp } = servers;
  const states = async () => {
    const { json } = await done(home, ["list", "--json"]);
    return json.map(({ name, state }: { name: string; state: string }) => [name, state]);
  };

  await t.step("one command, from the URL to the number of tools, in this order", async () => {
    const { stdout, stderr } = await done(home, ["add", "demo", mcp.url]);
    assert.equal(stdout, "✓ Connected to demo (8 tools)\n");
    assert.match(stderr, /^Opening the browser\. If nothing opens, visit:\n {2}http/m);
    const ofProgram = [...as.log, ...mcp.log].filter(({ headers }) =>
      headers.get("user-agent")?.startsWith("mcp-auth/")
    );
    const steps = [...ofProgram, ...as.requests("GET /auth").slice(0, 1)].toSorted((a, b) => a.at - b.at);
    const first = steps.slice(0, 7).map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(first, [
      "POST /mcp",
      `GET ${PRM}/mcp`,
      "GET /.well-known/oauth-authorization-server",
      "POST /reg",
      "GET /auth",
      "POST /token",
      "POST /mcp",
    ]);
    assert.equal(steps.at(-1)?.headers.get("authorization")?.split(" ")[0], "Bearer");
    assert.deepEqual(await states(), [["demo", "signed-in"]]);
  });

  await t.step(
    "a sign-in that fails leaves nothing, and an entry that it was to replace as it was",
    async () => {
      assertError(await home.run(["add", "two", mcp.url, "--json"], { deny: true }), "AUTH_CANCELLED", 130);
      const token = (await done(home, ["token", "demo"])).stdout;
      const again = await home.run(["add", "demo", mcp.url, "--force", "--json"], { deny: true });
      assertError(again, "AUTH_CANCELLED", 130);
      assert.equal((await done(home, ["token", "demo"])).stdout, token);
      assert.deepEqual(await states(), [["demo", "signed-in"]]);
      assertError(
        await home.run(["add", "demo", mcp.url, "--json"]),
        "CONFIG_INVALID",
        1,
        /login demo.*--force/,
      );
    },
  );

  await t.step("signed in, and the first exchange fails: saved, and that is said", async () => {
    const order = mcp.fail(
      "POST /mcp",
      Infinity,
      ({ headers }) =>
        headers.has("authorization")
          ? new Response("<h1>Oops</h1>", { status: 500, headers: { "content-type": "text/html" } })
          : new Response(null, {
            status: 401,
            headers: { "www-authenticate": `Bearer resource_metadata="${mcp.metadataUrl}"` },
          }),
    );
    const added = await home.run(["add", "broken", mcp.url, "--json"]);
    order.end();
    assertError(added, "SERVER_ERROR", 3);
    assert.match(added.stderr, /^"broken" is saved and signed in, but the first exchange with it failed$/m);
    assert.deepEqual(await states(), [["broken", "signed-in"], ["demo", "signed-in"]]);
    await done(home, ["tools", "broken"]);
  });

  await t.step("a server that fails before anybody signs in leaves nothing", async () => {
    const order = mcp.fail("POST /mcp", Infinity, htmlFault(500));
    assertError(await home.run(["add", "down", mcp.url, "--json"]), "SERVER_ERROR", 3);
    order.end();
    assertError(await home.run(["status", "down", "--json"]), "NOT_FOUND", 5);
  });

  await t.step("the library does the same, into the same store", async () => {
    await using client = libraryIn(home);
    const { issuer, scopes } = valueOf(await client.authenticate("lib", { url: mcp.url }));
    assert.equal(issuer, as.issuer);
    assert.ok(scopes.includes("mcp:read"));
    assert.equal((await done(home, ["call", "lib", "whoami"])).stdout, "alice\n");
  });
  assert.deepEqual(as.errors, []);
});

Deno.test("Connect: later commands use the stored credentials with no prompt", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await done(home, ["add", "demo", servers.mcp.url]);
  const browser = await home.recordingBrowser();
  const before = servers.as.log.length;
  for (
    const args of [
      ["token", "demo"],
      ["tools", "demo"],
      ["call", "demo", "whoami"],
      ["exec", "demo", "--", "true"],
      ["status", "demo"],
    ]
  ) {
    const { stdout, stderr } = await done(home, args, { browser });
    assert.doesNotMatch(stdout + stderr, /visit:|approve|browser|\?$/im, args.join(" "));
  }
  await using client = libraryIn(home, { openBrowser: () => Promise.reject(new Error("opened")) });
  const response = await client.authorizedFetch("demo")(servers.mcp.url, { method: "DELETE" });
  await response.body?.cancel();
  assert.notEqual(response.status, 401);
  assert.deepEqual(await home.opened(), []);
  const asked = servers.as.log.slice(before).map(({ path }) => path).filter((path) => path !== "/jwks");
  assert.deepEqual(asked, [], "nothing but the MCP server, which fetches the keys itself, asked anything");
});

const METADATA_PLACES: readonly (readonly [string, ServersOptions, found: RegExp])[] = [
  ["named by the challenge", { mcp: { metadata: "root" } }, /oauth-protected-resource \(used\)/],
  ["at the path", { mcp: { advertiseMetadata: false } }, /oauth-protected-resource\/mcp \(used\)/],
  [
    "at the root",
    { mcp: { metadata: "root", advertiseMetadata: false } },
    /oauth-protected-resource\/mcp \(404\), \S+oauth-protected-resource \(used\)/,
  ],
  [
    "of a tenant, RFC 8414",
    { as: { issuerPath: "/t1", metadataAt: ["oauth"] } },
    /oauth-authorization-server\/t1 \(used\)/,
  ],
  [
    "of a tenant, OpenID with the path after",
    { as: { issuerPath: "/t1", metadataAt: ["openid-inserted"] } },
    /oauth-authorization-server\/t1 \(404\), \S+openid-configuration\/t1 \(used\)/,
  ],
  [
    "of a tenant, OpenID with the path before",
    { as: { issuerPath: "/t1", metadataAt: ["openid-appended"] } },
    /openid-configuration\/t1 \(404\), \S+\/t1\/\.well-known\/openid-configuration \(used\)/,
  ],
  [
    "of a server without a path, OpenID",
    { as: { metadataAt: ["openid-inserted"] } },
    /oauth-authorization-server \(404\), \S+openid-configuration \(used\)/,
  ],
];

Deno.test("Connect: protected resource metadata (header, path, root), server metadata (RFC 8414, OIDC, all path orders), servers of the 2025-03-26 revision with no metadata at all", async (t) => {
  for (const [name, options, found] of METADATA_PLACES) {
    await t.step(`metadata ${name}`, async () => {
      await using servers = await startServers(options);
      await using home = await Home.make();
      const steps: string[] = [];
      await using client = libraryIn(home, {
        onEvent: (event) => void (event.kind === "discovered" && steps.push(event.steps)),
      });
      const tokens = valueOf(await client.authenticate("demo", { url: servers.mcp.url }));
      assert.equal(tokens.issuer, servers.as.issuer);
      assert.equal(steps.length, 1);
      assert.match(steps[0]!, found);
    });
  }
  const old: readonly (readonly [string, SmallServerOptions])[] = [
    ["with metadata at its origin", { resource: null }],
    ["with no metadata at all", {
      resource: null,
      metadata: null,
      paths: ["/authorize", "/token", "/register"],
    }],
  ];
  for (const [name, options] of old) {
    await t.step(`a server of 2025-03-26 ${name}`, async () => {
      await using server = startSmallServer(options);
      await using home = await Home.make();
      assert.equal(
        (await done(home, ["add", "old", server.url])).stdout,
        "✓ Connected to old (1 tool)\n",
      );
      const { json } = await done(home, ["status", "old", "--json"]);
      assert.deepEqual([json.issuer, json.resource], [server.origin, null]);
      // What doctor says of it is what add has done.
      const { stdout } = await home.run(["doctor", "old"]);
      assert.match(stdout, /2025-03-26/);
    });
  }
});

/** The S256 challenge of a verifier. */
async function challengeOf(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return new Uint8Array(digest).toBase64({ alphabet: "base64url", omitPadding: true });
}

Deno.test("Connect: PKCE S256 always (verifier 43-128 characters), state random, single use, required; iss checked; refuse a server that does not offer S256 (named override)", async (t) => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { as, mcp } = servers;

  await t.step("S256 and a state of their own in each sign-in", async () => {
    await done(home, ["add", "one", mcp.url]);
    await using client = libraryIn(home);
    valueOf(await client.authenticate("two", { url: mcp.url }));
    const asked = as.requests("GET /auth").filter(({ query }) => query.has("code_challenge"));
    const verifiers = as.requests("POST /token").map(({ form }) => form.get("code_verifier") ?? "");
    assert.equal(verifiers.length, 2);
    for (const verifier of verifiers) assert.match(verifier, /^[A-Za-z0-9\-._~]{43,128}$/);
    const challenges = asked.map(({ query }) => query.get("code_challenge"));
    for (const verifier of verifiers) assert.ok(challenges.includes(await challengeOf(verifier)));
    for (const { query } of asked) assert.equal(query.get("code_challenge_method"), "S256");
    const states = new Set(asked.map(({ query }) => query.get("state") ?? ""));
    assert.ok(states.size >= 2);
    for (const state of states) assert.ok(state.length >= 22, "128 bits at least");
    assert.equal(new Set([...verifiers, ...states]).size, verifiers.length + states.size);
  });

  await t.step("no answer without the state, and none twice", async () => {
    await using running = home.start(["add", "three", mcp.url, "--no-browser"]);
    const url = new URL(await running.said(/^ {2}(http:\S+)\n/m));
    const callback = url.searchParams.get("redirect_uri") ?? "";
    for (const query of ["?code=c", "?code=c&state=", `?code=c&state=${"x".repeat(43)}`]) {
      const stray = await fetch(callback + query);
      assert.equal(stray.status, 400, await stray.text());
    }
    const visit = await browse(url);
    assert.equal(visit.status, 200);
    // The listener is gone by now, or says that this is no answer of its own.
    const again = await fetch(visit.url).catch(() => undefined);
    await again?.body?.cancel();
    assert.notEqual(again?.status, 200);
    const outcome = await running.outcome;
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.equal(as.requests("POST /token").length, 3);
  });

  await t.step("an answer of another issuer is refused before its code is used", async () => {
    await using running = home.start(["add", "four", mcp.url, "--no-browser", "--json"]);
    const url = new URL(await running.said(/^ {2}(http:\S+)\n/m));
    const forged = new URL(url.searchParams.get("redirect_uri") ?? "");
    forged.search = new URLSearchParams({
      code: "c",
      state: url.searchParams.get("state") ?? "",
      iss: "https://evil.example",
    }).toString();
    await (await fetch(forged)).body?.cancel();
    assertError(await running.outcome, "ISSUER_MISMATCH", 1);
    assert.equal(as.requests("POST /token").length, 3);
  });

  await t.step(
    "a server that does not offer S256 is refused, and --assume-pkce is the override",
    async () => {
      await using without = await startServers({ as: { publishS256: false } });
      const refused = await home.run(["add", "five", without.mcp.url, "--json"]);
      assertError(refused, "DISCOVERY_FAILED", 1, /--assume-pkce/);
      assert.equal(without.as.requests("GET /auth").length, 0);
      await using client = libraryIn(home);
      const inLibrary = await client.authenticate("five", { url: without.mcp.url });
      assert.equal(inLibrary.ok ? "" : inLibrary.error.code, "DISCOVERY_FAILED");
      await done(home, ["add", "five", without.mcp.url, "--assume-pkce"]);
      const [asked] = without.as.requests("GET /auth");
      assert.equal(asked?.query.get("code_challenge_method"), "S256", "it is sent all the same");
      await done(home, ["login", "five"]);
    },
  );
});

Deno.test("Connect: resource indicators on authorize and token requests, the advertised string verbatim; --resource", async () => {
  // The server's own path, written as no parser of URLs would.
  await using server = startSmallServer({
    resource: (document) => ({ ...document, resource: String(document.resource).replace("http:", "HTTP:") }),
  });
  await using home = await Home.make();
  const advertised = server.url.replace("http:", "HTTP:");
  const sent = () => [
    ...server.requests("/oauth/authorize")
      // The program itself asks whether its client is known still.
      .filter(({ headers }) => !headers.get("user-agent")?.startsWith("mcp-auth/"))
      .map(({ query }) => query.getAll("resource")),
    ...server.requests("/oauth/token").map(({ form }) => form.getAll("resource")),
  ];
  await done(home, ["add", "demo", server.url]);
  assert.deepEqual(sent(), [[advertised], [advertised]]);
  assert.equal((await done(home, ["status", "demo", "--json"])).json.resource, advertised);
  await using client = libraryIn(home);
  valueOf(await client.authenticate("lib", { url: server.url, options: { resource: server.url } }));
  await done(home, ["set", "demo", "--resource", server.origin]);
  await done(home, ["login", "demo"]);
  assert.deepEqual(sent(), [
    ...[[advertised], [server.url], [server.origin]],
    ...[[advertised], [server.url], [server.origin]],
  ]);
  await done(home, ["set", "demo", "--unset", "resource"]);
  await done(home, ["login", "demo"]);
  assert.deepEqual(sent().at(-1), [advertised]);
  assertError(await home.run(["set", "demo", "--resource", "no uri", "--json"]), "USAGE", 2);
});

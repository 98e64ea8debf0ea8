/**
 * `add` against servers that publish their metadata in every place that a revision of MCP allows, and in none.
 *
 * @see MCP 2025-11-25, Authorization Server Discovery; MCP 2025-03-26, fallbacks; RFC 8414 section 3; RFC 9728 section 3
 * @module
 */
import assert from "node:assert/strict";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { type ServersOptions, startServers } from "./servers.ts";
import { type SmallServerOptions, startSmallServer } from "./small_server.ts";

const PLACES: readonly (readonly [name: string, options: ServersOptions, scope?: string])[] = [
  ["RFC 8414 metadata alone", { as: { metadataAt: ["oauth"] } }],
  ["OpenID metadata alone", { as: { metadataAt: ["openid-inserted"] } }],
  ["an issuer with a path, RFC 8414", { as: { issuerPath: "/tenant1", metadataAt: ["oauth"] } }],
  ["an issuer with a path, OpenID with the path after", {
    as: { issuerPath: "/tenant1", metadataAt: ["openid-inserted"] },
  }],
  ["an issuer with a path, OpenID with the path before", {
    as: { issuerPath: "/tenant1", metadataAt: ["openid-appended"] },
  }],
  ["resource metadata at the root", { mcp: { metadata: "root" } }],
  ["resource metadata that no challenge names", { mcp: { advertiseMetadata: false } }],
  ["resource metadata at the root that no challenge names", {
    mcp: { metadata: "root", advertiseMetadata: false },
  }],
  ["a challenge that names the scope", { mcp: { challengeScope: "mcp:read" } }, "mcp:read offline_access"],
  ["a server without offline_access", { as: { offlineAccess: false } }, "mcp:read mcp:write"],
  ["opaque tokens", { as: { accessTokenFormat: "opaque" } }],
];

for (const [name, options, scope = "mcp:read mcp:write offline_access"] of PLACES) {
  Deno.test(`add connects: ${name}`, async () => {
    await using servers = await startServers(options);
    await using home = await Home.make();
    const { as, mcp } = servers;
    const added = await home.run(["add", "demo", mcp.url, "--json"]);
    assert.equal(added.code, 0, added.stdout + added.stderr);
    assert.deepEqual([added.json.issuer, added.json.tools], [as.issuer, 8]);
    const [query] = as.requests(`GET ${as.paths.authorization}`).map((each) => each.query);
    assert.equal(query?.get("scope"), scope);
    assert.equal(query?.get("resource"), mcp.resource);
    assert.deepEqual(as.errors, []);
  });
}

for (
  const [description, refusal, says] of [
    [
      "a server that publishes nothing and registers nobody",
      { "/register": () => new Response("no", { status: 404 }) },
      /^Cannot find out where to sign in to "\S+\/mcp": it publishes nothing of OAuth: \S+ \(404\), .*; and it registers no client by itself$/,
    ],
    [
      "an API that answers 401 to everything",
      Object.fromEntries(
        ["/mcp", "/register", "/token", "/authorize", "/.well-known/oauth-authorization-server"].map((
          path,
        ) => [
          path,
          () => Response.json({ error: "unauthorized" }, { status: 401 }),
        ]),
      ),
      /it publishes nothing of OAuth: .*oauth-authorization-server \(401\)/,
    ],
    [
      "a server that asks for a password",
      {
        "/mcp": () => new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }),
      },
      /^Cannot sign in to "\S+\/mcp": it asks for a sign-in by basic and publishes nothing of OAuth$/,
    ],
  ] as const
) {
  Deno.test(`${description} is told as such, not as one that refuses clients`, async () => {
    await using server = startSmallServer({ resource: null, metadata: null, answers: refusal });
    await using home = await Home.make();
    const browser = await home.recordingBrowser();
    const { code, json } = await home.run(["add", "demo", server.url, "--json"], { browser });
    assert.equal(json.error.code, "DISCOVERY_FAILED");
    assert.equal(code, 1);
    assert.match(json.error.message, says);
    assert.doesNotMatch(json.error.message, /2025-03-26/);
    assert.deepEqual(await home.opened(), []);
    assert.equal(server.requests("/token").length, 0);
  });
}

Deno.test("a 403 that says where to sign in is a question for a sign-in; one that does not is none", async () => {
  await using home = await Home.make();
  let refused = false;
  await using server = startSmallServer({
    answers: {
      "/mcp": (origin) => {
        refused = true;
        const metadata = `${origin}/.well-known/oauth-protected-resource/mcp`;
        const headers = { "www-authenticate": `Bearer resource_metadata="${metadata}"` };
        return new Response(null, { status: 403, headers });
      },
    },
  });
  const browser = await home.recordingBrowser();
  const asked = await home.run(["add", "demo", server.url, "--json", "--timeout", "1"], { browser });
  assert.equal(refused, true);
  assert.equal(asked.json.error.code, "TIMEOUT");
  assert.equal((await home.opened()).length, 1);
  await using closed = startSmallServer({ answers: { "/mcp": () => new Response(null, { status: 403 }) } });
  const { json } = await home.run(["add", "closed", closed.url, "--json"], { browser });
  assert.equal(json.error.code, "AUTH_FAILED");
  assert.match(json.error.message, /the server forbids it \(403\) and asks for no sign-in$/);
  assert.equal((await home.opened()).length, 1);
});

Deno.test("add shows what it tried with --verbose, and no secret", async () => {
  await using servers = await startServers({ as: { metadataAt: ["openid-inserted"] } });
  await using home = await Home.make();
  const { code, stderr } = await home.run(["add", "demo", servers.mcp.url, "--verbose"]);
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /^Discovered: \S+oauth-protected-resource\/mcp \(used\), \S+oauth-authorization-server \(404\), \S+openid-configuration \(used\)$/m,
  );
  assert.match(stderr, /^Client: dynamic at /m);
  const [exchange] = servers.as.requests("POST /token");
  for (const secret of ["code", "code_verifier"]) {
    const value = exchange?.form.get(secret) ?? "";
    assert.ok(value.length > 20 && !stderr.includes(value), secret);
  }
  assert.ok(!stderr.includes((await home.run(["token", "demo"])).stdout.trim()));
});

const SMALL: readonly (readonly [name: string, options: SmallServerOptions, resource: "none" | "origin"])[] =
  [
    ["MCP 2025-03-26 with metadata at the origin", { resource: null }, "none"],
    ["MCP 2025-03-26 without any metadata", {
      resource: null,
      metadata: null,
      paths: ["/authorize", "/token", "/register"],
    }, "none"],
    ["a resource that is the server's origin, sent as it is written", {
      resource: (document) => ({ ...document, resource: (document.authorization_servers as string[])[0] }),
    }, "origin"],
    ["a relative reference to the metadata", {
      challenge: () => 'resource_metadata="/.well-known/oauth-protected-resource/mcp"',
      resource: (document) => ({ ...document, resource: (document.authorization_servers as string[])[0] }),
    }, "origin"],
  ];

for (const [name, options, resource] of SMALL) {
  Deno.test(`add connects: ${name}`, async () => {
    await using server = startSmallServer(options);
    await using home = await Home.make();
    const added = await home.run(["add", "small", server.url]);
    assert.equal(added.stdout, "✓ Connected to small (1 tool)\n", added.stderr);
    const wanted = resource === "none" ? null : server.origin;
    const [authorize = "", token = ""] = options.paths ?? ["/oauth/authorize", "/oauth/token"];
    assert.equal(server.requests(authorize)[0]?.query.get("resource"), wanted);
    assert.equal(server.requests(token)[0]?.form.get("resource"), wanted);
  });
}

Deno.test("add refuses a server that does not say it supports PKCE with S256, unless told to take it for granted", async () => {
  await using servers = await startServers({ as: { publishS256: false } });
  await using home = await Home.make();
  const browser = await home.recordingBrowser();
  assertError(
    await home.run(["add", "demo", servers.mcp.url, "--json"], { browser }),
    "DISCOVERY_FAILED",
    1,
    /--assume-pkce/,
  );
  assert.deepEqual(await home.opened(), []);
  assert.equal((await home.run(["add", "demo", servers.mcp.url, "--assume-pkce"])).code, 0);
});

Deno.test("login follows a server to its new authorization server, and says so", async () => {
  await using old = await startServers();
  await using next = await startServers({ as: { allowsResource: () => true } });
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", old.mcp.url])).code, 0);
  old.mcp.trust(next.as);
  assertError(await home.run(["tools", "demo", "--json"]), "AUTH_REQUIRED", 4, /mcp-auth login demo/);
  const sent = next.as.log.filter(({ method }) => method === "POST");
  const login = await home.run(["login", "demo"]);
  assert.equal(login.stdout, "✓ Signed in to demo\n", login.stderr);
  assert.ok(login.stderr.includes(`signed in at ${old.as.issuer}; its server now names ${next.as.issuer}`));
  assert.deepEqual(sent, [], "nothing of the old sign-in goes to the new server unasked");
  assert.equal(next.as.requests("POST /reg").length, 1, "the client is registered anew");
  assert.equal((await home.run(["tools", "demo"])).code, 0);
});

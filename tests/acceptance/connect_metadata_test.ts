/**
 * Metadata that is not what it should be, with the real program: at wrong hosts and behind pages of HTML, with resources
 * and scopes that others would take from the wrong place.
 *
 * @see behaviours rows 25 to 29 and 31; MCP 2026-07-28 authorization (C9-C20, C40-C45)
 * @module
 */
import assert from "node:assert/strict";
import { back, startBentServer } from "../services/signin/bent_server.ts";
import { done } from "./keeping.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";
import { type Json, MCP, startSmallServer } from "./small_server.ts";

const PRM = "/.well-known/oauth-protected-resource";
const OAUTH = "/.well-known/oauth-authorization-server";
const OPENID = "/.well-known/openid-configuration";

Deno.test("rows 25 and 26: an issuer is held against the authorization server's own identifier, and a mismatch shows both", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  // The two are at different origins, and that is right.
  assert.notEqual(new URL(servers.mcp.url).origin, servers.as.issuer);
  const added = await done(home, ["add", "demo", servers.mcp.url, "--json"]);
  assert.equal(added.json.issuer, servers.as.issuer);

  let mcpUrl = "";
  await using bent = await startServers({
    as: { edit: { metadata: (body) => ({ ...body, issuer: new URL(mcpUrl).origin }) } },
  });
  mcpUrl = bent.mcp.url;
  const refused = await home.run(["add", "bent", bent.mcp.url, "--json"]);
  assertError(refused, "ISSUER_MISMATCH", 1);
  for (const shown of [bent.as.issuer, new URL(bent.mcp.url).origin]) {
    assert.ok(refused.json.error.message.includes(`"${shown}"`), refused.json.error.message);
  }
  assert.equal(bent.as.requests("GET /auth").length, 0);
});

const html = (status: number) => () =>
  new Response("<!doctype html><title>Just a moment...</title>", {
    status,
    headers: { "content-type": "text/html" },
  });

Deno.test("row 27: pages of HTML, 401 and 403 in place of metadata are no metadata, and the next place is asked", async () => {
  await using servers = await startServers({ mcp: { metadata: "root" }, as: { issuerPath: "/tenant1" } });
  await using home = await Home.make();
  const { as, mcp } = servers;
  mcp.fail(`GET ${PRM}/mcp`, Infinity, html(200));
  as.fail(`GET ${OAUTH}/tenant1`, Infinity, html(403));
  as.fail(`GET ${OPENID}/tenant1`, 1, html(401));
  const added = await done(home, ["add", "demo", mcp.url, "--json"]);
  assert.deepEqual([added.json.issuer, added.json.tools], [as.issuer, 8]);
  assert.equal(as.requests(`GET /tenant1${OPENID}`).length, 1);

  await using page = startSmallServer({
    answers: Object.fromEntries(
      [`${PRM}/mcp`, PRM, OAUTH, OPENID, "/register", "/authorize"].map((path) => [path, html(200)]),
    ),
  });
  const browser = await home.recordingBrowser();
  const refused = await home.run(["add", "page", page.url, "--json"], { browser });
  assert.equal(refused.code, 1, refused.stdout);
  assert.deepEqual(await home.opened(), [], "a page is no place to sign in");
});

Deno.test("row 28: header, then path, then root; an authorization server's metadata is looked for at its own origin alone", async () => {
  await using servers = await startServers({ as: { metadataAt: [] } });
  await using home = await Home.make();
  const { as, mcp } = servers;
  const browser = await home.recordingBrowser();
  const refused = await home.run(["add", "demo", mcp.url, "--json"], { browser });
  assertError(refused, "DISCOVERY_FAILED", 1);
  assert.deepEqual(as.log.map(({ path }) => path), [OAUTH, OPENID]);
  assert.deepEqual(mcp.log.map(({ path }) => path).filter((path) => path !== "/mcp"), [`${PRM}/mcp`]);
  for (
    const url of [`${mcp.url.replace("/mcp", "")}${PRM}/mcp`, `${as.issuer}${OAUTH}`, `${as.issuer}${OPENID}`]
  ) {
    assert.ok(refused.json.error.message.includes(url), refused.json.error.message);
  }

  await using nowhere = startSmallServer({
    challenge: (origin) => `resource_metadata="${origin}/gone"`,
    answers: { [`${PRM}/mcp`]: () => new Response(null, { status: 404 }) },
  });
  assert.equal((await home.run(["add", "old", nowhere.url])).code, 0);
  const places = nowhere.log.map(({ path }) => path).filter((path) => /well-known|gone/.test(path));
  assert.deepEqual(places, ["/gone", `${PRM}/mcp`, PRM, OAUTH]);
});

for (
  const [name, resourceOf, path] of [
    ["the origin alone, without a slash", (origin: string) => origin, "/mcp"],
    ["the URL with a final slash", (origin: string) => `${origin}/mcp/`, "/mcp"],
    [
      "capitals, as no parser of URLs writes them",
      (origin: string) => `${origin.replace("http", "HTTP")}/mcp`,
      "/mcp",
    ],
    ["an escape that need not be one", (origin: string) => `${origin}/%6Dcp`, "/%6Dcp/v1"],
  ] as const
) {
  Deno.test(`row 29: the advertised resource is sent as it is written: ${name}`, async () => {
    await using server = startSmallServer({
      challenge: (origin) => `resource_metadata="${origin}${PRM}/mcp"`,
      resource: (document) => ({
        ...document,
        resource: resourceOf((document.authorization_servers as string[])[0]!),
      }),
      mcpPath: path,
    });
    await using home = await Home.make();
    await done(home, ["add", "small", server.url]);
    const expected = resourceOf(server.origin);
    assert.equal(server.requests("/oauth/authorize")[0]?.query.get("resource"), expected);
    assert.equal(server.requests("/oauth/token")[0]?.form.get("resource"), expected);
  });
}

Deno.test("row 29: a resource above the server's URL is used; --resource goes before it, in a refresh too", async () => {
  await using servers = await startServers({
    as: { allowsResource: () => true },
    mcp: {
      editMetadata: (document) => ({ ...document, resource: new URL(String(document.resource)).origin }),
    },
  });
  await using home = await Home.make();
  const { as, mcp } = servers;
  const { origin } = new URL(mcp.url);
  // This server takes tokens for its whole URL alone, whatever it advertises.
  const above = await home.run(["add", "above", mcp.url, "--json"]);
  assert.equal(as.requests("GET /auth")[0]?.query.get("resource"), origin);
  assert.notEqual(above.code, 0, above.stdout);
  await done(home, ["add", "demo", mcp.url, "--resource", mcp.url]);
  await done(home, ["refresh", "demo"]);
  const sent = as.requests("POST /token").map(({ form }) => [form.get("grant_type"), form.get("resource")]);
  assert.deepEqual(sent, [
    ["authorization_code", origin],
    ["authorization_code", mcp.url],
    ["refresh_token", mcp.url],
  ]);
  assert.equal((await done(home, ["call", "demo", "whoami"])).stdout, "alice\n");
});

Deno.test("row 29: metadata of another path is refused, and both resources are shown", async () => {
  await using server = startSmallServer({
    resource: (document) => ({ ...document, resource: `${document.resource}-2` }),
  });
  await using home = await Home.make();
  const refused = await home.run(["add", "small", server.url, "--json"]);
  assertError(refused, "RESOURCE_MISMATCH", 1);
  for (const shown of [server.url, `${server.url}-2`]) {
    assert.ok(refused.json.error.message.includes(`"${shown}"`), refused.json.error.message);
  }
  assert.equal(server.requests("/oauth/authorize").length, 0);
});

Deno.test("row 31: scopes come from --scope, else the challenge, else the resource, and never from the authorization server", async () => {
  const everything = (document: Json) => ({ ...document, scopes_supported: ["admin", "all", "files"] });
  const cases = [
    [{}, [], "files"],
    [{ challenge: (origin: string) => `resource_metadata="${origin}${PRM}/mcp", scope="a b"` }, [], "a b"],
    [{ resource: ({ scopes_supported: _, ...rest }: Json) => rest }, [], null],
    [{ challenge: (origin: string) => `resource_metadata="${origin}${PRM}/mcp", scope="a b"` }, [
      "--scope",
      "mine",
    ], "mine"],
  ] as const;
  for (const [options, flags, expected] of cases) {
    await using server = startSmallServer({ metadata: everything, ...options });
    await using home = await Home.make();
    await done(home, ["add", "small", server.url, ...flags]);
    assert.equal(server.requests("/oauth/authorize")[0]?.query.get("scope"), expected);
  }
});

Deno.test("row 31: a server that does not know its own scopes is told as that, and --scope is the way on, remembered", async () => {
  await using server = startBentServer({
    authorize: (query) =>
      query.get("scope") === "files:read"
        ? undefined
        : back(query, { error: "invalid_scope", error_description: "no scope files" }),
    other: MCP,
  });
  await using home = await Home.make();
  const refused = await home.run(["add", "demo", server.url, "--json"]);
  assertError(refused, "AUTH_FAILED", 1, /--scope/);
  assert.match(refused.json.error.message, /"invalid_scope": no scope files/);
  await done(home, ["add", "demo", server.url, "--scope", "files:read"]);
  await done(home, ["login", "demo"]);
});

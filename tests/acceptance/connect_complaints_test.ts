/**
 * What users of such tools run into while they connect, replayed with the real program: browsers that nobody asked for,
 * saved tokens that need no discovery, clients that are not used, secrets in the wrong place, scopes without end.
 *
 * @see behaviours rows 11, 13, 19, 22 and 32
 * @module
 */
import assert from "node:assert/strict";
import { startBentServer } from "../services/signin/bent_server.ts";
import { Host } from "./host.ts";
import { done } from "./keeping.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";
import { type Json, MCP, startSmallServer } from "./small_server.ts";

const PRM = "/.well-known/oauth-protected-resource";
const OAUTH = "/.well-known/oauth-authorization-server";
const OPENID = "/.well-known/openid-configuration";

Deno.test("row 11: no command but add, login and bridge --login opens a browser, whoever is signed in", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await done(home, ["add", "demo", servers.mcp.url]);
  await done(home, ["add", "out", servers.mcp.url]);
  await done(home, ["logout", "out"]);
  const browser = await home.recordingBrowser();
  const asked = servers.as.requests("GET /auth").length;
  for (
    const args of [
      ["status"],
      ["list"],
      ["doctor", "out", "--json"],
      ["doctor", servers.mcp.url, "--json"],
      ["token", "out"],
      ["tools", "out"],
      ["call", "out", "whoami"],
      ["exec", "out", "--", "true"],
      ["refresh", "out"],
      ["refresh", "--all"],
      ["permissions", "out"],
    ]
  ) await home.run(args, { browser });
  await using host = new Host(home, ["out"], { browser });
  for (const _ of Array(5)) {
    assert.match((await host.initialize()).result.instructions, /or run: mcp-auth login out$/);
    assert.equal((await host.call("whoami")).error?.data.code, "AUTH_REQUIRED");
  }
  assert.equal((await host.end()).code, 0);
  assert.deepEqual(await home.opened(), []);
  assert.equal(servers.as.requests("GET /auth").length, asked, "nothing was asked of the sign-in page");
});

Deno.test("row 13: saved tokens start at once while the server that issued them hangs, and discovery too", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await done(home, ["add", "demo", servers.mcp.url]);
  // The MCP server fetches the keys of the tokens once.
  await done(home, ["tools", "demo"]);
  const { length } = servers.as.log;
  const metadata = servers.mcp.requests(`GET ${PRM}/mcp`).length;
  for (const path of [OAUTH, OPENID, "/token", "/reg", "/auth"]) servers.as.fail(path, Infinity, "hang");
  for (const path of [PRM, `${PRM}/mcp`]) servers.mcp.fail(path, Infinity, "hang");
  const started = performance.now();
  await done(home, ["token", "demo"]);
  assert.equal((await done(home, ["call", "demo", "whoami"])).stdout, "alice\n");
  await using host = new Host(home, ["demo"]);
  assert.equal((await host.initialize()).result?.serverInfo.name, "demo");
  assert.equal((await host.end()).code, 0);
  const tookMs = performance.now() - started;
  assert.ok(tookMs < 10_000, `${Math.round(tookMs)} ms for three programs`);
  assert.equal(servers.as.log.length, length);
  assert.equal(servers.mcp.requests(`GET ${PRM}/mcp`).length, metadata);
});

/** Everything of the metadata that a client can do without, as servers leave it out. */
const GAPS = (document: Json): Json => ({
  ...document,
  registration_endpoint: null,
  scopes_supported: null,
  token_endpoint_auth_methods_supported: null,
  revocation_endpoint: null,
  userinfo_endpoint: "",
  introspection_endpoint: null,
  jwks_uri: "",
  service_documentation: null,
});

Deno.test("row 19: registration_endpoint: null and other empty members do not get in the way of the client that was given", async () => {
  await using server = startSmallServer({
    metadata: GAPS,
    resource: (document) => ({ ...document, scopes_supported: null, resource_name: null, jwks_uri: "" }),
  });
  await using home = await Home.make();
  const without = await home.run(["add", "small", server.url, "--json"]);
  assertError(without, "REGISTRATION_FAILED", 1, /--client-id <id>/);
  await done(home, ["add", "small", server.url, "--client-id", "mine"]);
  assert.equal(server.requests("/oauth/authorize")[0]?.query.get("client_id"), "mine");
  assert.equal(server.requests("/oauth/token")[0]?.form.get("client_id"), "mine");
});

Deno.test("row 19: the client that was given wins, also where clients could register or publish a document", async () => {
  await using server = startSmallServer({
    metadata: (document) => ({ ...document, client_id_metadata_document_supported: true }),
  });
  await using home = await Home.make();
  const env = { MCP_AUTH_CLIENT_METADATA_URL: "https://client.example/mcp-auth.json" };
  await done(home, ["add", "small", server.url, "--client-id", "mine"], { env });
  await done(home, ["login", "small"], { env });
  await done(home, ["login", "small"]);
  assert.equal(server.requests("/oauth/register").length, 0);
  const named = server.requests("/oauth/authorize").map(({ query }) => query.get("client_id"));
  assert.deepEqual([...new Set(named)], ["mine"]);
});

for (
  const [registered, listed, sent] of [
    ["client_secret_post", ["client_secret_basic"], "body"],
    ["client_secret_basic", ["client_secret_post"], "header"],
    [undefined, ["client_secret_post"], "body"],
    [undefined, undefined, "header"],
  ] as const
) {
  Deno.test(`row 22: registered for ${registered ?? "nothing"} where ${listed ?? "nothing"} is listed: the secret goes into the ${sent}, once`, async () => {
    await using server = startBentServer({
      metadata: () => listed === undefined ? {} : { token_endpoint_auth_methods_supported: listed },
      registration: () => ({
        client_secret: "s3cret:+%",
        ...(registered === undefined ? {} : { token_endpoint_auth_method: registered }),
      }),
      token: ({ form, basic }, { refuse }) => {
        if ((basic === undefined) === (sent === "header")) return refuse("invalid_client");
        if (basic !== undefined && form.has("client_secret")) return refuse("invalid_request");
        const secret = sent === "body"
          ? form.get("client_secret")
          : decodeURIComponent(atob(basic!).split(":")[1]!);
        if (secret !== "s3cret:+%") return refuse("invalid_client");
        return Response.json({ access_token: "at-1", token_type: "Bearer", expires_in: 3600 });
      },
      other: MCP,
    });
    await using home = await Home.make();
    await done(home, ["add", "demo", server.url]);
    assert.equal(server.asked.filter((each) => each === "POST /token").length, 1);
  });
}

Deno.test("row 32: a missing scope is told by name, is no expired token, and costs no refresh; the command in the hint helps", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await done(home, ["add", "demo", servers.mcp.url, "--scope", "mcp:read"]);
  const tokens = servers.as.requests("POST /token").length;
  const call = ["call", "demo", "write_note", '{"text":"n"}'];
  const refused = await home.run([...call, "--json"]);
  assertError(refused, "INSUFFICIENT_SCOPE", 4, /^Run: mcp-auth login demo --scope "mcp:read mcp:write"$/);
  assert.match(refused.json.error.message, /mcp:write/);
  assert.equal(servers.as.requests("POST /token").length, tokens);
  assert.equal((await done(home, ["status", "demo", "--json"])).json.state, "signed-in");
  await done(home, ["login", "demo", "--scope", "mcp:read mcp:write"]);
  assert.equal((await done(home, call)).stdout, "Note 1 written\n");
});

Deno.test("row 32: a server that grants a scope and demands it all the same gets two sign-ins at most", async () => {
  const wants = 'Bearer error="insufficient_scope", scope="more"';
  await using server = startBentServer({
    tokens: { scope: "files more" },
    other: {
      "/mcp": (request) =>
        request.body.includes("tools/call") && request.headers.has("authorization")
          ? new Response(null, { status: 403, headers: { "www-authenticate": wants } })
          : MCP["/mcp"](request),
    },
  });
  await using home = await Home.make();
  await done(home, ["add", "demo", server.url]);
  const browsers = () =>
    server.received.filter(({ url, headers }) =>
      url.pathname === "/authorize" && !headers.get("user-agent")?.startsWith("mcp-auth/")
    ).length;
  assert.equal(browsers(), 1);
  await using host = new Host(home, ["demo", "--login"]);
  await host.initialize();
  for (let time = 0; time < 3; time++) {
    const { error } = await host.call("ping");
    assert.equal(error?.data.code, "INSUFFICIENT_SCOPE", error?.message);
  }
  assert.ok(browsers() <= 3, `${browsers()} browsers`);
  assert.equal((await host.end()).code, 0);
});

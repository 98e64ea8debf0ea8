/**
 * MCP servers whose provider is known, or whose authorization server is named: by flag, by variable, by a definition.
 *
 * @see behaviours rows 8, 16, 18, 30 and 31
 * @module
 */
import assert from "node:assert/strict";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";
import { answerMcp, startSmallServer } from "./small_server.ts";
import { entra, startVendor } from "./vendors.ts";

Deno.test("a host that is recognized gets what is known of its provider, in one line, unless that is refused (row 16)", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { mcp, as } = servers;
  const defined = await home.run([
    "provider",
    "add",
    "corp",
    "--title",
    "Corp",
    "--host",
    new URL(mcp.url).host,
    "--authorize-param",
    "audience=api.corp",
    "--callback-host",
    "localhost",
    "--issuer",
    as.issuer,
  ]);
  assert.equal(defined.stdout, "✓ Defined provider corp\n", defined.stderr);
  const added = await home.run(["add", "demo", mcp.url, "--browser"]);
  assert.match(
    added.stderr,
    /^Using what is known of Corp: where to sign in, audience=api\.corp, callback at localhost; /m,
  );
  assert.match(added.stderr, /[?&]audience=api\.corp&?/);
  assert.match(added.stderr, /redirect_uri=http%3A%2F%2Flocalhost%3A/);
  assert.equal(added.code, 0, added.stderr);
  const status = await home.run(["status", "demo"]);
  assert.match(status.stdout, /^Provider: +corp$/m);
  const without = await home.run(["add", "plain", mcp.url, "--provider", "none"]);
  assert.equal(without.code, 0, without.stderr);
  assert.doesNotMatch(without.stderr, /Using what is known|audience/);
  const own = await home.run([
    "login",
    "demo",
    "--authorize-param",
    "audience=mine",
    "--callback-host",
    "127.0.0.1",
  ]);
  assert.match(own.stderr, /audience=mine/);
  assert.match(own.stderr, /redirect_uri=http%3A%2F%2F127\.0\.0\.1%3A/);
});

Deno.test("C36: --authorization-server wins over the server's own list, and says so", async () => {
  await using server = startSmallServer({
    resource: (document) => ({ ...document, authorization_servers: ["https://other.example"] }),
  });
  await using home = await Home.make();
  const added = await home.run(["add", "demo", server.url, "--authorization-server", server.origin]);
  assert.match(added.stdout, /✓ Connected to demo \(1 tool\)/, added.stderr);
  assert.match(added.stderr, /https:\/\/other\.example.*you named/);
  const again = await home.run(["login", "demo"]);
  assert.equal(again.code, 0, again.stderr);
  const unset = await home.run(["set", "demo", "--unset", "authorization-server", "--json"]);
  assert.equal("authorizationServer" in unset.json.options, false);
});

Deno.test("a server without any metadata is signed in to by endpoints, client and scope from the environment", async () => {
  await using server = startSmallServer({ resource: null, metadata: null, paths: ["/a", "/t", "/r"] });
  await using home = await Home.make();
  const env = {
    MCP_AUTH_AUTH_ENDPOINT: `${server.origin}/a`,
    MCP_AUTH_TOKEN_ENDPOINT: `${server.origin}/t`,
    MCP_AUTH_CLIENT_ID: "own",
    MCP_AUTH_SCOPE: "files:read files:write",
  };
  const added = await home.run(["add", "demo", server.url], { env });
  assert.match(added.stdout, /✓ Connected to demo/, added.stderr);
  const [authorize] = server.requests("/a");
  assert.equal(authorize!.query.get("scope"), "files:read files:write");
  assert.equal(authorize!.query.get("client_id"), "own");
  assert.equal(authorize!.query.get("code_challenge_method"), "S256");
  // The entry has it from now on.
  const again = await home.run(["login", "demo"]);
  assert.equal(again.code, 0, again.stderr);
  assert.equal(server.requests("/a").length, 2);
  const flag = await home.run(["login", "demo", "--scope", "other"], { env });
  assert.equal(flag.code, 0, flag.stderr);
  assert.equal(server.requests("/a")[2]!.query.get("scope"), "other");
  const half = await home.run(["add", "half", server.url, "--json"], {
    env: { MCP_AUTH_AUTH_ENDPOINT: env.MCP_AUTH_AUTH_ENDPOINT },
  });
  assertError(half, "CONFIG_MISSING", 5, /MCP_AUTH_TOKEN_ENDPOINT/);
  const unsafe = await home.run(["add", "half", server.url, "--json"], {
    env: { ...env, MCP_AUTH_TOKEN_ENDPOINT: "http://token.example/t" },
  });
  assertError(unsafe, "UNSAFE_URL", 1);
});

Deno.test("a quirk that is named is allowed for, and unset it is not", async () => {
  await using server = startSmallServer({
    metadata: ({ code_challenge_methods_supported: _gone, ...document }) => document,
  });
  await using home = await Home.make();
  const refused = await home.run(["add", "demo", server.url, "--json"]);
  assertError(refused, "DISCOVERY_FAILED", 1, /--assume-pkce/);
  const added = await home.run([
    "add",
    "demo",
    server.url,
    "--quirk",
    "assume-pkce",
    "--quirk",
    "omit-resource",
  ]);
  assert.equal(added.code, 0, added.stderr);
  assert.equal(server.requests("/oauth/authorize")[0]!.query.has("resource"), false);
  assert.match((await home.run(["status", "demo"])).stdout, /^Quirks: +assume-pkce omit-resource$/m);
  assert.equal((await home.run(["set", "demo", "--unset", "quirk"])).code, 0);
  assertError(await home.run(["login", "demo", "--json"]), "DISCOVERY_FAILED", 1);
  assertError(await home.run(["set", "demo", "--quirk", "be-nice", "--json"]), "USAGE", 2, /omit-resource/);
});

Deno.test("providers are listed, shown, defined, replaced and removed, also for scripts", async () => {
  await using home = await Home.make();
  const list = await home.run(["provider", "list"]);
  assert.match(list.stdout, /^slack +Slack +API, MCP +2026-11-21$/m);
  const shown = await home.run(["provider", "show", "entra"]);
  assert.match(shown.stdout, /^Quirk: +omit-resource: /m);
  assert.match(shown.stdout, /^Looked up: +2026-11-21, as written there; not tried at its servers$/m);
  assert.equal(shown.stdout.match(/^Source: +https:\/\/learn\.microsoft\.com\/\S+$/gm)?.length, 3);
  assert.match(shown.stdout, /^Variables: +ENTRA_CLIENT_ID ENTRA_CLIENT_SECRET$/m);
  const define = (...flags: string[]) =>
    home.run(["provider", "add", "corp", "--issuer", "https://sso.{domain}", ...flags, "--json"]);
  const defined = await define("--url", "https://api.{domain}", "--scope", "a b");
  assert.deepEqual([defined.json.built_in, defined.json.api.url, defined.json.api.scopes], [
    false,
    "https://api.{domain}",
    ["a", "b"],
  ]);
  assertError(await define(), "CONFIG_INVALID", 1, /--force/);
  assert.equal((await define("--force")).json.api.url, "https://sso.{domain}");
  assert.match((await home.run(["provider", "list"])).stdout, /^corp +corp +API +your own$/m);
  assert.equal((await home.run(["provider", "remove", "corp"])).stdout, "✓ Removed provider corp\n");
  assertError(await home.run(["provider", "show", "corp", "--json"]), "NOT_FOUND", 5);
  assertError(
    await home.run(["provider", "remove", "github", "--json"]),
    "CONFIG_INVALID",
    1,
    /provider add github/,
  );
  const records = await Deno.readFile(`${home.store}/store.db`);
  assert.doesNotMatch(new TextDecoder("latin1").decode(records), /sso\.\{domain\}/);
});

Deno.test("a bridge takes a provider without --login too: its tool signs in by it", async () => {
  await using server = startSmallServer();
  await using home = await Home.make();
  const bridge = await home.run(["bridge", server.url, "--provider", "github"]);
  assert.equal(bridge.code, 0, bridge.stderr);
});

Deno.test("row 30: a server that refuses the resource is connected to without it, and never asked so again", async () => {
  await using vendor = startVendor({
    ...entra(["authorize", "exchange", "refresh"], true),
    other: {
      "/mcp": ({ method, headers, body }) =>
        headers.get("authorization")?.startsWith("Bearer at-")
          ? answerMcp(method, body)
          : new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } }),
    },
  });
  await using home = await Home.make();
  const added = await home.run(["add", "demo", vendor.server.url]);
  assert.match(added.stdout, /✓ Connected to demo \(1 tool\)/, added.stderr);
  assert.match(added.stderr, /refuses the resource parameter; going on without it: approve once more/);
  const refreshed = await home.run(["refresh", "demo"]);
  assert.equal(refreshed.code, 0, refreshed.stderr);
  assert.equal((await home.run(["refresh", "demo"])).code, 0);
  const again = await home.run(["login", "demo"]);
  assert.equal(again.code, 0, again.stderr);
  const asked = vendor.requests("/authorize").map(({ url }) => url.searchParams.has("resource"));
  assert.deepEqual(asked.filter((named) => named), [true]);
  assert.equal(vendor.forms.some((form) => form.has("resource")), false);
  const scopes = vendor.forms.filter((form) => form.get("grant_type") === "refresh_token").map((form) =>
    form.get("scope")
  );
  assert.deepEqual(scopes, [null, "files", "files"]);
  const status = await home.run(["status", "demo", "--json"]);
  assert.deepEqual(status.json.quirks, ["omit-resource"]);
  assert.equal(status.json.resource, null);
});

Deno.test("an API without a provider is signed in to by an issuer that is named", async () => {
  await using server = startSmallServer();
  await using home = await Home.make();
  const flags = ["--api", `${server.origin}/v1`, "--authorization-server", server.origin];
  const added = await home.run(["add", "api", ...flags]);
  assert.equal(added.stdout, "✓ Signed in to api\n", added.stderr);
  assert.equal(server.requests("/v1").length, 0);
  const bare = await home.run(["add", "bare", "--api", `${server.origin}/v1`, "--json"]);
  assertError(bare, "CONFIG_MISSING", 5, /--authorization-server/);
  const both = await home.run(["add", "both", server.url, "--api", server.origin, "--json"]);
  assertError(both, "USAGE", 2);
});

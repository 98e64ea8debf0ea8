/**
 * What mcp-auth does to connect, walked through as a user would: the row of the providers without MCP discovery.
 *
 * @see features, "Connect"; behaviours rows 8, 18, 24 and 30
 * @module
 */
import assert from "node:assert/strict";
import { createClient } from "../../lib/mod.ts";
import { freePort, type Received } from "../primitives/http/local_server.ts";
import { approve } from "../services/signin/signing_in.ts";
import { done, libraryIn, valueOf } from "./keeping.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { answerMcp } from "./small_server.ts";
import {
  clientOf,
  entra as strictEntra,
  pointAt,
  startAtlassian,
  startGithub,
  startSlack,
  startVendor,
} from "./vendors.ts";

const ROW =
  "Connect: providers without MCP discovery: templates (github, google, entra, auth0, okta, atlassian with audience and accessible-resources, slack, ...), provider add, extra authorize parameters, endpoints and client from environment";

const PROMISED = [
  ...["atlassian", "auth0", "cloudflare", "entra", "figma", "github", "google", "hubspot", "keycloak"],
  ...["linear", "notion", "okta", "salesforce", "sentry", "slack", "supabase", "vercel"],
];

const SITES = [
  { id: "11223344-a1b2", name: "Acme", url: "https://acme.atlassian.net" },
  { id: "99887766-c3d4", name: "Other", url: "https://other.atlassian.net" },
];

/** An MCP server of a vendor's, for whoever has a token. */
const MCP = {
  "/mcp": ({ method, headers, body }: Received) =>
    headers.has("authorization")
      ? answerMcp(method, body)
      : new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } }),
};

Deno.test(ROW, async (t) => {
  await using home = await Home.make();

  await t.step("templates are data with sources and dates, for people, scripts and programs", async () => {
    const { json } = await done(home, ["provider", "list", "--json"]);
    const names = json.map(({ name }: { name: string }) => name);
    for (const name of PROMISED) {
      assert.ok(names.includes(name), name);
      const shown = await done(home, ["provider", "show", name]);
      assert.match(shown.stdout, /^Source: +https:\/\//m, name);
      assert.match(shown.stdout, /^Looked up: +20\d\d-\d\d-\d\d/m, name);
    }
    await using client = libraryIn(home);
    const listed = valueOf(await client.providers.list());
    assert.deepEqual(listed.map(({ name }) => name), names);
  });

  await t.step(
    "github: the client from the environment, an answer that is a form, the account of its API",
    async () => {
      await using github = startGithub();
      await pointAt(home, "github", github, [
        ...["--userinfo-endpoint", `${github.origin}/user`, "--token-auth-method", "post"],
      ]);
      const env = clientOf("github");
      const { stdout } = await done(home, ["add", "gh", "--provider", "github"], { env });
      assert.equal(stdout, "✓ Signed in to gh as octocat\n");
      assert.equal(
        (await done(home, ["token", "gh", "--header"])).stdout,
        "Authorization: Bearer gho_token\n",
      );
    },
  );

  await t.step("google: access_type=offline and consent, so that there is a refresh token", async () => {
    await using google = startVendor({});
    await pointAt(home, "google", google);
    const { json } = await done(home, ["add", "drive", "--provider", "google", "--json"], {
      env: clientOf("google"),
    });
    assert.equal(json.can_refresh, true);
    const query = google.requests("/authorize")[0]!.url.searchParams;
    assert.deepEqual([query.get("access_type"), query.get("prompt")], ["offline", "consent"]);
  });

  await t.step(
    "entra: no resource parameter, though the server names one, and scopes in each refresh",
    async () => {
      await using entra = startVendor({
        ...strictEntra(["authorize", "exchange", "refresh"], true),
        other: MCP,
      });
      await pointAt(home, "entra", entra);
      const env = clientOf("entra");
      const { stderr } = await done(home, ["add", "graph", entra.server.url, "--provider", "entra"], { env });
      assert.doesNotMatch(stderr, /going on without it/, "it was known beforehand");
      await done(home, ["refresh", "graph"], { env });
      assert.deepEqual(entra.forms.map((form) => [form.get("grant_type"), form.has("scope")]), [
        ["authorization_code", false],
        ["refresh_token", true],
      ]);
      assert.ok(entra.requests("/authorize").every(({ url }) => !url.searchParams.has("resource")));
    },
  );

  for (const [name, parameter] of [["okta", "domain"], ["auth0", "domain"]] as const) {
    await t.step(`${name}: which tenant is asked for, before anything is sent`, async () => {
      const missing = await home.run(["add", "sso", "--provider", name, "--json"], { env: clientOf(name) });
      assertError(missing, "CONFIG_MISSING", 5, new RegExp(`--provider-param ${parameter}=<value>`));
    });
  }

  await t.step("atlassian: its audience, and one of the account's sites", async () => {
    await using atlassian = startAtlassian(SITES);
    await pointAt(home, "atlassian", atlassian, [
      ...["--sites-url", `${atlassian.origin}/oauth/token/accessible-resources`],
    ]);
    const add = ["add", "jira", "--provider", "atlassian", "--site", "Other"];
    const { stdout } = await done(home, add, { env: clientOf("atlassian") });
    assert.equal(stdout, "✓ Signed in to jira (site Other)\n");
    const query = atlassian.requests("/authorize")[0]!.url.searchParams;
    assert.equal(query.get("audience"), "api.atlassian.com");
    assert.deepEqual((await done(home, ["status", "jira", "--json"])).json.site, SITES[1]);
  });

  await t.step("slack: its redirect URI, and a person's token", async () => {
    await using slack = startSlack();
    await pointAt(home, "slack", slack, ["--callback-port", "0"]);
    await done(home, ["add", "chat", "--provider", "slack"], { env: clientOf("slack") });
    const redirectUri = slack.requests("/authorize")[0]!.url.searchParams.get("redirect_uri")!;
    assert.match(redirectUri, /^http:\/\/localhost:\d+\/callback$/);
    assert.equal((await done(home, ["token", "chat"])).stdout, "xoxp-1\n");
  });

  await t.step("provider add, and parameters beside the standard", async () => {
    await using corp = startVendor({});
    const server = [
      ...["--authorization-endpoint", `${corp.origin}/authorize`],
      ...["--token-endpoint", `${corp.origin}/token`],
    ];
    const wishes = ["--url", `${corp.origin}/api`, "--scope", "a b", "--authorize-param", "tenant=blue"];
    const defined = await done(home, ["provider", "add", "corp", ...server, ...wishes]);
    assert.equal(defined.stdout, "✓ Defined provider corp\n");
    const add = ["add", "work", "--provider", "corp", "--authorize-param", "audience=api"];
    await done(home, add, { env: clientOf("corp") });
    const query = corp.requests("/authorize")[0]!.url.searchParams;
    assert.deepEqual(
      ["tenant", "audience", "scope", "code_challenge_method"].map((name) => query.get(name)),
      ["blue", "api", "a b", "S256"],
    );
    await done(home, ["login", "work"], { env: clientOf("corp") });
    assert.equal(corp.requests("/authorize").at(-1)!.url.searchParams.get("audience"), "api");
  });
});

Deno.test(`${ROW}: MCP_AUTH_AUTH_ENDPOINT, _TOKEN_ENDPOINT, _CLIENT_ID, _CLIENT_SECRET, _REDIRECT_URI, _SCOPE`, async () => {
  await using server = startVendor({ other: MCP });
  await using home = await Home.make();
  const redirectUri = `http://localhost:${freePort()}/oauth/back`;
  const env = {
    MCP_AUTH_AUTH_ENDPOINT: `${server.origin}/authorize`,
    MCP_AUTH_TOKEN_ENDPOINT: `${server.origin}/token`,
    MCP_AUTH_CLIENT_ID: "vendor-client",
    MCP_AUTH_CLIENT_SECRET: "vendor-secret",
    MCP_AUTH_REDIRECT_URI: redirectUri,
    MCP_AUTH_SCOPE: "one two",
  };
  const { stderr, stdout } = await done(home, ["add", "demo", server.server.url], { env });
  assert.ok(!(stdout + stderr).includes("vendor-secret"));
  const query = server.requests("/authorize")[0]!.url.searchParams;
  assert.deepEqual(["client_id", "scope", "redirect_uri"].map((name) => query.get(name)), [
    "vendor-client",
    "one two",
    redirectUri,
  ]);
  assert.equal(server.forms[0]?.get("redirect_uri"), redirectUri);
  assert.equal(server.requests("/register").length, 0);
  assert.equal(server.requests("/.well-known/oauth-authorization-server").length, 0);
  // What it took is the entry's: the next sign-in needs no variable.
  await done(home, ["login", "demo"]);
  assert.equal(server.requests("/authorize").at(-1)!.url.searchParams.get("scope"), "one two");
});

Deno.test(`${ROW}: in the library`, async () => {
  await using corp = startVendor({});
  await using client = createClient({ keystore: "memory", openBrowser: approve });
  valueOf(
    await client.providers.define({
      name: "corp",
      server: {
        authorizationEndpoint: `${corp.origin}/authorize`,
        tokenEndpoint: `${corp.origin}/token`,
      },
      apiUrl: `${corp.origin}/api`,
      callbackPorts: [0],
    }),
  );
  valueOf(
    await client.authenticate("work", {
      provider: "corp",
      options: { clientId: "vendor-client", authorizeParameters: { audience: "api" } },
      clientSecret: "vendor-secret",
    }),
  );
  assert.equal(corp.requests("/authorize")[0]!.url.searchParams.get("audience"), "api");
  assert.match(valueOf(await client.getBearerToken("work")), /^Bearer at-/);
});

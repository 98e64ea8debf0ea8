/**
 * APIs without MCP discovery: signing in by a provider, and what an entry for an API is good for.
 *
 * @see behaviours rows 18 and 24; features, providers without MCP discovery
 * @module
 */
import assert from "node:assert/strict";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { clientOf, pointAt, startAtlassian, startGithub, startSlack, startVendor } from "./vendors.ts";

const SITES = [
  { id: "11223344-a1b2", name: "Acme", url: "https://acme.atlassian.net" },
  { id: "99887766-c3d4", name: "Other", url: "https://other.atlassian.net" },
];

Deno.test("add --provider github signs in without a URL, as the account that the API names (rows 18 and 24)", async () => {
  await using github = startGithub();
  await using home = await Home.make();
  await pointAt(home, "github", github, [
    "--userinfo-endpoint",
    `${github.origin}/user`,
    "--token-auth-method",
    "post",
  ]);
  const added = await home.run(["add", "gh", "--provider", "github", "--json"], { env: clientOf("github") });
  assert.equal(added.code, 0, added.stderr);
  assert.deepEqual(
    { ...added.json },
    {
      name: "gh",
      url: `${github.origin}/api`,
      kind: "api",
      sign_in: "oauth",
      issuer: github.origin,
      account: "octocat",
      scope: "read:user repo",
      expires_at: null,
      can_refresh: true,
      tools: null,
      provider: "github",
      site: null,
    },
  );
  const [asked] = github.requests("/authorize");
  const query = asked!.url.searchParams;
  assert.equal(query.get("scope"), "read:user");
  assert.equal(query.get("code_challenge_method"), "S256");
  assert.equal(query.has("resource"), false);
  const [form] = github.forms;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(form!.get("code_verifier")!));
  const challenge = new Uint8Array(digest).toBase64({ alphabet: "base64url", omitPadding: true });
  assert.equal(query.get("code_challenge"), challenge);
  assert.equal(github.requests("/.well-known/oauth-authorization-server").length, 0);

  const token = await home.run(["token", "gh"]);
  assert.equal(token.stdout, "gho_token\n");
  const executed = await home.run(["exec", "gh", "--", "printenv", "MCP_ACCESS_TOKEN"]);
  assert.equal(executed.stdout, "gho_token\n", executed.stderr);
  for (const command of [["tools", "gh"], ["call", "gh", "ping"]]) {
    assertError(await home.run([...command, "--json"]), "USAGE", 2, /mcp-auth token gh/);
  }
  const bridge = await home.run(["bridge", "gh"]);
  assert.match(bridge.stderr, /it is an entry for an API/);
  assert.equal(bridge.code, 2);
  const status = await home.run(["status", "gh"]);
  assert.match(status.stdout, /^Provider: +github$/m);
  assert.match(status.stdout, /^Account: +octocat$/m);
});

Deno.test("without a client, the command to come back with adds the API, and works (row 18)", async () => {
  await using github = startGithub();
  await using home = await Home.make();
  await pointAt(home, "github", github, ["--token-auth-method", "post"]);
  const without = await home.run(["add", "gh", "--provider", "github", "--json"]);
  assertError(without, "REGISTRATION_FAILED", 1);
  const [, command = ""] = /run: mcp-auth (add gh .*?) \(without/.exec(without.json.error.hint) ?? [];
  const { GITHUB_CLIENT_ID = "", GITHUB_CLIENT_SECRET = "" } = clientOf("github");
  const secret = await home.file("secret.txt", GITHUB_CLIENT_SECRET);
  const words = command.replace("<id>", GITHUB_CLIENT_ID).replace("<file>", secret).split(" ");
  const added = await home.run(words);
  assert.equal(added.stdout, "✓ Signed in to gh\n", added.stderr);

  await home.run(["add", "by-hand", "--provider", "github", "--token-stdin"], { stdin: "tok_1234567890" });
  const hand = await home.run(["login", "by-hand", "--json"]);
  assertError(hand, "CONFIG_INVALID", 1, /mcp-auth add by-hand --api http:\S+ --provider github --force$/);
});

Deno.test("a refusal that comes with status 200 is told as that, and ends a refresh for good (rows 3 and 24)", async () => {
  await using github = startGithub();
  await using home = await Home.make();
  await pointAt(home, "github", github, ["--token-auth-method", "post"]);
  const added = await home.run(["add", "gh", "--provider", "github"], { env: clientOf("github") });
  assert.match(added.stdout, /^✓ Signed in to gh\n$/);
  const refreshed = await home.run(["refresh", "gh", "--json"]);
  assertError(refreshed, "TOKEN_REFRESH_FAILED", 4);
  assert.match(refreshed.json.error.message, /the server ended the sign-in: bad_refresh_token/);
  assert.equal((await home.run(["status", "gh", "--json"])).json.can_refresh, false);
});

Deno.test("a code that GitHub does not take is told in its words, with the status that came (row 24)", async () => {
  await using github = startGithub({ error: "bad_verification_code" });
  await using home = await Home.make();
  await pointAt(home, "github", github, ["--token-auth-method", "post"]);
  const added = await home.run(["add", "gh", "--provider", "github", "--json"], { env: clientOf("github") });
  assertError(added, "AUTH_FAILED", 1);
  assert.match(
    added.json.error.message,
    /answered 200 with an error: bad_verification_code \(bad_verification_code happened\)/,
  );
});

Deno.test("Slack's answers are read: a person's tokens in authed_user, and ok: false as a refusal", async () => {
  await using slack = startSlack();
  await using refusing = startSlack({ error: "bad_client_secret" });
  await using home = await Home.make();
  await pointAt(home, "slack", slack, ["--callback-port", "0"]);
  const env = clientOf("slack");
  const added = await home.run(["add", "chat", "--provider", "slack", "--json"], { env });
  assert.equal(added.code, 0, added.stderr);
  assert.equal(added.json.scope, "users:read chat:write");
  assert.equal((await home.run(["token", "chat"])).stdout, "xoxp-1\n");
  assert.match(
    slack.requests("/authorize")[0]!.url.searchParams.get("redirect_uri")!,
    /^http:\/\/localhost:\d+\/callback$/,
  );
  await pointAt(home, "slack", refusing, ["--callback-port", "0", "--force"]);
  const refused = await home.run(["add", "again", "--provider", "slack", "--json"], { env });
  assertError(refused, "REGISTRATION_FAILED", 1);
  assert.match(refused.json.error.message, /answered 200 with an error: bad_client_secret/);
});

Deno.test("Atlassian gets its audience, and the only site of the account is taken and remembered", async () => {
  await using atlassian = startAtlassian([SITES[0]!, SITES[0]!]);
  await using home = await Home.make();
  await pointAt(home, "atlassian", atlassian, [
    "--sites-url",
    `${atlassian.origin}/oauth/token/accessible-resources`,
  ]);
  const added = await home.run(["add", "jira", "--provider", "atlassian"], { env: clientOf("atlassian") });
  assert.match(added.stdout, /^✓ Signed in to jira \(site Acme\)\n$/, added.stderr);
  const status = await home.run(["status", "jira"]);
  assert.match(status.stdout, /^Site: +Acme \(11223344-a1b2\), https:\/\/acme.atlassian.net$/m);
  assert.deepEqual((await home.run(["status", "jira", "--json"])).json.site, SITES[0]);
});

Deno.test("of several sites, the one that --site names is taken: by name, id or URL", async () => {
  await using atlassian = startAtlassian(SITES);
  await using home = await Home.make();
  await pointAt(home, "atlassian", atlassian, [
    "--sites-url",
    `${atlassian.origin}/oauth/token/accessible-resources`,
  ]);
  const env = clientOf("atlassian");
  const none = await home.run(["add", "jira", "--provider", "atlassian", "--json"], { env });
  assertError(none, "CONFIG_MISSING", 5, /--site <id>/);
  assert.match(none.json.error.message, /"Acme" \(11223344-a1b2, .*"Other" \(99887766-c3d4/);
  assert.deepEqual((await home.run(["list", "--json"])).json, []);
  const wishes = ["other", "99887766-c3d4", "https://other.atlassian.net/", "other.atlassian.net"];
  for (const [index, site] of wishes.entries()) {
    const name = `jira-${index}`;
    const added = await home.run(["add", name, "--provider", "atlassian", "--site", site, "--json"], { env });
    assert.equal(added.json.site?.name, "Other", added.stderr);
  }
  const again = await home.run(["login", "jira-0"], { env });
  assert.equal(again.code, 0, again.stderr);
  assert.equal((await home.run(["status", "jira-0", "--json"])).json.site.name, "Other");
  const wrong = await home.run(["login", "jira-1", "--site", "nobody's", "--json"], { env });
  assertError(wrong, "CONFIG_INVALID", 1);
  assert.equal((await home.run(["status", "jira-1", "--json"])).json.site.name, "Other");
});

Deno.test("--site where there are no sites is refused before anybody has to approve", async () => {
  await using github = startGithub();
  await using home = await Home.make();
  await pointAt(home, "github", github);
  const added = await home.run(["add", "gh", "--provider", "github", "--site", "x", "--json"], {
    env: clientOf("github"),
  });
  assertError(added, "USAGE", 2);
  assert.equal(github.requests("/authorize").length, 0);
});

Deno.test("the client of a provider's variables goes to that provider alone", async () => {
  const challenge = () => new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } });
  await using other = startVendor({ other: { "/mcp": challenge } });
  await using home = await Home.make();
  const env = { ...clientOf("github"), ...clientOf("notion") };
  const runs = [
    ["add", "a", other.server.url, "--provider", "github", "--authorization-server", other.origin],
    ["add", "b", other.server.url, "--provider", "notion"],
    ["add", "c", other.server.url],
  ];
  for (const run of runs) await home.run(run, { env });
  assert.equal(other.requests("/register").length > 0, true);
  const sent = other.server.received.map(({ target, body, headers }) =>
    `${target} ${body} ${headers.get("authorization")}`
  );
  for (const line of sent) assert.doesNotMatch(line, /vendor-(client|secret)|dmVuZG9y/);
});

Deno.test("a provider whose placeholder has no value says which one it needs", async () => {
  await using home = await Home.make();
  const added = await home.run(["add", "corp", "--provider", "okta", "--json"]);
  assertError(added, "CONFIG_MISSING", 5, /--provider-param domain=<value>/);
  const bad = await home.run([
    "add",
    "corp",
    "--provider",
    "okta",
    "--provider-param",
    "domain=a/b",
    "--json",
  ]);
  assertError(bad, "USAGE", 2);
  const unknown = await home.run(["add", "corp", "--provider", "nobody", "--json"]);
  assertError(unknown, "NOT_FOUND", 5, /provider list/);
  const mcpAlone = await home.run(["add", "n", "--provider", "notion", "--json"]);
  assertError(mcpAlone, "CONFIG_INVALID", 1, /mcp\.notion\.com/);
});

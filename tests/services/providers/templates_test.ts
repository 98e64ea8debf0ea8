/**
 * The providers that come with the program: each is data that can be used as it stands, has a source and a date, and
 * knows no more than that says.
 *
 * @module
 */
import { deepEqual, doesNotMatch, equal, match, ok, throws } from "node:assert/strict";
import { QUIRKS } from "../../../lib/primitives/oauth/quirks/table.ts";
import { parseAuthorizeParameter } from "../../../lib/primitives/oauth/authorize_parameters.ts";
import { parseWebUrl } from "../../../lib/primitives/web_url.ts";
import { openStore } from "../../../lib/services/credentials/mod.ts";
import {
  apiUrlOf,
  applyProvider,
  BUILT_IN,
  clientFromEnvironment,
  clientVariables,
  parseProviderParameter,
  providerOf,
  ProviderRegistry,
  type ProviderTemplate,
  quirksOf,
} from "../../../lib/services/providers/mod.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { coded } from "../../primitives/coded_error.ts";

const WANTED = [
  "atlassian",
  "auth0",
  "cloudflare",
  "entra",
  "figma",
  "github",
  "google",
  "hubspot",
  "keycloak",
  "linear",
  "notion",
  "okta",
  "salesforce",
  "sentry",
  "slack",
  "supabase",
  "vercel",
];

const named = (name: string) => BUILT_IN.find((template) => template.name === name)!;

/** A value for each placeholder. */
const sample = ({ parameters = {} }: ProviderTemplate) =>
  Object.fromEntries(Object.keys(parameters).map((name) => [name, "tenant.example.com"]));

Deno.test("the providers are those that were promised, in the order of their names", () => {
  deepEqual(BUILT_IN.map(({ name }) => name), WANTED);
});

for (const template of BUILT_IN) {
  Deno.test(`what is known of ${template.name} has a source and a date, and can be used as it stands`, () => {
    const { source, setUpPage, quirks = [], mcp, api, title, notes = [] } = template;
    for (const page of [source!.url, ...source!.also ?? []]) equal(parseWebUrl(page).protocol, "https:");
    match(source!.checked, /^20\d\d-\d\d-\d\d$/);
    ok(title.length > 1);
    ok(mcp !== undefined || api !== undefined);
    for (const quirk of quirks) ok(Object.hasOwn(QUIRKS, quirk), quirk);
    for (const host of mcp?.hosts ?? []) match(host, /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+$/);
    for (const [member, value] of Object.entries(mcp?.server ?? {})) {
      if (member !== "tokenEndpointAuthMethod") equal(parseWebUrl(value).protocol, "https:");
    }
    for (const note of notes) match(note, /^[A-Z].*\.$/);
    if (setUpPage !== undefined) parseWebUrl(setUpPage.replaceAll(/\{[a-z]+\}/g, "x"));
    const entry = { name: "x", url: "https://api.example/", kind: "api" as const, options: {} };
    if (api === undefined) {
      return throws(() => apiUrlOf(template, {}), coded("CONFIG_INVALID", /only its MCP servers/));
    }
    const applied = applyProvider(template, {
      ...entry,
      options: { provider: template.name, providerParameters: sample(template) },
    });
    const { tokenEndpointAuthMethod: _method, ...urls } = applied.options.authorizationServer!;
    for (const url of Object.values(urls)) {
      equal(parseWebUrl(url).protocol, "https:");
      doesNotMatch(url, /[{}]/);
    }
    equal(new URL(apiUrlOf(template, sample(template))).protocol, "https:");
    for (const pair of Object.entries(applied.options.authorizeParameters ?? {})) {
      parseAuthorizeParameter(pair.join("="));
    }
    deepEqual(applied.options.scopes, api.scopes);
    const hasDefaults = Object.values(template.parameters ?? {}).every((each) => each.default !== undefined);
    if (hasDefaults) return void apiUrlOf(template, {});
    throws(() => applyProvider(template, entry), coded("CONFIG_MISSING", /--provider-param|is not known/));
  });
}

Deno.test("no two providers know the same host", () => {
  const hosts = BUILT_IN.flatMap(({ mcp }) => mcp?.hosts ?? []);
  equal(new Set(hosts).size, hosts.length);
});

const RECOGNIZED: readonly (readonly [url: string, name: string | undefined])[] = [
  ["https://mcp.slack.com/mcp", "slack"],
  ["https://mcp.notion.com/mcp", "notion"],
  ["https://api.githubcopilot.com/mcp/", "github"],
  ["https://docs.mcp.cloudflare.com/sse", "cloudflare"],
  ["https://mcp.cloudflare.com/mcp", "cloudflare"],
  ["https://gmailmcp.googleapis.com/mcp/v1", "google"],
  ["https://googleapis.com/mcp", undefined],
  ["https://mcp.slack.com.evil.example/mcp", undefined],
  ["https://evilmcp.slack.com/mcp", undefined],
  ["https://mcp.slack.com:8443/mcp", undefined],
  ["https://xmcp.cloudflare.com/mcp", undefined],
  ["https://mcp.example.com/mcp", undefined],
];

for (const [url, name] of RECOGNIZED) {
  Deno.test(`${url} is ${name === undefined ? "nobody's that is known" : `recognized as ${name}'s`}`, async () => {
    using store = openStore({ env: fakeEnv(), keystore: "memory" });
    const registry = new ProviderRegistry(store);
    const entry = { name: "x", url, options: {} };
    equal((await providerOf(registry, entry))?.name, name);
    equal(await providerOf(registry, { ...entry, options: { provider: "none" } }), undefined);
    equal((await providerOf(registry, { ...entry, options: { provider: "linear" } }))?.name, "linear");
    equal(await providerOf(registry, { ...entry, kind: "api" }), undefined);
  });
}

Deno.test("what the entry says wins over what is known of its provider", () => {
  const options = {
    provider: "atlassian",
    scopes: ["read:confluence"],
    authorizeParameters: { prompt: "login" },
    authorizationServer: { issuer: "https://own.example" },
    callbackPorts: [9999],
  };
  const url = "https://api.atlassian.com";
  const applied = applyProvider(named("atlassian"), { name: "x", url, kind: "api", options });
  deepEqual(applied.options.scopes, ["read:confluence"]);
  deepEqual(applied.options.authorizeParameters, { audience: "api.atlassian.com", prompt: "login" });
  deepEqual(applied.options.authorizationServer, { issuer: "https://own.example" });
  const slack = applyProvider(named("slack"), { name: "x", url: "https://mcp.slack.com/mcp", options });
  deepEqual([slack.options.callbackPorts, slack.options.callbackHost], [[9999], "localhost"]);
  const own = { redirectUri: "https://cb.example/cb" };
  const redirected = applyProvider(named("salesforce"), {
    name: "x",
    url: "https://api.salesforce.com/platform/mcp/v1/x",
    options: own,
  });
  deepEqual(redirected.options, own);
});

Deno.test("a vendor's MCP server is discovered; any other server of a named provider signs in where that does", () => {
  const github = { name: "x", url: "https://api.githubcopilot.com/mcp/", options: {} };
  const { options: known, adds } = applyProvider(named("github"), github);
  equal(known.authorizationServer, undefined);
  equal(known.scopes, undefined);
  deepEqual(adds, []);
  const url = "https://mcp.example.com/mcp";
  const options = { provider: "auth0", providerParameters: { domain: "corp.eu.auth0.com" } };
  const auth0 = applyProvider(named("auth0"), { name: "x", url, options });
  deepEqual(auth0.options.authorizationServer, { issuer: "https://corp.eu.auth0.com/" });
  equal(auth0.options.scopes, undefined);
  deepEqual(auth0.scopes, named("auth0").api!.scopes);
  deepEqual(auth0.adds, ["where to sign in"]);
});

Deno.test("where a vendor's metadata cannot be accepted, its MCP server signs in where it is known to; scopes are asked of it", () => {
  const slack = applyProvider(named("slack"), { name: "x", url: "https://mcp.slack.com/mcp", options: {} });
  deepEqual(slack.options.authorizationServer, {
    issuer: "https://mcp.slack.com",
    ...named("slack").api!.server,
  });
  equal(slack.options.scopes, undefined);
  equal(slack.scopes, undefined);
  deepEqual(slack.adds, ["where to sign in", "callback at localhost:3118"]);
  const others = BUILT_IN.filter(({ mcp }) => mcp?.server !== undefined).map(({ name }) => name);
  deepEqual(others, ["slack"]);
});

Deno.test("a client from a provider's variables is only used where it can go to that provider alone", () => {
  deepEqual(clientVariables("work-okta.2"), {
    id: "WORK_OKTA_2_CLIENT_ID",
    secret: "WORK_OKTA_2_CLIENT_SECRET",
  });
  const env = fakeEnv({ GITHUB_CLIENT_ID: "id", GITHUB_CLIENT_SECRET: "secret", NOTION_CLIENT_ID: "n" });
  const at = (name: string, url: string, options = {}, kind?: "api") =>
    clientFromEnvironment(
      env,
      applyProvider(named(name), { name: "x", url, options, ...(kind && { kind }) }),
    );
  const client = { clientId: "id", clientSecret: "secret" };
  deepEqual(at("github", "https://api.github.com", {}, "api"), client);
  deepEqual(at("github", "https://api.githubcopilot.com/mcp/"), client);
  deepEqual(at("github", "https://elsewhere.example/mcp"), client); // It signs in at GitHub, by name.
  const other = { authorizationServer: { issuer: "https://elsewhere.example" } };
  equal(at("github", "https://api.githubcopilot.com/mcp/", other), undefined);
  equal(at("notion", "https://elsewhere.example/mcp"), undefined);
  deepEqual(at("notion", "https://mcp.notion.com/mcp"), { clientId: "n", clientSecret: undefined });
});

Deno.test("a parameter stands for a host or a word, and for nothing that leaves its place in a URL", () => {
  deepEqual(parseProviderParameter("domain=sso.example.com:8443"), ["domain", "sso.example.com:8443"]);
  for (const value of ["a/b", "a@b", "a?b", "a#b", "", "-a", "a b", "a:99999999", "{x}", "a\\b", "a%2fb"]) {
    throws(() => parseProviderParameter(`domain=${value}`), coded("USAGE", /provider parameter/), value);
  }
  throws(() => parseProviderParameter("Domain=x"), coded("USAGE", /provider parameter/));
});

Deno.test("the quirks of an entry are those that it names, its provider's, its issuer's and those that were learned", () => {
  deepEqual(quirksOf({ options: {} }), []);
  deepEqual(quirksOf({ options: { quirks: ["omit-resource", "no-such"], allowMissingPkceMetadata: true } }), [
    "omit-resource",
    "assume-pkce",
  ]);
  deepEqual(quirksOf({ options: {} }, named("entra")), ["omit-resource", "repeat-scope", "assume-pkce"]);
  const issuer = "https://login.microsoftonline.com/t/v2.0";
  deepEqual(quirksOf({ options: {} }, undefined, { issuer }), [
    "omit-resource",
    "repeat-scope",
    "assume-pkce",
  ]);
  deepEqual(quirksOf({ options: {} }, undefined, { issuer: "https://x.example", quirks: ["repeat-scope"] }), [
    "repeat-scope",
  ]);
});

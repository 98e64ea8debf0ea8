/**
 * Providers in the library: listed and defined, and an API signed in to by one, whose token goes to that API alone.
 *
 * @see features, providers without MCP discovery
 * @module
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { createClient, type McpAuthClient, type ProviderDefinition } from "@x/mcp-auth/sdk";
import { startAtlassian, type Vendor } from "../../acceptance/vendors.ts";
import { coded } from "../../primitives/coded_error.ts";
import { serve } from "../../primitives/http/local_server.ts";
import { approve } from "../../services/signin/signing_in.ts";

const SITES = [
  { id: "1", name: "Acme", url: "https://acme.example" },
  { id: "2", name: "Other", url: "https://other.example" },
];

/** A definition of a vendor on loopback whose API is elsewhere. */
function definition({ origin }: Vendor, apiUrl: string): ProviderDefinition {
  return {
    name: "corp",
    like: "atlassian",
    server: { authorizationEndpoint: `${origin}/authorize`, tokenEndpoint: `${origin}/token` },
    apiUrl,
    sitesUrl: `${origin}/oauth/token/accessible-resources`,
    callbackPorts: [0],
  };
}

function inMemory(): McpAuthClient {
  return createClient({ keystore: "memory", openBrowser: approve });
}

const own = { options: { clientId: "vendor-client" }, clientSecret: "vendor-secret" };

Deno.test("an API is signed in to by its provider, and fetched with the token; the token goes nowhere else", async () => {
  await using vendor = startAtlassian(SITES);
  await using api = serve(({ headers }) => Response.json({ authorization: headers.get("authorization") }));
  using client = inMemory();
  const defined = await client.providers.define(definition(vendor, `${api.origin}/v1`));
  equal(defined.ok && defined.value.title, "Atlassian");
  const asked: string[] = [];
  const signedIn = await client.authenticate("jira", {
    provider: "corp",
    chooseSite: (sites) => {
      asked.push(...sites.map(({ name }) => name));
      return Promise.resolve(sites[1]!);
    },
    ...own,
  });
  equal(signedIn.ok, true, signedIn.ok ? "" : signedIn.error.message);
  deepEqual(asked, ["Acme", "Other"]);
  const status = await client.getStatus("jira");
  deepEqual(status.ok && [status.value.provider, status.value.site, status.value.url], [
    "corp",
    SITES[1],
    `${api.origin}/v1`,
  ]);
  const fetched = await client.authorizedFetch("jira")(`${api.origin}/v1/issues`);
  equal((await fetched.json()).authorization, `Bearer ${signedIn.ok ? signedIn.value.accessToken : ""}`);
  deepEqual(api.asked, ["GET /v1/issues"]); // It was not asked for a challenge.
  await rejects(client.authorizedFetch("jira")(`${vendor.origin}/x`), coded("UNSAFE_URL"));
});

Deno.test("several sites and nobody to choose are an error that names them, and --site's wish is an option", async () => {
  await using vendor = startAtlassian(SITES);
  using client = inMemory();
  await client.providers.define(definition(vendor, `${vendor.origin}/api`));
  const several = await client.authenticate("jira", { provider: "corp", ...own });
  equal(several.ok ? "" : several.error.code, "CONFIG_MISSING");
  const wished = await client.authenticate("jira", { provider: "corp", site: "acme", ...own });
  equal(wished.ok, true);
  const other = await client.authenticate("jira", { provider: "github" });
  equal(other.ok ? "" : other.error.code, "CONFIG_INVALID");
});

Deno.test("providers are listed and removed, and mistakes are results", async () => {
  using client = inMemory();
  const all = await client.providers.list();
  equal(all.ok && all.value.some(({ name }) => name === "github"), true);
  const bad = await client.providers.define({ name: "x", server: {} });
  equal(bad.ok ? "" : bad.error.code, "USAGE");
  const builtIn = await client.providers.remove("github");
  equal(builtIn.ok ? "" : builtIn.error.code, "CONFIG_INVALID");
  const none = await client.providers.get("nobody");
  equal(none.ok ? "" : none.error.code, "NOT_FOUND");
  const unnamed = await client.authenticate("x", {});
  equal(unnamed.ok ? "" : unnamed.error.code, "NOT_FOUND");
});

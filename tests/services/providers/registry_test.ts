/**
 * Providers that the user defines: what they say, what they take from a known one, and which definitions are refused.
 *
 * @module
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import {
  type CredentialStore,
  openStore,
  type ProviderRecord,
} from "../../../lib/services/credentials/mod.ts";
import { applyProvider, BUILT_IN, ProviderRegistry } from "../../../lib/services/providers/mod.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { coded } from "../../primitives/coded_error.ts";

const CORP: ProviderRecord = {
  name: "corp",
  createdAt: 1,
  server: { issuer: "https://sso.example.com/{realm}" },
  apiUrl: "https://api.example.com",
  hosts: ["*.mcp.example.com"],
  scopes: ["openid"],
  quirks: ["omit-resource"],
};

async function withRegistry(use: (registry: ProviderRegistry, store: CredentialStore) => Promise<void>) {
  using store = openStore({ env: fakeEnv(), keystore: "memory" });
  await use(new ProviderRegistry(store), store);
}

Deno.test("a provider that was defined is named, listed and recognized, and gone when it is removed", () =>
  withRegistry(async (registry) => {
    await registry.define(CORP);
    const template = await registry.named("corp");
    deepEqual(await registry.recognized("https://a.mcp.example.com/mcp"), template);
    equal((await registry.all()).length, BUILT_IN.length + 1);
    await rejects(registry.define(CORP), coded("CONFIG_INVALID", /is defined already/));
    await registry.define({ ...CORP, title: "Corp" }, { replace: true });
    equal((await registry.named("corp")).title, "Corp");
    await registry.remove("corp");
    await rejects(registry.named("corp"), coded("NOT_FOUND", /there is none/));
    await rejects(registry.remove("corp"), coded("NOT_FOUND", /there is none/));
  }));

Deno.test("an MCP server of a provider that was defined signs in where its definition says", () =>
  withRegistry(async (registry) => {
    const template = await registry.define(CORP);
    const entry = {
      name: "x",
      url: "https://a.mcp.example.com/mcp",
      options: { providerParameters: { realm: "staff" } },
    };
    const applied = applyProvider(template, entry);
    deepEqual(applied.options.authorizationServer, { issuer: "https://sso.example.com/staff" });
    deepEqual(applied.options.quirks, ["omit-resource"]);
    equal(applied.trusted, true);
  }));

Deno.test("a definition takes the place of a provider that comes with the program, and gives it back", () =>
  withRegistry(async (registry) => {
    await registry.define({
      name: "github",
      createdAt: 1,
      like: "github",
      server: { authorizationEndpoint: "https://git.example/a", tokenEndpoint: "https://git.example/t" },
      hosts: ["mcp.git.example"],
    });
    const own = await registry.named("github");
    deepEqual(own.api?.server, {
      authorizationEndpoint: "https://git.example/a",
      tokenEndpoint: "https://git.example/t",
    });
    deepEqual(own.api?.scopes, ["read:user"]);
    equal(own.source, undefined);
    equal(await registry.recognized("https://api.githubcopilot.com/mcp/"), undefined);
    equal((await registry.recognized("https://mcp.git.example/mcp"))?.name, "github");
    await registry.remove("github");
    equal((await registry.recognized("https://api.githubcopilot.com/mcp/"))?.name, "github");
    await rejects(registry.remove("github"), coded("CONFIG_INVALID", /comes with the program/));
  }));

const REFUSED: readonly (readonly [string, Partial<ProviderRecord>, Parameters<typeof coded>])[] = [
  ["no server", { server: {}, hosts: [] }, ["USAGE", /where to sign in/]],
  ["half a server", { server: { tokenEndpoint: "https://x.example/t" } }, ["USAGE", /where to sign in/]],
  ["an issuer in the clear", { server: { issuer: "http://sso.example" } }, ["UNSAFE_URL", /http is allowed/]],
  ["an endpoint that is no URL", { server: { issuer: "https://x.example", userinfoEndpoint: "x" } }, [
    "UNSAFE_URL",
    /not an absolute URL/,
  ]],
  ["a host that is a URL", { hosts: ["https://x.example"] }, ["USAGE", /--host/]],
  ["a host with a star in it", { hosts: ["a.*.example"] }, ["USAGE", /--host/]],
  ["a quirk that is none", { quirks: ["be-nice"] }, ["USAGE", /quirk "be-nice"/]],
  ["a quirk that is allowed for anyway", { quirks: ["form-encoded-answer"] }, ["USAGE", /quirk/]],
  ["a name that is none", { name: "Corp" }, ["USAGE", /name of a provider/]],
  ["the name for no provider", { name: "none" }, ["USAGE", /name of a provider/]],
  ["like nothing that is known", { like: "nobody" }, ["NOT_FOUND", /no such provider/]],
];

for (const [description, change, error] of REFUSED) {
  Deno.test(`a definition is refused that has ${description}`, () =>
    withRegistry(async (registry, store) => {
      await rejects(registry.define({ ...CORP, ...change }), coded(...error));
      deepEqual(await (await store.providers()).list(), []);
    }));
}

Deno.test("a page where clients are registered is known by the issuer, too", () =>
  withRegistry(async (registry) => {
    equal((await registry.ofIssuer("https://login.microsoftonline.com/t/v2.0"))?.name, "entra");
    equal((await registry.ofIssuer("https://accounts.google.com"))?.name, "google");
    equal((await registry.ofIssuer("https://github.com/login/oauth"))?.name, "github");
    equal(await registry.ofIssuer("https://issuer.example"), undefined);
  }));

Deno.test("a definition that is like a provider that is not there any more spoils no other", () =>
  withRegistry(async (registry, store) => {
    await (await store.providers()).replace({ name: "old", createdAt: 1, like: "myspace" });
    equal((await registry.all()).length, BUILT_IN.length);
    equal((await registry.recognized("https://mcp.slack.com/mcp"))?.name, "slack");
    await rejects(registry.named("old"), coded("NOT_FOUND", /like "myspace"/));
    await registry.remove("old");
  }));

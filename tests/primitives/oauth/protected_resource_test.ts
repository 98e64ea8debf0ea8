/**
 * Where protected resource metadata may be, and which may be used.
 *
 * @see RFC 9728 sections 2, 3.1 and 3.3 (C9-C12)
 * @module
 */
import { deepEqual, equal, throws } from "node:assert/strict";
import {
  checkResource,
  parseProtectedResource,
  protectedResourceUrls,
} from "../../../lib/primitives/oauth/protected_resource.ts";
import { coded } from "../coded_error.ts";

const places: readonly (readonly [string, string, readonly string[]])[] = [
  ["a path", "https://example.com/public/mcp", [
    "https://example.com/.well-known/oauth-protected-resource/public/mcp",
    "https://example.com/.well-known/oauth-protected-resource",
  ]],
  ["no path", "https://example.com", ["https://example.com/.well-known/oauth-protected-resource"]],
  ["the root path", "https://example.com/", ["https://example.com/.well-known/oauth-protected-resource"]],
  ["a final slash, which belongs to its path", "https://example.com/mcp/", [
    "https://example.com/.well-known/oauth-protected-resource/mcp/",
    "https://example.com/.well-known/oauth-protected-resource/mcp",
    "https://example.com/.well-known/oauth-protected-resource",
  ]],
  ["a query", "https://example.com/mcp?tenant=1", [
    "https://example.com/.well-known/oauth-protected-resource/mcp?tenant=1",
    "https://example.com/.well-known/oauth-protected-resource",
  ]],
  ["a query at the root", "https://example.com/?tenant=1", [
    "https://example.com/.well-known/oauth-protected-resource?tenant=1",
    "https://example.com/.well-known/oauth-protected-resource",
  ]],
  ["a fragment, which is dropped", "https://example.com/mcp#x", [
    "https://example.com/.well-known/oauth-protected-resource/mcp",
    "https://example.com/.well-known/oauth-protected-resource",
  ]],
  ["a port", "http://localhost:3000/mcp", [
    "http://localhost:3000/.well-known/oauth-protected-resource/mcp",
    "http://localhost:3000/.well-known/oauth-protected-resource",
  ]],
  ["an encoded path", "https://example.com/a%2Fb", [
    "https://example.com/.well-known/oauth-protected-resource/a%2Fb",
    "https://example.com/.well-known/oauth-protected-resource",
  ]],
];

for (const [description, serverUrl, urls] of places) {
  Deno.test(`the metadata of a server with ${description} is looked for in its places`, () => {
    deepEqual(protectedResourceUrls(serverUrl), urls);
  });
}

const resources: readonly (readonly [string, string, string, boolean])[] = [
  ["the same URL", "https://example.com/mcp", "https://example.com/mcp", true],
  ["the same URL with a query", "https://example.com/mcp?a=1", "https://example.com/mcp?a=1", true],
  ["the origin without a slash", "https://example.com", "https://example.com/mcp", true],
  ["the origin with a slash", "https://example.com/", "https://example.com/mcp", true],
  ["a parent path", "https://example.com/a", "https://example.com/a/b/mcp", true],
  ["a parent path with a final slash", "https://example.com/a/", "https://example.com/a/b/mcp", true],
  ["the path with a final slash", "https://example.com/mcp/", "https://example.com/mcp", true],
  ["the path without its final slash", "https://example.com/mcp", "https://example.com/mcp/", true],
  ["the origin with its default port", "https://example.com:443", "https://example.com/mcp", true],
  ["the origin in capitals", "HTTPS://EXAMPLE.COM/mcp", "https://example.com/mcp", true],
  ["the server without its query", "https://example.com/mcp", "https://example.com/mcp?a=1", true],
  ["a parent with the same query", "https://example.com/?a=1", "https://example.com/mcp?a=1", true],
  ["a path that is a prefix by characters", "https://example.com/mc", "https://example.com/mcp", false],
  ["a path that is a prefix up to a hyphen", "https://example.com/mcp", "https://example.com/mcp-2", false],
  ["a path below the server's", "https://example.com/mcp/sub", "https://example.com/mcp", false],
  ["another path", "https://example.com/other", "https://example.com/mcp", false],
  ["a path in other case", "https://example.com/MCP", "https://example.com/mcp", false],
  ["another host", "https://evil.example.com/mcp", "https://example.com/mcp", false],
  ["a host that ends alike", "https://notexample.com/mcp", "https://example.com/mcp", false],
  ["a host that begins alike", "https://example.com.evil.com/mcp", "https://example.com/mcp", false],
  ["another port", "https://example.com:8443/mcp", "https://example.com/mcp", false],
  ["http in place of https", "http://example.com/mcp", "https://example.com/mcp", false],
  ["https in place of http", "https://localhost:3000/mcp", "http://localhost:3000/mcp", false],
  ["another name of loopback", "http://127.0.0.1:3000/mcp", "http://localhost:3000/mcp", false],
  ["another query", "https://example.com/mcp?a=2", "https://example.com/mcp?a=1", false],
  ["a query where the server has none", "https://example.com/mcp?a=1", "https://example.com/mcp", false],
  ["a fragment", "https://example.com/mcp#x", "https://example.com/mcp", false],
  ["an empty fragment", "https://example.com/mcp#", "https://example.com/mcp", false],
  ["a user name", "https://user@example.com/mcp", "https://example.com/mcp", false],
  ["a password", "https://:secret@example.com/mcp", "https://example.com/mcp", false],
  ["a blank before it", " https://example.com/mcp", "https://example.com/mcp", false],
  ["a line break in it", "https://example.com/m\ncp", "https://example.com/mcp", false],
  ["a backslash", "https:\\\\example.com\\mcp", "https://example.com/mcp", false],
  ["a relative reference", "/mcp", "https://example.com/mcp", false],
  ["a blob of the origin", "blob:https://example.com/mcp", "https://example.com/mcp", false],
  ["a URN", "urn:example:mcp", "https://example.com/mcp", false],
  ["a script", "javascript:alert(1)", "https://example.com/mcp", false],
  ["an escape sequence", "\u001b[31m", "https://example.com/mcp", false],
];

for (const [description, resource, serverUrl, accepted] of resources) {
  Deno.test(`row 29: metadata for ${description} is ${accepted ? "accepted" : "refused"}`, () => {
    if (accepted) return checkResource(resource, serverUrl);
    throws(() => checkResource(resource, serverUrl), coded("RESOURCE_MISMATCH"));
  });
}

const source = "https://example.com/.well-known/oauth-protected-resource";

Deno.test("a document is taken over verbatim, and what is not used is left out", () => {
  deepEqual(
    parseProtectedResource({
      resource: "https://EXAMPLE.com:443/a/../mcp",
      authorization_servers: ["https://auth.example.com", "https://Auth.example.com/"],
      scopes_supported: ["b", "a"],
      resource_name: "My \u001b[31mserver",
      bearer_methods_supported: ["header"],
      jwks_uri: 4,
    }, source),
    {
      resource: "https://EXAMPLE.com:443/a/../mcp",
      authorizationServers: ["https://auth.example.com", "https://Auth.example.com/"],
      scopesSupported: ["b", "a"],
      resourceName: "My  [31mserver",
    },
  );
});

Deno.test("null and empty members count as absent", () => {
  const expected = { resource: "https://example.com", authorizationServers: [] };
  for (const empty of [null, undefined, []]) {
    deepEqual(
      parseProtectedResource({
        resource: "https://example.com",
        authorization_servers: empty,
        scopes_supported: empty,
        resource_name: null,
      }, source),
      expected,
    );
  }
});

Deno.test("of hundreds of authorization servers sixteen are looked at", () => {
  const many = Array.from({ length: 500 }, (_, index) => `https://auth${index}.example.com`);
  const { authorizationServers } = parseProtectedResource(
    { resource: "https://example.com", authorization_servers: many },
    source,
  );
  equal(authorizationServers.length, 16);
});

const wrong: readonly (readonly [string, unknown, RegExp])[] = [
  ["null", null, /it is not a JSON object/],
  ["a list", [], /it is not a JSON object/],
  ["a string", "x", /it is not a JSON object/],
  ["no resource", {}, /"resource" is not a string/],
  ["an empty resource", { resource: "" }, /"resource" is not a string/],
  ["a resource that is a number", { resource: 1 }, /"resource" is not a string/],
  ["a resource that is a list", { resource: ["https://example.com"] }, /"resource" is not a string/],
  ["servers in a string", { resource: "x", authorization_servers: "y" }, /not a list of strings/],
  ["servers in an object", { resource: "x", authorization_servers: {} }, /not a list of strings/],
  ["a server that is null", { resource: "x", authorization_servers: [null] }, /not a list of strings/],
  ["a server that is a list", { resource: "x", authorization_servers: [["y"]] }, /not a list of strings/],
  ["scopes in a string", { resource: "x", scopes_supported: "a b" }, /"scopes_supported" is not a list/],
];

for (const [description, json, why] of wrong) {
  Deno.test(`a document with ${description} is refused`, () => {
    throws(() => parseProtectedResource(json, source), coded("DISCOVERY_FAILED", why));
  });
}

Deno.test("what a resource says of DPoP is kept, and what it says wrongly is not (RFC 9728 section 2)", () => {
  const parse = (changes: Record<string, unknown>) =>
    parseProtectedResource({ resource: "https://example.com/mcp", ...changes }, source);
  deepEqual(
    parse({ dpop_bound_access_tokens_required: true, dpop_signing_alg_values_supported: ["ES256"] }),
    {
      resource: "https://example.com/mcp",
      authorizationServers: [],
      dpopBoundAccessTokensRequired: true,
      dpopSigningAlgValuesSupported: ["ES256"],
    },
  );
  for (const value of ["ES256", [], [1], {}, null]) {
    const document = parse({
      dpop_bound_access_tokens_required: "true",
      dpop_signing_alg_values_supported: value,
    });
    deepEqual(document, { resource: "https://example.com/mcp", authorizationServers: [] });
  }
});

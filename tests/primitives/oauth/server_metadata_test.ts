/**
 * Where authorization server metadata may be, and which may be used.
 *
 * @see RFC 8414 sections 2, 3.1 and 3.3; OpenID Connect Discovery 1.0 section 4 (C15-C21)
 * @module
 */
import { deepEqual, doesNotMatch, equal, match, ok, throws } from "node:assert/strict";
import {
  checkIssuer,
  fallbackServerMetadata,
  parseServerMetadata,
  requireAuthorizationEndpoint,
  serverMetadataUrls,
  tokenServerMetadata,
  unusableMembers,
} from "../../../lib/primitives/oauth/server_metadata.ts";
import { coded } from "../coded_error.ts";

const root = [
  "https://auth.example.com/.well-known/oauth-authorization-server",
  "https://auth.example.com/.well-known/openid-configuration",
];
const tenant = [
  "https://auth.example.com/.well-known/oauth-authorization-server/tenant1",
  "https://auth.example.com/.well-known/openid-configuration/tenant1",
  "https://auth.example.com/tenant1/.well-known/openid-configuration",
];

const orders: readonly (readonly [string, string, readonly string[]])[] = [
  ["without a path", "https://auth.example.com", root],
  ["with a final slash alone", "https://auth.example.com/", root],
  ["with a path", "https://auth.example.com/tenant1", tenant],
  ["with a path and a final slash", "https://auth.example.com/tenant1/", tenant],
  ["with a long path", "https://auth.example.com/a/b", [
    "https://auth.example.com/.well-known/oauth-authorization-server/a/b",
    "https://auth.example.com/.well-known/openid-configuration/a/b",
    "https://auth.example.com/a/b/.well-known/openid-configuration",
  ]],
  ["with a port", "http://localhost:4000", [
    "http://localhost:4000/.well-known/oauth-authorization-server",
    "http://localhost:4000/.well-known/openid-configuration",
  ]],
  ["with its default port", "https://auth.example.com:443/tenant1", tenant],
  ["with an encoded path", "https://auth.example.com/a%2Fb", [
    "https://auth.example.com/.well-known/oauth-authorization-server/a%2Fb",
    "https://auth.example.com/.well-known/openid-configuration/a%2Fb",
    "https://auth.example.com/a%2Fb/.well-known/openid-configuration",
  ]],
];

for (const [description, issuer, urls] of orders) {
  Deno.test(`an issuer ${description} has its metadata in these places, in order`, () => {
    deepEqual(serverMetadataUrls(issuer), urls);
  });
}

Deno.test("a path of 400,000 slashes takes no time", () => {
  const started = performance.now();
  serverMetadataUrls(`https://auth.example.com/${"/".repeat(400_000)}x`);
  ok(performance.now() - started < 500);
});

const issuers: readonly (readonly [string, string, boolean])[] = [
  ["https://auth.example.com", "https://auth.example.com", true],
  ["https://auth.example.com/", "https://auth.example.com", true],
  ["https://auth.example.com", "https://auth.example.com/", true],
  ["https://auth.example.com/tenant1", "https://auth.example.com/tenant1", true],
  ["https://auth.example.com/tenant1/", "https://auth.example.com/tenant1/", true],
  ["https://auth.example.com/tenant1/", "https://auth.example.com/tenant1", false],
  ["https://auth.example.com/tenant1", "https://auth.example.com/tenant1/", false],
  ["https://auth.example.com//", "https://auth.example.com", false],
  ["https://auth.example.com//", "https://auth.example.com/", false],
  ["https://AUTH.example.com", "https://auth.example.com", false],
  ["https://auth.example.com:443", "https://auth.example.com", false],
  ["http://auth.example.com", "https://auth.example.com", false],
  ["https://auth.example.com/tenant2", "https://auth.example.com/tenant1", false],
  ["https://auth.example.com", "https://auth.example.com/tenant1", false],
  ["https://auth.example.com/%74enant1", "https://auth.example.com/tenant1", false],
  ["https://auth.example.com/?x", "https://auth.example.com", false],
  ["https://auth.example.com#", "https://auth.example.com", false],
  [" https://auth.example.com", "https://auth.example.com", false],
  ["https://auth.example.com\u0000", "https://auth.example.com", false],
  ["https://attacker.example.com", "https://auth.example.com", false],
  ["https://auth.example.com.attacker.com", "https://auth.example.com", false],
];

for (const [given, expected, accepted] of issuers) {
  Deno.test(`row 25: issuer ${JSON.stringify(given)} is ${accepted ? "" : "not "}taken for "${expected}"`, () => {
    if (accepted) return checkIssuer(given, expected, root[0] ?? "");
    throws(() => checkIssuer(given, expected, root[0] ?? ""), coded("ISSUER_MISMATCH"));
  });
}

const issuer = "https://auth.example.com";
const valid = {
  issuer,
  authorization_endpoint: "https://auth.example.com/authorize",
  token_endpoint: "https://auth.example.com/token",
};
const parse = (json: unknown, from = issuer) => parseServerMetadata(json, from, root[0] ?? "");

Deno.test("what the product uses of a document is kept verbatim, and nothing else", () => {
  const used = {
    ...valid,
    token_endpoint: "https://OTHER.example.com:443/a/../token?x=1",
    registration_endpoint: "https://auth.example.com/register",
    revocation_endpoint: "https://auth.example.com/revoke",
    scopes_supported: ["a", "b"],
    response_types_supported: ["code"],
    grant_types_supported: ["authorization_code"],
    code_challenge_methods_supported: ["S256"],
    token_endpoint_auth_methods_supported: ["none"],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
    require_pushed_authorization_requests: true,
    pushed_authorization_request_endpoint: "https://auth.example.com/par",
    device_authorization_endpoint: "https://auth.example.com/device",
    dpop_signing_alg_values_supported: ["ES256"],
    authorization_grant_profiles_supported: ["urn:ietf:params:oauth:grant-profile:id-jag"],
  };
  deepEqual(parse({ ...used, jwks_uri: "javascript:alert(1)", ui_locales_supported: 4 }), used);
});

Deno.test("row 19: null and empty members count as absent, and flags that are not true as false", () => {
  deepEqual(
    parse({
      ...valid,
      registration_endpoint: null,
      revocation_endpoint: "",
      scopes_supported: null,
      code_challenge_methods_supported: [],
      authorization_response_iss_parameter_supported: false,
      client_id_metadata_document_supported: null,
    }),
    valid,
  );
});

Deno.test("the document's own form of a path-less issuer is the one that is used", () => {
  deepEqual(parse({ ...valid, issuer: `${issuer}/` }).issuer, `${issuer}/`);
});

Deno.test("a member called __proto__ changes nothing", () => {
  const json = JSON.parse(`{"__proto__":{"registration_endpoint":"https://evil.example.com"}}`);
  deepEqual(parse(Object.assign(json, valid)), valid);
});

const optionalLists = [
  "scopes_supported",
  "response_types_supported",
  "grant_types_supported",
  "token_endpoint_auth_methods_supported",
  "token_endpoint_auth_signing_alg_values_supported",
  "dpop_signing_alg_values_supported",
  "authorization_grant_profiles_supported",
];
const optionalEndpoints = [
  "device_authorization_endpoint",
  "pushed_authorization_request_endpoint",
  "introspection_endpoint",
  "userinfo_endpoint",
];
const endpoints = [
  "authorization_endpoint",
  "token_endpoint",
  "registration_endpoint",
  "revocation_endpoint",
];

const noLists = ["S256", 1, true, {}, [1], [null], [["S256"]], ["S256", {}]];

Deno.test("PKCE methods that are no list of strings are refused: nothing may be guessed of them (C23)", () => {
  const name = "code_challenge_methods_supported";
  for (const value of noLists) {
    throws(() => parse({ ...valid, [name]: value }), coded("DISCOVERY_FAILED", new RegExp(`"${name}"`)));
  }
});

for (const name of optionalLists) {
  Deno.test(`"${name}" that is no list of strings is left out, and named for who asks`, () => {
    for (const value of noLists) {
      const document = { ...valid, [name]: value };
      deepEqual(parse(document), valid);
      deepEqual(unusableMembers(document, issuer), [`"${name}" is not a list of strings`]);
    }
    deepEqual(unusableMembers({ ...valid, [name]: null }, issuer), []);
    deepEqual(parse({ ...valid, [name]: ["a"] }), { ...valid, [name]: ["a"] });
  });
}

for (const name of optionalEndpoints) {
  Deno.test(`"${name}" that cannot be used is left out, and named for who asks`, () => {
    for (
      const value of ["javascript:alert(1)", "http://127.0.0.1:9200/", "https://u:hunter2@a.example/", 1, {}]
    ) {
      const document = { ...valid, [name]: value };
      deepEqual(parse(document), valid);
      const [why, ...more] = unusableMembers(document, issuer);
      match(why ?? "", new RegExp(name));
      doesNotMatch(why ?? "", /hunter2/);
      deepEqual(more, []);
    }
    const good = { ...valid, [name]: "https://auth.example.com/x" };
    deepEqual(parse(good), good);
    deepEqual(unusableMembers(good, issuer), []);
  });
}

Deno.test("a server without an authorization endpoint is usable, until a browser is to be sent there", () => {
  const machine = parse({ ...valid, authorization_endpoint: null });
  equal("authorization_endpoint" in machine, false);
  equal("authorization_endpoint" in tokenServerMetadata(machine), false);
  throws(
    () => requireAuthorizationEndpoint(machine),
    coded("DISCOVERY_FAILED", /"authorization_endpoint" is missing/),
  );
  equal(requireAuthorizationEndpoint(parse(valid)), valid.authorization_endpoint);
});

for (const name of endpoints) {
  Deno.test(`"${name}" that is no string is refused`, () => {
    for (const value of [1, true, {}, [], ["https://auth.example.com/"]]) {
      throws(() => parse({ ...valid, [name]: value }), coded("DISCOVERY_FAILED", new RegExp(`"${name}"`)));
    }
  });

  Deno.test(`"${name}" that is no web URL is refused`, () => {
    for (
      const value of [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://auth.example.com/x",
        "https://user:hunter2@auth.example.com/",
        "/relative",
        "\u001b[2J",
      ]
    ) {
      throws(() => parse({ ...valid, [name]: value }), coded("UNSAFE_URL", new RegExp(name)));
    }
  });

  Deno.test(`"${name}" on loopback is refused for an issuer on the web`, () => {
    const loopback = { ...valid, [name]: "http://127.0.0.1:9200/_search" };
    throws(() => parse(loopback), coded("UNSAFE_URL", /the issuer "https:\/\/auth\.example\.com" is https$/));
    const local = "http://localhost:4000";
    ok(parse({ ...loopback, issuer: local }, local)[name]);
  });
}

const refused: readonly (readonly [string, unknown, "DISCOVERY_FAILED" | "ISSUER_MISMATCH", RegExp])[] = [
  ["null", null, "DISCOVERY_FAILED", /not a JSON object/],
  ["a list", [valid], "DISCOVERY_FAILED", /not a JSON object/],
  ["no issuer", { ...valid, issuer: undefined }, "DISCOVERY_FAILED", /"issuer" is missing/],
  ["an issuer that is null", { ...valid, issuer: null }, "DISCOVERY_FAILED", /"issuer" is missing/],
  ["an issuer that is no string", { ...valid, issuer: [issuer] }, "DISCOVERY_FAILED", /"issuer" is not a/],
  ["another issuer", { ...valid, issuer: "https://evil.example.com" }, "ISSUER_MISMATCH", /evil/],
  ["no token endpoint", { ...valid, token_endpoint: "" }, "DISCOVERY_FAILED", /"token_endpoint" is missing/],
];

for (const [description, json, code, why] of refused) {
  Deno.test(`a document with ${description} is refused`, () => throws(() => parse(json), coded(code, why)));
}

Deno.test("with the tokens is kept what refresh and revocation need", () => {
  const revocation_endpoint = "https://auth.example.com/revoke";
  const rest = { registration_endpoint: "https://auth.example.com/register", scopes_supported: ["a"] };
  deepEqual(tokenServerMetadata(parse({ ...valid, ...rest, revocation_endpoint })), {
    ...valid,
    revocation_endpoint,
  });
  deepEqual(tokenServerMetadata(parse({ ...valid, ...rest })), valid);
});

Deno.test("a server of 2025-03-26 without metadata has its endpoints at its origin", () => {
  deepEqual(fallbackServerMetadata("https://mcp.example.com"), {
    issuer: "https://mcp.example.com",
    authorization_endpoint: "https://mcp.example.com/authorize",
    token_endpoint: "https://mcp.example.com/token",
    registration_endpoint: "https://mcp.example.com/register",
  });
});

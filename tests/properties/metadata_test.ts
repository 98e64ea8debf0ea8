/**
 * Protected resource and authorization server metadata from servers that get anything wrong (C9-C12, C15-C19).
 *
 * @see RFC 9728 sections 2 and 3, RFC 8414 sections 2 and 3
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import {
  checkResource,
  parseProtectedResource,
  protectedResourceUrls,
} from "../../lib/primitives/oauth/protected_resource.ts";
import {
  checkIssuer,
  parseServerMetadata,
  serverMetadataUrls,
} from "../../lib/primitives/oauth/server_metadata.ts";
import { documents, host, json, keepsSecret, path, property, secrets, text, tried } from "./property.ts";

const ISSUER = "https://as.example.com/tenant";
const URL_OF_DOCUMENT = "https://as.example.com/.well-known/oauth-authorization-server/tenant";

/** A URL with a secret where people put them by mistake. */
const leaky = fc.record({ secret: secrets, host, scheme: fc.constantFrom("https", "http", "ftp", "data") })
  .chain((
    { secret, host, scheme },
  ) =>
    fc.constantFrom(
      `${scheme}://user:${secret}@${host}/`,
      `${scheme}://${secret}@${host}`,
      `${scheme}://${host}/p?token=${secret}`,
      `${scheme}://${host}/p#${secret}`,
      `${scheme}:///\\${secret}@${host}`,
    ).map((url) => ({ url, secret }))
  );

const strings = fc.array(text, { maxLength: 4 });

property(
  "a protected resource document is read or refused, and its identifiers stay byte for byte",
  documents({
    resource: text,
    authorization_servers: strings,
    scopes_supported: strings,
    resource_name: text,
    dpop_bound_access_tokens_required: fc.boolean(),
    dpop_signing_alg_values_supported: strings,
  }),
  async (document) => {
    const outcome = await tried(() => parseProtectedResource(document, "https://h/doc"));
    if ("error" in outcome) return equal(outcome.error.code, "DISCOVERY_FAILED");
    equal(outcome.value.resource, document["resource"]);
    const servers = document["authorization_servers"];
    deepEqual(outcome.value.authorizationServers, Array.isArray(servers) ? servers.slice(0, 16) : []);
    ok((outcome.value.resourceName ?? "").length <= 100);
  },
);

property("what is no document is refused with a code", json, async (value) => {
  for (
    const parse of [
      parseProtectedResource,
      (each: unknown, url: string) => parseServerMetadata(each, ISSUER, url),
    ]
  ) {
    const outcome = await tried(() => parse(value, URL_OF_DOCUMENT));
    ok("value" in outcome || outcome.error.code !== "SERVER_ERROR");
  }
});

property(
  "the places of protected resource metadata are at the server's origin, the root last (C9)",
  fc.tuple(host, path, fc.boolean()),
  ([name, way, slash]) => {
    const urls = protectedResourceUrls(`https://${name}${way}${slash ? "/" : ""}`);
    ok(urls.length >= 1 && urls.length <= 3);
    for (const url of urls) ok(url.startsWith(`https://${name}/.well-known/oauth-protected-resource`));
    equal(urls.at(-1), `https://${name}/.well-known/oauth-protected-resource`);
  },
);

property(
  "a resource is accepted at the same origin for the same path or one above, and nowhere else (C11)",
  fc.tuple(host, host, path, path),
  async ([name, other, above, below]) => {
    const server = `https://${name}${above}${below}`;
    for (const resource of [server, `https://${name}${above}`, `https://${name}`, `https://${name}/`]) {
      equal("value" in await tried(() => checkResource(resource, server)), true);
    }
    const strange = [
      ...(other === name ? [] : [`https://${other}${above}${below}`]),
      // A path that begins like ours is not one above it.
      ...(/[a-z0-9]{2}$/.test(below) ? [server.slice(0, -1)] : []),
      `https://${name}:8443${above}`,
      `http://${name}${above}`,
      `https://${name}${above}${below}x`,
      `https://${name}${above}${below}/more`,
      `https://${name}${above}#`,
      `https://user@${name}${above}`,
      `https://${name}${above}?a=1`,
      ` https://${name}${above}`,
      `https://${name}\\${above}`,
    ];
    for (const resource of strange) {
      const outcome = await tried(() => checkResource(resource, server));
      equal("error" in outcome ? outcome.error.code : resource, "RESOURCE_MISMATCH");
    }
  },
);

property("a mismatch shows no secret of the resource", leaky, async ({ url, secret }) => {
  const outcome = await tried(() => checkResource(url, "https://mcp.example.com/mcp"));
  if ("error" in outcome) keepsSecret(outcome.error, secret);
});

const endpoint = fc.oneof(fc.webUrl(), text, leaky.map(({ url }) => url));

property(
  "server metadata is read or refused; its issuer is the expected one and its endpoints are https",
  documents({
    issuer: fc.constantFrom(ISSUER, ISSUER, ISSUER, `${ISSUER}/`, "https://evil.example.com"),
    authorization_endpoint: fc.webUrl(),
    token_endpoint: fc.webUrl(),
    registration_endpoint: endpoint,
    revocation_endpoint: endpoint,
    device_authorization_endpoint: endpoint,
    pushed_authorization_request_endpoint: endpoint,
    code_challenge_methods_supported: strings,
    scopes_supported: strings,
    authorization_response_iss_parameter_supported: fc.boolean(),
  }),
  async (document) => {
    const outcome = await tried(() => parseServerMetadata(document, ISSUER, URL_OF_DOCUMENT));
    if ("error" in outcome) {
      const { code } = outcome.error;
      ok(["DISCOVERY_FAILED", "ISSUER_MISMATCH", "UNSAFE_URL"].includes(code), code);
      return;
    }
    equal(outcome.value.issuer, ISSUER);
    for (const [name, value] of Object.entries(outcome.value)) {
      if (!name.endsWith("_endpoint")) continue;
      equal(value, document[name]);
      const url = new URL(String(value));
      deepEqual([url.protocol, url.username, url.password], ["https:", "", ""]);
    }
  },
);

property(
  "a refused document shows no secret that an endpoint has in it",
  fc.tuple(leaky, fc.constantFrom("authorization_endpoint", "token_endpoint", "issuer")),
  async ([{ url, secret }, member]) => {
    const document = {
      issuer: ISSUER,
      authorization_endpoint: `${ISSUER}/authorize`,
      token_endpoint: `${ISSUER}/token`,
      [member]: url,
    };
    const outcome = await tried(() => parseServerMetadata(document, ISSUER, URL_OF_DOCUMENT));
    if ("error" in outcome) keepsSecret(outcome.error, secret);
  },
);

property(
  "only the issuer itself is the issuer, but for the slash of an origin (C19, row 25)",
  fc.tuple(text, host),
  async ([given, name]) => {
    const expected = `https://${name}`;
    const outcome = await tried(() => checkIssuer(given, expected, URL_OF_DOCUMENT));
    const same = given === expected || given === `${expected}/`;
    equal("error" in outcome ? outcome.error.code : "same", same ? "same" : "ISSUER_MISMATCH");
  },
);

property(
  "the places of server metadata are at the issuer's origin, and never another tenant's (C16, C17)",
  fc.tuple(host, path),
  ([name, way]) => {
    const urls = serverMetadataUrls(`https://${name}${way}`);
    equal(urls.length, way === "" ? 2 : 3);
    for (const url of urls) {
      ok(url.startsWith(`https://${name}/`));
      ok(way === "" || url.includes(way));
    }
  },
);

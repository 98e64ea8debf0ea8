/**
 * Every order in which a server can be found, against real servers.
 *
 * @see MCP 2026-07-28 authorization, Authorization Server Discovery (C9, C16, C17)
 * @see MCP 2025-03-26 authorization, Server Metadata Discovery (C20, C21)
 * @module
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { describeSteps } from "../../../lib/services/signin/discovery.ts";
import { coded } from "../../primitives/coded_error.ts";
import { OAUTH, OPENID, PRM, resource, server, world } from "./discovery_world.ts";

Deno.test("row 28: metadata that the challenge names is used, and no other place is asked", async () => {
  await using both = world((origins) => ({
    mcp: { [`${PRM}/mcp`]: resource(origins, { scopes_supported: ["a", "b"] }), [PRM]: resource(origins) },
    auth: { [OAUTH]: server(origins.auth) },
  }));
  const found = await both.discover({ challenge: { resourceMetadata: `${both.mcp.origin}${PRM}/mcp` } });
  deepEqual(both.mcp.asked, [`GET ${PRM}/mcp`]);
  deepEqual(both.auth.asked, [`GET ${OAUTH}`]);
  const answered = { outcome: "used", verdict: "used", status: 200, contentType: "application/json" };
  deepEqual(found, {
    kind: "resource",
    resource: both.serverUrl,
    resourceScopes: ["a", "b"],
    protectedResource: {
      resource: both.serverUrl,
      authorizationServers: [both.auth.origin],
      scopesSupported: ["a", "b"],
    },
    server: server(both.auth.origin),
    withoutMetadata: false,
    steps: [
      { url: `${both.mcp.origin}${PRM}/mcp`, ...answered, rule: "C9, RFC 9728 section 5.1" },
      { url: `${both.auth.origin}${OAUTH}`, ...answered, rule: "C17, RFC 8414 section 3.1" },
    ],
  });
});

Deno.test("row 28: metadata at the server's path is found without a challenge, and the server by OpenID discovery", async () => {
  await using both = world((origins) => ({
    mcp: { [`${PRM}/mcp`]: resource(origins) },
    auth: { [OPENID]: server(origins.auth) },
  }));
  const found = await both.discover();
  equal(found.server.issuer, both.auth.origin);
  deepEqual(both.mcp.asked, [`GET ${PRM}/mcp`]);
  deepEqual(both.auth.asked, [`GET ${OAUTH}`, `GET ${OPENID}`]);
});

Deno.test("metadata at the root names the bare origin, and a tenant's documents are looked for, never the root's", async () => {
  await using both = world(({ mcp, auth }) => ({
    mcp: { [PRM]: { resource: mcp, authorization_servers: [`${auth}/tenant1`] } },
    auth: { [`${OAUTH}/tenant1`]: server(`${auth}/tenant1`), [OAUTH]: server(auth) },
  }));
  const found = await both.discover();
  equal(found.resource, both.mcp.origin);
  equal(found.server.issuer, `${both.auth.origin}/tenant1`);
  deepEqual(both.mcp.asked, [`GET ${PRM}/mcp`, `GET ${PRM}`]);
  deepEqual(both.auth.asked, [`GET ${OAUTH}/tenant1`]);
});

Deno.test("metadata anywhere is found by the challenge, and a tenant's documents in their three places", async () => {
  await using both = world((origins) => ({
    mcp: {
      "/custom/metadata/location.json": resource(origins, {
        authorization_servers: [`${origins.auth}/tenant1`],
      }),
    },
    auth: { [`/tenant1${OPENID}`]: server(`${origins.auth}/tenant1`), [OPENID]: server(origins.auth) },
  }));
  const resourceMetadata = `${both.mcp.origin}/custom/metadata/location.json`;
  equal(
    (await both.discover({ challenge: { resourceMetadata } })).server.issuer,
    `${both.auth.origin}/tenant1`,
  );
  deepEqual(both.mcp.asked, ["GET /custom/metadata/location.json"]);
  deepEqual(both.auth.asked, [
    `GET ${OAUTH}/tenant1`,
    `GET ${OPENID}/tenant1`,
    `GET /tenant1${OPENID}`,
  ]);
});

Deno.test("a server of 2025-03-26 has its metadata at its own origin", async () => {
  await using both = world(({ mcp }) => ({
    mcp: { [OAUTH]: server(mcp, { token_endpoint: `${mcp}/oauth/token` }) },
  }));
  const found = await both.discover();
  equal(found.kind, "legacy");
  equal(found.resource, undefined);
  equal(found.withoutMetadata, false);
  equal(found.server.token_endpoint, `${both.mcp.origin}/oauth/token`);
  deepEqual(both.mcp.asked, [`GET ${PRM}/mcp`, `GET ${PRM}`, `GET ${OAUTH}`]);
});

Deno.test("a server of 2025-03-26 without metadata has default endpoints at its origin", async () => {
  await using both = world(() => ({}));
  const found = await both.discover();
  const { origin } = both.mcp;
  deepEqual(found, {
    kind: "legacy",
    resource: undefined,
    resourceScopes: undefined,
    protectedResource: undefined,
    server: {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      registration_endpoint: `${origin}/register`,
    },
    withoutMetadata: true,
    steps: [`${PRM}/mcp`, PRM, OAUTH, OPENID].map((path) => ({
      url: origin + path,
      verdict: "404",
      outcome: "absent",
      status: 404,
      contentType: "text/plain;charset=UTF-8",
      rule: path.startsWith(PRM) ? "C9 and C10, RFC 9728 section 3.1" : "C20, MCP 2025-03-26",
    })),
  });
  equal(
    describeSteps(found.steps.slice(0, 2)),
    `${origin}${PRM}/mcp (404), ${origin}${PRM} (404)`,
  );
});

Deno.test("metadata that names no authorization server leads to the server's origin, and keeps its resource", async () => {
  for (const servers of [undefined, null, []]) {
    await using both = world((origins) => ({
      mcp: {
        [PRM]: resource(origins, { authorization_servers: servers, scopes_supported: ["a"] }),
        [OAUTH]: server(origins.mcp),
      },
    }));
    const found = await both.discover();
    equal(found.kind, "legacy");
    equal(found.resource, both.serverUrl);
    deepEqual(found.resourceScopes, ["a"]);
    equal(found.server.issuer, both.mcp.origin);
  }
});

Deno.test("a challenge that names a place without metadata is followed by the well-known places", async () => {
  await using both = world((origins) => ({
    mcp: { [PRM]: resource(origins) },
    auth: { [OAUTH]: server(origins.auth) },
  }));
  const resourceMetadata = `${both.mcp.origin}/gone`;
  equal((await both.discover({ challenge: { resourceMetadata } })).kind, "resource");
  deepEqual(both.mcp.asked, ["GET /gone", `GET ${PRM}/mcp`, `GET ${PRM}`]);
});

Deno.test("a challenge may name its metadata relative to the server", async () => {
  await using both = world((origins) => ({
    mcp: { "/meta.json": resource(origins) },
    auth: { [OAUTH]: server(origins.auth) },
  }));
  equal((await both.discover({ challenge: { resourceMetadata: "/meta.json" } })).kind, "resource");
  deepEqual(both.mcp.asked, ["GET /meta.json"]);
});

Deno.test("of several authorization servers the first is used, or the one of the sign-in before", async () => {
  await using both = world((origins) => ({
    mcp: {
      [PRM]: resource(origins, { authorization_servers: [`${origins.auth}/one`, `${origins.auth}/two`] }),
    },
    auth: {
      [`${OAUTH}/one`]: server(`${origins.auth}/one`),
      [`${OAUTH}/two`]: server(`${origins.auth}/two`),
    },
  }));
  const issuer = async (preferredIssuer?: string) => (await both.discover({ preferredIssuer })).server.issuer;
  equal(await issuer(), `${both.auth.origin}/one`);
  equal(await issuer(`${both.auth.origin}/two`), `${both.auth.origin}/two`);
  equal(await issuer("https://gone.example.com"), `${both.auth.origin}/one`);
});

Deno.test("row 25: a path-less issuer may be written with a slash on either side, and the document's form is used", async () => {
  for (const [advertised, own] of [["/", ""], ["", "/"], ["/", "/"]]) {
    await using both = world((origins) => ({
      mcp: { [PRM]: resource(origins, { authorization_servers: [`${origins.auth}${advertised}`] }) },
      auth: { [OAUTH]: server(origins.auth, { issuer: `${origins.auth}${own}` }) },
    }));
    equal((await both.discover()).server.issuer, `${both.auth.origin}${own}`);
  }
});

Deno.test("requests for metadata ask for JSON, tell the protocol version, and carry no credentials", async () => {
  await using both = world(() => ({}));
  await both.discover();
  for (const { headers } of both.mcp.received) {
    equal(headers.get("accept"), "application/json");
    equal(headers.get("mcp-protocol-version"), "2025-11-25");
    equal(headers.get("authorization"), null);
  }
});

Deno.test("metadata is found behind a redirect of the same origin", async () => {
  await using both = world((origins) => ({
    mcp: {
      [`${PRM}/mcp`]: () => new Response(null, { status: 301, headers: { location: "/moved" } }),
      "/moved": resource(origins),
    },
    auth: { [OAUTH]: server(origins.auth) },
  }));
  equal((await both.discover()).kind, "resource");
});

Deno.test("row 28: an authorization server whose metadata is nowhere is an error that tells what was tried", async () => {
  await using both = world((origins) => ({
    mcp: { [PRM]: resource(origins), [OAUTH]: server(origins.mcp) },
  }));
  await rejects(
    both.discover(),
    coded(
      "DISCOVERY_FAILED",
      /oauth-protected-resource\/mcp \(404\), .*resource \(used\), .*oauth-authorization-server \(404\), .*openid-configuration \(404\)$/,
    ),
  );
});

/**
 * One walk — add, call, refresh, sign out — against every shape of real server that there is: `oidc-provider` on the one
 * side, the MCP SDK's servers of both lines on the other.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Home } from "./program.ts";
import { type ServersOptions, startServers } from "./servers.ts";

/** A shape, and what a person would add to the command line for it. */
type Shape = readonly [name: string, options: ServersOptions, flags?: readonly string[]];

const SECRET = "s3cret-of-the-client-that-was-registered";
const CLIENT = {
  client_id: "registered-by-hand",
  client_secret: SECRET,
  grant_types: ["authorization_code", "refresh_token"],
  redirect_uris: ["http://127.0.0.1:8456/callback", "http://127.0.0.1:18456/callback"],
  application_type: "native",
};

const AUTHORIZATION_SERVERS: readonly Shape[] = [
  ["tokens as JWT", { as: { accessTokenFormat: "jwt" } }],
  ["opaque tokens", { as: { accessTokenFormat: "opaque" } }],
  ["an issuer with a path", { as: { issuerPath: "/tenant1" } }],
  ["an issuer with a path, OpenID discovery behind it alone", {
    as: { issuerPath: "/tenant1", metadataAt: ["openid-appended"] },
  }],
  ["OpenID discovery alone", { as: { metadataAt: ["openid-inserted"] } }],
  ["pushed requests required", { as: { pushedRequests: "require" } }],
  ["DPoP with nonces at both ends", { as: { dpopNonce: true }, mcp: { dpop: "require", dpopNonce: true } }],
  ["DPoP, where the user wants it", { mcp: { dpop: "accept" } }, ["--dpop"]],
  ["no dynamic registration", { as: { registration: false, clients: [CLIENT] } }, [
    "--client-id",
    CLIENT.client_id,
  ]],
  ["secrets in the body alone", { as: { tokenEndpointAuthMethods: ["client_secret_post"] } }],
  ["secrets by Basic alone", { as: { tokenEndpointAuthMethods: ["client_secret_basic"] } }],
  ["refresh tokens with offline_access alone", { as: { refreshTokens: "offline_access" } }],
  ["refresh tokens that do not rotate", { as: { rotateRefreshTokens: false } }],
  ["no revocation", { as: { revocation: false } }],
];

const MCP_SERVERS: readonly Shape[] = [
  ["SDK 1.x with sessions", {}],
  ["SDK 1.x, JSON answers", { mcp: { enableJsonResponse: true } }],
  ["SDK 1.x, metadata at the root", { mcp: { metadata: "root" } }],
  ["SDK 1.x, metadata that the challenge does not name", { mcp: { advertiseMetadata: false } }],
  ["SDK 1.x at the root", { mcp: { path: "/" } }],
  ["SDK 2.x with sessions", { mcp: { sdk2: "sessions" } }],
  ["SDK 2.x, both eras", { mcp: { sdk2: "both" } }],
  ["SDK 2.x, stateless alone", { mcp: { sdk2: "stateless" } }],
  ["SDK 2.x, stateless, metadata at the root, DPoP", {
    mcp: { sdk2: "stateless", metadata: "root", dpop: "require" },
  }],
];

for (const [name, options, flags = []] of [...AUTHORIZATION_SERVERS, ...MCP_SERVERS]) {
  Deno.test(`${name}: added, called, refreshed, signed out`, async () => {
    await using servers = await startServers(options);
    await using home = await Home.make();
    const { as, mcp } = servers;
    const env = flags.includes("--client-id") ? { MCP_AUTH_CLIENT_SECRET: SECRET } : {};
    const added = await home.run(["add", "demo", mcp.url, ...flags], { env });
    assert.match(added.stdout, /^✓ Connected to demo \(\d+ tools\)\n$/, added.stderr);
    const before = await home.run(["token", "demo"]);

    const refreshed = await home.run(["refresh", "demo"]);
    assert.equal(refreshed.code, 0, refreshed.stderr);
    assert.notEqual((await home.run(["token", "demo"])).stdout, before.stdout);

    const called = await home.run(["call", "demo", "whoami"]);
    assert.equal(called.code, 0, called.stderr);
    assert.match(called.stdout, /alice/);

    const ended = await home.run(["logout", "demo", "--json"]);
    assert.equal(ended.code, 0, ended.stderr);
    const tokens = (await home.run(["token", "demo", "--json"])).json;
    assert.equal(tokens.error.code, "AUTH_REQUIRED");
    assert.deepEqual(as.errors, []);
  });
}

/**
 * People whose company vouches for them: an ID token is exchanged at the identity provider, and what it gives is presented
 * to the MCP server's authorization server, with every signature and claim checked on the way.
 *
 * @module
 */
import assert from "node:assert/strict";
import { decodeJwt } from "jose";
import {
  type IdentityProviderOptions,
  type IdentityProviderServer,
  startIdentityProvider,
} from "../../scripts/demo/servers/identity_provider.ts";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { assertSilent, keyedClient, type Machines, startMachines, tokenRequests } from "./machines.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";

const IDP_SECRET = "secret-at-the-identity-provider";
const SECRET = "secret-at-the-authorization-server";

interface Scene {
  readonly idp: IdentityProviderServer;
  readonly machines: Machines;
  readonly home: Home;
  /** What an administrator has told the user, as flags. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function withScene(
  test: (scene: Scene) => Promise<void>,
  options: Partial<IdentityProviderOptions> = {},
): Promise<void> {
  const { client, pem } = await keyedClient("keyed");
  await using idp = await startIdentityProvider({
    clients: [{ id: "mcp-auth", secret: IDP_SECRET }],
    ...options,
  });
  await using machines = await startMachines({
    as: {
      identityProviders: [idp],
      clients: [{ id: "app", secret: SECRET }, client, { id: "https://app.example/client.json" }],
    },
  });
  await using home = await Home.make();
  await home.file("key.pem", pem);
  idp.applications.push({ audience: machines.as.issuer, resource: machines.mcp.resource, clientId: "app" });
  await test({
    idp,
    machines,
    home,
    flags: ["--enterprise", idp.issuer, "--idp-client-id", "mcp-auth", "--client-id", "app"],
    env: {
      MCP_AUTH_CLIENT_SECRET: SECRET,
      MCP_AUTH_IDP_CLIENT_SECRET: IDP_SECRET,
      MCP_AUTH_ID_TOKEN: await idp.idToken("mcp-auth"),
    },
  });
}

Deno.test("an ID token becomes an identity assertion and that a token, without the server's authorization page (X7-X11)", () =>
  withScene(async ({ idp, machines, home, flags, env }) => {
    const browser = await home.recordingBrowser();
    const added = await home.run(["add", "demo", machines.mcp.url, ...flags, "--verbose"], { env, browser });
    assert.equal(added.code, 0, added.stderr);
    assert.deepEqual(await home.opened(), []);
    const [exchange, ...more] = idp.requests("POST /token");
    assert.equal(more.length, 0);
    const { subject_token, ...asked } = Object.fromEntries(exchange?.form ?? []);
    assert.equal(subject_token, env.MCP_AUTH_ID_TOKEN);
    assert.deepEqual(asked, {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      requested_token_type: "urn:ietf:params:oauth:token-type:id-jag",
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
      audience: machines.as.issuer,
      resource: machines.mcp.resource,
      scope: "mcp:read mcp:write",
    });
    assert.match(exchange?.headers.get("authorization") ?? "", /^Basic /);
    const [redeemed, ...again] = tokenRequests(machines);
    assert.equal(again.length, 0);
    const assertion = redeemed?.form.get("assertion") ?? "";
    assert.equal(redeemed?.form.get("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert.equal(decodeJwt(assertion).client_id, "app");
    assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
    const audit = await home.run(["audit", "--json"]);
    const secrets = [assertion, env.MCP_AUTH_ID_TOKEN ?? "", SECRET, IDP_SECRET];
    assertSilent([added.stdout, added.stderr, audit.stdout], secrets);
  }));

Deno.test("the token endpoint can be named in place of the issuer, and the environment says all of it", () =>
  withScene(async ({ idp, machines, home, env }) => {
    const all = {
      ...env,
      MCP_AUTH_GRANT: "enterprise",
      MCP_AUTH_IDP: idp.tokenEndpoint,
      MCP_AUTH_IDP_CLIENT_ID: "mcp-auth",
      MCP_AUTH_CLIENT_ID: "app",
    };
    const added = await home.run(["add", "demo", machines.mcp.url], { env: all });
    assert.equal(added.code, 0, added.stderr);
    assert.equal(idp.requests("GET /.well-known/openid-configuration").length, 0);
    const shown = await home.run(["set", "demo", "--scope", "mcp:read", "--json"]);
    assertSilent([shown.stdout], [IDP_SECRET]);
  }));

for (
  const [how, clientId, flags] of [
    ["a private key", "keyed", ["--client-id", "keyed", "--private-key", "key.pem"]],
    ["a client id metadata document", "https://app.example/client.json", [
      "--client-metadata-url",
      "https://app.example/client.json",
    ]],
  ] as const
) {
  Deno.test(`the client can be known to the authorization server by ${how} (X11)`, () =>
    withScene(async ({ idp, machines, home, env }) => {
      idp.applications[0] = { ...idp.applications[0]!, clientId };
      const given = flags.map((flag) => flag === "key.pem" ? `${home.path}/key.pem` : flag);
      const { MCP_AUTH_CLIENT_SECRET: _, ...rest } = env;
      const added = await home.run(
        [
          "add",
          "demo",
          machines.mcp.url,
          "--enterprise",
          idp.issuer,
          "--idp-client-id",
          "mcp-auth",
          ...given,
        ],
        { env: rest },
      );
      assert.equal(added.code, 0, added.stderr);
    }));
}

Deno.test("an entry that is signed in at the identity provider brings identity, client and renewal (row 5)", () => {
  let lifetime = 300;
  return withScene(async ({ idp, machines, home, env }) => {
    await using portal = await startMcpServer({
      authorizationServer: idp,
      scopesSupported: ["openid", "mcp:read"],
    });
    const signedIn = await home.run(["add", "company", portal.url, "--client-id", "mcp-auth"], {
      env: { MCP_AUTH_CLIENT_SECRET: IDP_SECRET },
    });
    assert.equal(signedIn.code, 0, signedIn.stderr);
    const added = await home.run(
      ["add", "demo", machines.mcp.url, "--enterprise", "company", "--client-id", "app"],
      { env: { MCP_AUTH_CLIENT_SECRET: env.MCP_AUTH_CLIENT_SECRET } },
    );
    assert.equal(added.code, 0, added.stderr);
    const types = () =>
      idp.requests("POST /token").map(({ form }) => form.get("grant_type")?.split(":").at(-1));
    assert.deepEqual(types(), ["authorization_code", "token-exchange"]);
    assert.equal((await home.run(["refresh", "demo"])).code, 0);
    assert.deepEqual(types().slice(2), ["token-exchange"]);
    // One that is about to expire is renewed first, by the entry's own refresh token.
    lifetime = 5;
    assert.equal((await home.run(["refresh", "company"])).code, 0);
    lifetime = 300;
    const renewed = await home.run(["refresh", "demo"]);
    assert.equal(renewed.code, 0, renewed.stderr);
    assert.deepEqual(types().slice(3), ["refresh_token", "refresh_token", "token-exchange"]);
    assert.equal((await home.run(["logout", "company"])).code, 0);
    assertError(
      await home.run(["refresh", "demo", "--json"]),
      "TOKEN_REFRESH_FAILED",
      4,
      /mcp-auth login company/,
    );
    assert.equal((await home.run(["token", "demo"])).code, 0);
  }, { idTokenLifetime: () => lifetime });
});

const SPOILT: readonly (readonly [string, Partial<IdentityProviderOptions>, string, number, RegExp])[] = [
  [
    "an access token",
    {
      editExchange: (answer) => ({
        ...answer,
        issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      }),
    },
    "AUTH_FAILED",
    1,
    /not an identity assertion/,
  ],
  [
    "a bearer token",
    { editExchange: (answer) => ({ ...answer, token_type: "Bearer" }) },
    "AUTH_FAILED",
    1,
    /not N_A/,
  ],
  [
    "a JWT of another type",
    { editAssertion: (claims) => ({ claims, typ: "JWT" }) },
    "AUTH_FAILED",
    1,
    /of type "JWT"/,
  ],
  [
    "an assertion for another authorization server",
    { editAssertion: (claims) => ({ claims: { ...claims, aud: "https://other.example" } }) },
    "ISSUER_MISMATCH",
    1,
    /for "https:\/\/other.example"/,
  ],
  [
    "an assertion for two authorization servers",
    { editAssertion: (claims) => ({ claims: { ...claims, aud: [claims.aud, "https://other.example"] } }) },
    "ISSUER_MISMATCH",
    1,
    /other.example/,
  ],
  [
    "an assertion for another MCP server",
    { editAssertion: (claims) => ({ claims: { ...claims, resource: "https://other.example/mcp" } }) },
    "RESOURCE_MISMATCH",
    1,
    /other.example/,
  ],
  [
    "an assertion for another client",
    { editAssertion: (claims) => ({ claims: { ...claims, client_id: "somebody" } }) },
    "AUTH_FAILED",
    1,
    /for the client "somebody"/,
  ],
  [
    "no JWT",
    { editExchange: (answer) => ({ ...answer, access_token: "opaque" }) },
    "AUTH_FAILED",
    1,
    /no signed JWT/,
  ],
  [
    "more than anybody keeps",
    { editExchange: (answer) => ({ ...answer, access_token: "a".repeat(20_000) }) },
    "AUTH_FAILED",
    1,
    /more than 16384/,
  ],
];

for (const [what, options, code, exitCode, words] of SPOILT) {
  Deno.test(`${what} from the identity provider is presented nowhere (X9, X10)`, () =>
    withScene(async ({ machines, home, flags, env }) => {
      const added = await home.run(["add", "demo", machines.mcp.url, ...flags, "--json"], { env });
      assertError(added, code as "AUTH_FAILED", exitCode, /set up this server and this client/);
      assert.match(added.json.error.message, words);
      assert.equal(tokenRequests(machines).length, 0);
    }, options));
}

Deno.test("an identity provider that refuses is quoted without what it repeats, and the next step is named", () =>
  withScene(async ({ idp, machines, home, flags, env }) => {
    const expired = await idp.idToken("mcp-auth", -10);
    const args = ["add", "demo", machines.mcp.url, ...flags, "--json"];
    const first = await home.run(args, { env: { ...env, MCP_AUTH_ID_TOKEN: expired } });
    assertError(first, "AUTH_FAILED", 1, /new ID token of client "mcp-auth" into variable MCP_AUTH_ID_TOKEN/);
    assert.match(first.json.error.message, /invalid_grant \(the assertion has expired/);
    assertSilent([first.stdout, first.stderr], [expired, expired.slice(0, 60)]);
    idp.applications.length = 0;
    assertError(await home.run(args, { env }), "AUTH_FAILED", 1);
    assert.equal(tokenRequests(machines).length, 0);
  }));

Deno.test("an identity provider that is down is no other error than that, and one without metadata names the way out", () =>
  withScene(async ({ idp, machines, home, flags, env }) => {
    const args = ["add", "demo", machines.mcp.url, ...flags, "--json"];
    const places = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
    idp.fail(`GET ${places[0]}`, 1, () => new Response(null, { status: 503 }));
    assertError(await home.run(args, { env }), "SERVER_ERROR", 3, /Try again later/);
    for (const place of places) idp.fail(`GET ${place}`, 9, () => new Response("no", { status: 404 }));
    assertError(await home.run(args, { env }), "DISCOVERY_FAILED", 1, /--enterprise https:\/\/...\/token/);
    assert.equal(idp.requests("POST /token").length, 0);
  }));

Deno.test("what is missing for an identity provider is said before it is asked", () =>
  withScene(async ({ idp, machines, home }) => {
    const add = ["add", "demo", machines.mcp.url, "--json", "--client-id", "app"];
    assertError(await home.run([...add, "--enterprise", idp.issuer]), "CONFIG_MISSING", 5, /--id-token/);
    const byFile = [...add, "--enterprise", idp.issuer, "--id-token", "file:/nowhere/id-token"];
    assertError(await home.run(byFile), "CONFIG_MISSING", 5, /--idp-client-id/);
    assertError(await home.run([...byFile, "--idp-client-id", "x"]), "CONFIG_MISSING", 5, /another file/);
    assertError(await home.run([...add, "--enterprise", "nobody"]), "NOT_FOUND", 5);
    const noIdp = { MCP_AUTH_GRANT: "enterprise" };
    assertError(await home.run(add, { env: noIdp }), "CONFIG_MISSING", 5, /MCP_AUTH_IDP/);
    assert.equal(idp.log.length, 0);
  }));

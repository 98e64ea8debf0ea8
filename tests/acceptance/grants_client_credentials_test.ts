/**
 * Machines that sign in by their own credentials, with the program as users run it: by a secret and by a private key, at
 * servers that check both, and at one that is certified.
 *
 * @module
 */
import assert from "node:assert/strict";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { assertSilent, keyedClient, startMachines, tokenRequests } from "./machines.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";

const SECRET = "s3cret:with+odd/characters";

Deno.test("a machine signs in by HTTP Basic where that is listed, without a browser and without registration (X2, X6)", async () => {
  await using machines = await startMachines({ as: { clients: [{ id: "ci", secret: SECRET }] } });
  await using home = await Home.make();
  const secret = await home.file("secret", `${SECRET}\n`);
  const browser = await home.recordingBrowser();
  const added = await home.run([
    ...["add", "demo", machines.mcp.url, "--client-credentials"],
    ...["--client-id", "ci", "--client-secret-file", secret],
  ], { browser });
  assert.equal(added.code, 0, added.stderr);
  assert.match(added.stdout, /^✓ Connected to demo \(\d+ tools\)\n$/);
  assert.deepEqual(await home.opened(), []);
  const [request, ...more] = tokenRequests(machines);
  assert.equal(more.length, 0);
  assert.match(request?.headers.get("authorization") ?? "", /^Basic /);
  assert.deepEqual(Object.fromEntries(request?.form ?? []), {
    grant_type: "client_credentials",
    resource: machines.mcp.resource,
    scope: "mcp:read mcp:write",
  });
  assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "ci\n");
});

Deno.test("the secret goes into the body where only that is listed (X3), and is found in the environment", async () => {
  await using machines = await startMachines({
    as: { clients: [{ id: "ci", secret: SECRET }], tokenEndpointAuthMethods: ["client_secret_post"] },
  });
  await using home = await Home.make();
  const env = {
    MCP_AUTH_GRANT: "client-credentials",
    MCP_AUTH_CLIENT_ID: "ci",
    MCP_AUTH_CLIENT_SECRET: SECRET,
  };
  const added = await home.run(["add", "demo", machines.mcp.url, "--json"], { env });
  assert.equal(added.code, 0, added.stdout);
  assert.equal(added.json.can_refresh, true);
  const [request] = tokenRequests(machines);
  assert.equal(request?.headers.get("authorization"), null);
  assert.equal(request?.form.get("client_secret"), SECRET);
});

for (
  const [algorithm, header] of [["ES256", "ES256"], ["ES384", "ES384"], ["Ed25519", "EdDSA"], [
    "RS256",
    "PS256",
  ]]
) {
  Deno.test(`a machine signs in by its ${algorithm} key: a new assertion for the issuer, and no client_id (X3, X5)`, async () => {
    const { client, pem } = await keyedClient("ci", algorithm);
    const algorithms = ["ES256", "ES384", "EdDSA", "RS256", "PS256"];
    await using machines = await startMachines({ as: { clients: [client], algorithms } });
    await using home = await Home.make();
    const added = await home.run([
      ...["add", "demo", machines.mcp.url, "--client-credentials", "--client-id", "ci", "--private-key", "-"],
    ], { stdin: pem });
    assert.equal(added.code, 0, added.stderr);
    const [{ form } = { form: new URLSearchParams() }] = tokenRequests(machines);
    assert.equal(form.has("client_id"), false);
    const assertion = form.get("client_assertion") ?? "";
    assert.equal(decodeProtectedHeader(assertion).alg, header);
    const { iss, sub, aud, exp = 0, iat = 0, jti, nbf } = decodeJwt(assertion);
    assert.deepEqual([iss, sub, aud], ["ci", "ci", machines.as.issuer]);
    assert.ok(exp - iat <= 300 && jti && nbf === undefined);
    assertSilent([added.stdout, added.stderr], [pem.split("\n")[1] ?? "", assertion]);
  });
}

Deno.test("a JWK brings its kid and its algorithm; both and the audience can be said otherwise (X5)", async () => {
  const { client, jwk } = await keyedClient("ci");
  await using machines = await startMachines({ as: { clients: [client] } });
  await using home = await Home.make();
  const key = await home.file("key.jwk", jwk);
  const args = ["--client-credentials", "--client-id", "ci", "--private-key", key];
  const added = await home.run(["add", "demo", machines.mcp.url, ...args]);
  assert.equal(added.code, 0, added.stderr);
  const last = () => tokenRequests(machines).at(-1)?.form.get("client_assertion") ?? "";
  assert.equal(decodeProtectedHeader(last()).kid, JSON.parse(jwk).kid);
  const other = await home.run([
    ...["add", "other", machines.mcp.url, ...args, "--assertion-audience", `${machines.as.issuer}/token`],
    ...["--key-id", "mine", "--json"],
  ]);
  assertError(other, "AUTH_FAILED", 1, /run: mcp-auth add other .* --client-id <id> --private-key <file>/);
  assert.equal(decodeProtectedHeader(last()).kid, "mine");
  assert.equal(decodeJwt(last()).aud, `${machines.as.issuer}/token`);
});

Deno.test("a server that wants the client's id beside the assertion gets it, in a second request", async () => {
  const { client, pem } = await keyedClient("ci");
  await using machines = await startMachines({ as: { clients: [client], wantsClientId: true } });
  await using home = await Home.make();
  const key = await home.file("key.pem", pem);
  const added = await home.run(
    ["add", "demo", machines.mcp.url, "--client-credentials", "--client-id", "ci", "--private-key", key],
  );
  assert.equal(added.code, 0, added.stderr);
  assert.deepEqual(tokenRequests(machines).map(({ form }) => form.get("client_id")), [null, "ci"]);
});

Deno.test("a certified server takes the assertion as well, also where it wants proofs with a nonce (RFC 9449)", async () => {
  for (const dpop of [false, true]) {
    const { client, pem } = await keyedClient("ci");
    await using servers = await startServers({
      as: {
        tokenEndpointAuthMethods: ["private_key_jwt", "client_secret_basic"],
        dpopNonce: dpop,
        clients: [{
          client_id: "ci",
          jwks: client.jwks,
          token_endpoint_auth_method: "private_key_jwt",
          token_endpoint_auth_signing_alg: "ES256",
          grant_types: ["client_credentials"],
          response_types: [],
          redirect_uris: [],
        }],
      },
      mcp: dpop ? { dpop: "require" } : {},
    });
    await using home = await Home.make();
    const key = await home.file("key.pem", pem);
    const added = await home.run([
      ...["add", "demo", servers.mcp.url, "--client-credentials", "--client-id", "ci", "--private-key", key],
      ...(dpop ? ["--dpop"] : []),
    ]);
    assert.equal(added.code, 0, added.stderr);
    assert.equal((await home.run(["refresh", "demo"])).code, 0);
    assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "ci\n");
    assert.deepEqual(servers.as.errors, []);
  }
});

Deno.test("a refresh token that comes with client credentials is left alone: the grant renews", async () => {
  await using machines = await startMachines({
    as: { clients: [{ id: "ci", secret: SECRET }], refreshTokens: true },
  });
  await using home = await Home.make();
  const env = { MCP_AUTH_CLIENT_SECRET: SECRET };
  const args = ["add", "demo", machines.mcp.url, "--client-credentials", "--client-id", "ci"];
  assert.equal((await home.run(args, { env })).code, 0);
  assert.equal((await home.run(["refresh", "demo"])).code, 0);
  const types = tokenRequests(machines).map(({ form }) => form.get("grant_type"));
  assert.deepEqual(types, ["client_credentials", "client_credentials"]);
});

Deno.test("a wrong secret is told with the next command, and never shown: the server repeats it, the program does not", async () => {
  await using machines = await startMachines({ as: { clients: [{ id: "ci", secret: SECRET }] } });
  await using home = await Home.make();
  const wrong = "another-secret-that-is-wrong";
  const added = await home.run([
    ...["add", "demo", machines.mcp.url, "--client-credentials", "--client-id", "ci", "--json", "--verbose"],
  ], { env: { MCP_AUTH_CLIENT_SECRET: wrong } });
  assertError(
    added,
    "AUTH_FAILED",
    1,
    /mcp-auth add demo \S+ --client-credentials --client-id <id> --client-secret-file <file>/,
  );
  assert.match(tokenRequests(machines)[0]?.answer?.error_description as string, new RegExp(wrong));
  const audit = await home.run(["audit", "--json"]);
  assertSilent([added.stdout, added.stderr, audit.stdout], [wrong]);
  assert.equal((await home.run(["list", "--json"])).stdout, "[]\n");
});

Deno.test("a key that the server does not know is refused without a character of the assertion in any word", async () => {
  const { client } = await keyedClient("ci");
  const { pem } = await keyedClient("ci");
  await using machines = await startMachines({ as: { clients: [client] } });
  await using home = await Home.make();
  const key = await home.file("key.pem", pem);
  const added = await home.run([
    ...["add", "demo", machines.mcp.url, "--client-credentials", "--client-id", "ci", "--private-key", key],
    "--json",
  ]);
  assertError(added, "AUTH_FAILED", 1);
  const assertion = tokenRequests(machines)[0]?.form.get("client_assertion") ?? "";
  assert.match(tokenRequests(machines)[0]?.answer?.error_description as string, /eyJ/);
  assertSilent([added.stdout, added.stderr], [assertion.split(".")[2] ?? "", assertion.slice(0, 40)]);
});

Deno.test("what is missing or does not fit is said before any server is asked", async () => {
  await using machines = await startMachines();
  await using home = await Home.make();
  const add = ["add", "demo", machines.mcp.url, "--json"];
  const key = await home.file("key.pem", (await keyedClient("ci")).pem);
  const legacy = await home.file(
    "legacy.pem",
    "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
  );
  const cases = [
    [["--private-key", key, "--client-credentials"], "USAGE", 2, /--client-id/],
    [["--client-id", "ci", "--private-key", legacy], "CONFIG_INVALID", 1, /openssl pkcs8 -topk8/],
    [["--client-id", "ci", "--private-key", `${key}.gone`], "CONFIG_MISSING", 5, undefined],
    [["--client-id", "ci", "--key-id", "k"], "USAGE", 2, /--private-key/],
    [["--client-credentials", "--workload-identity", "github"], "USAGE", 2, undefined],
    [["--workload-identity", "file:token"], "USAGE", 2, /file:\/path/],
    [["--idp-client-id", "a"], "USAGE", 2, /--enterprise/],
  ] as const;
  for (const [args, code, exitCode, hint] of cases) {
    assertError(await home.run([...add, ...args]), code, exitCode, hint);
  }
  const unknown = await home.run(add, { env: { MCP_AUTH_GRANT: "magic" } });
  assertError(unknown, "CONFIG_INVALID", 1, /client-credentials, workload-identity, enterprise/);
  assert.equal(machines.mcp.log.length, 0);
});

Deno.test("client credentials without a secret or a key end with the command that gives one", async () => {
  await using machines = await startMachines({ as: { clients: [{ id: "ci" }] } });
  await using home = await Home.make();
  const add = ["add", "demo", machines.mcp.url, "--client-credentials", "--json"];
  assertError(await home.run(add), "CONFIG_MISSING", 5, /--client-id <id>/);
  assertError(
    await home.run([...add, "--client-id", "ci"]),
    "CONFIG_MISSING",
    5,
    /--client-secret-file <file>/,
  );
  assert.equal(tokenRequests(machines).length, 0);
});

Deno.test("a person's client authenticates by a key as well: at the exchange, the refresh and the revocation", async () => {
  for (const as of [{}, { dpopNonce: true }, { pushedRequests: "require" as const }]) {
    const { client, pem } = await keyedClient("web");
    await using servers = await startServers({
      as: {
        ...as,
        tokenEndpointAuthMethods: ["private_key_jwt", "client_secret_basic"],
        clients: [{
          client_id: "web",
          jwks: client.jwks,
          token_endpoint_auth_method: "private_key_jwt",
          token_endpoint_auth_signing_alg: "ES256",
          grant_types: ["authorization_code", "refresh_token"],
          response_types: ["code"],
          redirect_uris: ["http://127.0.0.1:8456/callback"],
          application_type: "native",
        }],
      },
      mcp: "dpopNonce" in as ? { dpop: "accept" } : {},
    });
    await using home = await Home.make();
    const key = await home.file("key.pem", pem);
    const added = await home.run([
      ...["add", "demo", servers.mcp.url, "--client-id", "web", "--private-key", key, "--callback-port", "0"],
      ...("dpopNonce" in as ? ["--dpop"] : []),
    ]);
    assert.equal(added.code, 0, added.stderr);
    assert.equal((await home.run(["refresh", "demo"])).code, 0);
    assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
    const out = await home.run(["logout", "demo", "--json"]);
    const outcomes = out.json.revocations.map(({ outcome }: { outcome: string }) => outcome);
    assert.deepEqual(outcomes, ["revoked", "unsupported"]);
    const shown = servers.as.log.filter(({ form }) => form.has("client_assertion"));
    assert.ok(shown.length >= 4 && shown.every(({ headers }) => !headers.has("authorization")));
    assert.deepEqual(servers.as.errors, []);
  }
});

Deno.test("an API without an MCP server gets its tokens the same way, from a server that was named", async () => {
  await using machines = await startMachines({ as: { clients: [{ id: "ci", secret: SECRET }] } });
  await using home = await Home.make();
  const added = await home.run([
    ...["add", "api", "--api", machines.mcp.url, "--authorization-server", machines.as.issuer],
    ...[
      "--client-credentials",
      "--client-id",
      "ci",
      "--resource",
      machines.mcp.resource,
      "--scope",
      "mcp:read",
    ],
  ], { env: { MCP_AUTH_CLIENT_SECRET: SECRET } });
  assert.equal(added.code, 0, added.stderr);
  assert.equal((await home.run(["refresh", "api"])).code, 0);
  assert.match((await home.run(["token", "api"])).stdout, /^eyJ/);
  assert.equal(machines.mcp.log.length, 0);
});

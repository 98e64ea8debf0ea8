/**
 * Tokens that are bound to a key, with the real program and real servers at both ends: `oidc-provider` with DPoP and
 * nonces, and an MCP server that checks every proof.
 *
 * @see RFC 9449; SEP-1932 (X15-X20)
 * @module
 */
import assert from "node:assert/strict";
import { createDpopKey, DpopProver } from "../../lib/primitives/oauth/dpop.ts";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { Host } from "./host.ts";
import { assertError } from "./outcome.ts";
import { FROM_CHECKOUT, Home } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

const REQUIRED = { as: { dpopNonce: true }, mcp: { dpop: "require", dpopNonce: true } } as const;
const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "thief", version: "1" } },
};

/** How each request to the MCP server was authorized: `DPoP` and the like, in order. */
function schemes({ mcp }: Servers): readonly string[] {
  return mcp.log.map(({ headers }) => headers.get("authorization")?.split(" ")[0])
    .filter((scheme) => scheme !== undefined);
}

function postAs(url: string, headers: Record<string, string>): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: {
      ...headers,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: JSON.stringify(INITIALIZE),
  });
}

Deno.test("X15, X17, X20: a server that takes bound tokens alone is added without a word about it, with nonces at both ends", async (t) => {
  await using servers = await startServers(REQUIRED);
  await using home = await Home.make();
  const { as, mcp } = servers;
  const added = await home.run(["add", "demo", mcp.url, "--json"]);
  assert.equal(added.code, 0, added.stderr);
  assert.equal(added.json.tools, 8);

  await t.step("the code and the registration are bound, too (RFC 9449 sections 5.2 and 10)", () => {
    assert.equal(
      (as.requests("POST /reg")[0]?.json() as Record<string, unknown>).dpop_bound_access_tokens,
      true,
    );
    assert.match(as.requests("GET /auth")[0]?.query.get("dpop_jkt") ?? "", /^[\w-]{43}$/);
    const [refused, exchanged] = as.requests("POST /token");
    assert.deepEqual([refused?.answer?.error, refused?.status], ["use_dpop_nonce", 400]);
    assert.equal(exchanged?.answer?.token_type, "DPoP");
    assert.equal(as.requests("POST /token").length, 2);
    assert.deepEqual(as.errors, []);
  });

  await t.step("X16: no request carries the token but with a proof of its own", async () => {
    assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
    assert.ok(schemes(servers).every((scheme) => scheme === "DPoP"));
    const proofs = mcp.log.flatMap(({ headers }) => headers.get("dpop") ?? []);
    assert.ok(proofs.length > 6);
    assert.equal(new Set(proofs).size, proofs.length);
  });

  await t.step("a refresh keeps the key, with rotation", async () => {
    for (let count = 0; count < 2; count++) {
      const refreshed = await home.run(["refresh", "demo"]);
      assert.equal(refreshed.code, 0, refreshed.stderr);
    }
    assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
    assert.ok(as.requests("POST /token").every(({ headers }) => headers.has("dpop")));
  });

  await t.step("a stolen token is of no use: not as Bearer, and not with another key", async () => {
    const { stdout, stderr } = await home.run(["token", "demo"]);
    assert.match(stderr, /bound to a key that mcp-auth keeps/);
    const token = stdout.trim();
    const plain = await postAs(mcp.url, { authorization: `Bearer ${token}` });
    assert.equal(plain.status, 401);
    await plain.body?.cancel();
    const thief = await DpopProver.of(await createDpopKey(), { now: Date.now });
    const target = { method: "POST", url: mcp.url, accessToken: token };
    const answer = await postAs(mcp.url, { authorization: `DPoP ${token}`, dpop: await thief.proof(target) });
    assert.equal(answer.status, 401);
    assert.match(answer.headers.get("www-authenticate") ?? "", /bound to another key/);
    await answer.body?.cancel();
  });

  await t.step(
    "it is not handed out in a form that would not work, and that is said with the way to go",
    async () => {
      const header = await home.run(["token", "demo", "--header", "--json"]);
      assertError(
        header,
        "CONFIG_INVALID",
        1,
        /mcp-auth bridge demo, mcp-auth call demo, or authorizedFetch/,
      );
      const command = await home.run(["exec", "demo", "--", "env"]);
      assert.equal(command.code, 125);
      assert.match(command.stderr, /\[CONFIG_INVALID\]/);
      assert.equal(command.stdout, "");
      assert.equal((await home.run(["token", "demo", "--json"])).json.token_type, "DPoP");
      assert.equal((await home.run(["status", "demo", "--json"])).json.bound_to_key, true);
      assert.match((await home.run(["status", "demo"])).stdout, /^Token: +bound to a key/m);
    },
  );

  await t.step("the key moves with the entry, sealed", async () => {
    await using other = await Home.make();
    const env = { MCP_AUTH_EXPORT_PASSPHRASE: "correct horse battery" };
    const file = `${home.path}/export.json`;
    assert.equal((await home.run(["export", "demo", "--out", file], { env })).code, 0);
    assert.ok(!(await Deno.readTextFile(file)).includes('"d"'));
    const imported = await other.run(["import", file], { env });
    assert.equal(imported.code, 0, imported.stderr);
    assert.equal((await other.run(["call", "demo", "whoami"])).stdout, "alice\n");
  });

  await t.step("a sign-out needs no proof", async () => {
    const logout = await home.run(["logout", "demo", "--json"]);
    const outcomes = logout.json.revocations.map(({ outcome }: { outcome: string }) => outcome);
    assert.deepEqual(outcomes, ["revoked", "unsupported"], logout.stdout);
  });
});

Deno.test("X17: a bridge lives through changes of the nonce, with 50 calls at once, and asks for no other token", async () => {
  await using servers = await startServers(REQUIRED);
  await using home = await Home.make();
  const { as, mcp } = servers;
  await using host = new Host(home, [mcp.url, "--login"]);
  await host.initialize();
  const tokens = as.requests("POST /token").length;
  for (let round = 0; round < 3; round++) {
    mcp.rotateDpopNonce();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, a) => host.call("add", { a, b: round })),
    );
    assert.deepEqual(
      answers.map(({ result }) => result?.structuredContent?.sum),
      Array.from({ length: 50 }, (_, a) => a + round),
    );
  }
  assert.ok(mcp.acceptedProofs > 150);
  const started = performance.now();
  assert.equal((await host.end()).code, 0);
  assert.ok(performance.now() - started < 2_000);
  assert.ok(mcp.log.some(({ method, status }) => method === "DELETE" && status === 200));
  assert.equal(as.requests("POST /token").length, tokens);
  assert.equal(as.requests("GET /auth").length, 1);
});

Deno.test("a server that asks for another nonce each time is given up, with words", async () => {
  await using servers = await startServers(REQUIRED);
  await using home = await Home.make();
  const { as, mcp } = servers;
  assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  const before = [mcp.requests("POST /mcp").length, as.requests("POST /token").length];
  mcp.fail("POST /mcp", Infinity, () =>
    new Response(null, {
      status: 401,
      headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": crypto.randomUUID() },
    }));
  assertError(await home.run(["tools", "demo", "--json"]), "AUTH_FAILED", 1);
  const after = [mcp.requests("POST /mcp").length, as.requests("POST /token").length];
  assert.deepEqual(after.map((count, index) => count - before[index]!), [4, 0]);
});

Deno.test("--dpop and MCP_AUTH_DPOP bind tokens where the server leaves the choice", async () => {
  await using servers = await startServers({ mcp: { dpop: "accept" } });
  await using home = await Home.make();
  const { mcp } = servers;
  const bound = async (name: string) => (await home.run(["status", name, "--json"])).json.bound_to_key;
  assert.equal((await home.run(["add", "plain", mcp.url])).code, 0);
  assert.equal(await bound("plain"), false);
  assert.equal((await home.run(["add", "by-flag", mcp.url, "--dpop"])).code, 0);
  assert.equal(await bound("by-flag"), true);
  const env = { MCP_AUTH_DPOP: "1" };
  assert.equal((await home.run(["add", "by-env", mcp.url], { env })).code, 0);
  assert.equal(await bound("by-env"), true);
  // The registration for bound tokens serves nobody who wants others.
  assert.equal((await home.run(["call", "plain", "whoami"])).stdout, "alice\n");
  assert.equal((await home.run(["login", "plain"])).code, 0);
  assert.equal(await bound("plain"), false);

  assert.equal((await home.run(["set", "by-flag", "--unset", "dpop"])).code, 0);
  assert.equal(await bound("by-flag"), true);
  assert.equal((await home.run(["login", "by-flag"])).code, 0);
  assert.equal(await bound("by-flag"), false);
  assert.equal((await home.run(["call", "by-flag", "whoami"])).stdout, "alice\n");
  const other = { MCP_AUTH_DPOP: "perhaps" };
  assertError(await home.run(["add", "x", mcp.url, "--json"], { env: other }), "CONFIG_INVALID", 1);
});

Deno.test("X15: who asks for bound tokens and gets others is told, and nothing is stored; who did not ask takes them", async () => {
  const wantsBound = (metadata: Record<string, unknown>) => ({
    ...metadata,
    dpop_bound_access_tokens_required: true,
  });
  await using servers = await startServers({
    as: { edit: { token: (body) => body.token_type === "DPoP" ? { ...body, token_type: "Bearer" } : body } },
    mcp: { editMetadata: wantsBound },
  });
  await using home = await Home.make();
  const { mcp } = servers;
  const refused = await home.run(["add", "demo", mcp.url, "--dpop", "--json"]);
  assertError(refused, "AUTH_FAILED", 1, /leave out --dpop, or run: mcp-auth set demo --unset dpop/);
  assert.deepEqual((await home.run(["list", "--json"])).json, []);
  const added = await home.run(["add", "demo", mcp.url]);
  assert.equal(added.code, 0, added.stderr);
  assert.equal((await home.run(["status", "demo", "--json"])).json.bound_to_key, false);
  assert.ok(schemes(servers).every((scheme) => scheme === "Bearer"));
});

Deno.test("X19: servers that take proofs by other algorithms alone are told apart before anybody is asked", async () => {
  for (
    const options of [
      {
        as: {
          edit: { metadata: (all: object) => ({ ...all, dpop_signing_alg_values_supported: ["EdDSA"] }) },
        },
      },
      {
        mcp: {
          dpop: "accept" as const,
          editMetadata: (all: object) => ({ ...all, dpop_signing_alg_values_supported: ["RS256"] }),
          advertiseMetadata: true,
        },
        // Its challenge says nothing of algorithms.
        challenge: "Bearer",
      },
    ]
  ) {
    await using servers = await startServers(options);
    await using home = await Home.make();
    const { as, mcp } = servers;
    if ("challenge" in options) {
      mcp.fail("POST /mcp", Infinity, () =>
        new Response(null, {
          status: 401,
          headers: { "www-authenticate": `Bearer resource_metadata="${mcp.metadataUrl}"` },
        }));
    }
    const refused = await home.run(["add", "demo", mcp.url, "--dpop", "--json"]);
    assertError(refused, "DISCOVERY_FAILED", 1);
    assert.match(
      refused.json.error.message,
      /takes proofs by (EdDSA|RS256), and mcp-auth signs them with ES256/,
    );
    assert.deepEqual(as.requests("GET /auth"), []);
    if (!("challenge" in options)) assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  }
});

Deno.test("two entries at one authorization server, one of them bound, do not get in each other's way", async () => {
  await using servers = await startServers({
    mcp: { dpop: "accept" },
    as: { registration: { management: true } },
  });
  await using home = await Home.make();
  const { as, mcp } = servers;
  const port = ["--callback-port", "0"];
  for (const args of [["bound", mcp.url, "--dpop"], ["plain", mcp.url], ["other", mcp.url]]) {
    const added = await home.run(["add", ...args, ...port]);
    assert.equal(added.code, 0, added.stderr);
  }
  const asked = as.requests("POST /reg").map(({ json }) => json() as Record<string, unknown>);
  assert.equal(asked.filter((each) => each.dpop_bound_access_tokens === true).length, 1);
  assert.equal((await home.run(["refresh", "--all"])).code, 0);
  for (const name of ["bound", "plain", "other"]) {
    assert.equal((await home.run(["call", name, "whoami"])).stdout, "alice\n");
  }
  assert.equal((await home.run(["login", "bound"])).code, 0);
  assert.equal((await home.run(["login", "plain"])).code, 0);
});

Deno.test("X15, X17: what a machine's own credentials bring is bound to a key, and so is what they bring next", async () => {
  const machine = {
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
    scope: "mcp:read",
  };
  const { publicKey, privateKey } = await crypto.subtle.generateKey(
    { name: "ECDSA", namedCurve: "P-256" },
    true,
    ["sign", "verify"],
  );
  const { d: _private, key_ops: _uses, ...jwk } = await crypto.subtle.exportKey("jwk", publicKey);
  await using servers = await startServers({
    as: {
      dpopNonce: true,
      tokenEndpointAuthMethods: ["none", "client_secret_basic", "private_key_jwt"],
      clients: [
        {
          ...machine,
          client_id: "by-secret",
          client_secret: "s3cret-of-the-machine",
          token_endpoint_auth_method: "client_secret_basic",
        },
        {
          ...machine,
          client_id: "by-key",
          token_endpoint_auth_method: "private_key_jwt",
          token_endpoint_auth_signing_alg: "ES256",
          jwks: { keys: [jwk] },
        },
      ],
    },
    mcp: { dpop: "require", dpopNonce: true },
  });
  await using home = await Home.make();
  const { as, mcp } = servers;
  const secret = await home.file("secret", "s3cret-of-the-machine\n");
  const pem = `-----BEGIN PRIVATE KEY-----\n${
    new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey)).toBase64()
  }\n-----END PRIVATE KEY-----\n`;
  const key = await home.file("key.pem", pem);
  const ways = [["by-secret", "--client-secret-file", secret], ["by-key", "--private-key", key]] as const;
  for (const [id, flag, file] of ways) {
    const args = ["--client-credentials", "--client-id", id, flag, file, "--scope", "mcp:read"];
    const added = await home.run(["add", id, mcp.url, ...args]);
    assert.equal(added.code, 0, added.stderr);
    assert.equal((await home.run(["refresh", id])).code, 0);
    assert.equal((await home.run(["status", id, "--json"])).json.bound_to_key, true);
    assert.equal((await home.run(["tools", id, "--json"])).code, 0);
  }
  assert.ok(as.requests("POST /token").every(({ headers }) => headers.has("dpop")));
  assert.ok(as.requests("POST /token").some(({ answer }) => answer?.error === "use_dpop_nonce"));
  assert.ok(schemes(servers).every((scheme) => scheme === "DPoP"));
  assert.deepEqual(as.errors, []);
});

Deno.test("X15: what a device code brings is bound to a key", async () => {
  await using servers = await startServers({
    as: { dpopNonce: true, deviceFlow: true },
    mcp: { dpop: "require" },
  });
  await using home = await Home.make();
  const { as, mcp } = servers;
  await using adding = home.start(["add", "demo", mcp.url, "--device"]);
  const code = await adding.said(/Code: (\S+)/);
  await browse(`${as.issuer}/device?user_code=${code}`);
  const added = await adding.outcome;
  assert.equal(added.code, 0, added.stderr);
  assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
  assert.equal((await home.run(["status", "demo", "--json"])).json.bound_to_key, true);
  assert.ok(as.requests("POST /token").every(({ headers }) => headers.has("dpop")));
});

Deno.test("--dpop at a server that knows nothing of it: the error says so, and what it names mends it", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { mcp } = servers;
  const refused = await home.run(["add", "demo", mcp.url, "--dpop", "--json"]);
  assertError(refused, "AUTH_FAILED", 1, /mcp-auth set demo --unset dpop, then: mcp-auth login demo$/);
  assert.equal((await home.run(["set", "demo", "--unset", "dpop"])).code, 0);
  assert.equal((await home.run(["login", "demo"])).code, 0);
  assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
});

Deno.test("a session ends also where the nonce has changed since the last request", async () => {
  await using servers = await startServers(REQUIRED);
  await using home = await Home.make();
  const { mcp } = servers;
  await using host = new Host(home, [mcp.url, "--login"]);
  await host.initialize();
  await host.call("add", { a: 1, b: 2 });
  assert.equal(mcp.sessions.length, 1);
  mcp.rotateDpopNonce();
  assert.equal((await host.end()).code, 0);
  assert.deepEqual(mcp.requests("DELETE /mcp").map(({ status }) => status), [401, 200]);
  assert.deepEqual(mcp.sessions, []);
});

Deno.test("doctor shows a bound token with the nonce and the time that its server wants, and tells a refused token apart", async () => {
  await using servers = await startServers(REQUIRED);
  await using home = await Home.make();
  const { mcp } = servers;
  assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  // deno-lint-ignore no-explicit-any -- the shape of --json is what is tested
  const exchange = (json: any) => json.checks.find(({ id }: { id: string }) => id === "exchange");
  const fine = await home.run(["doctor", "demo", "--json"]);
  assert.equal(exchange(fine.json).status, "ok", fine.stdout);

  const ahead = ["faketime", "-f", "+10m", ...FROM_CHECKOUT];
  const skewed = await home.run(["doctor", "demo", "--json"], { command: ahead });
  assert.equal(skewed.json.first_to_fix.id, "clock", skewed.stdout);
  assert.equal(exchange(skewed.json).status, "ok", skewed.stdout);

  const before = mcp.requests("POST /mcp").length;
  mcp.refuseSeenTokens();
  const refused = await home.run(["doctor", "demo", "--json"]);
  assert.equal(exchange(refused.json).code, "AUTH_REQUIRED", refused.stdout);
  assert.match(exchange(refused.json).detail, /no longer accepts its token \(401\)$/);
  // The one without a token, and the one that the token was refused with.
  assert.equal(mcp.requests("POST /mcp").length - before, 2);
});

Deno.test("a server that comes to take bound tokens alone: call and doctor name the sign-in that it takes", async () => {
  await using servers = await startServers({ mcp: { dpop: "accept" } });
  await using home = await Home.make();
  const { as, mcp } = servers;
  assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  const tokens = as.requests("POST /token").length;
  mcp.fail("POST /mcp", Infinity, () =>
    new Response(null, {
      status: 401,
      headers: { "www-authenticate": `DPoP algs="ES256", resource_metadata="${mcp.metadataUrl}"` },
    }));
  assertError(
    await home.run(["call", "demo", "whoami", "--json"]),
    "AUTH_REQUIRED",
    4,
    /^Run: mcp-auth login demo$/,
  );
  const { json } = await home.run(["doctor", "demo", "--json"]);
  assert.equal(json.first_to_fix.id, "exchange");
  assert.match(json.first_to_fix.detail, /takes only tokens that are bound to a key/);
  assert.equal(json.first_to_fix.hint, "Run: mcp-auth login demo");
  assert.equal(as.requests("POST /token").length, tokens, "a refresh would bring another of the wrong kind");
});

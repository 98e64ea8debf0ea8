/**
 * Pushed authorization requests with the real program and a real server that takes no others.
 *
 * @see RFC 9126; RFC 9449 section 10.1; behaviours rows 9 and 22
 * @module
 */
import assert from "node:assert/strict";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";

const ANY_PORT = ["--callback-port", "0"];

Deno.test("where a server wants requests pushed, the browser carries their name and nothing else", async () => {
  await using servers = await startServers({ as: { pushedRequests: "require" } });
  await using home = await Home.make();
  const { as, mcp } = servers;
  const added = await home.run(["add", "demo", mcp.url]);
  assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n", added.stderr);
  assert.match(added.stderr, /That address is good for \d+ s, and once/);
  const [pushed] = as.requests("POST /request");
  const names = [
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "resource",
    "response_type",
    "state",
  ];
  for (const name of names) assert.ok(pushed?.form.has(name), name);
  const [page] = as.requests("GET /auth");
  assert.deepEqual([...page!.query.keys()].sort(), ["client_id", "request_uri"]);
  assert.equal(page?.query.get("request_uri"), pushed?.answer?.request_uri);
  assert.equal(page?.query.get("client_id"), pushed?.form.get("client_id"));
  assert.deepEqual(as.errors, []);
});

Deno.test("where pushing is offered and not wanted, nothing is pushed", async () => {
  await using servers = await startServers({ as: { pushedRequests: "offer" } });
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  assert.deepEqual(servers.as.requests("POST /request"), []);
});

Deno.test("a registration that asks for pushed requests gets them, at each sign-in", async () => {
  await using servers = await startServers({
    as: {
      pushedRequests: "offer",
      edit: { registration: (body) => ({ ...body, require_pushed_authorization_requests: true }) },
    },
  });
  await using home = await Home.make();
  const { as, mcp } = servers;
  assert.equal((await home.run(["add", "demo", mcp.url, ...ANY_PORT])).code, 0);
  assert.equal((await home.run(["login", "demo"])).code, 0);
  assert.equal(as.requests("POST /reg").length, 1);
  assert.ok(as.requests("GET /auth").every(({ query }) => query.has("request_uri")));
});

Deno.test("X15, X17: a push for bound tokens carries the proof and the thumbprint, and takes the server's nonce", async () => {
  await using servers = await startServers({
    as: { pushedRequests: "require", dpopNonce: true },
    mcp: { dpop: "require", dpopNonce: true },
  });
  await using home = await Home.make();
  const { as, mcp } = servers;
  const added = await home.run(["add", "demo", mcp.url]);
  assert.equal(added.code, 0, added.stderr);
  const [first, second] = as.requests("POST /request");
  assert.deepEqual([first?.answer?.error, second?.status], ["use_dpop_nonce", 201]);
  assert.ok(first?.headers.has("dpop") && second?.form.has("dpop_jkt"));
  assert.equal(as.requests("POST /token").length, 1, "the nonce of the push is good there, too");
});

Deno.test("a client that the server has pruned is found out by the push, before a browser opens (row 9)", async () => {
  await using servers = await startServers({ as: { pushedRequests: "require" } });
  await using home = await Home.make();
  const { as, mcp } = servers;
  assert.equal((await home.run(["add", "demo", mcp.url, ...ANY_PORT])).code, 0);
  as.forgetClients();
  const login = await home.run(["login", "demo"]);
  assert.equal(login.code, 0, login.stderr);
  assert.match(login.stderr, /no longer knows this client; registering again/);
  assert.equal(login.stderr.match(/Opening the browser/g)?.length, 1);
  assert.equal(as.requests("POST /reg").length, 2);
  assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
});

Deno.test("a client with a secret pushes by the method that its server takes (row 22)", async () => {
  const client = {
    client_id: "confidential",
    client_secret: "s3cret-of-the-client",
    token_endpoint_auth_method: "client_secret_post",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    redirect_uris: ["http://127.0.0.1:8456/callback"],
    application_type: "native",
  };
  await using servers = await startServers({ as: { pushedRequests: "require", clients: [client] } });
  await using home = await Home.make();
  const { as, mcp } = servers;
  const secret = await home.file("secret", "s3cret-of-the-client\n");
  const given = ["--client-id", "confidential", "--client-secret-file", secret, ...ANY_PORT];
  // oidc-provider takes both ways; many servers take the registered one alone.
  as.fail("POST /request", 1, () => Response.json({ error: "invalid_client" }, { status: 401 }));
  const added = await home.run(["add", "demo", mcp.url, ...given]);
  assert.equal(added.code, 0, added.stderr);
  const [basic, post] = as.requests("POST /request");
  assert.deepEqual([basic?.status, post?.status], [401, 201]);
  assert.ok(basic?.headers.has("authorization") && post?.form.has("client_secret"));
  const [exchange] = as.requests("POST /token");
  assert.ok(exchange?.form.has("client_secret"), "the exchange goes by the method that worked");

  const wrong = await home.file("wrong", "s3cret-of-another\n");
  const refused = await home.run([
    ...["add", "other", mcp.url, "--client-id", "confidential", "--client-secret-file", wrong],
    ...[...ANY_PORT, "--json"],
  ]);
  assertError(refused, "REGISTRATION_FAILED", 1, /Check its id and its secret there/);
  assert.ok(!`${refused.stdout}${refused.stderr}`.includes("s3cret-of"));
});

for (
  const [name, answer, message] of [
    ["gives no name", () => Response.json({ expires_in: 60 }, { status: 201 }), /request_uri/],
    [
      "gives a name that would be more than a parameter",
      () => Response.json({ request_uri: "urn:x:\u001b[31m a&b", expires_in: 60 }, { status: 201 }),
      /request_uri is no URI/,
    ],
    [
      "gives a name without end",
      () => Response.json({ request_uri: `urn:x:${"a".repeat(2_000)}`, expires_in: 60 }, { status: 201 }),
      /request_uri is no URI/,
    ],
    ["gives a page", () => new Response("<html>", { status: 201 }), /not valid/],
    ["refuses", () => Response.json({ error: "invalid_request" }, { status: 400 }), /400: invalid_request/],
  ] as const
) {
  Deno.test(`a server that takes pushed requests and ${name}: an error with a code, and no browser`, async () => {
    await using servers = await startServers({ as: { pushedRequests: "require" } });
    await using home = await Home.make();
    servers.as.fail("POST /request", Infinity, answer);
    const refused = await home.run(["add", "demo", servers.mcp.url, "--json"]);
    assertError(refused, "AUTH_FAILED", 1);
    assert.match(refused.json.error.message, message);
    assert.deepEqual(servers.as.requests("GET /auth"), []);
    assert.deepEqual((await home.run(["list", "--json"])).json, []);
  });
}

Deno.test("a server that is down for the push, and one without the endpoint, say so", async () => {
  await using home = await Home.make();
  {
    await using servers = await startServers({ as: { pushedRequests: "require" } });
    servers.as.fail("POST /request", Infinity, () => new Response("busy", { status: 503 }));
    assertError(await home.run(["add", "demo", servers.mcp.url, "--json"]), "SERVER_ERROR", 3);
  }
  await using servers = await startServers({
    as: {
      edit: {
        metadata: ({ pushed_authorization_request_endpoint: _none, ...rest }) => ({
          ...rest,
          require_pushed_authorization_requests: true,
        }),
      },
    },
  });
  const refused = await home.run(["add", "demo", servers.mcp.url, "--json"]);
  assertError(refused, "DISCOVERY_FAILED", 1, /operator has to correct the metadata/);
});

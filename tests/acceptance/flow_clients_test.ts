/**
 * Whom `add` signs in as: a client that a person registered, with its secret from every place it may come from, a client
 * ID metadata document, a dynamic registration, and the redirect URI that goes with it.
 *
 * @see MCP 2025-11-25, Client Registration Approaches; RFC 6749 section 2.3.1; RFC 8252 section 7.3
 * @module
 */
import assert from "node:assert/strict";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";
import { startSmallServer } from "./small_server.ts";

const SECRET = "s3cr:t+%&=/?";

type Method = "client_secret_basic" | "client_secret_post" | "none";

/** A server that knows one client, registered by hand, and registers no others. */
function startClosedServers(method: Method) {
  return startServers({
    as: {
      registration: false,
      tokenEndpointAuthMethods: [method],
      clients: [{
        client_id: "by hand",
        ...(method === "none" ? {} : { client_secret: SECRET }),
        token_endpoint_auth_method: method,
        application_type: "native",
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: ["http://127.0.0.1/callback"],
      }],
    },
  });
}

const CLIENTS: readonly {
  readonly name: string;
  readonly method: Method;
  readonly from: "file" | "stdin" | "env" | "nowhere";
}[] = [
  { name: "a secret from a file, by Basic", method: "client_secret_basic", from: "file" },
  { name: "a secret from standard input, by POST", method: "client_secret_post", from: "stdin" },
  { name: "id and secret from the environment, by Basic", method: "client_secret_basic", from: "env" },
  { name: "a client without a secret", method: "none", from: "nowhere" },
];

for (const { name, method, from } of CLIENTS) {
  Deno.test(`add signs in as a client registered by hand: ${name}`, async () => {
    await using servers = await startClosedServers(method);
    await using home = await Home.make();
    const { as, mcp } = servers;
    const flags = {
      file: ["--client-id", "by hand", "--client-secret-file", await home.file("secret", `${SECRET}\n`)],
      stdin: ["--client-id", "by hand", "--client-secret-file", "-"],
      env: [],
      nowhere: ["--client-id", "by hand"],
    }[from];
    const added = await home.run(["add", "demo", mcp.url, "--verbose", ...flags], {
      ...(from === "stdin" ? { stdin: SECRET } : {}),
      env: from === "env" ? { MCP_AUTH_CLIENT_ID: "by hand", MCP_AUTH_CLIENT_SECRET: SECRET } : {},
    });
    assert.equal(added.code, 0, added.stderr);
    assert.ok(!added.stderr.includes(SECRET) && !added.stderr.includes(encodeURIComponent(SECRET)));
    const refreshed = await home.run(["refresh", "demo"]);
    assert.equal(refreshed.code, 0, refreshed.stderr);
    assert.equal((await home.run(["status", "demo", "--json"])).json.client_source, "pre-registered");
    const requests = as.requests("POST /token");
    assert.deepEqual(requests.map(({ form }) => form.get("grant_type")), [
      "authorization_code",
      "refresh_token",
    ]);
    for (const { headers, form } of requests) {
      const basic = headers.get("authorization");
      assert.equal(form.get("client_secret"), method === "client_secret_post" ? SECRET : null);
      assert.equal(
        basic,
        method === "client_secret_basic" ? `Basic ${btoa(`by+hand:${encodeURIComponent(SECRET)}`)}` : null,
      );
    }
  });
}

Deno.test("row 18: without dynamic registration add prints the redirect URI to register and the flag to come back with", async () => {
  await using servers = await startClosedServers("none");
  await using home = await Home.make();
  const outcome = await home.run(["add", "demo", servers.mcp.url, "--json"]);
  assertError(
    outcome,
    "REGISTRATION_FAILED",
    1,
    /redirect URI http:\/\/127\.0\.0\.1:\d+\/callback, .*--client-id/,
  );
  assert.deepEqual((await home.run(["list", "--json"])).json, []);
});

for (
  const [name, args, code, exitCode] of [
    ["a secret without a client", ["--client-secret-file", "-"], "USAGE", 2],
    [
      "a secret file that is not there",
      ["--client-id", "x", "--client-secret-file", "nowhere"],
      "CONFIG_MISSING",
      5,
    ],
    ["an empty secret", ["--client-id", "x", "--client-secret-file", "-"], "CONFIG_INVALID", 1],
  ] as const
) {
  Deno.test(`add refuses ${name} before it asks any server`, async () => {
    await using server = startSmallServer();
    await using home = await Home.make();
    assertError(await home.run(["add", "small", server.url, ...args, "--json"]), code, exitCode);
    assert.deepEqual(server.log, []);
  });
}

const DOCUMENT = "https://client.example/mcp-auth.json";

for (const [supported, from] of [[true, "flag"], [true, "environment"], [false, "flag"]] as const) {
  const what = supported ? `is the client id (from the ${from})` : "gives way to registration";
  Deno.test(`a client ID metadata document ${what} where the server ${supported ? "supports" : "does not support"} it`, async () => {
    await using server = startSmallServer({
      metadata: (document) => ({ ...document, client_id_metadata_document_supported: supported }),
    });
    await using home = await Home.make();
    const added = await home.run(
      ["add", "small", server.url, ...(from === "flag" ? ["--client-metadata-url", DOCUMENT] : [])],
      { env: from === "flag" ? {} : { MCP_AUTH_CLIENT_METADATA_URL: DOCUMENT } },
    );
    assert.equal(added.code, 0, added.stderr);
    const expected = supported ? DOCUMENT : "small-client";
    assert.equal(server.requests("/oauth/authorize")[0]?.query.get("client_id"), expected);
    assert.equal(server.requests("/oauth/token")[0]?.form.get("client_id"), expected);
    assert.equal(server.requests("/oauth/register").length, supported ? 0 : 1);
  });
}

Deno.test("row 10: the redirect URI takes the first free port of those given, and fails with a code when none is free", async () => {
  await using server = startSmallServer();
  await using home = await Home.make();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  free.close();
  const ports = ["--callback-port", String(taken.addr.port)];
  assertError(
    await home.run(["add", "small", server.url, ...ports, "--json"]),
    "CONFIG_INVALID",
    1,
    /--callback-port/,
  );
  assert.equal(
    server.requests("/oauth/register").length,
    0,
    "the port is bound before the client is registered",
  );
  ports.push("--callback-port", String(free.addr.port));
  const added = await home.run(["add", "small", server.url, ...ports]);
  assert.equal(added.code, 0, added.stderr);
  assert.equal(
    server.requests("/oauth/authorize")[0]?.query.get("redirect_uri"),
    `http://127.0.0.1:${free.addr.port}/callback`,
  );
});

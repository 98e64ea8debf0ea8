/**
 * Clients that a person registers: with an initial access token or a session at a real authorization server, by hand on
 * its pages with the guidance that `add` gives, and what becomes of them: listed, read, rotated, deleted.
 *
 * @see RFC 7591, RFC 7592; MCP 2026-07-28 client registration (C25, C26, C32-C36); behaviours rows 18-21
 * @module
 */
import assert from "node:assert/strict";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";
import { startSmallServer } from "./small_server.ts";

const TOKEN = "s3cret-initial-access-token";

/** Servers that register whoever has the token. */
function startGuarded() {
  return startServers({ as: { registration: { initialAccessToken: TOKEN, management: true } } });
}

Deno.test("a server that wants an initial access token says so, and one registration with it serves all entries there (C26, row 20)", async () => {
  await using servers = await startGuarded();
  await using home = await Home.make();
  const { as, mcp } = servers;
  const refused = await home.run(["add", "demo", mcp.url, "--json"]);
  assertError(
    refused,
    "REGISTRATION_FAILED",
    1,
    new RegExp(`mcp-auth client register ${as.issuer} --initial-access-token-file <file>$`),
  );
  assert.match(refused.json.error.message, /the server refuses unknown clients \(401\): invalid_token/);

  const registered = await home.run(
    ["client", "register", mcp.url, "--initial-access-token-file", "-", "--verbose"],
    { stdin: `${TOKEN}\n` },
  );
  assert.equal(registered.code, 0, registered.stderr);
  assert.ok(!(registered.stdout + registered.stderr).includes(TOKEN));
  assert.match(registered.stderr, new RegExp(`Registering a client at ${as.issuer}`));
  const [{ headers, json }] = as.requests("POST /reg").slice(-1) as [ReturnType<typeof as.requests>[number]];
  assert.equal(headers.get("authorization"), `Bearer ${TOKEN}`);
  assert.deepEqual((json() as Record<string, unknown>).redirect_uris, ["http://127.0.0.1:8456/callback"]);
  assert.equal((json() as Record<string, unknown>).application_type, "native");

  const before = as.requests("POST /reg").length;
  for (const name of ["one", "two"]) {
    const added = await home.run(["add", name, mcp.url]);
    assert.equal(added.code, 0, added.stderr);
  }
  assert.equal(as.requests("POST /reg").length, before, "nothing is registered anew (row 21)");
  const { json: clients } = await home.run(["client", "list", "--json"]);
  assert.equal(clients.length, 1);
  assert.deepEqual(clients[0].used_by, ["one", "two"]);
  assert.equal(clients[0].by_hand, true);
  assert.equal((await home.run(["audit", "--event", "client_registered", "--json"])).json.length, 1);
});

Deno.test("a client for one entry is used at its next sign-in, also where the preferred port is taken", async () => {
  await using servers = await startGuarded();
  await using home = await Home.make();
  const { as, mcp } = servers;
  await home.run(["client", "register", mcp.url, "--initial-access-token-file", "-"], { stdin: TOKEN });
  assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  const args = ["--client-name", "My tools", "--auth-method", "client_secret_post"];
  const registered = await home.run(
    [
      "client",
      "register",
      "demo",
      "--initial-access-token-file",
      await home.file("iat", TOKEN),
      ...args,
      "--json",
    ],
  );
  assert.equal(registered.code, 0, registered.stderr);
  assert.equal(registered.json.entry, "demo");
  using _taken = takenPort(8456);
  const again = await home.run(["login", "demo"]);
  assert.equal(again.code, 0, again.stderr);
  const asked = as.requests("/auth").at(-1)!;
  assert.equal(asked.query.get("client_id"), registered.json.client_id);
  assert.doesNotMatch(asked.query.get("redirect_uri") ?? "", /:8456\//);
  assert.equal((await home.run(["status", "demo", "--json"])).json.client_id, registered.json.client_id);
  assert.ok(as.requests("POST /token").at(-1)?.form.has("client_secret"));
});

Deno.test("client show reads what the server has, and client delete ends it there once nobody uses it (RFC 7592)", async () => {
  await using servers = await startGuarded();
  await using home = await Home.make();
  const { as, mcp } = servers;
  await home.run(["client", "register", as.issuer, "--initial-access-token-file", "-"], { stdin: TOKEN });
  assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  const shown = await home.run(["client", "show", "demo", "--json"]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.equal(shown.json.at_server, "read");
  assert.deepEqual(shown.json.registration.redirect_uris, ["http://127.0.0.1:8456/callback"]);
  const { stdout } = await home.run(["client", "show", as.issuer]);
  assert.match(stdout, /At server: +registered/);
  assert.doesNotMatch(stdout + shown.stdout, /registration_access_token|client_secret"/);

  assertError(
    await home.run(["client", "delete", "demo", "--json"]),
    "CONFIG_INVALID",
    1,
    /logout demo.*--force/,
  );
  assert.equal((await home.run(["token", "demo"])).code, 0, "the entry is as it was");
  const deleted = await home.run(["client", "delete", "demo", "--force", "--json"]);
  assert.equal(deleted.json.outcome, "deleted", deleted.stderr);
  assert.deepEqual(deleted.json.used_by, ["demo"]);
  assert.match(deleted.stderr, /"demo" has to sign in again: mcp-auth login demo/);
  assert.equal(as.log.filter(({ method }) => method === "DELETE").length, 1);
  const shownAgain = await home.run(["client", "show", "demo", "--json"]);
  assert.equal(shownAgain.json.at_server, "gone", "the tokens still name the client that is gone");
});

Deno.test("a client that its server has forgotten is forgotten here, and a server that fails keeps it unless forced", async () => {
  await using servers = await startServers({ as: { registration: { management: true } } });
  await using home = await Home.make();
  const { as, mcp } = servers;
  assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  assert.equal((await home.run(["logout", "demo"])).code, 0);
  const { registration_client_uri: uri } = as.requests("POST /reg").at(-1)?.answer ?? {};
  const path = `DELETE ${new URL(String(uri)).pathname}`;
  as.fail(path, 1, () => new Response("no", { status: 500 }));
  assertError(await home.run(["client", "delete", as.issuer, "--json"]), "SERVER_ERROR", 3, /--force/);
  assert.equal((await home.run(["client", "list", "--json"])).json.length, 1);
  as.forgetClients();
  const deleted = await home.run(["client", "delete", as.issuer, "--json"]);
  assert.equal(deleted.json.outcome, "gone", deleted.stdout);
  assert.deepEqual((await home.run(["client", "list", "--json"])).json, []);
});

Deno.test("add prints a line that works once a client is registered by hand (row 18)", async () => {
  const port = freePort(); // The preferred one may be taken on the machine that tests.
  await using servers = await startServers({
    as: {
      registration: false,
      tokenEndpointAuthMethods: ["none"],
      clients: [{
        client_id: "by-hand",
        token_endpoint_auth_method: "none",
        application_type: "native",
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: [`http://127.0.0.1:${port}/callback`],
      }],
    },
  });
  await using home = await Home.make();
  const flags = [
    "--scope",
    "mcp:read mcp:write",
    "--header",
    "X-Note: it's mine",
    "--authorize-param",
    "a=b c",
  ];
  const refused = await home.run(["add", "demo", servers.mcp.url, ...flags, "--json"]);
  assertError(
    refused,
    "REGISTRATION_FAILED",
    1,
    /redirect URI http:\/\/127\.0\.0\.1:8456\/callback, then run: /,
  );
  const { hint } = refused.json.error;
  assert.ok(!hint.includes("it's mine"), "a header may hold a secret");
  const line = /then run: mcp-auth (.*)$/.exec(hint)![1]!;
  const args = await shellWords(
    line.replace("<id>", "by-hand").replace("X-Note: <value>", "X-Note: it is mine"),
  );
  assert.deepEqual(args.slice(0, 3), ["add", "demo", servers.mcp.url]);
  assert.deepEqual(args.slice(-2), ["--callback-port", "8456"]);
  args[args.length - 1] = String(port);
  const added = await home.run(args);
  assert.equal(added.code, 0, added.stderr);
  const [asked] = servers.as.requests("/auth");
  assert.equal(asked?.query.get("client_id"), "by-hand");
  assert.equal(asked?.query.get("redirect_uri"), `http://127.0.0.1:${port}/callback`);
  assert.equal(asked?.query.get("a"), "b c");

  const { json: [client] } = await home.run(["client", "list", "--json"]);
  assert.deepEqual([client.source, client.entry], ["pre-registered", "demo"]);
  assertError(
    await home.run(["client", "register", "demo", "--json"]),
    "CONFIG_INVALID",
    1,
    /mcp-auth set demo --unset client-id/,
  );
  const deleted = await home.run(["client", "delete", "demo", "--force", "--json"]);
  assert.equal(deleted.json.outcome, "forgotten");
  assertError(
    await home.run(["login", "demo", "--json"]),
    "REGISTRATION_FAILED",
    1,
    /mcp-auth login demo .*--client-id/,
  );
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Takes a port, unless somebody has it already. */
function takenPort(port: number): Disposable {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return { [Symbol.dispose]: () => {} };
    throw error;
  }
}

/** The words of a line, as a shell reads them. */
async function shellWords(line: string): Promise<string[]> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", `printf '%s\\0' ${line}`] }).output();
  return new TextDecoder().decode(stdout).split("\0").slice(0, -1);
}

Deno.test("a session's cookie registers a client, goes to the registration alone, and stands on no command line", async () => {
  await using server = startSmallServer();
  await using home = await Home.make();
  const header = [
    "--registration-header",
    "Cookie: session=${SESSION}",
    "--registration-header",
    "X-Tenant: acme",
  ];
  const env = { SESSION: "s3cret-session" };
  const registered = await home.run(["client", "register", server.url, ...header, "--verbose"], { env });
  assert.equal(registered.code, 0, registered.stderr);
  assert.ok(!(registered.stdout + registered.stderr).includes("s3cret-session"));
  const withCookie = server.log.filter(({ headers }) => headers.has("cookie")).map(({ path }) => path);
  assert.deepEqual(withCookie, ["/oauth/register"]);
  assert.equal(server.requests("/oauth/register")[0]?.headers.get("x-tenant"), "acme");
  const added = await home.run(["add", "small", server.url]);
  assert.equal(added.code, 0, added.stderr);
  assert.equal(server.requests("/oauth/register").length, 1);

  const inClear = ["--registration-header", "Cookie: session=s3cret-session"];
  const refused = await home.run(["client", "register", server.url, ...inClear, "--json"]);
  assertError(refused, "USAGE", 2, /write it as \$\{VARIABLE\}/);
  assert.ok(!refused.stdout.includes("s3cret-session"));
});

Deno.test("an initial access token goes to no issuer but the one that an entry was signed in at (C35, C36)", async () => {
  await using servers = await startServers();
  await using other = await startGuarded();
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  servers.mcp.trust(other.as);
  const outcome = await home.run(
    ["client", "register", "demo", "--initial-access-token-file", "-", "--json"],
    {
      stdin: TOKEN,
    },
  );
  assertError(outcome, "ISSUER_MISMATCH", 1, new RegExp(`client register ${other.as.issuer}$`));
  assert.deepEqual(other.as.requests("POST /reg"), []);
});

for (
  const [name, body, code, message] of [
    [
      "its redirect URI",
      { error: "invalid_redirect_uri", error_description: "No loopback" },
      400,
      /does not accept the redirect URI "http:\/\/127\.0\.0\.1:\d+\/callback": invalid_redirect_uri \(No loopback\)/,
    ],
    [
      "unknown names",
      "Unknown application: <b>mcp-auth</b>\u001b[31m",
      403,
      /refuses unknown clients \(403\): "Unknown/,
    ],
  ] as const
) {
  Deno.test(`a registration that is refused for ${name} says so and what to try (C34, row 20)`, async () => {
    await using server = startSmallServer({
      answers: {
        "/oauth/register": () =>
          typeof body === "string"
            ? new Response(body, { status: code })
            : Response.json(body, { status: code }),
      },
    });
    await using home = await Home.make();
    const outcome = await home.run(["add", "small", server.url, "--json"]);
    assertError(
      outcome,
      "REGISTRATION_FAILED",
      1,
      code === 400 ? /--callback-host localhost/ : /--client-name <name>/,
    );
    assert.match(outcome.json.error.message, message);
    // deno-lint-ignore no-control-regex -- that there is none is what this looks for
    assert.doesNotMatch(outcome.stdout, /\\u001b|\u001b/);
    assert.deepEqual((await home.run(["list", "--json"])).json, []);
  });
}

/**
 * What mcp-auth does to connect, walked through as a user would: the row of whom it signs in as.
 *
 * @see features, "Connect"; MCP 2026-07-28 client registration (C24-C37); behaviours row 18
 * @module
 */
import assert from "node:assert/strict";
import { startDocumentHost } from "./document_host.ts";
import { done, libraryIn, valueOf } from "./keeping.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";
import { atTerminal } from "./terminal.ts";

const BY_HAND = {
  client_id: "by-hand",
  client_secret: "s3cret-s3cret-s3cret",
  token_endpoint_auth_method: "client_secret_basic",
  application_type: "native",
  grant_types: ["authorization_code", "refresh_token"],
  redirect_uris: ["http://127.0.0.1/callback"],
} as const;

Deno.test("Connect: registration: pre-registered (--client-id, secret from file, stdin, env, prompt), CIMD, dynamic, guided prompt", async (t) => {
  await using host = await startDocumentHost();
  await using servers = await startServers({
    as: { clients: [BY_HAND], clientDocuments: (url) => host.fetch(url) },
  });
  await using home = await Home.make();
  const { as, mcp } = servers;
  const sourceOf = async (name: string) => {
    const { json } = await done(home, ["status", name, "--json"]);
    return [json.client_id, json.client_source];
  };
  const registrations = () => as.requests("POST /reg").length;
  const document = `${host.origin}/client.json`;
  const { json: written } = await done(home, ["client", "metadata", "--url", document, "--json"]);
  host.pages.set("/client.json", () => Response.json(written));

  await t.step("dynamic, where nothing else is said", async () => {
    await done(home, ["add", "dynamic", mcp.url]);
    assert.deepEqual(await sourceOf("dynamic"), [as.requests("POST /reg")[0]?.answer?.client_id, "dynamic"]);
  });

  await t.step("the document of a program, before a registration", async () => {
    await done(home, ["add", "document", mcp.url, "--client-metadata-url", document]);
    assert.deepEqual(await sourceOf("document"), [document, "client-id-metadata"]);
  });

  const secret = BY_HAND.client_secret;
  const ways: readonly (readonly [string, readonly string[], Parameters<Home["run"]>[1]])[] = [
    [
      "a file",
      ["--client-id", "by-hand", "--client-secret-file", await home.file("secret", `${secret}\n`)],
      {},
    ],
    ["standard input", ["--client-id", "by-hand", "--client-secret-file", "-"], { stdin: secret }],
    ["the environment", [], { env: { MCP_AUTH_CLIENT_ID: "by-hand", MCP_AUTH_CLIENT_SECRET: secret } }],
  ];
  for (const [index, [from, flags, options]] of ways.entries()) {
    await t.step(`a client by hand, before both, its secret from ${from}`, async () => {
      const more = ["--client-metadata-url", document];
      const { stdout, stderr } = await done(
        home,
        ["add", `hand-${index}`, mcp.url, ...flags, ...more],
        options,
      );
      assert.deepEqual(await sourceOf(`hand-${index}`), ["by-hand", "pre-registered"]);
      assert.ok(!(stdout + stderr).includes(secret));
      await done(home, ["refresh", `hand-${index}`]);
    });
  }
  await t.step("in the library, too", async () => {
    await using client = libraryIn(home);
    const options = { clientId: "by-hand" };
    valueOf(await client.authenticate("lib", { url: mcp.url, options, clientSecret: secret }));
    assert.deepEqual(await sourceOf("lib"), ["by-hand", "pre-registered"]);
  });
  assert.equal(registrations(), 1, "the dynamic one");

  await t.step(
    "the guided prompt where nothing works; without a terminal it is an error with the same words",
    async () => {
      await using closed = await startServers({ as: { registration: false, clients: [BY_HAND] } });
      const refused = await home.run(["add", "closed", closed.mcp.url, "--json"]);
      const line =
        /^Register a client there with redirect URI http:\/\/127\.0\.0\.1:\d+\/callback, then run: mcp-auth add closed .*--client-id/;
      assertError(refused, "REGISTRATION_FAILED", 1, line);
      await using terminal = atTerminal(home, ["add", "closed", closed.mcp.url], {});
      await terminal.shows("/callback");
      await terminal.shows("Client ID");
      await terminal.type("by-hand");
      await terminal.shows("Client secret");
      await terminal.type(secret);
      const { code, lines } = await terminal.end();
      assert.equal(code, 0, lines.join("\n"));
      assert.ok(!terminal.running.stdout.includes(secret));
      assert.deepEqual(await sourceOf("closed"), ["by-hand", "pre-registered"]);
    },
  );
  assert.deepEqual(as.errors, []);
});

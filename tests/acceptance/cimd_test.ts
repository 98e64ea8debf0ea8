/**
 * Client ID metadata documents with a real authorization server that takes them: one that a user hosts, and the one that
 * the program publishes for itself.
 *
 * @see MCP 2026-07-28 client registration (C25, C27-C31, C37); draft-ietf-oauth-client-id-metadata-document-02
 * @module
 */
import assert from "node:assert/strict";
import type { AuthorizationServerOptions } from "../../scripts/demo/servers/authorization_server.ts";
import { CLIENT_METADATA_URL } from "../../lib/primitives/oauth/client_metadata.ts";
import { type DocumentHost, knowing, startDocumentHost } from "./document_host.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

/** Servers whose authorization server takes the documents of a host. */
function startTaking(host: DocumentHost, as: AuthorizationServerOptions = {}): Promise<Servers> {
  return startServers({ as: { clientDocuments: (url) => host.fetch(url), ...as } });
}

const json = (body: unknown, type = "application/json") =>
  new Response(JSON.stringify(body), { headers: { "content-type": type } });

Deno.test("a document that `client metadata` wrote signs in where it is hosted, refreshes, and needs no registration", async () => {
  await using host = await startDocumentHost();
  await using servers = await startTaking(host, { registration: false });
  await using home = await Home.make();
  const url = `${host.origin}/clients/mine.json`;
  const written = await home.run(["client", "metadata", "--url", url, "--client-name", "My tools"]);
  assert.equal(written.code, 0, written.stderr);
  host.pages.set("/clients/mine.json", () => json(written.json));

  const added = await home.run(["add", "demo", servers.mcp.url, "--client-metadata-url", url]);
  assert.equal(added.code, 0, added.stderr);
  assert.match(added.stdout, /Connected to demo/);
  const [asked] = servers.as.requests("/auth");
  assert.equal(asked?.query.get("client_id"), url);
  assert.match(asked?.query.get("redirect_uri") ?? "", /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
  assert.deepEqual(
    host.log.filter(({ agent }) => agent.startsWith("mcp-auth")),
    [],
    "it is the user's: never fetched",
  );
  assert.ok(host.log.length > 0, "the server has fetched it");

  assert.equal((await home.run(["refresh", "demo"])).code, 0);
  const { json: [client] } = await home.run(["client", "list", "--json"]);
  assert.deepEqual([client.client_id, client.source, client.used_by], [url, "client-id-metadata", ["demo"]]);
  const { json: status } = await home.run(["status", "demo", "--json"]);
  assert.deepEqual([status.client_id, status.client_source], [url, "client-id-metadata"]);
  assert.deepEqual(servers.as.errors, []);
});

Deno.test("a document that names a port alone signs in with --callback-port", async () => {
  await using host = await startDocumentHost();
  await using servers = await startTaking(host, { registration: false });
  await using home = await Home.make();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String(listener.addr.port);
  listener.close();
  const url = `${host.origin}/c.json`;
  const { json: document } = await home.run(["client", "metadata", "--url", url, "--callback-port", port]);
  host.pages.set(
    "/c.json",
    () => json({ ...document, redirect_uris: [`http://127.0.0.1:${port}/callback`] }),
  );
  const flags = ["--client-metadata-url", url, "--callback-port", port];
  const added = await home.run(["add", "demo", servers.mcp.url, ...flags]);
  assert.equal(added.code, 0, added.stderr);
  assert.equal(
    servers.as.requests("/auth")[0]?.query.get("redirect_uri"),
    `http://127.0.0.1:${port}/callback`,
  );
});

Deno.test("client metadata --check judges a hosted document as a server would", async (t) => {
  await using host = await startDocumentHost();
  await using home = await Home.make();
  const url = `${host.origin}/c.json`;
  const { json: document } = await home.run(["client", "metadata", "--url", url]);
  const cases: readonly (readonly [string, () => Response, RegExp | undefined])[] = [
    ["a sound one", () => json(document), undefined],
    [
      "a sound one of another JSON type",
      () => json(document, "application/client+json; charset=utf-8"),
      undefined,
    ],
    ["nothing", () => new Response(null, { status: 404 }), /✗ answers 200: it answered 404/],
    [
      "a redirect",
      () => Response.redirect(`${host.origin}/d.json`),
      /✗ answers 200: it redirects to ".*d\.json"/,
    ],
    [
      "a page",
      () => new Response("<html>", { headers: { "content-type": "text/html" } }),
      /✗ Content-Type is JSON/,
    ],
    ["another client id", () => json({ ...document, client_id: `${url}?` }), /✗ client_id is the URL/],
    ["a secret", () => json({ ...document, client_secret: "s3cret" }), /✗ no secret/],
    ["too much", () => json({ ...document, padding: "x".repeat(5_000) }), /✗ at most 5120 bytes/],
  ];
  for (const [what, page, broken] of cases) {
    await t.step(what, async () => {
      host.pages.set("/c.json", page);
      const checked = await home.run(["client", "metadata", "--check", url], {
        env: { DENO_CERT: host.authority },
      });
      assert.equal(checked.code, broken === undefined ? 0 : 1, checked.stderr);
      assert.match(checked.stdout, broken ?? /✓ client_id is the URL[\s\S]*✓ Servers can use it$/m);
      assert.doesNotMatch(checked.stdout, /s3cret/);
    });
  }
  host.pages.set("/c.json", () => json(document));
  const checked = await home.run([
    "client",
    "metadata",
    "--check",
    url,
    "--ca-file",
    host.authority,
    "--json",
  ]);
  assert.equal(checked.code, 0, checked.stderr);
  assert.equal(checked.json.ok, true);
  assertError(await home.run(["client", "metadata", "--check", url, "--json"]), "NETWORK_ERROR", 3);
  assertError(
    await home.run(["client", "metadata", "--check", "http://x.example/c", "--json"]),
    "CONFIG_INVALID",
    1,
  );
});

/** The path of the program's own document at its host. */
const OWN_PATH = new URL(CLIENT_METADATA_URL).pathname;
const OWN_HOST = new URL(CLIENT_METADATA_URL).hostname;

interface OwnScene {
  readonly host: DocumentHost;
  readonly home: Home;
  /** Adds an entry, with the host under the name that the document has. */
  add(servers: Servers, ...flags: readonly string[]): ReturnType<Home["run"]>;
}

/** The world in which the package is published, as far as a test can make it. */
async function published(test: (scene: OwnScene) => Promise<void>): Promise<void> {
  await using host = await startDocumentHost(OWN_HOST);
  await using home = await Home.make();
  const text = await Deno.readTextFile(new URL("../../lib/client.json", import.meta.url));
  host.pages.set(OWN_PATH, () => new Response(text, { headers: { "content-type": "application/json" } }));
  const command = await knowing(home, OWN_HOST);
  const env = { DENO_CERT: host.authority };
  await test({
    host,
    home,
    add: ({ mcp }, ...flags) => home.run(["add", "demo", mcp.url, ...flags], { command, env }),
  });
}

Deno.test("the program's own document signs in where it is published, and no client is registered (C27)", async () => {
  await published(async ({ host, home, add }) => {
    await using servers = await startTaking(host);
    const added = await add(servers);
    assert.equal(added.code, 0, added.stderr);
    assert.equal(servers.as.requests("/auth").at(-1)?.query.get("client_id"), CLIENT_METADATA_URL);
    assert.deepEqual(servers.as.requests("POST /reg"), []);
    const ours = host.log.filter(({ agent }) => agent.startsWith("mcp-auth"));
    assert.deepEqual(ours.map(({ path }) => path), [OWN_PATH], "it is looked at once");
    assert.equal((await home.run(["refresh", "demo"])).code, 0);
    assert.match((await home.run(["client", "delete", "demo", "--force"])).stdout, /forgotten here$/m);
  });
});

Deno.test("where the program's own document is not published, a client is registered, without a word", async () => {
  await published(async ({ host, add }) => {
    host.pages.delete(OWN_PATH);
    await using servers = await startTaking(host);
    const added = await add(servers);
    assert.equal(added.code, 0, added.stderr);
    assert.equal(servers.as.requests("POST /reg").length, 1);
    assert.doesNotMatch(added.stderr, /document/);
  });
});

Deno.test("where the server refuses the program's own document, a client is registered once, and --verbose says why", async () => {
  await published(async ({ host, add }) => {
    await using servers = await startTaking(host, {
      clientDocuments: () => Promise.resolve(new Response("no", { status: 403 })),
    });
    const added = await add(servers, "--verbose");
    assert.equal(added.code, 0, added.stderr);
    assert.equal(servers.as.requests("POST /reg").length, 1);
    assert.match(added.stderr, /document .*client\.json is not used: the server does not accept it/);
  });
});

Deno.test("--client-metadata-url none keeps the program's own document out, and the entry remembers it", async () => {
  await published(async ({ host, home, add }) => {
    await using servers = await startTaking(host);
    const added = await add(servers, "--client-metadata-url", "none");
    assert.equal(added.code, 0, added.stderr);
    assert.equal(servers.as.requests("POST /reg").length, 1);
    assert.deepEqual(host.log, []);
    const again = await home.run(["login", "demo"]);
    assert.equal(again.code, 0, again.stderr);
    assert.equal(servers.as.requests("POST /reg").length, 1, "the registration is used again");
  });
});

Deno.test("without a network to the program's own document a sign-in goes on", async () => {
  await using host = await startDocumentHost();
  await using servers = await startTaking(host);
  await using home = await Home.make();
  const command = await knowing(home, OWN_HOST); // Nothing listens there.
  const added = await home.run(["add", "demo", servers.mcp.url], { command });
  assert.equal(added.code, 0, added.stderr);
  assert.equal(servers.as.requests("POST /reg").length, 1);
});

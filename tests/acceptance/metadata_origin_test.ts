/**
 * How far a server may lead a sign-in: to metadata at another origin only where the user says so, and to no page on a
 * network that it is not on itself.
 *
 * @see CVE-2026-51994; RFC 9728 section 7.7 (C9, C68-C73)
 * @module
 */
import assert from "node:assert/strict";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startSmallServer } from "./small_server.ts";

Deno.test("CVE-2026-51994: metadata at another origin is read once its origin is allowed, and that is remembered", async () => {
  await using home = await Home.make();
  await using elsewhere = startSmallServer({
    answers: {
      "/meta": () =>
        Response.json({
          resource: url,
          authorization_servers: [new URL(url).origin],
          scopes_supported: ["x"],
        }),
    },
  });
  await using server = startSmallServer({
    resource: null,
    challenge: () => `resource_metadata="${elsewhere.origin}/meta"`,
  });
  const { url } = server;
  const refused = await home.run(["add", "demo", url, "--json"]);
  assertError(refused, "UNSAFE_URL", 1, new RegExp(`--allow-metadata-origin ${elsewhere.origin}$`));
  assert.equal(elsewhere.log.length, 0);
  const added = await home.run(["add", "demo", url, "--json", "--allow-metadata-origin", elsewhere.origin]);
  assert.equal(added.code, 0, added.stderr);
  assert.equal(added.json.scope, "x");
  assert.equal((await home.run(["login", "demo"])).code, 0, "the origin is not forgotten");
  const looked = elsewhere.requests("/meta").length;
  assert.equal((await home.run(["doctor", "demo", "--json"])).code, 0);
  assert.equal(elsewhere.requests("/meta").length, looked + 1);
  assert.equal((await home.run(["set", "demo", "--unset", "allow-metadata-origin"])).code, 0);
  assertError(await home.run(["login", "demo", "--json"]), "UNSAFE_URL", 1, /--allow-metadata-origin/);
});

Deno.test("CVE-2026-51994: an origin that is allowed may still not lead into a private network", async () => {
  await using home = await Home.make();
  await using server = startSmallServer({
    resource: null,
    challenge: () => 'resource_metadata="https://169.254.169.254/latest/meta-data"',
  });
  const added = await home.run(
    ["add", "demo", server.url, "--json", "--allow-metadata-origin", "https://169.254.169.254"],
  );
  assertError(added, "UNSAFE_URL", 1, /--allow-private-host 169\.254\.169\.254/);
});

for (
  const endpoint of ["https://192.168.1.1/admin?reset=1", "https://[fd00::1]/", "https://169.254.169.254/"]
) {
  Deno.test(`C73: no browser is sent to ${endpoint} by a server that is not on that network`, async () => {
    await using home = await Home.make();
    await using server = startSmallServer({
      metadata: (document) => ({ ...document, authorization_endpoint: endpoint }),
    });
    const browser = await home.recordingBrowser();
    const added = await home.run(["add", "demo", server.url, "--json", "--timeout", "5"], { browser });
    assertError(added, "UNSAFE_URL", 1, /--allow-private-host/);
    assert.deepEqual(await home.opened(), []);
  });
}

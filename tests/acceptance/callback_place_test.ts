/**
 * Where the answer comes to, with the real program: hosts, ports that others have, redirect URIs elsewhere with a place
 * to listen at, as behind a published port or a proxy.
 *
 * @see behaviours rows 10, 15 and 16
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { freePort } from "../primitives/http/local_server.ts";
import { sendRaw, statusOf } from "../services/signin/raw_request.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

/** The redirect URI at registration, authorization and exchange. */
function redirectUrisOf({ as }: Servers): readonly (string | null | undefined)[] {
  const [registration] = as.requests("POST /reg");
  const [authorization] = as.requests(`GET ${as.paths.authorization}`);
  const [exchange] = as.requests("POST /token");
  return [
    JSON.parse(registration?.body ?? "{}").redirect_uris?.[0],
    authorization?.query.get("redirect_uri"),
    exchange?.form.get("redirect_uri"),
  ];
}

for (const host of ["127.0.0.1", "localhost", "[::1]"]) {
  Deno.test(`row 16: --callback-host ${host} is the same everywhere, and is remembered`, async () => {
    await using servers = await startServers();
    await using home = await Home.make();
    const line = ["add", "demo", servers.mcp.url, "--callback-host", host];
    // A port of its own: the preferred one may be another test's the next time.
    const added = await home.run([...line, "--callback-port", `${freePort()}`]);
    assert.equal(added.code, 0, added.stderr);
    const [registered] = redirectUrisOf(servers);
    assert.ok(registered?.startsWith(`http://${host}:`), registered ?? "");
    assert.deepEqual(redirectUrisOf(servers), [registered, registered, registered]);
    assert.equal((await home.run(["login", "demo"])).code, 0);
    assert.equal(servers.as.requests("POST /reg").length, 1, "the registration is used again");
  });
}

Deno.test("row 10: a port that others have on either address is not taken; the error names it and who has it", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  using taken = Deno.listen({ hostname: "::1", port: 0 });
  const { port } = taken.addr;
  const line = ["add", "demo", servers.mcp.url, "--callback-host", "localhost", "--callback-port", `${port}`];
  const refused = await home.run([...line, "--json"]);
  assertError(refused, "CONFIG_INVALID", 1, /--callback-port/);
  const { error } = refused.json;
  assert.match(error.message, new RegExp(`port ${port} is in use by \\S+ \\(process ${Deno.pid}\\)$`));
  assert.equal(servers.as.requests("POST /reg").length, 0, "nothing was registered");
  const next = freePort();
  assert.equal((await home.run([...line, "--callback-port", `${next}`])).code, 0);
  assert.ok(redirectUrisOf(servers)[0]?.endsWith(`:${next}/callback`));
});

Deno.test("row 15: a redirect URI elsewhere leads by a proxy to the place to listen at, and its host is answered", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const port = freePort();
  const redirectUri = "https://tools.example/oauth/cb";
  await using running = home.start(
    [
      "add",
      "demo",
      servers.mcp.url,
      "--no-browser",
      "--redirect-uri",
      redirectUri,
      "--listen",
      `0.0.0.0:${port}`,
    ],
  );
  const url = await running.said(/^ {2}(http:\S+)\n/m);
  await running.said(/^Warning: the answer is awaited at 0\.0\.0\.0:\d+, which other machines may reach$/m);
  const visit = await browse(url, { unreachable: redirectUri });
  const { pathname, search } = new URL(visit.url);
  const forward = (host: string) =>
    sendRaw(port, `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  assert.equal(statusOf(await forward("evil.example")), 421);
  assert.equal(statusOf(await forward("tools.example")), 200);
  const outcome = await running.outcome;
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.deepEqual(redirectUrisOf(servers), [redirectUri, redirectUri, redirectUri]);
});

Deno.test("row 15: MCP_AUTH_REDIRECT_URI on this machine is listened at, with its path", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const redirectUri = `http://localhost:${freePort()}/oauth/back`;
  const added = await home.run(["add", "demo", servers.mcp.url], {
    env: { MCP_AUTH_REDIRECT_URI: redirectUri },
  });
  assert.equal(added.code, 0, added.stderr);
  assert.deepEqual(redirectUrisOf(servers), [redirectUri, redirectUri, redirectUri]);
});

Deno.test("a redirect URI that nothing listens at and nobody can paste is said before anything is registered", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const line = ["add", "demo", servers.mcp.url, "--redirect-uri", "https://tools.example/cb", "--json"];
  assertError(await home.run(line), "CONFIG_INVALID", 1, /--listen/);
  assert.equal(servers.as.requests("POST /reg").length, 0);
  const secret = await home.file("secret", "s");
  assertError(
    await home.run([...line, "--no-browser", "--client-id", "c", "--client-secret-file", "-"], {
      stdin: await Deno.readTextFile(secret),
    }),
    "CONFIG_INVALID",
    1,
    /--listen/,
  );
});

Deno.test("without --login a bridge opens no browser and takes no word about one; the rest is for its tool", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const refused = await home.run(["bridge", servers.mcp.url, "--browser"]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /Cannot use "--browser" without --login/);
  const taken = await home.run([
    "bridge",
    servers.mcp.url,
    "--device",
    "--scope",
    "mcp:read",
    "--timeout",
    "9",
  ]);
  assert.equal(taken.code, 0, taken.stderr);
});

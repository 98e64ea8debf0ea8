/**
 * Sign-ins that end half way: refused, forged, timed out, interrupted. Whatever happens, nothing is stored, the port is
 * free again, and the exit code says how it ended.
 *
 * @see RFC 6749 section 4.1.2.1; RFC 9207; RFC 8252 section 8.10
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { htmlFault, jsonFault } from "../../scripts/demo/servers/faults.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { Home, type Running } from "./program.ts";
import { startServers } from "./servers.ts";
import { startSmallServer } from "./small_server.ts";

/** Checks that a home knows no entry, and that its store holds no record at all but the key's. */
async function assertNothingStored(home: Home): Promise<void> {
  assert.deepEqual((await home.run(["list", "--json"])).json, []);
  const kept: string[] = [];
  for await (const { name } of Deno.readDir(home.store)) if (name.endsWith(".sqlite3")) kept.push(name);
  using kv = await Deno.openKv(`${home.store}/${kept[0]}`);
  for await (const { key } of kv.list({ prefix: [] })) assert.ok(key.includes("keystore"), String(key));
}

/** Waits for the authorization URL, and takes it apart. */
async function authorization(running: Running) {
  const url = new URL(await running.said(/^ {2}(http:\S+)\n/m));
  const redirectUri = new URL(url.searchParams.get("redirect_uri") ?? "");
  return { url, redirectUri, state: url.searchParams.get("state") ?? "" };
}

async function isFree(port: number): Promise<boolean> {
  return await until(() => {
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return true;
    } catch {
      return false;
    }
  }, 1_000);
}

Deno.test("denied at the consent page: cancelled, and nothing is stored", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const outcome = await home.run(["add", "demo", servers.mcp.url, "--json"], { deny: true });
  assertError(outcome, "AUTH_CANCELLED", 130);
  assert.match(outcome.stderr, /^browser: ends at http:\S+\/callback: 400$/m);
  await assertNothingStored(home);
});

Deno.test("nobody answers in the browser: a time-out that is worth another try, and nothing is stored", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await using running = home.start([
    "add",
    "demo",
    servers.mcp.url,
    "--no-browser",
    "--timeout",
    "1",
    "--json",
  ]);
  const { redirectUri } = await authorization(running);
  assertError(await running.outcome, "TIMEOUT", 3, /--timeout/);
  assert.ok(await isFree(Number(redirectUri.port)));
  await assertNothingStored(home);
});

Deno.test("a browser that cannot be started is a warning: the URL can still be opened by hand", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await using running = home.start(["add", "demo", servers.mcp.url], { browser: "/nowhere/browser" });
  const { url } = await authorization(running);
  await running.said(/^Warning: Cannot start the browser: "\/nowhere\/browser" was not found/m);
  assert.equal((await browse(url)).status, 200);
  assert.equal((await running.outcome).code, 0);
});

Deno.test("forged and stray requests get nothing and end nothing; the real answer is still taken", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await using running = home.start(["add", "demo", servers.mcp.url, "--no-browser"]);
  const { url, redirectUri, state } = await authorization(running);
  const at = (path: string, query: Record<string, string> = {}) =>
    `${redirectUri.origin}${path}?${new URLSearchParams(query)}`;
  const markup = "<script>alert(1)</script>";
  for (
    const [target, init, status] of [
      [at("/callback"), {}, 400],
      [at("/callback", { code: "c", state: "forged" }), {}, 400],
      [at("/callback", { error: "access_denied", error_description: markup, state: markup }), {}, 400],
      [at("/callback", { code: "c", state: `${state}x` }), {}, 400],
      [`${at("/callback", { state })}&state=other&code=c`, {}, 400],
      [at("/", { code: "c", state }), {}, 404],
      [at("/callback/", { code: "c", state }), {}, 404],
      [at("/callback", { code: "c", state }), { method: "POST" }, 405],
      [at("/callback", { code: "c", state }), { headers: { host: "evil.example" } }, 421],
      [at("/callback", { code: "c", state }), { headers: { host: `localhost:${redirectUri.port}` } }, 421],
    ] as const
  ) {
    const [answered, page] = await raw(target, init);
    assert.equal(answered, status, target);
    assert.ok(!page.includes(markup) && !page.includes("access_denied"), page);
  }
  assert.equal((await browse(url)).status, 200);
  const { code, stderr } = await running.outcome;
  assert.equal(code, 0, stderr);
  assert.equal(servers.as.requests("POST /token").length, 1, "no forged code was ever redeemed");
});

for (
  const [name, parameters, code, exitCode] of [
    ["an issuer that is not the server's", { code: "c", iss: "https://evil.example" }, "ISSUER_MISMATCH", 1],
    ["an error of the server", { error: "server_error", error_description: "\x1b[31mred" }, "AUTH_FAILED", 1],
    [
      "an error from another issuer",
      { error: "access_denied", iss: "https://evil.example" },
      "ISSUER_MISMATCH",
      1,
    ],
    ["neither code nor error", {}, "AUTH_FAILED", 1],
  ] as const
) {
  Deno.test(`an answer with the right state and ${name} ends the sign-in, and nothing is stored`, async () => {
    await using server = startSmallServer();
    await using home = await Home.make();
    await using running = home.start(["add", "small", server.url, "--no-browser", "--json"]);
    const { redirectUri, state } = await authorization(running);
    const [status, page] = await raw(`${redirectUri}?${new URLSearchParams({ ...parameters, state })}`);
    assert.deepEqual([status, page.includes("You can close this tab")], [400, true]);
    const outcome = await running.outcome;
    assertError(outcome, code, exitCode);
    assert.ok(!outcome.stdout.includes("\\u001b"), outcome.stdout);
    assert.equal(server.requests("/oauth/token").length, 0, "no code was redeemed");
    await assertNothingStored(home);
  });
}

for (
  const [name, fault, code, exitCode] of [
    ["500", jsonFault(500, { error: "server_error" }), "SERVER_ERROR", 3],
    ["429", jsonFault(429, {}, { "retry-after": "1" }), "RATE_LIMITED", 3],
    ["a page of HTML", htmlFault(200), "AUTH_FAILED", 1],
    ["a closed connection", "reset", "NETWORK_ERROR", 3],
    ["invalid_grant", jsonFault(400, { error: "invalid_grant" }), "AUTH_FAILED", 1],
    [
      "a token of a kind that cannot be used",
      jsonFault(200, { access_token: "t", token_type: "DPoP" }),
      "AUTH_FAILED",
      1,
    ],
  ] as const
) {
  Deno.test(`the token endpoint answers the code with ${name}: one try, and nothing is stored`, async () => {
    await using servers = await startServers();
    await using home = await Home.make();
    servers.as.fail("POST /token", Infinity, fault);
    const outcome = await home.run(["add", "demo", servers.mcp.url, "--json"]);
    assertError(outcome, code, exitCode);
    assert.equal(servers.as.requests("POST /token").length, 1, "a code is sent once");
    await assertNothingStored(home);
  });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`${signal} while the browser is waited for: 130, nothing is stored, and the port is free`, async () => {
    await using servers = await startServers();
    await using home = await Home.make();
    await using running = home.start(["add", "demo", servers.mcp.url, "--no-browser", "--json"]);
    const { redirectUri } = await authorization(running);
    const port = Number(redirectUri.port);
    using halfSent = await Deno.connect({ hostname: "127.0.0.1", port });
    await halfSent.write(new TextEncoder().encode("GET /callback HTTP/1.1\r\nHost: "));
    const started = performance.now();
    running.kill(signal);
    assertError(await running.outcome, "AUTH_CANCELLED", 130);
    assert.ok(await isFree(port));
    assert.ok(performance.now() - started < 1_000, "the port is free within a second");
    await assertNothingStored(home);
  });
}

for (const place of ["POST /mcp", "GET /.well-known/oauth-protected-resource/mcp"]) {
  Deno.test(`SIGINT while ${place} hangs: 130 at once, and nothing is stored`, async () => {
    await using servers = await startServers();
    await using home = await Home.make();
    servers.mcp.fail(place, 1, "hang");
    await using running = home.start(["add", "demo", servers.mcp.url, "--json"]);
    assert.ok(await until(() => servers.mcp.requests(place).length > 0, 5_000));
    const started = performance.now();
    running.kill("SIGINT");
    assertError(await running.outcome, "AUTH_CANCELLED", 130);
    assert.ok(performance.now() - started < 1_500);
    await assertNothingStored(home);
  });
}

/** A request as it is written, `Host` included, which `fetch` would set itself. */
async function raw(
  target: string,
  init: { readonly method?: string; readonly headers?: { readonly host: string } } = {},
): Promise<readonly [status: number, body: string]> {
  const { hostname, port, host, pathname, search } = new URL(target);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const lines = [
    `${init.method ?? "GET"} ${pathname}${search} HTTP/1.1`,
    `Host: ${init.headers?.host ?? host}`,
    "Content-Length: 0",
    "Connection: close",
  ];
  await connection.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  let text = "";
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16_384);
  for (let size; (size = await connection.read(buffer)) !== null;) {
    text += decoder.decode(buffer.subarray(0, size));
  }
  return [Number(text.split(" ")[1]), text.slice(text.indexOf("\r\n\r\n") + 4)];
}

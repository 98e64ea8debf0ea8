/**
 * Which addresses a server can have the real program ask. The server stands behind a proxy, at a name that only the proxy
 * knows, as a server on the Internet does for this machine; the proxy's log says what was asked for.
 *
 * @see MCP security best practices, SSRF (C68-C72); CVE-2026-51994, CVE-2026-45609, GHSA-vv7q-7jx5-f767; row 40
 * @module
 */
import assert from "node:assert/strict";
import { startSquid } from "../fakes/proxies.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { HOSTS, startTlsWorld, type TlsWorldOptions } from "./tls_world.ts";

const FORBIDDEN = [
  "https://127.0.0.1:8443",
  "https://localhost:8443",
  "https://localhost.:8443",
  "http://localhost:8443",
  "https://10.0.0.1",
  "https://0xa9fea9fe",
  "https://169.254.169.254",
  "https://[::1]",
  "https://[fd00::1]",
  "https://[::ffff:10.0.0.1]",
  "https://[64:ff9b::a9fe:a9fe]",
  "https://[64:ff9b:1::a00:1]",
  "https://[2002:a00:1::]",
  "https://[2001:0:4136:e378:8000:63bf:f5ff:fffe]",
];

/** Adds the server; what came of it, which hosts the proxy was asked for, and which URLs were opened. */
async function addBehindProxy(options: TlsWorldOptions, ...args: readonly string[]) {
  await using world = await startTlsWorld(options);
  await using proxy = await startSquid({ hosts: HOSTS });
  await using home = await Home.make();
  const env = { HTTPS_PROXY: proxy.url, SSL_CERT_FILE: world.authority.certFile };
  const outcome = await home.run(["add", "demo", world.mcp.url, "--json", "--timeout", "5", ...args], {
    env,
    browser: await home.recordingBrowser(),
  });
  const hosts = async () =>
    [...new Set((await proxy.asked()).map((line) => line.replace(/^CONNECT (.*):\d+$/, "$1")))].sort();
  // It writes its log a moment after a connection has ended.
  await until(async () => (await hosts()).includes("mcp.test"), 5_000);
  return { outcome, hosts: await hosts(), opened: await home.opened() };
}

Deno.test("a server may not name an authorization server on this machine or its networks, in no form of an address (C70)", async () => {
  let issuer = "";
  await using world = await startTlsWorld({
    mcp: { editMetadata: (document) => ({ ...document, authorization_servers: [issuer] }) },
  });
  await using proxy = await startSquid({ hosts: HOSTS });
  await using home = await Home.make();
  const env = { HTTPS_PROXY: proxy.url, SSL_CERT_FILE: world.authority.certFile };
  const browser = await home.recordingBrowser();
  for (issuer of FORBIDDEN) {
    const outcome = await home.run(["add", "demo", world.mcp.url, "--json"], { env, browser });
    assertError(outcome, "UNSAFE_URL", 1, /--allow-private-host/);
  }
  await until(async () => (await proxy.asked()).length >= FORBIDDEN.length, 5_000);
  assert.deepEqual([...new Set(await proxy.asked())], [`CONNECT ${new URL(world.mcp.url).host}`]);
  assert.deepEqual(await home.opened(), []);
});

Deno.test("an authorization server may name no such endpoint, neither for the program nor for the browser (C68, C73)", async () => {
  for (const member of ["token_endpoint", "registration_endpoint", "authorization_endpoint"]) {
    const metadata = (document: Record<string, unknown>) => ({ ...document, [member]: "https://10.0.0.1/x" });
    const { outcome, hosts, opened } = await addBehindProxy({ as: { edit: { metadata } } });
    const isUnasked = !hosts.includes("10.0.0.1");
    assert.ok(isUnasked, `${member}: ${hosts}`);
    // A token endpoint is asked once the person has approved: the time for that is over first.
    if (member === "token_endpoint") continue;
    assertError(outcome, "UNSAFE_URL", 1, /--allow-private-host 10\.0\.0\.1/);
    assert.deepEqual(opened, [], member);
  }
});

Deno.test("each redirect is judged like what it redirects from (C71)", async () => {
  await using world = await startTlsWorld();
  await using proxy = await startSquid({ hosts: HOSTS });
  await using home = await Home.make();
  const env = { HTTPS_PROXY: proxy.url, SSL_CERT_FILE: world.authority.certFile };
  for (const target of FORBIDDEN) {
    const redirect = () => new Response(null, { status: 307, headers: { location: `${target}/x` } });
    const order = world.mcp.fail("GET /.well-known/oauth-protected-resource/mcp", Infinity, redirect);
    const outcome = await home.run(["add", "demo", world.mcp.url, "--json"], { env });
    order.end();
    assertError(outcome, "UNSAFE_URL", 1);
  }
  await until(async () => (await proxy.asked()).length >= FORBIDDEN.length, 5_000);
  const asked = new Set(await proxy.asked());
  assert.deepEqual([...asked], [`CONNECT ${new URL(world.mcp.url).host}`]);
});

Deno.test("row 40: names that only the proxy knows are allowed, and a proxy on a private network is no server's doing", async () => {
  const { outcome, hosts, opened } = await addBehindProxy({});
  assertError(outcome, "TIMEOUT", 3);
  assert.deepEqual(hosts, ["as.test", "mcp.test"]);
  assert.equal(opened.length, 1);
});

Deno.test("in a sandbox that grants single hosts no name can be looked up, and addresses are judged as ever", async () => {
  await using world = await startTlsWorld({
    mcp: { editMetadata: (document) => ({ ...document, authorization_servers: ["https://10.0.0.1"] }) },
  });
  await using proxy = await startSquid({ hosts: HOSTS });
  await using home = await Home.make();
  const env = { HTTPS_PROXY: proxy.url, SSL_CERT_FILE: world.authority.certFile };
  const hosts = ["mcp.test", "as.test"].flatMap((
    name,
  ) => [name, ...[world.mcp.url, world.as.issuer].map((url) => `${name}:${new URL(url).port}`)]);
  const net = `--allow-net=${
    [...hosts.filter((host) => host.includes(":")), "10.0.0.1:443", proxy.host].join()
  }`;
  const flags = ["--no-prompt", "--unstable-kv", "--allow-read", "--allow-write", "--allow-env", net];
  const command = [Deno.execPath(), "run", ...flags, new URL("../../main.ts", import.meta.url).pathname];
  const outcome = await home.run(["add", "demo", world.mcp.url, "--json"], { env, command });
  assertError(outcome, "UNSAFE_URL", 1, /--allow-private-host 10\.0\.0\.1/);
});

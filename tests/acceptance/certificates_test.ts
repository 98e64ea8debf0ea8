/**
 * The real program and servers behind TLS, with an authority of their own and with certificates of clients: what is
 * trusted on every leg, what is remembered, and what is said where it fails.
 *
 * @see behaviours row 39
 * @module
 */
import assert from "node:assert/strict";
import { Host } from "./host.ts";
import { assertError } from "./outcome.ts";
import { checkoutPath, FROM_CHECKOUT, Home } from "./program.ts";
import { startTlsWorld } from "./tls_world.ts";

/** This Deno, and the older one that binaries are made with, where it is at hand. */
const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ["this Deno", FROM_CHECKOUT],
  ...[Deno.env.get("DENO_COMPILE")].filter((path) => path !== undefined).map((path) =>
    ["the Deno of binaries", [path, "run", "-A", checkoutPath("main.ts")]] as const
  ),
];

Deno.test("row 39: --ca-file is trusted on every leg, and remembered by its absolute path", async () => {
  await using world = await startTlsWorld({ hostname: "localhost" });
  await using home = await Home.make();
  const { as, mcp, authority } = world;
  const env = { BROWSER: world.browserOf(home) };
  const untrusted = await home.run(["add", "demo", mcp.url, "--json"], { env });
  assertError(untrusted, "NETWORK_ERROR", 3, /--ca-file <file> or SSL_CERT_FILE/);
  assert.match(untrusted.json.error.message, /an authority that is not trusted here/);
  await home.file("company.pem", authority.cert);
  const added = await home.run(["add", "demo", mcp.url, "--ca-file", "company.pem"], { env });
  assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n", added.stderr);
  const { json } = await home.run(["set", "demo", "--ca-file", "./company.pem", "--json"]);
  assert.equal(json.options.caFile, `${home.path}/company.pem`);
  for (const args of [["refresh", "demo"], ["tools", "demo"], ["login", "demo"], ["logout", "demo"]]) {
    const { code, stderr } = await home.run(args, { env });
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  }
  assert.equal(as.requests("POST /token").length, 3);
  await home.run(["set", "demo", "--unset", "ca-file"]);
  assertError(await home.run(["login", "demo", "--json"], { env }), "NETWORK_ERROR", 3);
});

for (const variable of ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "DENO_CERT"]) {
  for (const [where, command] of COMMANDS) {
    Deno.test(`row 39: ${variable} is trusted on every leg (${where})`, async () => {
      await using world = await startTlsWorld({ hostname: "localhost" });
      await using home = await Home.make();
      const env = { BROWSER: world.browserOf(home), [variable]: world.authority.certFile };
      const added = await home.run(["add", "demo", world.mcp.url], { env, command });
      assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n", added.stderr);
      const refreshed = await home.run(["refresh", "demo"], { env, command });
      assert.equal(refreshed.code, 0, refreshed.stderr);
      await using host = new Host(home, ["demo"], { env, command });
      assert.equal((await host.initialize()).error, undefined);
      assert.equal((await host.end()).code, 0);
      assert.equal(world.as.requests("POST /token").length, 2);
    });
  }
}

Deno.test("row 39: a file of certificates that is not there is an error before anything is sent", async () => {
  await using world = await startTlsWorld({ hostname: "localhost" });
  await using home = await Home.make();
  const env = { SSL_CERT_FILE: "/nonexistent/ca.pem" };
  const outcome = await home.run(["add", "demo", world.mcp.url, "--json"], { env });
  assertError(outcome, "CONFIG_MISSING", 5, /SSL_CERT_FILE/);
  assert.match(outcome.json.error.message, /"\/nonexistent\/ca\.pem"/);
  assert.equal(world.mcp.log.length, 0);
});

Deno.test("a server that demands a certificate gets the entry's, and the runtime survives a key that is another's", async () => {
  await using world = await startTlsWorld({ hostname: "localhost", demandsCertificate: true });
  const { mcp, pki, authority } = world;
  const mine = await pki.issue("authority", "me", "DNS:me");
  const other = await pki.issue("authority", "other", "DNS:other");
  for (const [where, command] of COMMANDS) {
    await using home = await Home.make();
    const env = { BROWSER: world.browserOf(home), SSL_CERT_FILE: authority.certFile };
    const run = (...args: readonly string[]) => home.run(args, { env, command });
    const without = await run("add", "demo", mcp.url, "--json");
    assertError(without, "NETWORK_ERROR", 3, /--client-cert <file> --client-key <file>/);
    assertError(await run("add", "demo", mcp.url, "--client-key", mine.keyFile, "--json"), "USAGE", 2);
    const mixed = ["--client-cert", mine.certFile, "--client-key", other.keyFile];
    assertError(await run("add", "demo", mcp.url, ...mixed, "--json"), "CONFIG_INVALID", 1, /--client-key/);
    const pair = ["--client-cert", mine.certFile, "--client-key", mine.keyFile];
    const added = await run("add", "demo", mcp.url, ...pair);
    assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n", `${where}: ${added.stderr}`);
    assert.equal((await run("tools", "demo")).code, 0);
    await using host = new Host(home, ["demo"], { env, command });
    assert.equal((await host.initialize()).error, undefined);
    assert.equal((await host.end()).code, 0);
    const { json } = await run("permissions", "demo", "--command", "tools", "--json");
    const read: readonly string[] = json.permissions.read;
    for (const file of [mine.certFile, mine.keyFile, authority.certFile]) {
      assert.ok(read.includes(file), file);
    }
  }
});

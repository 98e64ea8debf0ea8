/**
 * The real program behind a real proxy: servers that only the proxy can find, so that whatever reached them went through
 * it, on every leg of an entry's life.
 *
 * @see behaviours row 40
 * @module
 */
import assert from "node:assert/strict";
import { startKvConnectServer } from "../fakes/kv_connect/server.ts";
import { type RunningProxy, startSquid, startTinyproxy } from "../fakes/proxies.ts";
import { Host } from "./host.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { HOSTS, startTlsWorld, type TlsWorld } from "./tls_world.ts";

/** A life in seconds that is over before the next command starts. */
const OVER_AT_ONCE = 0.001;

/** A password that must never be seen. */
const PASSWORD = "hunter2";

function behind(
  proxy: RunningProxy,
  world: TlsWorld,
  home: Home,
  user = "",
): Readonly<Record<string, string>> {
  return {
    HTTPS_PROXY: proxy.url.replace("//", `//${user}`),
    // Its own callback and whatever else is on loopback is reached directly; nobody listens there.
    HTTP_PROXY: "http://127.0.0.1:9",
    SSL_CERT_FILE: world.authority.certFile,
    BROWSER: world.browserOf(home),
  };
}

Deno.test("row 40: discovery, registration, sign-in, MCP with its streams, refresh and revocation all go through the proxy", async (t) => {
  let lifetime = 3600;
  await using world = await startTlsWorld({
    as: {
      edit: { token: (answer) => "access_token" in answer ? { ...answer, expires_in: lifetime } : answer },
    },
  });
  await using proxy = await startSquid({ user: `u:${PASSWORD}`, hosts: HOSTS });
  await using home = await Home.make();
  const { as, mcp } = world;
  const env = behind(proxy, world, home, `u:${PASSWORD}@`);
  const said: string[] = [];
  const run = async (...args: readonly string[]) => {
    const outcome = await home.run(args, { env });
    said.push(outcome.stdout, outcome.stderr);
    return outcome;
  };

  await t.step("add", async () => {
    const { code, stdout, stderr } = await run("add", "demo", mcp.url, "--verbose");
    assert.equal(stdout, "✓ Connected to demo (8 tools)\n", stderr);
    assert.equal(code, 0);
    for (const target of ["POST /reg", "POST /token"]) assert.equal(as.requests(target).length, 1, target);
    assert.equal(mcp.requests("GET /.well-known/oauth-protected-resource/mcp").length, 1);
  });

  await t.step("login asks beforehand whether the client is known", async () => {
    assert.equal((await run("login", "demo")).code, 0);
    assert.equal(as.requests("POST /token").length, 2);
  });

  await t.step("refresh, token and tools", async () => {
    assert.equal((await run("refresh", "demo")).code, 0);
    assert.equal(as.requests("POST /token").length, 3);
    assert.equal((await run("tools", "demo")).code, 0);
  });

  await t.step("a bridge, with a stream that the server opens, and a refresh on the way", async () => {
    lifetime = OVER_AT_ONCE;
    await run("refresh", "demo");
    lifetime = 3600;
    await using host = new Host(home, ["demo"], { env });
    assert.equal((await host.initialize()).error, undefined);
    assert.equal((await host.call("echo", { text: "hello" })).error, undefined);
    assert.ok(await until(() => mcp.requests("GET /mcp").some(({ status }) => status !== 401), 5_000));
    await until(() => mcp.sessions.length > 0, 5_000);
    await mcp.announce("notifications/tools/list_changed");
    const isTold = () => host.lines.some(({ method }) => method === "notifications/tools/list_changed");
    assert.ok(await until(isTold, 5_000));
    assert.equal((await host.end()).code, 0);
    assert.equal(as.requests("POST /token").length, 5);
    said.push(host.bridge.stdout, host.bridge.stderr);
  });

  await t.step("logout revokes", async () => {
    assert.equal((await run("logout", "demo")).code, 0);
    assert.ok(as.requests("POST /token/revocation").length >= 1);
  });

  // It writes its log a moment after a connection has ended.
  await until(async () => (await proxy.asked()).length >= 10, 5_000);
  const asked = await proxy.asked();
  const hosts = [new URL(as.issuer).host, new URL(mcp.url).host].map((host) => `CONNECT ${host}`);
  assert.deepEqual([...new Set(asked)].sort(), hosts.toSorted());
  assert.ok(!said.join("").includes(PASSWORD), said.join(""));
});

Deno.test("row 40: a store that is far away is reached through the proxy, too", async () => {
  await using world = await startTlsWorld();
  await using store = await startKvConnectServer({ tls: await world.tls("kv.test") });
  await using proxy = await startSquid({ hosts: HOSTS });
  await using home = await Home.make();
  const env = {
    ...behind(proxy, world, home),
    MCP_AUTH_KEYSTORE: undefined,
    MCP_AUTH_KEY: "5f".repeat(32),
    MCP_AUTH_STORE: store.url,
    DENO_KV_ACCESS_TOKEN: store.accessToken,
  };
  const added = await home.run(["add", "demo", world.mcp.url], { env });
  assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n", added.stderr);
  assert.equal((await home.run(["refresh", "demo"], { env })).code, 0);
  const isAsked = async () => (await proxy.asked()).includes(`CONNECT ${new URL(store.url).host}`);
  assert.ok(await until(isAsked, 5_000));
});

Deno.test("row 40: two proxies in a row, one of them with a password", async () => {
  await using world = await startTlsWorld();
  await using inner = await startSquid({ hosts: HOSTS });
  await using outer = await startTinyproxy({ user: `u:${PASSWORD}`, upstream: inner.host });
  await using home = await Home.make();
  const env = behind(outer, world, home, `u:${PASSWORD}@`);
  const { stdout, stderr } = await home.run(["add", "demo", world.mcp.url], { env });
  assert.equal(stdout, "✓ Connected to demo (8 tools)\n", stderr);
  const hosts = async (proxy: RunningProxy) => [...new Set(await proxy.asked())].sort();
  await until(async () => (await hosts(inner)).length === 2, 5_000);
  assert.deepEqual(await hosts(inner), await hosts(outer));
});

Deno.test("row 40: a proxy that cannot be used is named, with what to do, and without its password", async () => {
  await using home = await Home.make();
  await using proxy = await startTinyproxy({ user: `u:${PASSWORD}` });
  const add = async (HTTPS_PROXY: string) => {
    const outcome = await home.run(["add", "demo", "https://mcp.test/mcp", "--json"], {
      env: { HTTPS_PROXY },
    });
    assert.ok(!(outcome.stdout + outcome.stderr).includes(PASSWORD), outcome.stderr);
    return outcome;
  };
  const cases = [
    [`http://u:${PASSWORD}@`, "CONFIG_INVALID", 1, /Cannot use the proxy in HTTPS_PROXY/],
    [proxy.url, "CONFIG_INVALID", 1, /wants a user name and password/],
    [`http://u:${PASSWORD}@127.0.0.1:9`, "NETWORK_ERROR", 3, /Cannot reach the proxy/],
  ] as const;
  for (const [url, code, exitCode, message] of cases) {
    const outcome = await add(url);
    assertError(outcome, code, exitCode, /HTTPS_PROXY/);
    assert.match(outcome.json.error.message, message);
  }
});

Deno.test("row 40: the flags that permissions prints are enough behind a proxy, and name nothing secret", async () => {
  await using world = await startTlsWorld();
  await using proxy = await startSquid({ user: `u:${PASSWORD}`, hosts: HOSTS });
  await using home = await Home.make();
  const env = { ...behind(proxy, world, home, `u:${PASSWORD}@`), MCP_AUTH_HOME: `${home.path}/store` };
  const added = await home.run(["add", "demo", world.mcp.url, "--ca-file", world.authority.certFile], {
    env,
  });
  assert.equal(added.code, 0, added.stderr);
  const { json } = await home.run(["permissions", "demo", "--command", "tools", "--json"], { env });
  const flags: readonly string[] = json.flags;
  assert.ok(
    flags.some((flag) => flag.startsWith("--allow-net=") && flag.includes(proxy.host)),
    flags.join(" "),
  );
  assert.ok(!flags.join(" ").includes(PASSWORD));
  const granted = (allowed: readonly string[]) =>
    home.run(["tools", "demo"], { env, command: [Deno.execPath(), "run", ...allowed, MAIN] });
  const whole = await granted(flags);
  assert.equal(whole.code, 0, whole.stderr);
  const without = flags.map((flag) => flag.replace(`${proxy.host},`, "").replace(`,${proxy.host}`, ""));
  const refused = await granted(without);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    new RegExp(`does not allow the proxy "${proxy.host}", which HTTPS_PROXY names`),
  );
});

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

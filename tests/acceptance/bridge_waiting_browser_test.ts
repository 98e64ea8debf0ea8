/**
 * `bridge --login` opens one browser for one need: with a person who takes their time, with tokens that are there and of
 * no use, with a second bridge beside it, and with a sign-in that cannot even begin. The browser only writes down what it
 * was given; the test approves.
 *
 * @see behaviours rows 11, 12 and 32
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { Host } from "./host.ts";
import { until } from "./processes.ts";
import { checkoutPath, Home } from "./program.ts";
import { startServers } from "./servers.ts";
import { add, addressIn, addSignedOut, changed, LOGIN, pause, textOf, toolsOf } from "./waiting.ts";

/** The grace and two looks at the store, in milliseconds. */
const SLOW_MS = 9_500;

/** Has the stored access token expired. */
async function age(home: Home): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", checkoutPath("tests/acceptance/age_entries.ts"), "demo"],
    cwd: checkoutPath("."),
    clearEnv: true,
    env: home.environment(),
  }).output();
  assert.ok(success);
}

/** Of two bridges the one that opened the browser, and the other. */
function inOrder(hosts: readonly [Host, Host]): readonly [Host, Host] {
  const [first, second] = hosts;
  return first.bridge.stderr.includes("Opening the browser") ? hosts : [second, first];
}

Deno.test("row 11: a token that the server refuses does not end the sign-in that is to replace it", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers);
  await using host = new Host(home, ["demo", "--login"], { browser: await home.recordingBrowser() });
  await host.initialize();
  servers.mcp.refuseSeenTokens();
  servers.as.forgetGrants();
  const calling = host.call("whoami");
  await pause(SLOW_MS);
  const opened = await home.opened();
  assert.equal(opened.length, 1);
  assert.equal((await browse(opened[0] ?? "")).status, 200, "it is listened for still");
  assert.equal(textOf(await calling), "alice");
  assert.equal((await home.opened()).length, 1);
});

Deno.test("row 11: a token that has expired for good starts no second sign-in, neither during the first nor after it", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers);
  await age(home);
  servers.as.forgetGrants();
  await using host = new Host(home, ["demo", "--login"], { browser: await home.recordingBrowser() });
  await host.initialize();
  await pause(SLOW_MS - 5_000);
  const [first = "", ...others] = await home.opened();
  assert.deepEqual(others, []);
  await browse(first, { decide: "deny" });
  await pause(SLOW_MS - 5_000);
  assert.equal((await home.opened()).length, 1);
  const url = addressIn(textOf(await host.call(LOGIN)));
  assert.equal((await browse(url)).status, 200);
  await changed(host, 0);
  assert.equal(textOf(await host.call("whoami")), "alice");
});

Deno.test("row 32: a step-up waits for a slow person too, and everything else goes on meanwhile", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers, "--scope", "mcp:read");
  await using host = new Host(home, ["demo", "--login"], { browser: await home.recordingBrowser() });
  await host.initialize();
  const calling = host.call("write_note", { text: "n" });
  await pause(SLOW_MS);
  assert.ok(toolsOf(await host.request("tools/list")).includes("whoami"));
  const [url = "", ...others] = await home.opened();
  assert.deepEqual(others, []);
  assert.equal((await browse(url)).status, 200);
  assert.equal(textOf(await calling), "Note 1 written");
});

Deno.test("row 32: a step-up that was denied keeps the earlier scopes when the tool asks again", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers, "--scope", "mcp:read");
  await using host = new Host(home, ["demo", "--login"], { browser: await home.recordingBrowser() });
  await host.initialize();
  const calling = host.call("write_note", { text: "n" });
  assert.ok(await until(async () => (await home.opened()).length > 0, 10_000));
  await browse((await home.opened())[0] ?? "", { decide: "deny" });
  assert.equal((await calling).error?.data.code, "AUTH_CANCELLED");
  const url = addressIn(textOf(await host.call(LOGIN)));
  const scopes = new URL(url).searchParams.get("scope")?.split(" ") ?? [];
  assert.ok(scopes.includes("mcp:read") && scopes.includes("mcp:write"), scopes.join(" "));
});

Deno.test("row 12: a sign-in that cannot begin, with its port taken, leaves the host answered and the tool that says why", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  using taken = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const port = String((taken.addr as Deno.NetAddr).port);
  const browser = await home.recordingBrowser();
  await using host = new Host(home, ["demo", "--login", "--callback-port", port], { browser });
  assert.equal((await host.initialize()).result?.serverInfo.name, "mcp-auth");
  assert.deepEqual(toolsOf(await host.request("tools/list")), [LOGIN]);
  const answer = await host.call(LOGIN);
  assert.equal(answer.result.isError, true);
  assert.match(textOf(answer), new RegExp(`port ${port} is in use`));
  const { error } = await host.call("whoami");
  assert.equal(error?.data.code, "AUTH_REQUIRED");
  assert.match(error?.message ?? "", /the last one failed: .* is in use/);
});

Deno.test("row 11: two bridges that start together open one browser, and the tool of the other has an address all the same", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  const browser = await home.recordingBrowser();
  await using one = new Host(home, ["demo", "--login"], { browser });
  await using two = new Host(home, ["demo", "--login"], { browser });
  await Promise.all([one.initialize(), two.initialize()]);
  const [url = "", ...others] = await home.opened();
  assert.deepEqual(others, []);
  const [, other] = inOrder([one, two]);
  assert.notEqual(addressIn(textOf(await other.call(LOGIN))), url);
  assert.equal((await browse(url)).status, 200);
  for (const host of [one, two]) {
    await changed(host, 0);
    assert.equal(textOf(await host.call("whoami")), "alice");
  }
  assert.equal((await home.opened()).length, 1);
});

Deno.test("row 11: the bridge that waits for the browser of another opens its own when that one is killed", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const browser = await home.recordingBrowser();
  await using one = new Host(home, [servers.mcp.url, "--login"], { browser });
  await using two = new Host(home, [servers.mcp.url, "--login"], { browser });
  await Promise.all([one.initialize(), two.initialize()]);
  assert.equal((await home.opened()).length, 1);
  const [holder, other] = inOrder([one, two]);
  holder.bridge.kill("SIGKILL");
  assert.ok(await until(async () => (await home.opened()).length === 2, 10_000));
  assert.equal((await browse((await home.opened())[1] ?? "")).status, 200);
  await changed(other, 0);
  assert.equal(textOf(await other.call("whoami")), "alice");
});

Deno.test("a server that lets everybody list keeps its tools in the list while a call waits for the sign-in", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const front = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    if (new URL(request.url).pathname !== "/mcp" || request.method !== "POST") {
      return new Response(null, { status: 404 });
    }
    const { id, method, params } = await request.json();
    if (id === undefined) return new Response(null, { status: 202 });
    const answer = (result: unknown) => Response.json({ jsonrpc: "2.0", id, result });
    if (method === "tools/list") return answer({ tools: [{ name: "own", inputSchema: { type: "object" } }] });
    if (method === "initialize") {
      const serverInfo = { name: "open", version: "1" };
      return answer({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo });
    }
    return new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } });
  });
  try {
    const line = [
      `http://127.0.0.1:${front.addr.port}/mcp`,
      "--authorization-server",
      servers.as.issuer,
      "--login",
    ];
    await using host = new Host(home, line, { browser: await home.recordingBrowser() });
    assert.equal((await host.initialize()).result.serverInfo.name, "open");
    await host.send({ jsonrpc: "2.0", id: "c", method: "tools/call", params: { name: "own" } });
    await changed(host, 0);
    assert.deepEqual(toolsOf(await host.request("tools/list")), ["own", LOGIN]);
    assert.equal((await host.end()).code, 0);
  } finally {
    await front.shutdown();
  }
});

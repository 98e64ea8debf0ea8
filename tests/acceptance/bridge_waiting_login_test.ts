/**
 * `bridge --login` with a person who takes their time: a browser is opened once, the host is held up for a few seconds at
 * most, and what needs the sign-in waits for it. The browser only writes down what it was given; the test approves.
 *
 * @see behaviours rows 11 and 12
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { Host } from "./host.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";
import {
  add,
  addressIn,
  addSignedOut,
  changed,
  changes,
  LOGIN,
  pause,
  SIGNED_IN,
  textOf,
  toolsOf,
} from "./waiting.ts";

/** How long a host is held up, in milliseconds, with something for the start of the bridge. */
const GRACE_MS = 5_000;
const MARGIN_MS = 3_000;

/** The one URL that a browser was given. */
async function openedUrl(home: Home): Promise<string> {
  assert.ok(await until(async () => (await home.opened()).length > 0, 10_000), "a browser is opened");
  const [url = "", ...others] = await home.opened();
  assert.deepEqual(others, [], "once");
  return url;
}

Deno.test("rows 11 and 12: --login with a slow approval: the host is not held up, and one browser was opened", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  await using host = new Host(home, ["demo", "--login"], { browser: await home.recordingBrowser() });
  const started = performance.now();
  const { result } = await host.initialize();
  const tookMs = performance.now() - started;
  assert.ok(tookMs > GRACE_MS - 500 && tookMs < GRACE_MS + MARGIN_MS, `${tookMs} ms`);
  assert.equal(result.serverInfo.name, "mcp-auth");
  const before = performance.now();
  assert.deepEqual(toolsOf(await host.request("tools/list")), [LOGIN]);
  assert.deepEqual((await host.request("ping")).result, {});
  assert.ok(performance.now() - before < 1_000, "lists do not wait a second time");
  const url = await openedUrl(home);
  const waiting = host.call("whoami");
  const asked = host.call(LOGIN);
  await pause(1_000);
  assert.equal(changes(host), 0);
  assert.equal((await browse(url)).status, 200);
  assert.equal(textOf(await waiting), "alice", "a call waits for the sign-in");
  assert.equal(textOf(await asked), SIGNED_IN);
  for (const kind of ["tools", "resources", "prompts"]) await changed(host, 0, kind);
  assert.ok(!toolsOf(await host.request("tools/list")).includes(LOGIN));
  assert.equal((await home.opened()).length, 1);
});

Deno.test("row 11: --login that nobody approves: the host is answered, and only its user begins another one", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  const browser = await home.recordingBrowser();
  await using host = new Host(home, ["demo", "--login", "--timeout", "2"], { browser });
  const { result } = await host.initialize();
  assert.equal(result.serverInfo.name, "mcp-auth", "it ended before the grace, and is needed still");
  for (let time = 0; time < 5; time++) {
    const { error } = await host.call("whoami");
    assert.deepEqual([error?.code, error?.data.code], [-32010, "AUTH_REQUIRED"]);
    assert.match(error?.message ?? "", /a sign-in is needed, and the last one failed: .* 2 s/);
    assert.deepEqual(toolsOf(await host.request("tools/list")), [LOGIN]);
  }
  const url = addressIn(textOf(await host.call(LOGIN)));
  assert.equal((await home.opened()).length, 1, "the tool opens none");
  assert.equal((await browse(url)).status, 200);
  await changed(host, 0);
  assert.equal(textOf(await host.call("whoami")), "alice");
});

Deno.test("row 12: --login in the middle of a session: lists are answered after the grace, calls wait for the person", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers);
  await using host = new Host(home, ["demo", "--login"], { browser: await home.recordingBrowser() });
  await host.initialize();
  const all = toolsOf(await host.request("tools/list"));
  servers.mcp.refuseSeenTokens();
  servers.as.forgetGrants();
  const from = host.lines.length;
  const started = performance.now();
  const calling = host.call("whoami");
  assert.deepEqual(toolsOf(await host.request("tools/list")), [LOGIN]);
  assert.ok(performance.now() - started < GRACE_MS + MARGIN_MS);
  await changed(host, from);
  assert.equal((await browse(await openedUrl(home))).status, 200);
  assert.equal(textOf(await calling), "alice");
  assert.ok(await until(() => changes(host, from) === 2, 10_000));
  assert.deepEqual(toolsOf(await host.request("tools/list")), all);
});

Deno.test("row 11: several hosts at once with --login: one sign-in serves all of them", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  const browser = await home.recordingBrowser();
  await using first = new Host(home, ["demo", "--login"], { browser });
  const opening = first.initialize();
  const url = await openedUrl(home);
  await using second = new Host(home, ["demo", "--login"], { browser });
  const other = second.initialize();
  assert.equal((await opening).result.serverInfo.name, "mcp-auth");
  assert.equal((await other).result.serverInfo.name, "mcp-auth");
  assert.equal((await browse(url)).status, 200);
  for (const host of [first, second]) {
    await changed(host, 0);
    assert.equal(textOf(await host.call("whoami")), "alice");
  }
});

Deno.test("a bridge whose host leaves in the middle of a sign-in ends at once", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  await using host = new Host(home, ["demo", "--login"], { browser: await home.recordingBrowser() });
  await host.send({
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "host", version: "1" } },
  });
  await openedUrl(home);
  const { code, tookMs } = await host.end();
  assert.equal(code, 0);
  assert.ok(tookMs < 2_500, `${tookMs} ms`);
});

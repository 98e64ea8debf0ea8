/**
 * Many processes of the program at once over one store.
 *
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";

Deno.test("20 processes that open a new store at once all get their entry in", async () => {
  await using mcp = await startMcpServer({ open: true });
  await using home = await Home.make();
  const names = Array.from({ length: 20 }, (_, index) => `entry-${String(index).padStart(2, "0")}`);
  const outcomes = await Promise.all(names.map((name) => home.run(["add", name, mcp.url])));
  for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
  const listed: { name: string }[] = (await home.run(["list", "--json"])).json;
  assert.deepEqual(listed.map(({ name }) => name), names);
});

Deno.test("of 6 processes that add one name at once, one gets it, and the others say that it is taken", async () => {
  await using mcp = await startMcpServer({ open: true });
  await using home = await Home.make();
  const outcomes = await Promise.all(
    Array.from({ length: 6 }, () => home.run(["add", "wanted", mcp.url, "--json"])),
  );
  const [winner, ...others] = outcomes.sort((a, b) => a.code - b.code);
  assert.equal(winner?.code, 0, winner?.stdout);
  for (const other of others) assertError(other, "CONFIG_INVALID", 1, /--force/);
});

Deno.test("two sign-ins at once have a port each, and both arrive", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const sign = async (name: string, user: string): Promise<string> => {
    await using running = home.start(["add", name, servers.mcp.url, "--no-browser"]);
    const url = await running.said(/^ {2}(http:\S+)\n/m);
    ready.push(name);
    assert.ok(await until(() => ready.length === 2, 10_000));
    assert.equal((await browse(url, { user })).status, 200);
    const { code, stderr } = await running.outcome;
    assert.equal(code, 0, stderr);
    return new URL(url).searchParams.get("redirect_uri") ?? "";
  };
  const ready: string[] = [];
  const uris = await Promise.all([sign("one", "alice"), sign("two", "bob")]);
  assert.equal(new Set(uris).size, 2);
  assert.equal((await home.run(["call", "one", "whoami"])).stdout, "alice\n");
  assert.equal((await home.run(["call", "two", "whoami"])).stdout, "bob\n");
});

/**
 * `refresh --all`: every entry that can be refreshed, a few at once, each whatever becomes of the others.
 *
 * @module
 */
import assert from "node:assert/strict";
import { jsonFault } from "../../scripts/demo/servers/faults.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { assertNonePresentedTwice, presented, type Refreshing, startRefreshing, wait } from "./refreshing.ts";

/** Adds entries, signed in. */
async function add(home: Home, servers: Refreshing, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { code, stderr } = await home.run(["add", name, servers.mcp.url]);
    assert.equal(code, 0, stderr);
  }
}

Deno.test("refresh --all refreshes each entry once, at most four at the same time, and tells the outcome of each", async () => {
  await using servers = await startRefreshing();
  await using home = await Home.make();
  const names = ["a", "b", "c", "d", "e", "f"];
  await add(home, servers, names);
  const before = presented(servers.as).length;
  let [atOnce, most] = [0, 0];
  servers.as.fail("POST /token", names.length, {
    until: async () => {
      most = Math.max(most, ++atOnce);
      await wait(300);
      atOnce--;
    },
  });
  const { code, stdout, stderr } = await home.run(["refresh", "--all"]);
  assert.deepEqual([code, stderr], [0, ""]);
  const rows = stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(rows[0], ["NAME", "OUTCOME", "TOKEN EXPIRES"]);
  assert.deepEqual(rows.slice(1), names.map((name) => [name, "refreshed", "in 60 min"]));
  assert.equal(presented(servers.as).length - before, names.length);
  assertNonePresentedTwice(servers.as);
  assert.equal(most, 4);
});

Deno.test("refresh --all goes on after failures, tells each, and ends with the code of the worst", async () => {
  await using good = await startRefreshing();
  await using down = await startRefreshing();
  await using ended = await startRefreshing();
  await using home = await Home.make();
  await add(home, ended, ["ended"]);
  await add(home, down, ["down"]);
  await add(home, good, ["good"]);
  down.as.fail("POST /token", Infinity, jsonFault(503, {}));
  ended.as.fail("POST /token", 1, jsonFault(400, { error: "invalid_grant" }));

  const first = await home.run(["refresh", "--all", "--json"]);
  assert.equal(first.code, 4, first.stderr);
  const told: { name: string; refreshed: boolean; error?: { code: string } }[] = first.json;
  assert.deepEqual(told.map(({ name, refreshed, error }) => [name, refreshed, error?.code]), [
    ["down", false, "SERVER_ERROR"],
    ["ended", false, "TOKEN_REFRESH_FAILED"],
    ["good", true, undefined],
  ]);

  const tried = presented(down.as).length;
  const second = await home.run(["refresh", "--all"]);
  assert.equal(second.code, 3, "what has ended cannot be refreshed any more");
  const rows = second.stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(rows.slice(1), [["down", "SERVER_ERROR", "-"], ["good", "refreshed", "in 60 min"]]);
  assert.match(second.stderr, /^Error: .*\[SERVER_ERROR\]$/m);
  assert.ok(presented(down.as).length > tried, "a person's request was kept back by our own pause");
});

Deno.test("refresh --all leaves out what has no refresh token, and says so where that leaves nothing", async () => {
  await using servers = await startRefreshing({ refreshTokens: "never" });
  await using home = await Home.make();
  for (const added of [false, true]) {
    if (added) await add(home, servers, ["short"]);
    const text = await home.run(["refresh", "--all"]);
    assert.deepEqual([text.code, text.stdout], [0, ""]);
    assert.equal(text.stderr, "No entry can be refreshed. See: mcp-auth list\n");
    const json = await home.run(["refresh", "--all", "--json"]);
    assert.deepEqual([json.code, json.json], [0, []]);
  }
});

Deno.test("refresh takes a name or --all, not both and not neither", async () => {
  await using home = await Home.make();
  assertError(await home.run(["refresh", "--json"]), "USAGE", 2, /refresh --all/);
  assertError(await home.run(["refresh", "demo", "--all", "--json"]), "USAGE", 2, /refresh --all/);
});

Deno.test("Ctrl-C lets the refreshes that are under way end, and starts no further ones", async () => {
  await using servers = await startRefreshing();
  await using home = await Home.make();
  const names = ["a", "b", "c", "d", "e", "f"];
  await add(home, servers, names);
  servers.as.fail("POST /token", 4, { delayMs: 1_500 });
  await using running = home.start(["refresh", "--all", "--json"]);
  assert.ok(await until(() => presented(servers.as).length === 4, 10_000));
  running.kill("SIGINT");
  const { code, json } = await running.outcome;
  assert.equal(code, 130);
  assert.equal(json.length, names.length);
  assert.equal(presented(servers.as).length, 4);
  const noted = (await home.run(["audit", "--json", "--event", "token_refreshed"])).json;
  assert.equal(noted.length, 4);
  for (const name of names) {
    const { code, stderr } = await home.run(["refresh", name]);
    assert.equal(code, 0, stderr);
  }
  assertNonePresentedTwice(servers.as);
});

/**
 * The log of a bridge with the real program: what is in it, what never is, and that no trouble with it troubles the
 * bridge.
 *
 * @see behaviours rows 41 and 48
 * @module
 */
import assert from "node:assert/strict";
import { Host } from "./host.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";

Deno.test("row 48: --log-file has a line for each message, what --verbose says, and no secret", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  const path = `${home.path}/bridge.log`;
  await using host = new Host(home, ["demo", "--log-file", "bridge.log"]);
  await host.initialize();
  await host.call("echo", { text: "sesame-in-params" });
  await host.send({ jsonrpc: "2.0", id: "x?token=hunter2", method: "vendor/x?secret=hunter2", params: {} });
  await host.answer("x?token=hunter2");
  await host.send("no JSON, but hunter2");
  await host.call("fail");
  assert.equal((await host.end()).code, 0);
  const log = await Deno.readTextFile(path);
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  assert.equal(host.bridge.stderr, "", "without --verbose standard error stays silent");
  for (const line of log.trimEnd().split("\n")) {
    assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \d+ \S/, line);
  }
  for (
    const pattern of [
      /mcp-auth \S+: the bridge begins$/m,
      /host -> request initialize id=1 bytes=\d+$/m,
      /host <- result initialize id=1 bytes=\d+ ms=\d+$/m,
      /host -> notification notifications\/initialized bytes=\d+$/m,
      /host -> request tools\/call id=2 bytes=\d+$/m,
      /host <- result tools\/call id=2 bytes=\d+ ms=\d+$/m,
      /host -> request \(unusual\) id=\S+ bytes=\d+$/m,
      /host <- error -32601 \(unusual\) id=\S+ bytes=\d+ ms=\d+$/m,
      /host -> no JSON bytes=20$/m,
      /POST http:\S+\/mcp: 200 \(\d+ ms\)$/m,
      /the bridge ends$/m,
    ]
  ) assert.match(log, pattern);
  const token = (await home.run(["token", "demo"])).stdout.trim();
  for (const secret of [token, "sesame-in-params", "echo", "hunter2"]) {
    assert.ok(!log.includes(secret), `${secret} is in ${log}`);
  }
});

Deno.test("the reason why a bridge cannot begin is in its log, too", async () => {
  await using home = await Home.make();
  const { code, stderr } = await home.run(["bridge", "nowhere", "--log-file", "bridge.log"]);
  assert.equal(code, 5);
  assert.match(stderr, /NOT_FOUND/);
  assert.match(
    await Deno.readTextFile(`${home.path}/bridge.log`),
    /the bridge ends: \[NOT_FOUND\] Cannot find "nowhere"/,
  );
});

for (
  const [what, place] of [
    ["a folder that is not there", "nowhere/bridge.log"],
    ["a full disk", "/dev/full"],
    ["a folder", "."],
  ] as const
) {
  Deno.test(`row 48: a log in ${what} is one warning, and the bridge goes on`, async () => {
    await using servers = await startServers({ mcp: {} });
    await using home = await Home.make();
    assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
    await using host = new Host(home, ["demo", "--log-file", place]);
    await host.initialize();
    assert.equal((await host.call("whoami")).result.content[0].text, "alice");
    assert.equal((await host.call("whoami")).result.content[0].text, "alice");
    assert.equal((await host.end()).code, 0);
    assert.match(host.bridge.stderr, /^Warning: Cannot write .*\. The bridge goes on without its log\n$/);
  });
}

Deno.test("several bridges share a log, each line whole and with its process", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  await using one = new Host(home, ["demo", "--log-file", "b.log", "--verbose"]);
  await using other = new Host(home, ["demo", "--log-file", "b.log"]);
  for (const host of [one, other]) await host.initialize();
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => (i % 2 ? one : other).call("echo", { text: `${i}` })),
  );
  assert.equal((await one.end()).code, 0);
  assert.equal((await other.end()).code, 0);
  const lines = (await Deno.readTextFile(`${home.path}/b.log`)).trimEnd().split("\n");
  for (const { bridge: { pid } } of [one, other]) {
    const own = lines.filter((line) => line.split(" ")[1] === String(pid));
    assert.equal(own.filter((line) => line.includes("result tools/call")).length, 10);
  }
  assert.match(one.bridge.stderr, /POST http:/, "--verbose goes to standard error as before");
});

Deno.test("a full disk is one warning, and no call is lost", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  const disk = `${home.path}/disk`;
  await Deno.mkdir(disk);
  const mounted = await new Deno.Command("mount", { args: ["-t", "tmpfs", "-o", "size=16k", "tmpfs", disk] })
    .output();
  assert.ok(mounted.success, new TextDecoder().decode(mounted.stderr));
  try {
    await using host = new Host(home, ["demo", "--log-file", `${disk}/b.log`]);
    await host.initialize();
    for (let i = 0; i < 150; i++) assert.equal((await host.call("echo", { text: "x" })).error, undefined);
    assert.ok(await until(() => host.bridge.stderr !== "", 5_000), "the disk is full");
    assert.match(host.bridge.stderr, /^Warning: Cannot write .*: the disk is full\. [^\n]*\n$/);
    assert.equal((await host.end()).code, 0);
    assert.ok((await Deno.stat(`${disk}/b.log`)).size <= 16 * 1024);
  } finally {
    await new Deno.Command("umount", { args: [disk] }).output();
  }
});

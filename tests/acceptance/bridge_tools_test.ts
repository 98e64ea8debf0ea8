/**
 * A choice of tools with the real program: by flags, kept with an entry, and for the bridge alone.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Host } from "./host.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";

async function namesIn(host: Host): Promise<readonly string[]> {
  const { result } = await host.request("tools/list");
  return result.tools.map(({ name }: { name: string }) => name).sort();
}

Deno.test("--allow-tool and --ignore-tool choose what a host sees and may call", async (t) => {
  await using servers = await startServers();
  await using home = await Home.make();
  const added = await home.run(["add", "demo", servers.mcp.url, "--ignore-tool", "write_*"]);
  assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n", "add counts all tools");
  let all: readonly string[] = [];

  await t.step("an entry keeps its choice, and other commands know all tools", async () => {
    await using host = new Host(home, ["demo"]);
    await host.initialize();
    all = (await home.run(["tools", "demo", "--json"])).json.map(({ name }: { name: string }) => name)
      .sort();
    assert.ok(all.includes("write_note") && all.includes("whoami"), all.join());
    assert.deepEqual(await namesIn(host), all.filter((name) => name !== "write_note"));
    const refused = await host.call("write_note", { text: "x" });
    assert.equal(refused.error?.code, -32602);
    assert.equal(refused.error?.data.code, "PERMISSION_DENIED");
    assert.deepEqual(servers.mcp.notes, []);
    assert.equal((await host.call("whoami")).result.content[0].text, "alice");
  });

  await t.step("flags take the place of what the entry has", async () => {
    await using host = new Host(home, [
      "demo",
      "--allow-tool",
      "who*",
      "--allow-tool",
      "ech?",
      "--ignore-tool",
      "echo",
    ]);
    await host.initialize();
    assert.deepEqual(await namesIn(host), ["whoami"]);
    assert.equal((await host.call("echo", { text: "x" })).error?.code, -32602);
  });

  await t.step("set --unset ends it", async () => {
    assert.equal((await home.run(["set", "demo", "--unset", "ignore-tool"])).code, 0);
    await using host = new Host(home, ["demo"]);
    await host.initialize();
    assert.deepEqual(await namesIn(host), all);
  });

  await t.step("what is no pattern is said before anything is done", async () => {
    const { code, stderr } = await home.run(["bridge", "demo", "--ignore-tool", ""]);
    assert.equal(code, 2);
    assert.match(stderr, /Cannot use --ignore-tool ""/);
  });
});

Deno.test("the choice holds in front of a server that is a program, too", async () => {
  await using home = await Home.make();
  const server = await home.file(
    "server.ts",
    `const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
     let rest = "";
     for await (const chunk of lines) {
       const parts = (rest + chunk).split("\\n");
       rest = parts.pop();
       for (const line of parts) {
         const { id, method, params } = JSON.parse(line);
         if (id === undefined) continue;
         const result = method === "initialize"
           ? { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "p", version: "1" } }
           : method === "tools/list" ? { tools: [{ name: "see" }, { name: "delete" }] } : { called: params.name };
         console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
       }
     }`,
  );
  const command = ["--ignore-tool", "del*", "--", Deno.execPath(), "run", "--no-config", "-A", server];
  await using host = new Host(home, command);
  await host.initialize();
  assert.deepEqual(await namesIn(host), ["see"]);
  assert.equal((await host.call("delete")).error?.code, -32602);
  assert.equal((await host.call("see")).result.called, "see");
});

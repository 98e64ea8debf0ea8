/**
 * Headers of an entry whose values are secrets: from a variable, from a file, from a file of headers. They arrive at the
 * server and appear nowhere else.
 *
 * @see behaviours rows 41 and 47
 * @module
 */
import assert from "node:assert/strict";
import { Host } from "./host.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";

Deno.test("rows 41 and 47: values from a file and a variable go to the MCP server with every request, and nowhere else", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { as, mcp } = servers;
  await home.file("key.txt", "hunter2-file\n");
  await home.file("headers.txt", "# for the gateway\nX-Gateway: hunter2-line\n\nX-Team: ${TEAM}\n");
  const env = { TEAM: "hunter2-variable" };
  const said: string[] = [];
  const run = async (...args: readonly string[]) => {
    const outcome = await home.run(args, { env });
    said.push(outcome.stdout, outcome.stderr);
    return outcome;
  };
  const added = await run(
    "add",
    "demo",
    mcp.url,
    "--header",
    "X-Api-Key: ${file:key.txt}",
    "--header-file",
    "headers.txt",
    "--verbose",
  );
  assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n", added.stderr);
  const valuesOf = (path: string) =>
    mcp.requests(path).map(({ headers }) =>
      ["x-api-key", "x-gateway", "x-team"].map((name) => headers.get(name)).join()
    );
  const expected = "hunter2-file,hunter2-line,hunter2-variable";
  assert.deepEqual([...new Set(valuesOf("POST /mcp"))], [expected]);
  for (const { headers, path } of as.log) {
    assert.ok(![...headers.values()].join().includes("hunter2"), path);
  }
  assert.deepEqual([
    ...new Set(mcp.log.filter(({ path }) => path !== "/mcp").map(({ headers }) => headers.get("x-api-key"))),
  ], [
    null,
  ]);
  await Deno.writeTextFile(`${home.path}/key.txt`, "hunter2-next");
  await using host = new Host(home, ["demo"], { env });
  await host.initialize();
  await host.end();
  said.push(host.bridge.stdout, host.bridge.stderr);
  assert.ok(valuesOf("POST /mcp").includes("hunter2-next,hunter2-line,hunter2-variable"));
  await run("status", "demo");
  await run("audit");
  const { stdout } = await run("set", "demo", "--scope", "mcp:read", "--json");
  assert.deepEqual(JSON.parse(stdout).options.headers, ["X-Gateway", "X-Team", "X-Api-Key"]);
  assert.ok(!said.join("").includes("hunter2"), said.join(""));
});

Deno.test("row 47: what cannot be sent is refused before anything is, without its value", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { mcp } = servers;
  await home.file("two.txt", "hunter2\nX-Other: hunter2");
  await home.file("wrong.txt", "X-A: 1\nhunter2");
  const cases = [
    ["CONFIG_MISSING", 5, "--header", "X-Key: ${file:/nonexistent}"],
    ["CONFIG_INVALID", 1, "--header", "X-Key: ${file:two.txt}"],
    ["CONFIG_MISSING", 5, "--header", "X-Key: ${NOT_THERE}"],
    ["USAGE", 2, "--header", "Authorization: Bearer hunter2"],
    ["USAGE", 2, "--header", "Proxy-Authorization: Basic hunter2"],
    ["USAGE", 2, "--header-file", "wrong.txt"],
    ["CONFIG_MISSING", 5, "--header-file", "/nonexistent"],
  ] as const;
  for (const [code, exitCode, ...flags] of cases) {
    const outcome = await home.run(["add", "demo", mcp.url, ...flags, "--json"]);
    assertError(outcome, code, exitCode);
    assert.ok(!(outcome.stdout + outcome.stderr).includes("hunter2"), outcome.stdout);
  }
  assert.equal(mcp.log.length, 0);
});

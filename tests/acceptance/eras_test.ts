/**
 * `add`, `tools` and `call` against servers of every era of the protocol, made with both lines of the official SDK, with
 * the resource metadata in every place that it may have, and in none.
 *
 * @see MCP 2026-07-28, Versioning (T9-T15, T20); MCP 2025-11-25, Lifecycle (T2); RFC 9728 section 3
 * @module
 */
import assert from "node:assert/strict";
import {
  type McpServerSettings,
  type RunningMcpServer,
  startMcpServer,
} from "../../scripts/demo/servers/mcp_server.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

/** The audience of tokens of the server without metadata, whose authorization server knows no other. */
const RESOURCE = "https://mcp.example.com/mcp";

const ERAS: readonly (readonly [name: string, sdk2: McpServerSettings["sdk2"], revision: string])[] = [
  ["the first line of the SDK", undefined, "2025-11-25"],
  ["the second line of the SDK with sessions", "sessions", "2025-11-25"],
  ["the second line of the SDK, both eras", "both", "2025-11-25"],
  ["the second line of the SDK, stateless", "stateless", "2026-07-28"],
];

/** A server of 2025-03-26 has its authorization server at its own origin, and says so nowhere. */
async function startAtOneOrigin(sdk2: McpServerSettings["sdk2"]): Promise<Servers & { url: string }> {
  const servers = await startServers({
    as: { defaultResource: RESOURCE, defaultScope: "mcp:read mcp:write", metadataAt: ["oauth"] },
    mcp: { metadata: "none", resource: RESOURCE, ...(sdk2 === undefined ? {} : { sdk2 }) },
  });
  const { as, mcp } = servers;
  as.fail("/mcp", Infinity, async ({ method, headers, body }) => {
    const own = [...headers].filter(([name]) => !["host", "connection", "content-length"].includes(name));
    const init = { method, headers: own, ...(method === "POST" ? { body } : {}) };
    const answer = await fetch(mcp.url, init);
    return new Response(await answer.bytes(), { status: answer.status, headers: answer.headers });
  });
  return { ...servers, url: `${as.issuer}/mcp` };
}

for (const [name, sdk2, revision] of ERAS) {
  for (const metadata of ["path", "root", "none"] as const) {
    Deno.test(`add, tools and call work with ${name}, resource metadata at: ${metadata} (T20)`, async () => {
      const settings = { metadata, ...(sdk2 === undefined ? {} : { sdk2 }) };
      await using servers = metadata === "none"
        ? await startAtOneOrigin(sdk2)
        : { ...await startServers({ mcp: settings }), url: "" };
      const { mcp, as } = servers;
      await using home = await Home.make();
      const added = await home.run(["add", "demo", servers.url || mcp.url, "--json"]);
      assert.equal(added.code, 0, added.stdout + added.stderr);
      assert.equal(added.json.sign_in, "oauth");
      const tools = await home.run(["tools", "demo", "--json"]);
      assert.equal(tools.code, 0, tools.stdout + tools.stderr);
      assert.equal(tools.json.length, added.json.tools);
      const called = await home.run(["call", "demo", "add", '{"a":2,"b":3}', "--json"]);
      assert.deepEqual(called.json.structuredContent, { sum: 5 }, called.stderr);
      assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
      const calls = mcp.log.filter((each) => (each.json() as { method?: string })?.method === "tools/call");
      assert.deepEqual(calls.map(({ headers }) => headers.get("mcp-protocol-version")), [revision, revision]);
      assert.deepEqual(as.errors, []);
    });
  }
}

function methodsAt(mcp: RunningMcpServer): readonly unknown[] {
  return mcp.requests("POST /mcp").map((each) => (each.json() as { method?: string }).method);
}

Deno.test("a stateless server is asked no more than it has to be", async () => {
  await using servers = await startServers({ mcp: { sdk2: "stateless" } });
  await using home = await Home.make();
  const added = await home.run(["add", "demo", servers.mcp.url]);
  assert.equal(added.code, 0, added.stderr);
  // Without a token, with one, and in the server's own way.
  assert.deepEqual(methodsAt(servers.mcp), ["initialize", "initialize", "tools/list"]);
});

Deno.test("a stateless server that needs no sign-in is added as one", async () => {
  await using mcp = await startMcpServer({ open: true, sdk2: "stateless" });
  await using home = await Home.make();
  const added = await home.run(["add", "demo", mcp.url]);
  assert.equal(added.stdout, "✓ Connected to demo (no sign-in needed, 5 tools)\n", added.stderr);
  assert.deepEqual(methodsAt(mcp), ["initialize", "tools/list"]);
});

Deno.test("a stateless server's step-up is told as the command to run, which helps (C63-C66)", async () => {
  await using servers = await startServers({ mcp: { sdk2: "stateless", challengeScope: "mcp:read" } });
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  const note = ["call", "demo", "write_note", '{"text":"x"}'];
  const refused = await home.run([...note, "--json"]);
  assertError(refused, "INSUFFICIENT_SCOPE", 4, /^Run: mcp-auth login demo --scope "[^"]*mcp:write"$/);
  const scope = /"(.*)"/.exec(refused.json.error.hint)?.[1] ?? "";
  assert.equal((await home.run(["login", "demo", "--scope", scope])).code, 0);
  assert.equal((await home.run(note)).stdout, "Note 1 written\n");
});

Deno.test("a tool of a stateless server that asks in return is refused with what to do (T15)", async () => {
  await using servers = await startServers({ mcp: { sdk2: "stateless" } });
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  assertError(await home.run(["call", "demo", "ask", "--json"]), "SERVER_ERROR", 3);
  const slow = await home.run(["call", "demo", "slow"]);
  assert.equal(slow.stdout, "Done\n");
  assert.equal(slow.stderr, "Progress: 1/2\nProgress: 2/2\n");
});

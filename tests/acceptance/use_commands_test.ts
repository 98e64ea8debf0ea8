/**
 * The commands that hand a sign-in to others, used as a person uses them in a shell, in front of a real server.
 *
 * @see features, "Use"
 * @module
 */
import assert from "node:assert/strict";
import { done } from "./keeping.ts";
import { assertError } from "./outcome.ts";
import { FROM_CHECKOUT, Home } from "./program.ts";
import { startServers } from "./servers.ts";

/** Asks the server as scripts do, with whatever header stands in `$HEADER`. */
const LIST = `curl -sS -o /dev/null -w '%{http_code}' -X POST "$URL" -H "$HEADER" \\
  -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \\
  -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}'`;

/** Runs a line of shell in a home, in which the program is `mcp-auth`. */
async function shell(home: Home, line: string, env: Record<string, string> = {}): Promise<string> {
  const bin = await home.file("mcp-auth", `#!/bin/sh\nexec ${FROM_CHECKOUT.join(" ")} "$@"\n`);
  await Deno.chmod(bin, 0o700);
  const all = home.environment();
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", line],
    cwd: home.path,
    clearEnv: true,
    env: { ...all, PATH: `${home.path}:${all["PATH"]}`, ...env },
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stderr));
  return text.decode(stdout).trim();
}

Deno.test("Use: token (--header, --json, bare), exec <name> -- cmd, usable as a credential helper", async (t) => {
  await using servers = await startServers();
  await using home = await Home.make();
  const URL = servers.mcp.url;
  await done(home, ["add", "demo", URL]);
  const answered = (line: string) => shell(home, line, { URL });

  await t.step("a script without a token is refused", async () => {
    assert.equal(await answered(`HEADER='x: y'; ${LIST}`), "401");
  });
  await t.step("token --header, for curl", async () => {
    assert.equal(await answered(`HEADER="$(mcp-auth token demo --header)"; ${LIST}`), "200");
  });
  await t.step("token, bare", async () => {
    assert.equal(await answered(`HEADER="Authorization: Bearer $(mcp-auth token demo)"; ${LIST}`), "200");
  });
  await t.step("token --json: until when it works, and what for", async () => {
    const { json } = await done(home, ["token", "demo", "--json"]);
    assert.equal(json.access_token, (await done(home, ["token", "demo"])).stdout.trim());
    assert.ok(Date.parse(json.expires_at) > Date.now(), JSON.stringify(json));
  });
  await t.step("exec, as a variable and as a header", async () => {
    const asHeader = await home.file("as-header", `HEADER="$TOKEN_HEADER"; ${LIST}`);
    const asToken = await home.file("as-token", `HEADER="Authorization: Bearer $MCP_ACCESS_TOKEN"; ${LIST}`);
    assert.equal(await answered(`mcp-auth exec demo --header --env TOKEN_HEADER -- sh ${asHeader}`), "200");
    assert.equal(await answered(`mcp-auth exec demo -- sh ${asToken}`), "200");
  });
  await t.step(
    "as a helper: nothing but the token on standard output, and a failure is an exit code",
    async () => {
      const { stdout, stderr } = await done(home, ["token", "demo"]);
      assert.match(stdout, /^\S+\n$/);
      assert.equal(stderr, "");
      await done(home, ["logout", "demo"]);
      assertError(
        await home.run(["token", "demo", "--json"]),
        "AUTH_REQUIRED",
        4,
        /^Run: mcp-auth login demo$/,
      );
    },
  );
});

Deno.test("Use: tools <name>, call <name> <tool> [json]", async (t) => {
  await using servers = await startServers();
  await using home = await Home.make();
  await done(home, ["add", "demo", servers.mcp.url]);

  await t.step("tools, to read and for scripts", async () => {
    assert.match((await done(home, ["tools", "demo"])).stdout, /^add a b$/m);
    const { json } = await done(home, ["tools", "demo", "--json"]);
    assert.ok(json.some(({ name }: { name: string }) => name === "whoami"));
  });
  await t.step("call with JSON, with words, and from standard input", async () => {
    const ways: readonly (readonly [args: readonly string[], stdin?: string])[] = [
      [['{"a":2,"b":3}']],
      [["a=2", "b=3"]],
      [["-"], '{"a":2,"b":3}'],
    ];
    for (const [args, stdin] of ways) {
      const options = stdin === undefined ? {} : { stdin };
      assert.equal((await done(home, ["call", "demo", "add", ...args], options)).stdout, "5\n");
    }
  });
  await t.step("progress on standard error, the result on standard output", async () => {
    const { stdout, stderr } = await done(home, ["call", "demo", "slow", "ms=40"]);
    assert.match(stdout, /^Done after 40 ms\n$/);
    assert.match(stderr, /^Progress: 4\/4$/m);
  });
  await t.step("a tool that fails, and a tool that is not there", async () => {
    const failed = await home.run(["call", "demo", "fail", "reason=no"]);
    assert.notEqual(failed.code, 0);
    assert.match(failed.stdout + failed.stderr, /Failed: no/);
    assertError(await home.run(["call", "demo", "ad", "a=2", "b=3", "--json"]), "NOT_FOUND", 5, /"add"/);
  });
});

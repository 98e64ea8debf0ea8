/**
 * A job of a CI that has nothing but its environment: a URL in place of an entry, the grant and what belongs to it in
 * variables, and nothing of it kept.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { startWorkloadIssuer } from "../../scripts/demo/servers/workload_issuer.ts";
import { Host } from "./host.ts";
import { assertSilent, keyedClient, type Machines, startMachines, tokenRequests } from "./machines.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";

const SECRET = "the-secret-of-the-job";
const ENV = {
  MCP_AUTH_GRANT: "client-credentials",
  MCP_AUTH_CLIENT_ID: "ci",
  MCP_AUTH_CLIENT_SECRET: SECRET,
  MCP_AUTH_KEYSTORE: undefined,
};

async function withJob(
  test: (scene: { readonly machines: Machines; readonly home: Home }) => Promise<void>,
): Promise<void> {
  await using machines = await startMachines({ as: { clients: [{ id: "ci", secret: SECRET }] } });
  await using home = await Home.make();
  await test({ machines, home });
}

/** Whether the home has any file of a store. */
async function isEmpty(home: Home): Promise<boolean> {
  return await Deno.lstat(home.store).then(() => false, () => true);
}

Deno.test("token, exec, tools, call and bridge take a URL and what the environment says; nothing is kept", () =>
  withJob(async ({ machines, home }) => {
    const { url } = machines.mcp;
    const browser = await home.recordingBrowser();
    const run = (...args: string[]) => home.run(args, { env: ENV, browser });
    const header = await run("token", url, "--header");
    assert.match(header.stdout, /^Authorization: Bearer eyJ/, header.stderr);
    const seen = await run(
      "exec",
      url,
      "--",
      "sh",
      "-c",
      'printf %s "$MCP_ACCESS_TOKEN$MCP_AUTH_CLIENT_SECRET"',
    );
    assert.match(seen.stdout, /^eyJ[\w.-]+$/);
    assertSilent([seen.stdout], [SECRET]);
    const tools = await run("tools", url);
    assert.match(tools.stdout, /whoami/, tools.stderr);
    const called = await run("call", url, "whoami");
    assert.equal(called.stdout, "ci\n", called.stderr);
    {
      await using host = new Host(home, [url], { env: ENV, browser });
      await host.initialize();
      assert.equal((await host.call("whoami")).result.content[0].text, "ci");
    }
    assert.equal(tokenRequests(machines).length, 5);
    assert.deepEqual(await home.opened(), []);
    assert.ok(await isEmpty(home), "something was kept");
  }));

Deno.test("a workload of GitHub Actions needs the one variable that says so", async () => {
  await using ci = await startWorkloadIssuer();
  await using machines = await startMachines({ as: { workloads: [ci] } });
  await using home = await Home.make();
  const env = {
    MCP_AUTH_GRANT: "workload-identity",
    MCP_AUTH_KEYSTORE: undefined,
    ACTIONS_ID_TOKEN_REQUEST_URL: ci.requestUrl,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: ci.requestToken,
  };
  const called = await home.run(["call", machines.mcp.url, "whoami"], { env });
  assert.equal(called.stdout, "repo:octo/demo:ref:refs/heads/main\n", called.stderr);
  assert.ok(await isEmpty(home));
});

Deno.test("a private key comes from the environment as well, and a step-up needs nothing more", async () => {
  const { client, jwk } = await keyedClient("ci");
  await using machines = await startMachines({
    as: { clients: [client] },
    mcp: { scopesSupported: ["mcp:read"] },
  });
  await using home = await Home.make();
  const env = {
    MCP_AUTH_GRANT: "client-credentials",
    MCP_AUTH_CLIENT_ID: "ci",
    MCP_AUTH_PRIVATE_KEY: jwk,
    MCP_AUTH_KEYSTORE: undefined,
  };
  const written = await home.run(["call", machines.mcp.url, "write_note", '{"text":"from CI"}'], { env });
  assert.equal(written.code, 0, written.stderr);
  assert.deepEqual(machines.mcp.notes, ["from CI"]);
  assert.ok(await isEmpty(home));
});

Deno.test("an entry of that URL goes before the environment, and a name is never the environment's", () =>
  withJob(async ({ machines, home }) => {
    const args = ["add", "demo", machines.mcp.url, "--client-credentials", "--client-id", "ci"];
    assert.equal((await home.run(args, { env: { MCP_AUTH_CLIENT_SECRET: SECRET } })).code, 0);
    const env = { ...ENV, MCP_AUTH_KEYSTORE: "file", MCP_AUTH_CLIENT_SECRET: "wrong-altogether" };
    const byUrl = await home.run(["call", machines.mcp.url, "whoami"], { env });
    assert.equal(byUrl.stdout, "ci\n", byUrl.stderr);
    assert.equal((await home.run(["token", "demo"], { env })).code, 0);
    assert.equal(tokenRequests(machines).length, 1);
    assertError(await home.run(["token", "other", "--json"], { env }), "NOT_FOUND", 5);
  }));

Deno.test("a server that wants no sign-in gets none, whatever the environment offers", async () => {
  await using mcp = await startMcpServer({ open: true });
  await using home = await Home.make();
  const tools = await home.run(["tools", mcp.url], { env: ENV });
  assert.match(tools.stdout, /whoami/, tools.stderr);
  const authorized = mcp.log.filter(({ headers }) => headers.has("authorization"));
  assert.equal(authorized.length, 0);
});

Deno.test("what the environment lacks is said, and a URL without any of it names the ways", () =>
  withJob(async ({ machines, home }) => {
    const { MCP_AUTH_CLIENT_SECRET: _, ...lacking } = ENV;
    assertError(
      await home.run(["token", machines.mcp.url, "--json"], { env: lacking }),
      "CONFIG_MISSING",
      5,
    );
    assertError(await home.run(["token", machines.mcp.url, "--json"]), "NOT_FOUND", 5, /mcp-auth add http/);
    assert.equal(tokenRequests(machines).length, 0);
  }));

Deno.test("add with nothing but the environment says that nothing is kept, unless a keystore is asked for", () =>
  withJob(async ({ machines, home }) => {
    const added = await home.run(["add", "demo", machines.mcp.url], { env: ENV });
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.stderr, /Nothing is kept/);
    assert.ok(await isEmpty(home));
    const kept = await home.run(["add", "demo", machines.mcp.url], {
      env: { ...ENV, MCP_AUTH_KEYSTORE: "file" },
    });
    assert.equal(kept.code, 0, kept.stderr);
    assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "ci\n");
  }));

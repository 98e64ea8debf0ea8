/**
 * Machines whose tokens run out: the grant brings the next ones, once for all processes, without a person, whatever the
 * command; and what a server refuses is told and tried again later.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createClient } from "../../lib/mod.ts";
import { startWorkloadIssuer } from "../../scripts/demo/servers/workload_issuer.ts";
import { Host } from "./host.ts";
import { keyedClient, type Machines, startMachines, tokenRequests } from "./machines.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { OVER_AT_ONCE } from "./refreshing.ts";

const SECRET = "the-secret-of-the-machine";

async function withMachine(
  test: (scene: { readonly machines: Machines; readonly home: Home }) => Promise<void>,
): Promise<void> {
  await using machines = await startMachines({ as: { clients: [{ id: "ci", secret: SECRET }] } });
  await using home = await Home.make();
  const added = await home.run(
    ["add", "demo", machines.mcp.url, "--client-credentials", "--client-id", "ci"],
    { env: { MCP_AUTH_CLIENT_SECRET: SECRET } },
  );
  assert.equal(added.code, 0, added.stderr);
  await test({ machines, home });
}

/** Has the stored token be over by the next command. */
async function expire(
  { machines, home }: { readonly machines: Machines; readonly home: Home },
): Promise<void> {
  machines.as.lifeToSay = OVER_AT_ONCE;
  assert.equal((await home.run(["refresh", "demo"])).code, 0);
  machines.as.lifeToSay = undefined;
}

Deno.test("8 processes that find the token expired have it renewed once (rows 1 and 4)", () =>
  withMachine(async (scene) => {
    await expire(scene);
    const before = tokenRequests(scene.machines).length;
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => scene.home.run(["token", "demo"])));
    for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
    assert.equal(new Set(outcomes.map(({ stdout }) => stdout)).size, 1);
    assert.equal(tokenRequests(scene.machines).length, before + 1);
  }));

Deno.test("an expired token of a machine counts as signed in, and refresh --all renews it", () =>
  withMachine(async (scene) => {
    await expire(scene);
    const [entry] = (await scene.home.run(["list", "--json"])).json;
    assert.deepEqual([entry.state, entry.can_refresh], ["signed-in", true]);
    const status = (await scene.home.run(["status", "demo", "--json"])).json;
    assert.deepEqual([status.state, status.can_refresh, status.grant, status.pending_refresh], [
      "signed-in",
      true,
      "client-credentials",
      null,
    ]);
    const all = await scene.home.run(["refresh", "--all", "--json"]);
    assert.deepEqual(all.json.map(({ refreshed }: { refreshed: boolean }) => refreshed), [true]);
    const audit = (await scene.home.run(["audit", "--json"])).stdout;
    assert.match(audit, /token_refreshed/);
  }));

Deno.test("a token that the server refuses is renewed for the very call that met it (401)", () =>
  withMachine(async ({ machines, home }) => {
    assert.equal((await home.run(["call", "demo", "whoami"])).code, 0);
    machines.mcp.refuseSeenTokens();
    const called = await home.run(["call", "demo", "whoami"]);
    assert.equal(called.stdout, "ci\n", called.stderr);
    assert.equal(tokenRequests(machines).length, 2);
  }));

Deno.test("a rejection is told with the next command and is no end: the operator puts it right, and all goes on (row 3)", () =>
  withMachine(async (scene) => {
    const { machines, home } = scene;
    await expire(scene);
    machines.as.knowsClients = false;
    const refused = await home.run(["token", "demo", "--json"]);
    assertError(
      refused,
      "TOKEN_REFRESH_FAILED",
      4,
      /mcp-auth login demo --client-id <id> --client-secret-file/,
    );
    const status = (await home.run(["status", "demo", "--json"])).json;
    assert.deepEqual([status.state, status.last_error.code], ["refresh-failed", "TOKEN_REFRESH_FAILED"]);
    machines.as.knowsClients = true;
    const renewed = await home.run(["refresh", "demo"]);
    assert.equal(renewed.code, 0, renewed.stderr);
    assert.equal((await home.run(["status", "demo", "--json"])).json.last_error, null);
  }));

Deno.test("a rejection is not repeated by every command: the pause after it holds for all processes", () =>
  withMachine(async (scene) => {
    await expire(scene);
    scene.machines.as.knowsClients = false;
    const before = tokenRequests(scene.machines).length;
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => scene.home.run(["token", "demo", "--json"])),
    );
    for (const outcome of outcomes) assertError(outcome, "TOKEN_REFRESH_FAILED", 4, /mcp-auth login demo/);
    assert.equal(tokenRequests(scene.machines).length, before + 1);
  }));

Deno.test("an answer that is lost is asked for again at once: nothing was spent (row 6)", () =>
  withMachine(async (scene) => {
    await expire(scene);
    const before = tokenRequests(scene.machines).length;
    scene.machines.as.fail("POST /token", 1, "lose-answer");
    const token = await scene.home.run(["token", "demo"]);
    assert.equal(token.code, 0, token.stderr);
    assert.equal(tokenRequests(scene.machines).length, before + 2);
  }));

Deno.test("kill -9 in the middle of a renewal leaves nothing behind that the next one would wait for", () =>
  withMachine(async (scene) => {
    await expire(scene);
    const before = tokenRequests(scene.machines).length;
    scene.machines.as.fail("POST /token", 1, "hang");
    {
      await using running = scene.home.start(["token", "demo"]);
      while (tokenRequests(scene.machines).length === before) {
        await new Promise((done) => setTimeout(done, 5));
      }
      running.kill("SIGKILL");
      await running.outcome;
    }
    const token = await scene.home.run(["token", "demo"]);
    assert.equal(token.code, 0, token.stderr);
    assert.equal((await scene.home.run(["status", "demo", "--json"])).json.pending_refresh, null);
  }));

Deno.test("scopes that are missing are asked for once by the grant itself, together with those it has (C63, C66)", async () => {
  await using machines = await startMachines({
    as: { clients: [{ id: "ci", secret: SECRET }] },
    mcp: { scopesSupported: ["mcp:read"] },
  });
  await using home = await Home.make();
  const added = await home.run(
    ["add", "demo", machines.mcp.url, "--client-credentials", "--client-id", "ci"],
    { env: { MCP_AUTH_CLIENT_SECRET: SECRET } },
  );
  assert.equal(added.code, 0, added.stderr);
  const written = await home.run(["call", "demo", "write_note", '{"text":"by a machine"}']);
  assert.equal(written.code, 0, written.stderr);
  assert.deepEqual(machines.mcp.notes, ["by a machine"]);
  assert.deepEqual(tokenRequests(machines).map(({ form }) => form.get("scope")), [
    "mcp:read",
    "mcp:read mcp:write",
  ]);
  // The next renewal asks for both.
  assert.equal((await home.run(["refresh", "demo"])).code, 0);
  assert.equal(tokenRequests(machines).at(-1)?.form.get("scope"), "mcp:read mcp:write");
});

Deno.test("scopes that the server does not give to a machine end in INSUFFICIENT_SCOPE, after one request", async () => {
  await using machines = await startMachines({
    as: { clients: [{ id: "ci", secret: SECRET }], scopes: ["mcp:read"] },
    mcp: { scopesSupported: ["mcp:read"] },
  });
  await using home = await Home.make();
  const env = { MCP_AUTH_CLIENT_SECRET: SECRET };
  const args = ["add", "demo", machines.mcp.url, "--client-credentials", "--client-id", "ci"];
  assert.equal((await home.run(args, { env })).code, 0);
  const refused = await home.run(["call", "demo", "write_note", '{"text":"x"}', "--json"]);
  assertError(refused, "INSUFFICIENT_SCOPE", 4);
  assert.equal(tokenRequests(machines).length, 2);
  assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "ci\n");
});

Deno.test("a bridge signs in by itself and renews in time, without --login and without a person", async () => {
  await using machines = await startMachines({ as: { clients: [{ id: "ci", secret: SECRET }] } });
  await using home = await Home.make();
  const browser = await home.recordingBrowser();
  const secret = await home.file("secret", SECRET);
  machines.as.lifeToSay = 1.5;
  {
    const args = [
      machines.mcp.url,
      "--client-credentials",
      "--client-id",
      "ci",
      "--client-secret-file",
      secret,
    ];
    await using host = new Host(home, args, { browser });
    await host.initialize();
    const who = async () => (await host.request("tools/call", { name: "whoami" })).result?.content[0].text;
    assert.equal(await who(), "ci");
    await new Promise((done) => setTimeout(done, 4_000));
    assert.ok(tokenRequests(machines).length >= 2, "nobody renewed ahead of time");
    assert.equal(await who(), "ci");
  }
  assert.deepEqual(await home.opened(), []);
  const [entry] = (await home.run(["list", "--json"])).json;
  assert.equal(entry.url, machines.mcp.url);
});

Deno.test("an entry of a machine goes to another home with its key, and works and renews there", async () => {
  const { client, pem } = await keyedClient("ci");
  await using ci = await startWorkloadIssuer();
  await using machines = await startMachines({ as: { clients: [client], workloads: [ci] } });
  await using home = await Home.make();
  await using other = await Home.make();
  const path = await home.file("token", await ci.token(machines.as.issuer));
  const workload = ["add", "workload", machines.mcp.url, "--workload-identity", `file:${path}`];
  assert.equal((await home.run(workload)).code, 0);
  const key = await home.file("key.pem", pem);
  const added = await home.run(
    ["add", "demo", machines.mcp.url, "--client-credentials", "--client-id", "ci", "--private-key", key],
  );
  assert.equal(added.code, 0, added.stderr);
  const env = { MCP_AUTH_EXPORT_PASSPHRASE: "correct horse battery staple" };
  const file = `${home.path}/export`;
  assert.equal((await home.run(["export", "demo", "workload", "--out", file], { env })).code, 0);
  assert.ok(!(await Deno.readTextFile(file)).includes(pem.split("\n")[1] ?? ""));
  const imported = await other.run(["import", file, "--json"], { env });
  assert.equal(imported.code, 0, imported.stderr);
  const renewable = imported.json.imported.map((each: { can_refresh: boolean }) => each.can_refresh);
  assert.deepEqual(renewable, [true, true]);
  const renewed = await other.run(["refresh", "demo"]);
  assert.equal(renewed.code, 0, renewed.stderr);
  assert.equal((await other.run(["call", "demo", "whoami"])).stdout, "ci\n");
  await home.file("token", await ci.token(machines.as.issuer));
  const workloadToo = await other.run(["refresh", "workload"]);
  assert.equal(workloadToo.code, 0, workloadToo.stderr);
});

Deno.test("rename, logout and login keep a machine's entry whole: login asks nobody", () =>
  withMachine(async ({ machines, home }) => {
    assert.equal((await home.run(["rename", "demo", "robot"])).code, 0);
    assert.equal((await home.run(["refresh", "robot"])).code, 0);
    const out = await home.run(["logout", "robot", "--json"]);
    assert.equal(out.code, 0, out.stdout);
    assert.equal(machines.as.requests("POST /revoke").length, 1);
    assertError(await home.run(["token", "robot", "--json"]), "AUTH_REQUIRED", 4, /mcp-auth login robot/);
    const browser = await home.recordingBrowser();
    const again = await home.run(["login", "robot"], { browser });
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(await home.opened(), []);
    assert.equal((await home.run(["call", "robot", "whoami"])).stdout, "ci\n");
  }));

Deno.test("the library signs a machine in, renews for authorizedFetch, and never needs an opener", async () => {
  const { client: known, pem } = await keyedClient("ci");
  await using machines = await startMachines({ as: { clients: [known] } });
  await using client = createClient({
    keystore: "memory",
    openBrowser: () => Promise.reject(new Error("nobody is here")),
  });
  const signedIn = await client.authenticate("ci", {
    url: machines.mcp.url,
    options: { clientId: "ci", grant: { kind: "client-credentials" } },
    privateKey: pem,
  });
  assert.ok(signedIn.ok, JSON.stringify(signedIn));
  assert.equal(signedIn.value.canRefresh, true);
  const call = client.authorizedFetch("ci");
  await (await call(machines.mcp.url, { method: "DELETE" })).body?.cancel();
  machines.mcp.refuseSeenTokens();
  const response = await call(machines.mcp.url, { method: "DELETE" });
  await response.body?.cancel();
  assert.notEqual(response.status, 401);
  assert.equal(tokenRequests(machines).length, 2);
  const status = await client.getStatus("ci");
  assert.ok(status.ok && status.value.tokens?.canRefresh);
});

Deno.test("Ctrl-C ends a renewal at once that its server does not answer: nothing was spent", () =>
  withMachine(async (scene) => {
    await expire(scene);
    scene.machines.as.fail("POST /token", 1, "hang");
    const before = tokenRequests(scene.machines).length;
    await using running = scene.home.start(["token", "demo"]);
    while (tokenRequests(scene.machines).length === before) await new Promise((done) => setTimeout(done, 5));
    const started = performance.now();
    running.kill("SIGINT");
    assert.equal((await running.outcome).code, 130);
    assert.ok(performance.now() - started < 3_000);
    assert.equal((await scene.home.run(["token", "demo"])).code, 0);
  }));

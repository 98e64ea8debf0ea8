/**
 * An MCP server that names another authorization server than at the sign-in, as one in other hands would: what a machine
 * presents goes there only where its user says so.
 *
 * @see CVE-2026-104850; MCP 2026-07-28 authorization (C46)
 * @module
 */
import assert from "node:assert/strict";
import { startWorkloadIssuer } from "../../scripts/demo/servers/workload_issuer.ts";
import { startMachineAuthorizationServer } from "../../scripts/demo/servers/machine_authorization_server.ts";
import { startMachines } from "./machines.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";

Deno.test("an assertion for a named audience is presented at no new authorization server: not at a renewal, a step-up or a login", async () => {
  const audience = "api://tokens";
  await using ci = await startWorkloadIssuer();
  await using evil = await startMachineAuthorizationServer({ workloads: [ci] });
  const named: string[] = [];
  await using machines = await startMachines({
    as: { workloads: [ci] },
    mcp: {
      scopesSupported: ["mcp:read"],
      editMetadata: (metadata) =>
        named.length === 0 ? metadata : { ...metadata, authorization_servers: named },
    },
  });
  await using home = await Home.make();
  const path = await home.file("token", await ci.token(machines.as.issuer));
  const added = await home.run(["add", "demo", machines.mcp.url, "--workload-identity", `file:${path}`]);
  assert.equal(added.code, 0, added.stderr);
  assert.equal((await home.run(["set", "demo", "--assertion-audience", audience])).code, 0);
  await home.file("token", await ci.token(audience));
  named.push(evil.issuer);
  // The server does not take this audience; what counts is where it went.
  const before = machines.as.requests("POST /token").length;
  await home.run(["refresh", "demo"]);
  assert.equal(machines.as.requests("POST /token").length, before + 1);
  const stepped = await home.run(["call", "demo", "write_note", '{"text":"x"}', "--json"]);
  assertError(stepped, "ISSUER_MISMATCH", 1);
  assertError(
    await home.run(["login", "demo", "--json"]),
    "ISSUER_MISMATCH",
    1,
    /--authorization-server <issuer>/,
  );
  assert.equal(evil.requests("POST /token").length, 0);
});

Deno.test("where the user names the new authorization server, the machine signs in there", async () => {
  await using ci = await startWorkloadIssuer();
  const named: string[] = [];
  await using machines = await startMachines({
    as: { workloads: [ci] },
    mcp: {
      editMetadata: (metadata) =>
        named.length === 0 ? metadata : { ...metadata, authorization_servers: named },
    },
  });
  await using next = await startMachineAuthorizationServer({ workloads: [ci] });
  await using home = await Home.make();
  const path = await home.file("token", await ci.token(machines.as.issuer));
  assert.equal(
    (await home.run(["add", "demo", machines.mcp.url, "--workload-identity", `file:${path}`])).code,
    0,
  );
  named.push(next.issuer);
  await home.file("token", await ci.token(next.issuer));
  const login = await home.run(["login", "demo", "--authorization-server", next.issuer, "--json"]);
  assert.equal(login.code, 0, login.stderr);
  assert.equal(login.json.issuer, next.issuer);
  assert.equal(next.requests("POST /token").length, 1);
});

Deno.test("an entry that is replaced begins anew, also at another authorization server", async () => {
  await using ci = await startWorkloadIssuer();
  await using first = await startMachines({ as: { workloads: [ci] } });
  await using second = await startMachines({ as: { workloads: [ci] } });
  await using home = await Home.make();
  for (const [machines, more] of [[first, []], [second, ["--force"]]] as const) {
    const path = await home.file("token", await ci.token(machines.as.issuer));
    const args = ["add", "demo", machines.mcp.url, "--workload-identity", `file:${path}`, ...more];
    const added = await home.run(args);
    assert.equal(added.code, 0, added.stderr);
  }
  assert.equal(second.as.requests("POST /token").length, 1);
});

/**
 * Workloads that sign in by what their place gives them: a token in a file or a variable, and the endpoint of GitHub
 * Actions. Each is verified as a server does that trusts the issuer.
 *
 * @module
 */
import assert from "node:assert/strict";
import { decodeJwt } from "jose";
import { startWorkloadIssuer, type WorkloadIssuer } from "../../scripts/demo/servers/workload_issuer.ts";
import { Host } from "./host.ts";
import { assertSilent, type Machines, startMachines, tokenRequests } from "./machines.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";

interface Scene {
  readonly ci: WorkloadIssuer;
  readonly machines: Machines;
  readonly home: Home;
}

async function withScene(test: (scene: Scene) => Promise<void>): Promise<void> {
  await using ci = await startWorkloadIssuer();
  await using machines = await startMachines({ as: { workloads: [ci] } });
  await using home = await Home.make();
  await test({ ci, machines, home });
}

Deno.test("a token in a file is presented once, with the resource and no client, and read anew each time (X21)", () =>
  withScene(async ({ ci, machines, home }) => {
    const path = await home.file("token", `${await ci.token(machines.as.issuer)}\n`);
    const browser = await home.recordingBrowser();
    const args = ["add", "demo", machines.mcp.url, "--workload-identity", `file:${path}`];
    const added = await home.run(args, { browser });
    assert.equal(added.code, 0, added.stderr);
    const [{ form } = { form: new URLSearchParams() }] = tokenRequests(machines);
    assert.deepEqual([...form.keys()].sort(), ["assertion", "grant_type", "resource", "scope"]);
    assert.equal(form.get("resource"), machines.mcp.resource);
    // The server takes each token once: only a new one renews.
    assertError(await home.run(["refresh", "demo", "--json"]), "TOKEN_REFRESH_FAILED", 4);
    assert.equal(tokenRequests(machines).length, 2);
    await home.file("token", await ci.token(machines.as.issuer));
    assert.equal((await home.run(["refresh", "demo"])).code, 0);
    assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "repo:octo/demo:ref:refs/heads/main\n");
    assert.deepEqual(await home.opened(), []);
    const status = await home.run(["status", "demo"]);
    assert.match(status.stdout, /Client: +none: an assertion says who asks\n/);
    assert.match(status.stdout, /Refresh: +yes, without a person: workload-identity\n/);
    const out = await home.run(["logout", "demo", "--json"]);
    assert.deepEqual(out.json.revocations.map(({ outcome }: { outcome: string }) => outcome), ["revoked"]);
  }));

Deno.test("GitHub Actions is asked for a token for the issuer; the job's own token goes there alone (X22)", () =>
  withScene(async ({ ci, machines, home }) => {
    const env = {
      ACTIONS_ID_TOKEN_REQUEST_URL: ci.requestUrl,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: ci.requestToken,
    };
    const args = ["add", "demo", machines.mcp.url, "--workload-identity", "github", "--verbose"];
    const added = await home.run(args, { env });
    assert.equal(added.code, 0, added.stderr);
    const [asked, ...more] = ci.requests("GET /token-request");
    assert.equal(more.length, 0);
    assert.equal(asked?.query.get("api-version"), "2.0");
    assert.equal(asked?.query.get("audience"), machines.as.issuer);
    const assertion = tokenRequests(machines)[0]?.form.get("assertion") ?? "";
    assert.equal(decodeJwt(assertion).aud, machines.as.issuer);
    const renewed = await home.run(["refresh", "demo"], { env });
    assert.equal(renewed.code, 0, renewed.stderr);
    assert.equal(ci.requests("GET /token-request").length, 2);
    const audit = await home.run(["audit", "--json"]);
    assertSilent([added.stdout, added.stderr, renewed.stderr, audit.stdout], [ci.requestToken, assertion]);
    const elsewhere = [...machines.as.log, ...machines.mcp.log].filter((request) =>
      [...request.headers.values(), request.body].some((text) => text.includes(ci.requestToken))
    );
    assert.equal(elsewhere.length, 0);
    // Outside of the job nobody can renew it, and the next command says what to do.
    assertError(await home.run(["refresh", "demo", "--json"]), "CONFIG_MISSING", 5, /id-token: write/);
  }));

Deno.test("a request token that GitHub refuses, and repeats, is never shown", () =>
  withScene(async ({ ci, machines, home }) => {
    const env = {
      ACTIONS_ID_TOKEN_REQUEST_URL: ci.requestUrl,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "a-request-token-of-another-job",
    };
    const args = ["add", "demo", machines.mcp.url, "--workload-identity", "github", "--json"];
    const added = await home.run(args, { env });
    assertError(added, "AUTH_FAILED", 1, /id-token: write/);
    assertSilent([added.stdout, added.stderr], [env.ACTIONS_ID_TOKEN_REQUEST_TOKEN]);
  }));

Deno.test("GitLab's token is in its variable; without it, the job's id_tokens are spelled out", () =>
  withScene(async ({ ci, machines, home }) => {
    const args = ["add", "demo", machines.mcp.url, "--workload-identity", "gitlab", "--json"];
    assertError(await home.run(args), "CONFIG_MISSING", 5, /id_tokens: \{ MCP_AUTH_ASSERTION: \{ aud: http/);
    const env = { MCP_AUTH_ASSERTION: await ci.token(machines.as.issuer) };
    assert.equal((await home.run(args, { env })).code, 0);
  }));

Deno.test("a rejected assertion is presented once: no retry, no other grant, no browser (X24)", () =>
  withScene(async ({ ci, machines, home }) => {
    const other = await ci.token("https://other.example");
    const cases = [
      [other, /has to trust the issuer/, ["--assertion-audience", "https://other.example"]],
      [await ci.token(machines.as.issuer, {}, { lifetime: -60 }), /has expired: have a new one/, []],
      [await ci.token(machines.as.issuer, { iss: "https://else.example" }), /has to trust the issuer/, []],
    ] as const;
    const browser = await home.recordingBrowser();
    for (const [index, [token, hint, more]] of cases.entries()) {
      const added = await home.run(
        ["add", "demo", machines.mcp.url, "--workload-identity", "env:WORKLOAD_TOKEN", "--json", ...more],
        { browser, env: { WORKLOAD_TOKEN: token } },
      );
      assertError(added, "AUTH_FAILED", 1, hint);
      assert.equal(tokenRequests(machines).length, index + 1);
      assertSilent([added.stdout, added.stderr], [token, token.slice(0, 60)]);
    }
    assert.deepEqual(await home.opened(), []);
  }));

Deno.test("an assertion that is for another server is not presented at all: it could be used there (X22)", () =>
  withScene(async ({ ci, machines, home }) => {
    const audiences = [
      "https://other.example",
      ["https://other.example", "https://third.example"],
      undefined,
    ];
    for (const aud of audiences) {
      const env = { WORKLOAD_TOKEN: await ci.token("", { aud }) };
      const args = ["add", "demo", machines.mcp.url, "--workload-identity", "env:WORKLOAD_TOKEN", "--json"];
      assertError(await home.run(args, { env }), "ISSUER_MISMATCH", 1, /--assertion-audience <audience>/);
    }
    assert.equal(tokenRequests(machines).length, 0);
    // The drafts differ: the token endpoint is an audience as well, and so is the issuer with its slash.
    for (const audience of [`${machines.as.issuer}/token`, `${machines.as.issuer}/`]) {
      const env = { WORKLOAD_TOKEN: await ci.token(audience) };
      const args = ["add", "demo", machines.mcp.url, "--workload-identity", "env:WORKLOAD_TOKEN", "--json"];
      assertError(await home.run(args, { env }), "AUTH_FAILED", 1);
    }
    assert.equal(tokenRequests(machines).length, 2);
  }));

Deno.test("a server that refuses the resource gets no second assertion without it (X21, X24)", async () => {
  await using ci = await startWorkloadIssuer();
  await using machines = await startMachines({ as: { workloads: [ci], allowsResource: () => false } });
  await using home = await Home.make();
  const env = { WORKLOAD_TOKEN: await ci.token(machines.as.issuer) };
  const args = ["add", "demo", machines.mcp.url, "--workload-identity", "env:WORKLOAD_TOKEN", "--json"];
  const added = await home.run(args, { env });
  assertError(added, "AUTH_FAILED", 1);
  assert.match(added.json.error.message, /invalid_target/);
  assert.equal(tokenRequests(machines).length, 1);
});

Deno.test("a bridge presents a rejected assertion once for each try of its host at most, and says why (X24)", () =>
  withScene(async ({ ci, machines, home }) => {
    const expired = await ci.token(machines.as.issuer, {}, { lifetime: -60 });
    const env = { MCP_AUTH_GRANT: "workload-identity", MCP_AUTH_ASSERTION: expired };
    await using host = new Host(home, [machines.mcp.url], { env });
    const line = await host.request("initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "test", version: "1" },
    });
    assert.equal(line.error?.data.code, "AUTH_FAILED");
    assert.equal(tokenRequests(machines).length, 1);
  }));

Deno.test("a file, or a variable, that is not there or holds no token is said with its name", () =>
  withScene(async ({ machines, home }) => {
    const add = ["add", "demo", machines.mcp.url, "--json", "--workload-identity"];
    assertError(await home.run([...add, "file:/nowhere/token"]), "CONFIG_MISSING", 5, /another file/);
    assertError(await home.run([...add, "env:NOT_SET_ANYWHERE"]), "CONFIG_MISSING", 5, /another variable/);
    const path = await home.file("token", "not a token, but a secret all the same");
    const added = await home.run([...add, `file:${path}`]);
    assertError(added, "CONFIG_INVALID", 1);
    assertSilent([added.stdout, added.stderr], ["a secret all the same"]);
    const env = { MCP_AUTH_GRANT: "workload-identity" };
    assertError(
      await home.run(["add", "demo", machines.mcp.url, "--json"], { env }),
      "CONFIG_MISSING",
      5,
      /MCP_AUTH_ASSERTION/,
    );
    assert.equal(tokenRequests(machines).length, 0);
  }));

Deno.test("a pipe that nobody writes to holds nobody up for long", () =>
  withScene(async ({ machines, home }) => {
    const pipe = `${home.path}/pipe`;
    assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
    const started = performance.now();
    const added = await home.run(
      ["add", "demo", machines.mcp.url, "--json", "--workload-identity", `file:${pipe}`],
    );
    assertError(added, "TIMEOUT", 3);
    assert.ok(performance.now() - started < 8_000);
  }));

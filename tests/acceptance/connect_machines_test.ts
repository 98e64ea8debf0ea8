/**
 * What mcp-auth does to connect, walked through as a machine would: its own credentials, those of its place or of a
 * company, a token that it was given, and headers beside all that.
 *
 * @see features, "Connect"; X1 to X24
 * @module
 */
import assert from "node:assert/strict";
import { startIdentityProvider } from "../../scripts/demo/servers/identity_provider.ts";
import { startWorkloadIssuer } from "../../scripts/demo/servers/workload_issuer.ts";
import { Host } from "./host.ts";
import { done, libraryIn, valueOf } from "./keeping.ts";
import { assertSilent, keyedClient, startMachines, tokenRequests } from "./machines.ts";
import { assertError, type Outcome } from "./outcome.ts";
import { Home, type ProgramOptions } from "./program.ts";
import { startServers } from "./servers.ts";

const SECRET = "s3cret:with+odd/characters";

/** A home whose programs have nobody to open a browser for; what they say is kept. */
async function unattended(
  test: (
    home: Home,
    run: (args: readonly string[], options?: ProgramOptions) => Promise<Outcome>,
    said: readonly string[],
  ) => Promise<void>,
): Promise<void> {
  await using home = await Home.make();
  const browser = await home.recordingBrowser();
  const said: string[] = [];
  await test(home, async (args, options = {}) => {
    const outcome = await done(home, args, { browser, ...options });
    said.push(outcome.stdout, outcome.stderr);
    return outcome;
  }, said);
  assert.deepEqual(await home.opened(), [], "a browser was opened");
}

/** The library over a home, where nobody is to be asked. */
function unattendedLibrary(home: Home) {
  return libraryIn(home, { openBrowser: () => Promise.reject(new Error("nobody is here")) });
}

Deno.test("Connect: client credentials (secret, private_key_jwt), for machines", async (t) => {
  const { client, pem } = await keyedClient("keyed");
  await using machines = await startMachines({ as: { clients: [{ id: "secret", secret: SECRET }, client] } });
  const { url } = machines.mcp;
  await unattended(async (home, run, said) => {
    const secretFile = await home.file("secret", `${SECRET}\n`);
    const keyFile = await home.file("key.pem", pem);
    const byFile = (
      file: readonly string[],
      id: string,
    ) => ["--client-credentials", "--client-id", id, ...file];
    const ways: readonly (readonly [string, string, readonly string[], ProgramOptions])[] = [
      ["a secret in a file", "secret", byFile(["--client-secret-file", secretFile], "secret"), {}],
      ["a key in a file", "keyed", byFile(["--private-key", keyFile], "keyed"), {}],
      ["a secret in the environment", "secret", [], {
        env: {
          MCP_AUTH_GRANT: "client-credentials",
          MCP_AUTH_CLIENT_ID: "secret",
          MCP_AUTH_CLIENT_SECRET: SECRET,
        },
      }],
      ["a key in the environment", "keyed", [], {
        env: { MCP_AUTH_GRANT: "client-credentials", MCP_AUTH_CLIENT_ID: "keyed", MCP_AUTH_PRIVATE_KEY: pem },
      }],
    ];
    for (const [index, [way, id, flags, options]] of ways.entries()) {
      await t.step(`${way}: added, used, renewed`, async () => {
        const name = `ci-${index}`;
        const added = await run(["add", name, url, ...flags], options);
        assert.equal(added.stdout, `✓ Connected to ${name} (8 tools)\n`);
        assert.equal((await run(["call", name, "whoami"], options)).stdout, `${id}\n`);
        await run(["refresh", name], options);
        const { form, headers } = tokenRequests(machines).at(-1)!;
        assert.equal(form.get("grant_type"), "client_credentials");
        assert.equal(form.get("resource"), machines.mcp.resource);
        assert.equal(headers.has("authorization"), id === "secret");
        assert.equal(form.has("client_assertion"), id === "keyed");
        assert.match(
          (await run(["status", name])).stdout,
          /^Refresh: +yes, without a person: client-credentials$/m,
        );
      });
    }
    await t.step("the library, by a key", async () => {
      await using library = unattendedLibrary(home);
      const options = { clientId: "keyed", grant: { kind: "client-credentials" } } as const;
      valueOf(await library.authenticate("lib", { url, options, privateKey: pem }));
      assert.equal((await run(["call", "lib", "whoami"])).stdout, "keyed\n");
    });
    assertSilent(said, [SECRET, pem.split("\n")[1] ?? "?"]);
  });
  assert.equal(machines.as.log.filter(({ path }) => path === "/authorize").length, 0);
});

Deno.test("Connect: enterprise-managed authorization (ID-JAG), workload identity (a CI's own OIDC token), DPoP with nonces", async (t) => {
  await using idp = await startIdentityProvider({ clients: [{ id: "mcp-auth", secret: "idp-s3cret" }] });
  await using ci = await startWorkloadIssuer();
  await using machines = await startMachines({
    as: { identityProviders: [idp], workloads: [ci], clients: [{ id: "app", secret: SECRET }] },
  });
  const { url, resource } = machines.mcp;
  idp.applications.push({ audience: machines.as.issuer, resource, clientId: "app" });
  const idToken = await idp.idToken("mcp-auth");
  const company = {
    MCP_AUTH_CLIENT_SECRET: SECRET,
    MCP_AUTH_IDP_CLIENT_SECRET: "idp-s3cret",
    MCP_AUTH_ID_TOKEN: idToken,
  };

  await unattended(async (home, run, said) => {
    await t.step("a company's word for a person", async () => {
      const flags = ["--enterprise", idp.issuer, "--idp-client-id", "mcp-auth", "--client-id", "app"];
      await run(["add", "company", url, ...flags], { env: company });
      assert.equal((await run(["call", "company", "whoami"], { env: company })).stdout, "alice\n");
      const [exchange] = idp.requests("POST /token");
      assert.match(exchange?.form.get("grant_type") ?? "", /token-exchange$/);
      assert.equal(exchange?.form.get("audience"), machines.as.issuer);
      assert.match(tokenRequests(machines).at(-1)?.form.get("grant_type") ?? "", /jwt-bearer$/);
    });

    await t.step("the token that GitHub gives a job, asked for when it is needed", async () => {
      const env = {
        ACTIONS_ID_TOKEN_REQUEST_URL: ci.requestUrl,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: ci.requestToken,
      };
      await run(["add", "job", url, "--workload-identity", "github"], { env });
      await run(["refresh", "job"], { env });
      assert.match((await run(["call", "job", "whoami"], { env })).stdout, /^repo:octo\/demo:/);
      assert.equal(ci.requests("GET /token-request").length, 2);
      const { form } = tokenRequests(machines).at(-1)!;
      assert.deepEqual([form.has("client_id"), form.get("resource")], [false, resource]);
    });

    await t.step("a token in a file, by the library", async () => {
      const path = await home.file("token", await ci.token(machines.as.issuer));
      await using library = unattendedLibrary(home);
      const grant = { kind: "workload-identity", assertion: { from: "file", path } } as const;
      valueOf(await library.authenticate("file", { url, options: { grant } }));
      const response = await library.authorizedFetch("file")(url, { method: "DELETE" });
      await response.body?.cancel();
      assert.notEqual(response.status, 401);
    });
    assertSilent(said, [idToken, SECRET, "idp-s3cret", ci.requestToken]);
  });

  await t.step("a token that is bound to a key, with nonces at both ends, from add to a bridge", async () => {
    await using bound = await startServers({
      as: { dpopNonce: true },
      mcp: { dpop: "require", dpopNonce: true },
    });
    await using home = await Home.make();
    await done(home, ["add", "bound", bound.mcp.url]);
    assert.equal((await done(home, ["call", "bound", "whoami"])).stdout, "alice\n");
    await using host = new Host(home, ["bound"]);
    await host.initialize();
    bound.mcp.rotateDpopNonce();
    assert.equal((await host.call("whoami")).result?.content[0].text, "alice");
    assert.equal((await host.end()).code, 0);
    const proofs = bound.mcp.log.flatMap(({ headers }) => headers.get("dpop") ?? []);
    const nonces = new Set(proofs.map((proof) => {
      const [, claims = ""] = proof.split(".");
      return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(claims, { alphabet: "base64url" })))
        .nonce;
    }));
    assert.ok(nonces.size >= 2, "a nonce before and one after it changed");
    for (const { headers } of bound.mcp.log) {
      assert.doesNotMatch(headers.get("authorization") ?? "", /^Bearer/);
    }
  });
});

Deno.test("Connect: a token given by hand (MCP_AUTH_ACCESS_TOKEN, --token-stdin) for headless machines", async (t) => {
  await using servers = await startServers();
  const { url } = servers.mcp;
  await using elsewhere = await Home.make();
  await done(elsewhere, ["add", "demo", url]);
  const token = (await done(elsewhere, ["token", "demo"])).stdout.trim();
  const asked = servers.as.log.filter(({ path }) => path !== "/jwks").length;

  await t.step(
    "in the environment: a URL is enough, and nothing is kept",
    () =>
      unattended(async (home, run, said) => {
        const env = { MCP_AUTH_ACCESS_TOKEN: token, MCP_AUTH_KEYSTORE: undefined };
        assert.equal((await run(["call", url, "whoami"], { env })).stdout, "alice\n");
        await using host = new Host(home, [url], { env });
        await host.initialize();
        assert.equal((await host.call("whoami")).result?.content[0].text, "alice");
        assert.equal((await host.end()).code, 0);
        await assert.rejects(Deno.stat(home.store), Deno.errors.NotFound);
        assertSilent(said, [token]);
      }),
  );

  await t.step(
    "on standard input: an entry that says what it is",
    () =>
      unattended(async (home, run, said) => {
        const { stdout } = await run(["add", "ci", url, "--token-stdin"], { stdin: token });
        assert.equal(stdout, "✓ Connected to ci (token given by hand, 8 tools)\n");
        assert.equal((await run(["call", "ci", "whoami"])).stdout, "alice\n");
        assert.equal((await run(["status", "ci", "--json"])).json.state, "token-given");
        assertSilent(said, [token]);
        servers.mcp.refuseSeenTokens();
        const refused = await home.run(["tools", "ci", "--json"]);
        assertError(refused, "AUTH_REQUIRED", 4, /^Run: mcp-auth login ci --token-stdin$/);
      }),
  );

  await t.step("to the library", () =>
    unattended(async (home, run) => {
      await using library = unattendedLibrary(home);
      valueOf(await library.authenticate("lib", { url, accessToken: token, expiresInS: 600 }));
      assert.equal(valueOf(await library.getBearerToken("lib")), `Bearer ${token}`);
      assert.equal((await run(["token", "lib"])).stdout.trim(), token);
    }));
  const all = servers.as.log.filter(({ path }) => path !== "/jwks").length;
  assert.equal(all, asked, "the authorization server was asked nothing");
});

Deno.test("Connect: static headers per server, from file or ${ENV}", async () => {
  await using one = await startServers();
  await using other = await startServers();
  await using home = await Home.make();
  const said: string[] = [];
  const run = async (...args: readonly string[]) => {
    const outcome = await done(home, args, { env: { TEAM: "hunter2-team" } });
    said.push(outcome.stdout, outcome.stderr);
    return outcome;
  };
  await home.file("key", "hunter2-key\n");
  await home.file("headers", "X-Team: ${TEAM}\n");
  const flags = ["--header", "X-Key: ${file:key}", "--header", "X-Plain: blue", "--header-file", "headers"];
  await run("add", "one", one.mcp.url, ...flags);
  await run("add", "other", other.mcp.url);
  await run("call", "one", "whoami");
  await run("call", "other", "whoami");
  const sent = (mcp: typeof one.mcp) => [
    ...new Set(
      mcp.requests("POST /mcp").map(({ headers }) =>
        ["x-key", "x-plain", "x-team"].map((name) => headers.get(name)).join()
      ),
    ),
  ];
  assert.deepEqual(sent(one.mcp), ["hunter2-key,blue,hunter2-team"]);
  assert.deepEqual(sent(other.mcp), [",,"], "they are one entry's own");
  for (const { headers } of one.as.log) assert.ok(![...headers.values()].join().includes("hunter2"));
  // The value is read when it is used; the entry holds its place alone.
  await home.file("key", "hunter2-next");
  await run("call", "one", "whoami");
  assert.ok(sent(one.mcp).includes("hunter2-next,blue,hunter2-team"));
  await run("set", "one", "--unset", "header");
  await run("call", "one", "whoami");
  assert.ok(sent(one.mcp).includes(",,"));
  const missing = await home.run(["add", "two", one.mcp.url, "--header", "X-Key: ${NOT_SET}", "--json"]);
  assertError(missing, "CONFIG_MISSING", 5);
  assertSilent(said, ["hunter2"]);

  await using library = libraryIn(home);
  const headers = { "X-Plain": "green" };
  valueOf(await library.authenticate("lib", { url: one.mcp.url, options: { headers } }));
  await run("call", "lib", "whoami");
  assert.ok(sent(one.mcp).includes(",green,"));
});

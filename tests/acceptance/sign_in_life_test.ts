/**
 * The life of a sign-in and of its client, with the real program: a server that forgets clients or lets in few, an
 * account that has a name, commands that meet, and a loop that opens browsers.
 *
 * @see behaviours rows 8, 9, 20, 21, 33, 45 and 46
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { back, startBentServer } from "../services/signin/bent_server.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";

/** Others that test on this machine may have the preferred port, and another one is another client. */
const ANY_PORT = ["--callback-port", "0"];

Deno.test("a client that the server has pruned is registered again, once, and that is said (row 9)", async () => {
  await using servers = await startServers({ as: { registration: { management: true } } });
  await using home = await Home.make();
  const { as, mcp } = servers;
  const registrations = () => as.requests("POST /reg").length;
  assert.equal((await home.run(["add", "demo", mcp.url, ...ANY_PORT])).code, 0);
  assert.equal((await home.run(["refresh", "demo"])).code, 0);
  assert.equal((await home.run(["login", "demo"])).code, 0);
  assert.equal(registrations(), 1, "one registration for sign-in, refresh and sign-in again (row 21)");
  as.forgetClients();
  const login = await home.run(["login", "demo"]);
  assert.equal(login.code, 0, login.stderr);
  const said = `"${as.issuer}" no longer knows this client; registering again\n`;
  assert.equal(login.stderr.split(said).length, 2, login.stderr);
  assert.equal(login.stderr.match(/Opening the browser/g)?.length, 1);
  assert.equal(registrations(), 2);
  assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");

  const logout = await home.run(["logout", "demo", "--client", "--json"]);
  assert.deepEqual(logout.json.client, { outcome: "deleted" }, logout.stdout);
  assert.equal((await home.run(["login", "demo"])).code, 0);
  assert.equal(registrations(), 3);
  const anew = await home.run(["login", "demo", "--re-register", "--verbose"]);
  assert.equal(anew.code, 0, anew.stderr);
  assert.equal(registrations(), 4);
  assert.ok(!anew.stderr.includes(said));
  assert.deepEqual(as.errors, []);
});

Deno.test("a server that admits clients by name: quoted, with both ways on, and --client-name is remembered (row 20)", async () => {
  await using server = startBentServer({
    register: ({ client_name }) =>
      client_name === "Approved App" ? undefined : new Response("Unknown client name", { status: 403 }),
    other: { "/mcp": answerMcp },
  });
  await using home = await Home.make();
  const refused = await home.run(["add", "demo", server.url, "--json"]);
  assertError(refused, "REGISTRATION_FAILED", 1, /--client-id <id>.*--client-name <name>.*client register/);
  assert.match(
    refused.json.error.message,
    /the server refuses unknown clients \(403\): "Unknown client name"/,
  );
  assert.ok(!server.asked.includes("GET /authorize"), "no empty client id is ever sent");
  assert.deepEqual((await home.run(["list", "--json"])).json, []);
  const added = await home.run(["add", "demo", server.url, "--client-name", "Approved App", ...ANY_PORT]);
  assert.equal(added.stdout, "✓ Connected to demo (1 tool)\n", added.stderr);
  server.clients.clear();
  const again = await home.run(["login", "demo"]);
  assert.equal(again.code, 0, again.stderr);
});

Deno.test("status says who signed in, and a refresh keeps it (row 45)", async () => {
  await using servers = await startServers({ as: { accessTokenFormat: "opaque" } });
  await using home = await Home.make();
  const scope = ["--scope", "openid mcp:read"];
  for (const user of ["alice", "bob"]) {
    const added = await home.run(["add", user, servers.mcp.url, ...scope, "--json"], { user });
    assert.equal(added.json.account, user, added.stdout);
  }
  assert.match((await home.run(["status", "alice"])).stdout, /^Account: +alice$/m);
  assert.equal((await home.run(["refresh", "bob"])).code, 0);
  const all = (await home.run(["status", "--json"])).json as { name: string; account: string }[];
  assert.deepEqual(all.map(({ name, account }) => [name, account]), [["alice", "alice"], ["bob", "bob"]]);
  assert.match((await home.run(["list"])).stdout, /^NAME +STATE +ACCOUNT +TOKEN EXPIRES +URL$/m);
});

Deno.test("parameters that a server wants for a refresh token are remembered; without one, status says when it ends (row 8)", async () => {
  await using server = startBentServer({ other: { "/mcp": answerMcp }, tokens: { refresh_token: null } });
  await using home = await Home.make();
  const parameters = ["--authorize-param", "access_type=offline", "--authorize-param", "prompt=consent"];
  const added = await home.run(["add", "demo", server.url, ...parameters]);
  assert.equal(added.code, 0, added.stderr);
  assert.equal((await home.run(["login", "demo"])).code, 0);
  for (const { url } of server.received.filter(({ url }) => url.pathname === "/authorize")) {
    assert.equal(url.searchParams.get("access_type"), "offline");
    assert.equal(url.searchParams.get("prompt"), "consent");
  }
  const { stdout } = await home.run(["status", "demo"]);
  assert.match(stdout, /^Refresh: +no refresh token: the sign-in ends in 60 min$/m);
  assertError(
    await home.run(["set", "demo", "--authorize-param", "redirect_uri=https://evil.example", "--json"]),
    "USAGE",
    2,
  );
});

Deno.test("an entry that is removed while the browser is open does not come back", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  await using login = home.start(["login", "demo", "--json"], { browser: await home.recordingBrowser() });
  const url = await login.said(/^ {2}(http\S+)$/m);
  assert.equal((await home.run(["remove", "demo"])).code, 0);
  await browse(url);
  assertError(await login.outcome, "NOT_FOUND", 5);
  assert.deepEqual((await home.run(["list", "--json"])).json, []);
});

Deno.test("two sign-ins at once: the last one approved is the one that counts, and it is whole", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  const browser = await home.recordingBrowser();
  await using first = home.start(["login", "demo"], { browser });
  const firstUrl = await first.said(/^ {2}(http\S+)$/m);
  await using second = home.start(["login", "demo"], { browser });
  const secondUrl = await second.said(/^ {2}(http\S+)$/m);
  await browse(secondUrl, { user: "bob" });
  assert.equal((await second.outcome).code, 0, second.stderr);
  await browse(firstUrl, { user: "alice" });
  assert.equal((await first.outcome).code, 0, first.stderr);
  assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
  assert.equal((await home.run(["refresh", "demo"])).code, 0);
});

Deno.test("something that keeps signing in is stopped after five browsers, and leaves no entry (row 33)", async () => {
  await using server = startBentServer({
    authorize: (query) => back(query, { error: "access_denied" }),
    other: { "/mcp": answerMcp },
  });
  await using home = await Home.make();
  for (let count = 0; count < 5; count++) {
    assertError(await home.run(["add", "demo", server.url, "--json"]), "AUTH_CANCELLED", 130);
  }
  const sixth = await home.run(["add", "demo", server.url, "--json"]);
  assertError(
    sixth,
    "RATE_LIMITED",
    3,
    /^Try again in \d+ s, and look for what keeps trying: mcp-auth audit$/,
  );
  assert.equal(server.asked.filter((each) => each === "GET /authorize").length, 5);
  assert.equal(server.asked.filter((each) => each === "POST /register").length, 5);
  assert.deepEqual((await home.run(["list", "--json"])).json, []);
  assertError(await home.run(["token", "demo", "--json"]), "NOT_FOUND", 5);
});

Deno.test("a store that cannot be made is said before the browser opens, and leaves nothing", async () => {
  await using server = startBentServer({ other: { "/mcp": answerMcp } });
  await using home = await Home.make();
  const env = { MCP_AUTH_KEYSTORE: "env", MCP_AUTH_KEY: "no key" };
  assertError(await home.run(["add", "demo", server.url, "--json"], { env }), "KEYSTORE_UNAVAILABLE", 1);
  assert.ok(!server.asked.includes("GET /authorize"));
  const added = await home.run(["add", "demo", server.url]);
  assert.equal(added.code, 0, added.stderr);
});

/** An MCP server with one tool, for whoever has a token. */
function answerMcp({ method, headers, body }: { method: string; headers: Headers; body: string }): Response {
  if (method !== "POST") return new Response(null, { status: 405 });
  if (!headers.has("authorization")) {
    return new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } });
  }
  const message = JSON.parse(body);
  if (message.id === undefined) return new Response(null, { status: 202 });
  const result = message.method === "initialize"
    ? {
      protocolVersion: "2025-06-18",
      capabilities: { tools: {} },
      serverInfo: { name: "bent", version: "1" },
    }
    : { tools: [{ name: "ping", inputSchema: { type: "object" } }] };
  return Response.json({ jsonrpc: "2.0", id: message.id, result });
}

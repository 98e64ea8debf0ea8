/**
 * `doctor` on servers that are broken in one place each: the broken step is the one that it names first, in words and
 * in JSON; on servers that are right nothing fails; and it leaves nothing behind and asks nobody anything it should not.
 *
 * @see behaviours rows 11, 13, 25-29, 39-42
 * @module
 */
import assert from "node:assert/strict";
import { BROKEN } from "./doctor_broken.ts";
import { checkoutPath, Home } from "./program.ts";
import { startServers } from "./servers.ts";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { startSmallServer } from "./small_server.ts";
import { atTerminal } from "./terminal.ts";

// deno-lint-ignore no-explicit-any -- the shape of --json is what is tested
type Json = any;

const failing = (json: Json): readonly string[] =>
  json.checks.filter(({ status }: Json) => status === "fail").map(({ id }: Json) => id);
const check = (json: Json, id: string): Json => json.checks.find((each: Json) => each.id === id);

for (const broken of BROKEN) {
  Deno.test(`${broken.about}: doctor names first that ${broken.description}`, async () => {
    await using home = await Home.make();
    await using server = await broken.start();
    const said = await home.run(["doctor", server.url, "--json"]);
    const first = said.json.first_to_fix;
    assert.equal(first?.id, broken.first, said.stdout + said.stderr);
    assert.equal(first.code, broken.code);
    assert.match(first.detail, broken.says);
    assert.match(first.hint ?? "", broken.hints);
    assert.equal(said.code, broken.exitCode);
    assert.equal(said.json.ok, false);
    assert.equal(failing(said.json)[0], broken.first);
    // A clock that is wrong hinders no sign-in at this server; what cannot be done is not planned.
    assert.equal(said.json.plan === null, broken.first !== "clock");

    // What takes long to find out is found out once.
    if (broken.code === "TIMEOUT") return;
    const shown = await home.run(["doctor", server.url]);
    assert.equal(shown.code, broken.exitCode);
    assert.match(shown.stdout, new RegExp(`^First thing to fix: ${first.title}: `, "m"));
    assert.match(shown.stdout, new RegExp(`^  ✗ ${first.title} `, "m"));
    assert.equal(shown.stderr, "");
    assert.ok(!shown.stdout.includes("\u001b"));

    if (server.mended === undefined) return;
    const mended = await home.run(["doctor", server.url, "--json", ...server.mended]);
    const isStillBroken = /expired/.test(broken.description);
    assert.equal(check(mended.json, broken.first).status, isStillBroken ? "fail" : "ok", mended.stdout);
    if (isStillBroken) assert.match(mended.json.first_to_fix.detail, /it has expired/);
    else assert.deepEqual(failing(mended.json), []);
  });
}

Deno.test("there are at least twelve broken servers", () => assert.ok(BROKEN.length >= 12));

Deno.test("on servers that are right nothing fails, and doctor says what add would do", async () => {
  await using home = await Home.make();
  await using servers = await startServers();
  const { url } = servers.mcp;
  const registered = servers.as.log.filter(({ path }) => path === "/reg").length;
  const { code, json, stdout } = await home.run(["doctor", url, "--json"], { env: { DISPLAY: ":0" } });
  assert.deepEqual(failing(json), [], stdout);
  assert.equal(code, 0);
  assert.equal(json.ok, true);
  assert.equal(json.first_to_fix, null);
  for (
    const id of [
      "tcp",
      "http",
      "clock",
      "challenge",
      "resource-metadata",
      "resource",
      "server-metadata",
      "issuer",
    ]
  ) {
    assert.equal(check(json, id).status, "ok", `${id}: ${check(json, id).detail}`);
  }
  assert.equal(check(json, "issuer").rule, "C19, RFC 8414 section 3.3");
  const [step] = check(json, "resource-metadata").steps;
  assert.deepEqual([step.status, step.type, step.verdict], [200, "application/json", "used"]);
  assert.equal(json.plan.command, `mcp-auth add ${url}`);
  assert.equal(json.plan.issuer, servers.as.issuer);
  assert.equal(json.plan.resource, servers.mcp.resource);
  assert.match(json.plan.redirect_uri, /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
  assert.match(json.plan.client, /^a new registration as "mcp-auth"$/);
  assert.ok(json.plan.steps.length >= 4);
  assert.equal(servers.as.log.filter(({ path }) => path === "/reg").length, registered, "registered nothing");

  const shown = await home.run(["doctor", url]);
  assert.match(shown.stdout, new RegExp(`^mcp-auth add ${url} would\n  1\\. `, "m"));
  assert.match(shown.stdout, /^Nothing to fix$/m);
  assert.equal(shown.code, 0);
  assert.deepEqual((await home.run(["list", "--json"])).json, [], "nothing was stored");
});

Deno.test("a server that needs no sign-in is said to need none", async () => {
  await using home = await Home.make();
  await using server = await startMcpServer({ open: true });
  const { code, json, stdout } = await home.run(["doctor", server.url, "--json"]);
  assert.equal(code, 0, stdout);
  assert.match(check(json, "exchange").detail, /^accepted by /);
  assert.equal(check(json, "challenge").detail, "none: the server needs no sign-in");
  assert.equal(json.plan.way, "none");
});

Deno.test("an entry's fresh token is tried at its own server, and nowhere else (C57)", async () => {
  await using home = await Home.make();
  await using servers = await startServers();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  const before = servers.as.log.length;
  const { code, json, stdout } = await home.run(["doctor", "demo", "--json"]);
  assert.equal(code, 0, stdout);
  assert.equal(check(json, "exchange").status, "ok", stdout);
  assert.match(check(json, "exchange").detail, /^accepted by /);
  assert.match(check(json, "sign-in").detail, /^signed in.*: for \d+ (min|h|s), then renewed$/);
  assert.equal(check(json, "registration").status, "ok");
  assert.match(check(json, "registration").detail, /that is stored/);
  assert.equal(json.plan.command, "mcp-auth login demo");
  for (const request of servers.as.log.slice(before)) {
    assert.equal(request.method, "GET", `${request.method} ${request.path}: only metadata is read there`);
    assert.equal(request.headers.get("authorization"), null);
  }
  const without = await home.run(["doctor", "demo", "--json", "--no-token"]);
  assert.equal(check(without.json, "exchange").status, "skip");
  const shown = await home.run(["doctor", "demo", "--verbose"]);
  assert.doesNotMatch(shown.stdout + shown.stderr, /eyJ|Bearer [A-Za-z0-9]{20}/);
});

Deno.test("a sign-in that has ended is the first thing to fix, and no token is sent or refreshed", async () => {
  await using home = await Home.make();
  await using server = startSmallServer({ token: (document) => ({ ...document as object, expires_in: 1 }) });
  assert.equal((await home.run(["add", "demo", server.url])).code, 0);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const before = server.log.length;
  const { code, json } = await home.run(["doctor", "demo", "--json"]);
  assert.equal(json.first_to_fix.id, "sign-in");
  assert.equal(json.first_to_fix.code, "TOKEN_EXPIRED");
  assert.equal(json.first_to_fix.hint, "Run: mcp-auth login demo");
  assert.equal(code, 4);
  assert.match(check(json, "exchange").detail, /not fresh: it is not sent/);
  const after = server.log.slice(before);
  assert.ok(after.length > 0);
  for (const { path, headers } of after) {
    assert.notEqual(path, "/oauth/token");
    assert.equal(headers.get("authorization"), null);
  }
});

Deno.test("of a token that was given by hand doctor says so, and where it is refused, how to give another", async () => {
  await using home = await Home.make();
  await using servers = await startServers();
  const { mcp } = servers;
  assert.equal((await home.run(["add", "other", mcp.url])).code, 0);
  const token = (await home.run(["token", "other"])).stdout;
  assert.equal((await home.run(["add", "demo", mcp.url, "--token-stdin"], { stdin: token })).code, 0);
  const fine = await home.run(["doctor", "demo", "--json"]);
  assert.match(check(fine.json, "sign-in").detail, /^a token given by hand: /);
  assert.equal(check(fine.json, "exchange").status, "ok", fine.stdout);
  mcp.refuseSeenTokens();
  const { json } = await home.run(["doctor", "demo", "--json"]);
  assert.equal(json.first_to_fix.id, "exchange");
  assert.equal(json.first_to_fix.hint, "Run: mcp-auth login demo --token-stdin");
});

Deno.test("without a name doctor looks at this machine, and at all entries in short", async () => {
  await using home = await Home.make();
  await using good = await startServers();
  await using gone = startSmallServer();
  assert.equal((await home.run(["add", "good", good.mcp.url])).code, 0);
  assert.equal((await home.run(["add", "gone", gone.url])).code, 0);
  const healthy = await home.run(["doctor", "--json"]);
  assert.equal(healthy.code, 0, healthy.stdout);
  assert.deepEqual(healthy.json.entries.map(({ name, ok }: Json) => [name, ok]), [["gone", true], [
    "good",
    true,
  ]]);
  await gone[Symbol.asyncDispose]();
  const { code, json } = await home.run(["doctor", "--json"]);
  assert.equal(json.first_to_fix.id, "tcp");
  assert.equal(code, 3);
  const shown = await home.run(["doctor"]);
  assert.match(shown.stdout, /^This machine$/m);
  assert.match(shown.stdout, /^ {2}✓ Store +\S+\/store\.db, 2 entries$/m);
  assert.match(shown.stdout, /^ {2}✗ gone {2}Cannot connect/m);
  assert.match(shown.stdout, /^ {2}[✓!] good {2}signed in/m);
  assert.match(shown.stdout, /^First thing to fix: gone: Connection: /m);
});

Deno.test("row 42: a store whose key is gone is told, and doctor goes on", async () => {
  await using home = await Home.make();
  await using server = startSmallServer();
  assert.equal((await home.run(["add", "demo", server.url])).code, 0);
  for await (const { name } of Deno.readDir(home.store)) {
    if (name.startsWith("key-")) await Deno.remove(`${home.store}/${name}`);
  }
  const { code, json } = await home.run(["doctor", "demo", "--json"]);
  assert.equal(json.first_to_fix.id, "keystore");
  assert.equal(json.first_to_fix.code, "KEYSTORE_UNAVAILABLE");
  assert.equal(check(json, "store").status, "skip");
  assert.equal(code, 1);
  const url = await home.run(["doctor", server.url, "--json"]);
  assert.equal(check(url.json, "challenge").status, "ok");
});

Deno.test("row 44: a store that others may read is told", async () => {
  await using home = await Home.make();
  await using server = startSmallServer();
  assert.equal((await home.run(["add", "demo", server.url])).code, 0);
  await Deno.chmod(home.store, 0o755);
  const { code, json } = await home.run(["doctor", "--json"]);
  assert.equal(check(json, "store").status, "warn");
  assert.match(check(json, "store").detail, /others may read .*\(755\)/);
  assert.match(check(json, "store").hint, /chmod/);
  assert.equal(code, 0);
});

Deno.test("row 41: what a server says is shown without control characters, and its secrets are not", async () => {
  await using home = await Home.make();
  await using server = startSmallServer({
    challenge: (origin) =>
      `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp?code=hunter2hunter2", ` +
      'scope="a b", error="x"',
    metadata: (document) => ({
      ...document,
      scopes_supported: ["\u001b[2J\u202e"],
      grant_types_supported: ["\u001b]0;owned\u0007", "authorization_code"],
      introspection_endpoint: "javascript:alert(1)//\u001b[31m",
    }),
  });
  const { stdout } = await home.run(["doctor", server.url]);
  // deno-lint-ignore no-control-regex -- that there are none is what is tested
  assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  assert.doesNotMatch(stdout, /hunter2/);
  assert.match(stdout, /cannot be used: .*introspection_endpoint/);
});

Deno.test("a name that is no entry is NOT_FOUND, and a URL that can be no server's is UNSAFE_URL", async () => {
  await using home = await Home.make();
  const unknown = await home.run(["doctor", "nobody", "--json"]);
  assert.equal(unknown.json.error.code, "NOT_FOUND");
  assert.equal(unknown.code, 5);
  const unsafe = await home.run(["doctor", "http://example.com/mcp", "--json"]);
  assert.equal(unsafe.json.error.code, "UNSAFE_URL");
});

Deno.test("in a sandbox with the printed permissions nothing fails, and what is not granted is told", async () => {
  await using home = await Home.make();
  await using servers = await startServers();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  const browser = await home.recordingBrowser();
  const printed = await home.run(["permissions", "demo", "--command", "doctor", "--json"], { browser });
  const under = (flags: readonly string[]) => ({
    browser,
    command: [Deno.execPath(), "run", ...flags, checkoutPath("main.ts")],
  });
  const { code, json, stdout } = await home.run(["doctor", "demo", "--json"], under(printed.json.flags));
  assert.equal(code, 0, stdout);
  assert.equal(check(json, "exchange").status, "ok", stdout);
  assert.match(check(json, "permissions").detail, /not granted: reach any host/);
  const offline = printed.json.flags.map((flag: string) =>
    flag.startsWith("--allow-net") ? "--allow-net=127.0.0.1:1" : flag
  );
  const narrow = await home.run(["doctor", "demo", "--json"], under(offline));
  assert.equal(narrow.json.first_to_fix.id, "permissions");
  assert.equal(narrow.json.first_to_fix.code, "PERMISSION_DENIED");
  assert.match(narrow.json.first_to_fix.hint, /mcp-auth permissions --command doctor/);
});

Deno.test("row 39: the files whose certificates are trusted are told, with who named them", async () => {
  await using home = await Home.make();
  const secured = BROKEN.find(({ description }) => /nobody trusts/.test(description));
  await using server = await secured!.start();
  const { json } = await home.run(["doctor", server.url, "--json", ...server.mended ?? []]);
  assert.match(check(json, "certificates").detail, /^those of the runtime and 1 in \S+\.pem \(--ca-file\)$/);
  assert.match(
    check(json, "tls").detail,
    /^server < authority|^server, by authority, until \d{4}-\d\d-\d\d$/,
  );
  const missing = await home.run(["doctor", server.url, "--json", "--ca-file", `${home.path}/none.pem`]);
  assert.equal(missing.json.first_to_fix?.id ?? missing.json.error.code, "certificates");
});

Deno.test("row 42: at a terminal nobody is asked for a passphrase, and what is not looked into is told", async () => {
  await using home = await Home.make();
  await using server = startSmallServer();
  const env = { MCP_AUTH_KEYSTORE: undefined, MCP_AUTH_PASSPHRASE: "correct horse battery staple" };
  assert.equal((await home.run(["add", "demo", server.url], { env })).code, 0);
  await using terminal = atTerminal(home, ["doctor"], { MCP_AUTH_KEYSTORE: undefined });
  await terminal.shows("Nothing to fix");
  const screen = terminal.lines().join("\n");
  assert.match(screen, /! Keystore +passphrase.*it is not asked for here/);
  assert.match(screen, /- Store +because of: Keystore/);
  const { code, json } = await home.run(["doctor", "--json"], { env });
  assert.equal(code, 0);
  assert.match(check(json, "keystore").detail, /^passphrase.*answers in \d+ ms$/);
  assert.equal(json.entries.length, 1);
});

Deno.test("the members of --json are what scripts rely on", async () => {
  await using home = await Home.make();
  await using server = startSmallServer();
  const { json } = await home.run(["doctor", server.url, "--json"]);
  assert.deepEqual(Object.keys(json), ["name", "url", "ok", "checks", "plan", "first_to_fix"]);
  for (const each of json.checks) {
    assert.deepEqual(Object.keys(each), [
      "id",
      "group",
      "title",
      "subject",
      "status",
      "detail",
      "rule",
      "hint",
      "code",
      "ms",
      "steps",
    ]);
    assert.ok(["ok", "warn", "fail", "skip"].includes(each.status));
    assert.equal(each.status === "fail", each.code !== null);
    assert.doesNotMatch(each.detail, /\.$|\n/, each.id);
  }
  assert.deepEqual(Object.keys(json.plan), [
    "command",
    "way",
    "issuer",
    "client",
    "scope",
    "resource",
    "redirect_uri",
    "steps",
  ]);
});

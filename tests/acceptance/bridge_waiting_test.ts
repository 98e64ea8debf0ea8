/**
 * A bridge that nobody is signed in to: it answers its host at once, signs the person in through the host, and notices
 * whoever signs in elsewhere. The person's browser is the scripted one, started by the test where a host would.
 *
 * @see MCP 2025-11-25, Lifecycle, Tools, Elicitation (C80)
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { Host } from "./host.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";
import { BY_SSH } from "./terminal.ts";
import {
  add,
  addressIn,
  addSignedOut,
  BY_HAND,
  changed,
  changes,
  LOGIN,
  pause,
  SIGNED_IN,
  textOf,
  toolsOf,
  visits,
} from "./waiting.ts";

Deno.test("rows 11 and 12: nobody is signed in: the host has its answers at once, one tool, and no browser", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  const browser = await home.recordingBrowser();
  const before = servers.mcp.requests("POST /mcp").length;
  await using host = new Host(home, ["demo"], { browser });
  const started = performance.now();
  const { result } = await host.initialize();
  assert.ok(performance.now() - started < 2_000, `${performance.now() - started} ms`);
  assert.deepEqual([result.protocolVersion, result.serverInfo.name], ["2025-11-25", "mcp-auth"]);
  assert.match(result.instructions, /call the tool mcp_auth_login .* or run: mcp-auth login demo$/);
  for (const kind of ["tools", "resources", "prompts"]) {
    assert.deepEqual(result.capabilities[kind], { listChanged: true });
  }
  assert.deepEqual(toolsOf(await host.request("tools/list")), [LOGIN]);
  assert.deepEqual((await host.request("resources/list")).result, { resources: [] });
  assert.deepEqual((await host.request("resources/templates/list")).result, { resourceTemplates: [] });
  assert.deepEqual((await host.request("prompts/list")).result, { prompts: [] });
  assert.deepEqual((await host.request("ping")).result, {});
  assert.deepEqual((await host.request("logging/setLevel", { level: "info" })).result, {});
  const { error } = await host.call("whoami");
  assert.equal(error?.code, -32010);
  assert.deepEqual(error?.data, {
    code: "AUTH_REQUIRED",
    hint: `Run: mcp-auth login demo, or call the tool ${LOGIN}`,
  });
  await pause(2_500);
  assert.equal(servers.mcp.requests("POST /mcp").length, before, "the server was left alone");
  assert.deepEqual(await home.opened(), []);
  assert.ok((await host.end()).tookMs < 2_000);
});

Deno.test("row 12: the login tool signs in: the address, the approval, and the tools are there", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  await using host = new Host(home, ["demo"], BY_HAND);
  await host.initialize();
  assert.deepEqual(toolsOf(await host.request("tools/list")), [LOGIN]);
  const before = visits(servers);
  const started = performance.now();
  const text = textOf(await host.call(LOGIN));
  assert.ok(performance.now() - started < 5_000);
  assert.match(text, new RegExp(`^Sign in to "demo" \\(${servers.mcp.url}\\) at ${servers.as.issuer}\\.`));
  assert.equal(visits(servers), before, "nothing fetched the address");
  const from = host.lines.length;
  const waiting = host.call(LOGIN);
  await pause(300);
  assert.equal((await browse(addressIn(text))).status, 200);
  assert.equal(textOf(await waiting), SIGNED_IN);
  for (const kind of ["tools", "resources", "prompts"]) await changed(host, from, kind);
  assert.ok(toolsOf(await host.request("tools/list")).includes("whoami"));
  assert.ok(!toolsOf(await host.request("tools/list")).includes(LOGIN));
  assert.equal(textOf(await host.call("whoami")), "alice");
  assert.equal(textOf(await host.call(LOGIN)), '"demo" needs no sign-in now: what it offers can be used.');
  assert.equal((await home.run(["tools", "demo"])).code, 0, "the tokens are stored");
});

Deno.test("row 12: the address that the browser ends at is handed in, where this machine cannot be reached; wrong ones first", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  await using host = new Host(home, ["demo"], { env: BY_SSH });
  await host.initialize();
  const text = textOf(await host.call(LOGIN));
  const url = addressIn(text);
  const redirectUri = new URL(url).searchParams.get("redirect_uri") ?? "";
  assert.ok(text.includes(`(${redirectUri})`) && text.includes('"redirect_url"'), text);
  const wrong: readonly (readonly [string, RegExp])[] = [
    [url, /^That is the address to open/],
    [`${redirectUri}?code=abcdefgh&state=other`, /^That is the answer to another sign-in/],
    ["what is this", /^That is not the address that the browser ends at/],
  ];
  for (const [address, why] of wrong) {
    const said = textOf(await host.call(LOGIN, { redirect_url: address }));
    assert.match(said, why);
    assert.equal(addressIn(said), url, "the sign-in goes on");
  }
  const { status, url: end } = await browse(url, { unreachable: redirectUri });
  assert.equal(status, 0);
  assert.equal(textOf(await host.call(LOGIN, { redirect_url: end })), SIGNED_IN);
  assert.equal(textOf(await host.call("whoami")), "alice");
  assert.equal(servers.as.requests("POST /token").length, 2, "nothing wrong was ever redeemed");
  const code = new URL(end).searchParams.get("code") ?? "?";
  assert.ok(!(host.bridge.stdout + host.bridge.stderr).includes(code));
});

Deno.test("row 14: where no browser of the person reaches this machine and there is a device flow, the tool gives a code", async () => {
  await using servers = await startServers({
    as: { deviceFlow: true, edit: { device: (body) => ({ ...body, interval: 1 }) } },
  });
  await using home = await Home.make();
  await addSignedOut(home, servers, "--browser");
  await using host = new Host(home, ["demo"], { env: BY_SSH });
  await host.initialize();
  const text = textOf(await host.call(LOGIN));
  const code = /^ {2}Code: (\S+)$/m.exec(text)?.[1];
  const refused = textOf(
    await host.call(LOGIN, { redirect_url: "http://127.0.0.1/callback?code=x&state=y" }),
  );
  assert.match(refused, /^This sign-in goes by a code/);
  const done = host.call(LOGIN);
  assert.equal((await browse(`${addressIn(text)}?user_code=${code}`)).status, 200);
  assert.equal(textOf(await done), SIGNED_IN);
  assert.equal(textOf(await host.call("whoami")), "alice");
});

Deno.test("row 12: a sign-in in another terminal is noticed by every bridge that waits for it, and nobody called anything", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  await using first = new Host(home, ["demo"], BY_HAND);
  await using second = new Host(home, ["demo"], BY_HAND);
  for (const host of [first, second]) {
    assert.equal((await host.initialize()).result.serverInfo.name, "mcp-auth");
  }
  // One of them has a sign-in of its own under way, which nobody finishes.
  const waiting = textOf(await first.call(LOGIN));
  addressIn(waiting);
  const pending = first.call(LOGIN);
  const before = visits(servers);
  assert.equal((await home.run(["login", "demo"])).code, 0);
  for (const host of [first, second]) {
    for (const kind of ["tools", "resources", "prompts"]) await changed(host, 0, kind);
    assert.equal(textOf(await host.call("whoami")), "alice");
    assert.ok(!toolsOf(await host.request("tools/list")).includes(LOGIN));
  }
  assert.equal(textOf(await pending), SIGNED_IN);
  assert.equal(visits(servers), before + 1);
  assert.ok((await first.end()).tookMs < 2_000);
});

Deno.test("row 12: an entry that is added for a URL without one is noticed, under whatever name", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await using host = new Host(home, [servers.mcp.url], BY_HAND);
  const { result } = await host.initialize();
  const command = `mcp-auth add local-${new URL(servers.mcp.url).port} ${servers.mcp.url}`;
  assert.ok(result.instructions.endsWith(`or run: ${command}`), result.instructions);
  await add(home, servers);
  await changed(host, 0);
  assert.equal(textOf(await host.call("whoami")), "alice");
  assert.deepEqual((await home.run(["list", "--json"])).json.map(({ name }: { name: string }) => name), [
    "demo",
  ]);
});

Deno.test("a URL without an entry becomes one by the tool", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await using host = new Host(home, [servers.mcp.url], BY_HAND);
  await host.initialize();
  const url = addressIn(textOf(await host.call(LOGIN)));
  assert.equal((await browse(url)).status, 200);
  assert.match(textOf(await host.call(LOGIN)), /^Signed in to|needs no sign-in now/);
  assert.equal(textOf(await host.call("whoami")), "alice");
  assert.equal((await home.run(["list", "--json"])).json.length, 1);
});

Deno.test("row 48: a sign-in that is denied is said with its code, and the next call is a new one", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  await using host = new Host(home, ["demo"], BY_HAND);
  await host.initialize();
  const first = addressIn(textOf(await host.call(LOGIN)));
  const waiting = host.call(LOGIN);
  await browse(first, { decide: "deny" });
  const denied = await waiting;
  assert.equal(denied.result.isError, true);
  assert.match(textOf(denied), /^The sign-in to "demo" has not succeeded: .*access_denied/);
  assert.equal((await host.call("whoami")).error?.data.code, "AUTH_REQUIRED");
  const again = addressIn(textOf(await host.call(LOGIN)));
  assert.notEqual(again, first);
  assert.equal((await browse(again)).status, 200);
  await changed(host, 0);
  assert.equal(textOf(await host.call("whoami")), "alice");
});

Deno.test("calls at once share one sign-in, and each has the address at once", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  await using host = new Host(home, ["demo"], BY_HAND);
  await host.initialize();
  const started = performance.now();
  const answers = await Promise.all([1, 2, 3].map(() => host.call(LOGIN)));
  assert.ok(performance.now() - started < 10_000);
  const [url = "", ...others] = answers.map((each) => addressIn(textOf(each)));
  assert.deepEqual(others, [url, url]);
  const waiting = [1, 2, 3].map(() => host.call(LOGIN));
  assert.equal((await browse(url)).status, 200);
  for (const each of waiting) assert.match(textOf(await each), /^Signed in to "demo"|needs no sign-in now/);
  assert.equal(changes(host), 1);
  assert.equal(servers.as.requests("POST /token").length, 2, "one for add, one for this");
});

Deno.test("row 11: sign-ins that are begun again and again come to an end", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  await using host = new Host(home, ["demo"], BY_HAND);
  await host.initialize();
  let text = "";
  for (let time = 0; time < 6 && !text.includes("too many"); time++) {
    const answer = await host.call(LOGIN);
    text = textOf(answer);
    if (answer.result.isError) break;
    await browse(addressIn(text), { decide: "deny" });
    text = textOf(await host.call(LOGIN));
  }
  assert.match(text, /too many|Try again in \d+ s/i);
});

Deno.test("row 32: a scope that is missing: the error names the tool, which asks for it on top of the others", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers, "--scope", "mcp:read");
  await using host = new Host(home, ["demo"], BY_HAND);
  await host.initialize();
  assert.equal(textOf(await host.call("whoami")), "alice");
  const from = host.lines.length;
  for (let time = 0; time < 2; time++) {
    const { error } = await host.call("write_note", { text: "n" });
    assert.deepEqual(error?.data, {
      code: "INSUFFICIENT_SCOPE",
      hint: `Run: mcp-auth login demo --scope "mcp:read mcp:write", or call the tool ${LOGIN}`,
    });
  }
  await changed(host, from);
  assert.equal(changes(host, from), 1, "said once");
  const listed = toolsOf(await host.request("tools/list"));
  assert.ok(listed.includes("whoami") && listed.at(-1) === LOGIN, listed.join());
  assert.equal(textOf(await host.call("whoami")), "alice", "everything else goes on");
  const url = addressIn(textOf(await host.call(LOGIN)));
  const scope = new URL(url).searchParams.get("scope")?.split(" ") ?? [];
  assert.ok(scope.includes("mcp:read") && scope.includes("mcp:write"), scope.join(" "));
  const done = host.call(LOGIN);
  assert.equal((await browse(url)).status, 200);
  assert.equal(textOf(await done), SIGNED_IN);
  assert.equal(changes(host, from), 2);
  assert.equal(textOf(await host.call("write_note", { text: "n" })), "Note 1 written");
  assert.ok(!toolsOf(await host.request("tools/list")).includes(LOGIN));
});

Deno.test("row 12: tokens that end in the middle of a session: a coded error, the tool, and the session goes on", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers);
  await using host = new Host(home, ["demo"], BY_HAND);
  await host.initialize();
  const before = toolsOf(await host.request("tools/list"));
  servers.mcp.refuseSeenTokens();
  servers.as.forgetGrants();
  const from = host.lines.length;
  const { error } = await host.call("whoami");
  assert.equal(error?.data.code, "TOKEN_REFRESH_FAILED", error?.message);
  assert.match(error?.data.hint ?? "", /^Run: mcp-auth login demo, or call the tool mcp_auth_login$/);
  await changed(host, from);
  assert.deepEqual(toolsOf(await host.request("tools/list")), [LOGIN], "the server lists nothing now");
  const url = addressIn(textOf(await host.call(LOGIN)));
  const done = host.call(LOGIN);
  assert.equal((await browse(url)).status, 200);
  assert.equal(textOf(await done), SIGNED_IN);
  assert.deepEqual(toolsOf(await host.request("tools/list")), before);
  assert.equal(textOf(await host.call("whoami")), "alice");
  assert.equal(servers.mcp.sessions.length, 1, "it is the session that was");
});

Deno.test("what the server does not have is an empty list, though the host was told otherwise", async () => {
  await using servers = await startServers({ mcp: { sdk2: "both" } });
  await using home = await Home.make();
  await addSignedOut(home, servers);
  await using host = new Host(home, ["demo"], BY_HAND);
  await host.initialize();
  assert.equal((await home.run(["login", "demo"])).code, 0);
  await changed(host, 0);
  assert.ok(toolsOf(await host.request("tools/list")).includes("whoami"));
  assert.deepEqual((await host.request("resources/list")).result, { resources: [] });
  assert.deepEqual((await host.request("prompts/list")).result, { prompts: [] });
});

Deno.test("row 12: a server that cannot be reached after the sign-in is tried again, and that is said", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  await using host = new Host(home, ["demo"], BY_HAND);
  await host.initialize();
  const url = addressIn(textOf(await host.call(LOGIN)));
  const fault = servers.mcp.fail("POST /mcp", Infinity, "reset");
  const waiting = host.call(LOGIN);
  assert.equal((await browse(url)).status, 200);
  assert.match(textOf(await waiting), /^Signed in to "demo", but it cannot be used yet: /);
  const { error } = await host.call("whoami");
  assert.equal(error?.data.code, "NETWORK_ERROR");
  assert.deepEqual(toolsOf(await host.request("tools/list")), [LOGIN]);
  fault.end();
  assert.equal(textOf(await host.call("whoami")), "alice");
  await changed(host, 0);
});

Deno.test("an entry that nobody can sign in to from here: the tool says which command to run", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await add(home, servers);
  const { stdout: token } = await home.run(["token", "demo"]);
  await using other = await Home.make();
  const added = await other.run(["add", "demo", servers.mcp.url, "--token-stdin"], { stdin: token });
  assert.equal(added.code, 0, added.stderr);
  servers.mcp.refuseSeenTokens();
  await using host = new Host(other, ["demo"], BY_HAND);
  const { result } = await host.initialize();
  assert.match(result.instructions, /run: mcp-auth login demo --token-stdin$/);
  const listed = await host.request("tools/list");
  assert.deepEqual(toolsOf(listed), [LOGIN]);
  assert.deepEqual(listed.result.tools[0].inputSchema, { type: "object", properties: {} });
  const answer = await host.call(LOGIN);
  assert.equal(answer.result.isError, true);
  assert.match(
    textOf(answer),
    /its token is given by hand\. The user has to run: mcp-auth login demo --token-stdin$/,
  );
});

/**
 * A whole sign-in at a terminal, where no browser reaches this machine: the address that the browser ends at is pasted.
 * Wrong pastes first, the listener that is faster, a line longer than a terminal gathers by itself, Ctrl-C.
 *
 * @see behaviours rows 14, 15 and 16; RFC 9207 (C51)
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";
import { startSmallServer } from "./small_server.ts";
import { assertSane, type AtTerminal, atTerminal, BY_SSH, NO_BROWSER } from "./terminal.ts";

/** The URL that the screen tells to open, and where the browser ends. */
async function pageOf(terminal: AtTerminal) {
  const url = await terminal.line(/^ {2}(http:\S+)$/);
  const redirectUri = new URL(url).searchParams.get("redirect_uri") ?? "";
  return { url, redirectUri, state: new URL(url).searchParams.get("state") ?? "" };
}

/** Approves in a browser on another machine. */
async function approveElsewhere(url: string, redirectUri: string): Promise<string> {
  const visit = await browse(url, { unreachable: redirectUri });
  assert.equal(visit.status, 0, visit.text);
  return visit.url;
}

Deno.test("row 14: a sign-in by SSH, by pasting, with the whole screen; wrong pastes first end nothing", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await using terminal = atTerminal(home, ["add", "demo", servers.mcp.url], BY_SSH);
  const { url, redirectUri, state } = await pageOf(terminal);
  await terminal.shows("and press Enter:");
  const { port } = new URL(redirectUri);
  const wrong: readonly (readonly [string, string])[] = [
    [url, "That is the address to open."],
    [`${redirectUri}?code=abcdefgh&state=other`, "That is the answer to another sign-in."],
    [`${redirectUri}?state=${state}`, "The end of that address is missing."],
    ["what is this", "That is not the address that the browser ends at."],
    ["abcdefghijkl", "The code alone cannot be checked for this server."],
  ];
  for (const [pasted, answer] of wrong) {
    await terminal.type(pasted);
    await terminal.shows(answer);
  }
  const address = await approveElsewhere(url, redirectUri);
  await terminal.type(address);
  const { code, lines, terminal: left } = await terminal.end();
  assert.equal(code, 0, lines.join("\n"));
  assertSane(left);
  const origin = new URL(servers.mcp.url).origin;
  const connected = lines.at(-1);
  assert.deepEqual(lines.slice(0, -1), [
    `Sign in to "demo" (${origin}/mcp) at ${servers.as.issuer}`,
    "No browser is started here: you are here by SSH, and yours is on another machine.",
    "Open this URL in a browser:",
    `  ${url}`,
    `Once you approve, it ends at ${redirectUri}, which another machine cannot show.`,
    "Paste the address of that page here, and press Enter:",
    `(Or let that page through, in another terminal: ssh -L ${port}:127.0.0.1:${port} <this machine>)`,
    "*".repeat(40),
    "That is the address to open. Paste the one that the browser ends at, once you have approved:",
    "*".repeat(40),
    "That is the answer to another sign-in. Paste the address that this one ends at:",
    "*".repeat(40),
    "The end of that address is missing. Copy it whole, and paste it again:",
    "************",
    "That is not the address that the browser ends at. Paste that one:",
    "************",
    "The code alone cannot be checked for this server. Paste the whole address:",
    "*".repeat(40),
  ]);
  assert.match(connected ?? "", /^✓ Connected to demo \(\d+ tools\)$/);
  const pastedCode = new URL(address).searchParams.get("code") ?? "?";
  assert.ok(!terminal.running.stdout.includes(pastedCode), "the code is not shown");
  assert.equal(servers.as.requests("POST /token").length, 1, "nothing wrong was ever redeemed");
  assert.equal((await home.run(["token", "demo"])).code, 0);
});

Deno.test("a browser that reaches the listener is faster than a paste, and the terminal is left as it was", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await using terminal = atTerminal(home, ["add", "demo", servers.mcp.url, "--no-browser"], NO_BROWSER);
  const { url } = await pageOf(terminal);
  await terminal.shows("and press Enter:");
  await terminal.running.write("http://127.0");
  await terminal.shows("************");
  assert.equal((await browse(url)).status, 200);
  const { code, lines, terminal: left } = await terminal.end();
  assert.equal(code, 0);
  assertSane(left);
  assert.equal(lines.at(-2), "************");
  assert.match(lines.at(-1) ?? "", /^✓ Connected to demo/);
});

Deno.test("a background job leaves the terminal alone, so that nothing stops it", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const line = ["add", "demo", servers.mcp.url, "--no-browser"];
  await using terminal = atTerminal(home, line, NO_BROWSER, { background: true });
  const { url } = await pageOf(terminal);
  await terminal.shows("and press Enter:");
  assert.equal((await browse(url)).status, 200);
  const { code, lines, terminal: left } = await terminal.end();
  assert.equal(code, 0, lines.join("\n"));
  assertSane(left);
});

Deno.test("an address longer than a terminal gathers by itself is read whole", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await using terminal = atTerminal(home, ["add", "demo", servers.mcp.url, "--no-browser"], NO_BROWSER);
  const { url, redirectUri } = await pageOf(terminal);
  await terminal.shows("and press Enter:");
  const address = await approveElsewhere(url, redirectUri);
  await terminal.type(address.replace("?", `?pad=${"x".repeat(9_000)}&`));
  const { code, lines } = await terminal.end();
  assert.equal(code, 0, lines.join("\n"));
});

for (const env of [BY_SSH, NO_BROWSER]) {
  const where = "SSH_CONNECTION" in env ? "by SSH" : "with --no-browser";
  Deno.test(`Ctrl-C half-way through a paste ${where}: 130, nothing is stored, and the terminal is sane`, async () => {
    await using servers = await startServers();
    await using home = await Home.make();
    const flags = "SSH_CONNECTION" in env ? [] : ["--no-browser"];
    await using terminal = atTerminal(home, ["add", "demo", servers.mcp.url, ...flags], env);
    await terminal.shows("and press Enter:");
    await terminal.running.write("http://127.0.0.1:1");
    await terminal.shows("******************");
    await terminal.running.write("\x03");
    const { code, lines, terminal: left } = await terminal.end();
    assert.equal(code, 130, lines.join("\n"));
    assert.equal(lines.at(-1), "Error: Cancelled [AUTH_CANCELLED]");
    assertSane(left);
    assert.deepEqual((await home.run(["list", "--json"])).json, []);
    assert.equal(servers.as.requests("POST /token").length, 0);
    const audit = (await home.run(["audit", "--json"])).json as { event: string; code?: string }[];
    assert.deepEqual(audit.map(({ event, code }) => [event, code]), [
      ["sign_in_started", undefined],
      ["client_registered", undefined],
      ["sign_in_failed", "AUTH_CANCELLED"],
    ]);
  });
}

Deno.test("a bare code is taken where the server does not name itself, after one that it does not know", async () => {
  await using server = startSmallServer();
  await using home = await Home.make();
  await using terminal = atTerminal(home, ["add", "small", server.url, "--no-browser"], NO_BROWSER);
  const { url } = await pageOf(terminal);
  await terminal.shows("and press Enter:");
  await terminal.type("not-a-code-of-this-server");
  await terminal.shows("The server does not know that code.");
  const answer = await fetch(url, { redirect: "manual" });
  await answer.body?.cancel();
  const code = new URL(answer.headers.get("location") ?? "").searchParams.get("code") ?? "";
  await terminal.type(`"${code}"`);
  const ended = await terminal.end();
  assert.equal(ended.code, 0, ended.lines.join("\n"));
  assert.equal(server.requests("/oauth/token").length, 2);
});

Deno.test("with --no-browser the answer is read from a pipe, too: its query alone", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await using running = home.start(["add", "demo", servers.mcp.url, "--no-browser", "--verbose"], {
    env: NO_BROWSER,
  });
  const url = await running.said(/^ {2}(http:\S+)\n/m);
  const redirectUri = new URL(url).searchParams.get("redirect_uri") ?? "";
  const address = new URL(await approveElsewhere(url, redirectUri));
  await running.write(`\n${address.search}\n`);
  const { code, stdout, stderr } = await running.outcome;
  assert.equal(code, 0, stderr);
  assert.ok(!`${stdout}${stderr}`.includes(address.searchParams.get("code") ?? "?"), "no log has the code");
});

Deno.test("a denial that is pasted cancels; an answer of another issuer that is pasted ends the sign-in", async () => {
  await using servers = await startServers();
  for (
    const [change, error, exitCode] of [
      [{ error: "access_denied" }, "AUTH_CANCELLED", 130],
      [{ code: "abcdefgh", iss: "https://evil.example" }, "ISSUER_MISMATCH", 1],
    ] as const
  ) {
    await using home = await Home.make();
    await using running = home.start(["add", "demo", servers.mcp.url, "--no-browser", "--json"]);
    const url = new URL(await running.said(/^ {2}(http:\S+)\n/m));
    const parameters = new URLSearchParams({
      iss: servers.as.issuer,
      state: url.searchParams.get("state") ?? "",
      ...change,
    });
    await running.write(`${url.searchParams.get("redirect_uri")}?${parameters}\n`);
    assertError(await running.outcome, error, exitCode);
  }
});

Deno.test("without a terminal nothing is read unless --no-browser says so: input that has ended ends nothing", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await using running = home.start(["add", "demo", servers.mcp.url, "--no-browser"]);
  const url = await running.said(/^ {2}(http:\S+)\n/m);
  await running.end();
  assert.equal((await browse(url)).status, 200);
  assert.equal((await running.outcome).code, 0);
});

Deno.test("row 15: a redirect URI elsewhere is sent byte for byte, and its address is pasted", async () => {
  const redirectUri = "https://tools.example/oauth/cb?tenant=a%2Fb";
  await using servers = await startServers();
  await using home = await Home.make();
  await using terminal = atTerminal(
    home,
    ["add", "demo", servers.mcp.url, "--no-browser", "--redirect-uri", redirectUri],
    NO_BROWSER,
  );
  const page = await pageOf(terminal);
  assert.equal(page.redirectUri, redirectUri);
  await terminal.shows("Paste that address here, whole, and press Enter:");
  await terminal.type(await approveElsewhere(page.url, redirectUri));
  const { code, lines } = await terminal.end();
  assert.equal(code, 0, lines.join("\n"));
  const [registration] = servers.as.requests("POST /reg");
  assert.deepEqual(JSON.parse(registration?.body ?? "{}").redirect_uris, [redirectUri]);
  const [exchange] = servers.as.requests("POST /token");
  assert.equal(exchange?.form.get("redirect_uri"), redirectUri);
  assert.equal((await home.run(["set", "demo", "--unset", "redirect-uri"])).code, 0);
});

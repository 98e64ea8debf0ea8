/**
 * Sign-ins in a real browser: what plain HTTP cannot show is how a browser treats the program's own pages.
 *
 * @see CSP Level 3; RFC 8252 section 8.10
 * @module
 */
import assert from "node:assert/strict";
import { browseWithChromium, chromiumPath } from "../../scripts/demo/browser/chromium.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";

const needs = chromiumPath() === undefined ? " (ignored: needs Debian's package chromium)" : "";
const ignore = needs !== "";

Deno.test({
  name: `add in Chromium: signed in, and the tab may be closed${needs}`,
  ignore,
  fn: async () => {
    await using servers = await startServers();
    await using home = await Home.make();
    await using running = home.start(["add", "demo", servers.mcp.url, "--no-browser"]);
    const url = await running.said(/^ {2}(http:\S+)\n/m);
    const page = await browseWithChromium(url);
    const { code, stdout, stderr } = await running.outcome;
    assert.equal(stdout, "✓ Connected to demo (8 tools)\n", stderr);
    assert.equal(code, 0);
    assert.equal(page.title, "Signed in - mcp-auth");
    assert.match(page.text, /You can close this tab/);
    const refusals = page.console.filter((line) => /Content Security Policy|Refused/i.test(line));
    assert.deepEqual(refusals, [], "the page's own script and style are allowed");
  },
});

Deno.test({
  name: `add in Chromium: denied, and the page reflects nothing of the answer${needs}`,
  ignore,
  fn: async () => {
    await using servers = await startServers();
    await using home = await Home.make();
    await using running = home.start(["add", "demo", servers.mcp.url, "--no-browser", "--json"]);
    const url = await running.said(/^ {2}(http:\S+)\n/m);
    const page = await browseWithChromium(url, { decide: "deny" });
    assertError(await running.outcome, "AUTH_CANCELLED", 130);
    assert.equal(new URL(page.url).searchParams.get("error"), "access_denied");
    assert.equal(page.title, "Not signed in - mcp-auth");
    assert.match(page.text, /You can close this tab/);
    assert.doesNotMatch(page.text, /access_denied|did not allow/);
    assert.deepEqual((await home.run(["list", "--json"])).json, []);
  },
});

Deno.test({
  name: `a forged callback in Chromium runs no script and ends no sign-in${needs}`,
  ignore,
  fn: async () => {
    await using servers = await startServers();
    await using home = await Home.make();
    await using running = home.start(["add", "demo", servers.mcp.url, "--no-browser"]);
    const url = new URL(await running.said(/^ {2}(http:\S+)\n/m));
    const forged = new URL(url.searchParams.get("redirect_uri") ?? "");
    forged.search = new URLSearchParams({
      state: "<script>console.log('injected')</script>",
      error: "<img src=x onerror=console.log('injected')>",
      error_description: "<b id=injected>pay here</b>",
    }).toString();
    const stray = await browseWithChromium(forged, { decide: "follow" });
    assert.match(stray.text, /does not belong to a sign-in/);
    assert.doesNotMatch(stray.text + stray.title, /injected|pay here/);
    assert.ok(!stray.console.includes("injected"), stray.console.join());
    await browseWithChromium(url);
    assert.equal((await running.outcome).code, 0, running.stderr);
  },
});

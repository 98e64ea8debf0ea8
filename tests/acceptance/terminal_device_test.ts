/**
 * A whole sign-in at a terminal by a device code: chosen by itself where no browser can open here, and asked for. The
 * code and its picture are on the screen, a person approves on another device, and the tokens refresh as any others.
 *
 * @see RFC 8628; behaviours row 14
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import type { AuthorizationServerOptions } from "../../scripts/demo/servers/authorization_server.ts";
import { jsonFault } from "../../scripts/demo/servers/faults.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";
import { assertSane, atTerminal, BY_SSH, NO_BROWSER } from "./terminal.ts";

/** A server whose codes are asked about each second. */
const QUICK: AuthorizationServerOptions = {
  deviceFlow: true,
  edit: { device: (body) => ({ ...body, interval: 1 }) },
};

const isPicture = (line: string) => /^[█▀▄ ]{20,}$/.test(line);

Deno.test("row 14: by SSH the device flow is chosen by itself, with the whole screen, and its tokens refresh", async () => {
  await using servers = await startServers({ as: QUICK });
  await using home = await Home.make();
  await using terminal = atTerminal(home, ["add", "demo", servers.mcp.url], BY_SSH);
  const page = await terminal.line(/^ {2}(http:\S+)$/);
  const userCode = await terminal.line(/^ {2}Code: (\S+)$/);
  await terminal.shows("which has the code in it:");
  assert.equal((await browse(`${page}?user_code=${userCode}`)).status, 200);
  const { code, lines, terminal: left } = await terminal.end();
  assert.equal(code, 0, lines.join("\n"));
  assertSane(left);
  const connected = lines.at(-1);
  assert.deepEqual(lines.slice(0, -1).filter((line) => !isPicture(line)), [
    `Sign in to "demo" (${servers.mcp.url}) at ${servers.as.issuer}`,
    "No browser is started here: you are here by SSH, and yours is on another machine.",
    "On any device, open this page and enter the code:",
    `  ${page}`,
    `  Code: ${userCode}`,
    "Waiting for you to approve, for 10 minutes at most",
    "Or scan this, which has the code in it:",
  ]);
  assert.match(connected ?? "", /^✓ Connected to demo \(\d+ tools\)$/);
  assert.equal(lines.filter(isPicture).length, 17, "33 modules, two to a line");

  const [asked] = servers.as.requests(`POST ${servers.as.paths.device_authorization}`);
  assert.equal(asked?.form.get("resource"), servers.mcp.resource);
  assert.match(asked?.form.get("scope") ?? "", /mcp:read/);
  const [registered] = servers.as.requests("POST /reg");
  assert.ok(registered?.body.includes("urn:ietf:params:oauth:grant-type:device_code"));
  assert.equal(
    servers.as.requests(`GET ${servers.as.paths.authorization}`).length,
    0,
    "no browser was needed",
  );
  const refreshed = await home.run(["refresh", "demo"]);
  assert.equal(refreshed.code, 0, refreshed.stderr);
});

Deno.test("a narrow terminal, and one that is no UTF-8, show the code without a picture", async () => {
  await using servers = await startServers({ as: QUICK });
  for (const [env, columns] of [[{}, 30], [{ LANG: "de_DE.ISO-8859-1" }, 120]] as const) {
    await using home = await Home.make();
    const line = ["add", "demo", servers.mcp.url, "--device"];
    await using terminal = atTerminal(home, line, { ...NO_BROWSER, ...env }, { columns });
    const page = await terminal.line(/^ {2}(http:\S+)$/);
    const userCode = await terminal.line(/^ {2}Code: (\S+)$/);
    await browse(`${page}?user_code=${userCode}`);
    const { code, lines } = await terminal.end();
    assert.equal(code, 0, lines.join("\n"));
    assert.deepEqual(lines.filter(isPicture), []);
  }
});

Deno.test("Ctrl-C while a device code is waited for: 130, nothing is stored, and the terminal is sane", async () => {
  await using servers = await startServers({ as: QUICK });
  await using home = await Home.make();
  await using terminal = atTerminal(home, ["add", "demo", servers.mcp.url, "--device"], NO_BROWSER);
  await terminal.line(/^ {2}Code: (\S+)$/);
  await terminal.running.write("\x03");
  const { code, lines, terminal: left } = await terminal.end();
  assert.equal(code, 130, lines.join("\n"));
  assertSane(left);
  assert.deepEqual((await home.run(["list", "--json"])).json, []);
});

/** Starts a sign-in by a device code, and returns what the person is shown. */
async function shown(home: Home, url: string, ...flags: readonly string[]) {
  const running = home.start(["add", "demo", url, "--device", "--json", ...flags], { env: NO_BROWSER });
  const page = await running.said(/^ {2}(http:\S+)\n/m);
  const userCode = await running.said(/^ {2}Code: (\S+)\n/m);
  return { running, address: `${page}?user_code=${userCode}` };
}

Deno.test("denied on the other device: cancelled, and nothing is stored", async () => {
  await using servers = await startServers({ as: QUICK });
  await using home = await Home.make();
  const { running, address } = await shown(home, servers.mcp.url);
  await using _ending = running;
  await browse(address, { decide: "deny" });
  assertError(await running.outcome, "AUTH_CANCELLED", 130);
  assert.deepEqual((await home.run(["list", "--json"])).json, []);
});

Deno.test("nobody approves: the time of --timeout is over, or that of the code", async () => {
  for (
    const [as, flags] of [
      [QUICK, ["--timeout", "2"]],
      [{ ...QUICK, deviceCodeLifetime: 2 }, []],
    ] as const
  ) {
    await using servers = await startServers({ as });
    await using home = await Home.make();
    const { running } = await shown(home, servers.mcp.url, ...flags);
    await using _ending = running;
    assertError(await running.outcome, "TIMEOUT", 3, /new code/);
  }
});

Deno.test("a network that fails, and a server that is busy, end no wait: it goes on more slowly (RFC 8628 3.5)", async () => {
  await using servers = await startServers({ as: QUICK });
  await using home = await Home.make();
  servers.as.fail("POST /token", 1, "reset");
  const { running, address } = await shown(home, servers.mcp.url);
  await using _ending = running;
  const requests = () => servers.as.requests("POST /token");
  assert.ok(await until(() => requests().length === 2, 10_000));
  await browse(address);
  const outcome = await running.outcome;
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.ok(requests().length >= 3);
});

Deno.test("slow_down makes the pauses longer", async () => {
  await using servers = await startServers({ as: QUICK });
  await using home = await Home.make();
  servers.as.fail("POST /token", 1, jsonFault(400, { error: "slow_down" }));
  const { running, address } = await shown(home, servers.mcp.url);
  await using _ending = running;
  assert.ok(await until(() => servers.as.requests("POST /token").length === 1, 5_000));
  const first = performance.now();
  await browse(address);
  const outcome = await running.outcome;
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.ok(performance.now() - first > 5_500, "1 s and 5 s more");
});

Deno.test("--device where the server offers none says so; by SSH the address is pasted then", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const outcome = await home.run(["add", "demo", servers.mcp.url, "--device", "--json"]);
  assertError(outcome, "CONFIG_INVALID", 1, /--no-browser/);
});

Deno.test("by SSH a client that may not use device codes goes on by the address, and says why", async () => {
  await using servers = await startServers({
    as: {
      ...QUICK,
      clients: [{
        client_id: "by-hand",
        token_endpoint_auth_method: "none",
        application_type: "native",
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: ["http://127.0.0.1/callback"],
      }],
    },
  });
  await using home = await Home.make();
  await using running = home.start(["add", "demo", servers.mcp.url, "--client-id", "by-hand"], {
    env: BY_SSH,
  });
  await running.said(/^Warning: Cannot ask for a device code: .* answered 400/m);
  const url = await running.said(/^ {2}(http:\S+)\n/m);
  assert.equal((await browse(url)).status, 200);
  const outcome = await running.outcome;
  assert.equal(outcome.code, 0, outcome.stderr);
});

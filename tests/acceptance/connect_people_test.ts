/**
 * What mcp-auth does to connect, walked through as a user would: the rows in which a person takes part, from the page
 * that opens to the one that says that it is done.
 *
 * @see features, "Connect"; behaviours rows 10 to 16
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { jsonFault } from "../../scripts/demo/servers/faults.ts";
import { freePort } from "../primitives/http/local_server.ts";
import { done, libraryIn } from "./keeping.ts";
import { assertError, type Outcome } from "./outcome.ts";
import { Home, type Running } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";
import { atTerminal, NO_BROWSER } from "./terminal.ts";

/** The URL to open that a program has told. */
function told(running: Running): Promise<string> {
  return running.said(/^ {2}(http:\S+)\n/m);
}

/** The redirect URI of the last authorization request. */
function redirectOf({ as }: Servers): URL {
  return new URL(
    as.requests("GET /auth").findLast(({ query }) => query.has("redirect_uri"))?.query.get("redirect_uri") ??
      "",
  );
}

Deno.test("Connect: callback server: preferred port, list of ports, fall back to a free one; times out; success and failure pages that close themselves and reflect nothing", async (t) => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { mcp } = servers;

  await t.step("the preferred port, and a free one where others have it", async () => {
    const ports: string[] = [];
    // Another program of this machine may have it at the moment.
    for (let time = 0; time < 4 && !ports.includes("8456"); time++) {
      await done(home, ["add", `preferred-${time}`, mcp.url]);
      ports.push(redirectOf(servers).port);
    }
    assert.ok(ports.includes("8456"), ports.join());
    using _taken = takenPort(8456);
    await done(home, ["add", "two", mcp.url]);
    assert.notEqual(redirectOf(servers).port, "8456");
  });

  await t.step("a list of ports: the first that is free, and no other", async () => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const next = freePort();
    const flags = ["--callback-port", `${taken.addr.port}`, "--callback-port"];
    await done(home, ["add", "three", mcp.url, ...flags, `${next}`]);
    assert.equal(redirectOf(servers).port, `${next}`);
    const none = await home.run(["add", "four", mcp.url, ...flags, `${taken.addr.port}`, "--json"]);
    assertError(none, "CONFIG_INVALID", 1, /--callback-port/);
  });

  await t.step("nobody comes: a time-out, in the library too", async () => {
    const silent = await home.recordingBrowser();
    const late = await home.run(["add", "late", mcp.url, "--timeout", "1", "--json"], { browser: silent });
    assertError(late, "TIMEOUT", 3, /--timeout/);
    await using client = libraryIn(home, { openBrowser: () => Promise.resolve() });
    const result = await client.authenticate("late", { url: mcp.url, timeoutS: 1 });
    assert.equal(result.ok ? "" : result.error.code, "TIMEOUT");
    assertError(await home.run(["status", "late", "--json"]), "NOT_FOUND", 5);
  });

  for (
    const [page, parameters, code] of [["success", undefined, 0], [
      "failure",
      { error: "server_error" },
      1,
    ]] as const
  ) {
    await t.step(`the page of ${page} closes itself, and has nothing of the request in it`, async () => {
      await using running = home.start(["add", page, mcp.url, "--no-browser"]);
      const url = new URL(await told(running));
      let visit: { readonly status: number; readonly text: string };
      const marks = ["<b>reflected</b>", "reflected"];
      if (parameters === undefined) visit = await browse(url);
      else {
        const callback = new URL(url.searchParams.get("redirect_uri") ?? "");
        callback.search = new URLSearchParams({
          ...parameters,
          error_description: marks[0]!,
          state: url.searchParams.get("state") ?? "",
          iss: servers.as.issuer,
        }).toString();
        const response = await fetch(callback);
        visit = { status: response.status, text: await response.text() };
        marks.push("server_error", servers.as.issuer);
      }
      assert.equal(visit.status, code === 0 ? 200 : 400);
      assert.match(visit.text, /window\.close\(\)/);
      assert.match(visit.text, /You can close this tab/);
      for (const mark of [...marks, url.searchParams.get("state") ?? "?"]) {
        assert.ok(!visit.text.includes(mark), visit.text);
      }
      assert.equal((await running.outcome).code, code, running.stderr);
    });
  }
});

/** Takes a port, unless somebody has it already. */
function takenPort(port: number): Disposable {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return { [Symbol.dispose]: () => {} };
    throw error;
  }
}

/** One module of a QR code after the other, at least a code's width. */
const PICTURE = /^[█▀▄ ]{20,}$/;

Deno.test("Connect: browser opens by itself; URL always printed; --no-browser; paste-back; device flow; QR code for a phone", async (t) => {
  const soon = { edit: { device: (body: Record<string, unknown>) => ({ ...body, interval: 1 }) } };
  await using servers = await startServers({ as: { deviceFlow: true, ...soon } });
  await using home = await Home.make();
  const { as, mcp } = servers;

  await t.step("the browser is given the URL that is printed", async () => {
    await using running = home.start(["add", "one", mcp.url], { browser: await home.recordingBrowser() });
    const url = await told(running);
    await running.said(/If nothing opens, visit:/);
    assert.equal((await browse(url)).status, 200);
    assert.equal((await running.outcome).code, 0, running.stderr);
    assert.deepEqual(await home.opened(), [url]);
  });

  await t.step(
    "--no-browser: printed only; the address that a browser elsewhere ends at is pasted",
    async () => {
      await using running = home.start(["add", "two", mcp.url, "--no-browser"]);
      const url = await told(running);
      const { href } = new URL(url);
      const redirectUri = new URL(href).searchParams.get("redirect_uri") ?? "";
      const { url: address } = await browse(url, { unreachable: redirectUri });
      await running.write(`${address}\n`);
      assert.equal((await running.outcome).code, 0, running.stderr);
      assert.equal((await home.opened()).length, 1, "that of before");
    },
  );

  await t.step("a device code, for any device", async () => {
    const before = as.requests("GET /auth").length;
    await using running = home.start(["add", "three", mcp.url, "--device"], { env: NO_BROWSER });
    const page = await told(running);
    const code = await running.said(/^ {2}Code: (\S+)$/m);
    assert.equal((await browse(`${page}?user_code=${code}`)).status, 200);
    assert.equal((await running.outcome).code, 0, running.stderr);
    assert.equal(as.requests("GET /auth").length, before);
    assert.equal((await done(home, ["call", "three", "whoami"])).stdout, "alice\n");
  });

  await t.step("a picture of it at a terminal, for a phone", async () => {
    await using terminal = atTerminal(home, ["add", "four", mcp.url, "--device"], NO_BROWSER);
    const page = await terminal.line(/^ {2}(http:\S+)$/);
    const code = await terminal.line(/^ {2}Code: (\S+)$/);
    await terminal.shows("which has the code in it:");
    assert.equal((await browse(`${page}?user_code=${code}`)).status, 200);
    const ended = await terminal.end();
    assert.equal(ended.code, 0, ended.lines.join("\n"));
    assert.ok(ended.lines.filter((line) => PICTURE.test(line)).length >= 12, ended.lines.join("\n"));
  });
});

/** Checks that a message is one line of words, and the way on in another: no stack, no control characters. */
function assertClean({ stdout, stderr }: Pick<Outcome, "stdout" | "stderr">, message: RegExp): void {
  const lines = stderr.split("\n").filter((line) => /^(Error|Hint): /.test(line));
  assert.match(lines[0] ?? "", message, stderr);
  assert.match(lines[0] ?? "", / \[[A-Z_]+\]$/);
  assert.equal(stdout, "");
  assert.doesNotMatch(stderr, /^ +at |file:\/\/|Uncaught|\p{Cc}(?<!\n)/mu);
}

Deno.test("Connect: user cancels, callback times out, network fails in discovery (retry, then clear), invalid URL: each a clean message", async (t) => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { as, mcp } = servers;

  await t.step("the user says no, or presses Ctrl-C", async () => {
    const denied = await home.run(["add", "demo", mcp.url], { deny: true });
    assert.equal(denied.code, 130);
    assertClean(denied, /refused at the server: access_denied/);
    await using running = home.start(["add", "demo", mcp.url, "--no-browser"]);
    await told(running);
    running.kill("SIGINT");
    const outcome = await running.outcome;
    assert.equal(outcome.code, 130);
    assertClean(outcome, /AUTH_CANCELLED/);
  });

  await t.step("nobody comes", async () => {
    const late = await home.run(["add", "demo", mcp.url, "--no-browser", "--timeout", "1"]);
    assert.equal(late.code, 3);
    assertClean(late, /TIMEOUT/);
  });

  const place = "/.well-known/oauth-authorization-server";
  await t.step("discovery fails twice for now: tried again, and connected", async () => {
    as.fail(`GET ${place}`, 2, jsonFault(503, {}));
    await done(home, ["add", "demo", mcp.url]);
    assert.equal(as.requests(`GET ${place}`).length >= 3, true);
    await done(home, ["remove", "demo"]);
  });

  await t.step("it goes on failing: clear, and worth another try", async () => {
    const before = as.requests(`GET ${place}`).length;
    for (const [fault, code] of [[jsonFault(503, {}), "SERVER_ERROR"], ["reset", "NETWORK_ERROR"]] as const) {
      const order = as.fail(`GET ${place}`, Infinity, fault);
      const down = await home.run(["add", "other", mcp.url]);
      order.end();
      assert.equal(down.code, 3);
      assertClean(down, new RegExp(code));
      assert.match(down.stderr, new RegExp(`${new URL(as.issuer).host}`));
    }
    assert.ok(as.requests(`GET ${place}`).length <= before + 6, "three times each at most");
  });

  await t.step("a URL that is none", async () => {
    for (
      const url of [
        "no url",
        "mcp.example.com/mcp",
        "ftp://mcp.example.com/mcp",
        "http://mcp.example.com/mcp",
        "https://user:secret-word@mcp.example.com/mcp",
        "javascript:alert(1)",
      ]
    ) {
      const outcome = await home.run(["add", "bad", url]);
      assert.notEqual(outcome.code, 0, url);
      assertClean(outcome, /USAGE|UNSAFE_URL/);
      assert.ok(!outcome.stderr.includes("secret-word"), outcome.stderr);
    }
  });
  assert.deepEqual((await done(home, ["list", "--json"])).json, []);
});

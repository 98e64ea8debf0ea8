/**
 * `import` from each host, and moving from mcp-remote in one command: configurations as people have them, the sign-ins of
 * the real mcp-remote, and then exactly what stands in the host's file afterwards, started as the host would start it.
 *
 * @see behaviours rows 5, 47 and 48
 * @module
 */
import assert from "node:assert/strict";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { HOST_NAMES, hostFile, type HostName, hostServers, startEntry, writeHostFile } from "./host_files.ts";
import { signInWith, whyMissing } from "./mcp_remote.ts";
import { assertError } from "./outcome.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";

const VERSION = "0.15.1";
const missing = await whyMissing([VERSION]);

/** A remote server as each host has it in its own words. */
const NATIVE: Readonly<Record<HostName, (url: string) => string>> = {
  "claude-desktop": (url) => `{ "mcpServers": { "Demo Server": { "url": "${url}" } } }`,
  "claude-code": (url) =>
    `{ "mcpServers": {}, "projects": { "/p": { "mcpServers": { "Demo Server": { "type": "http", "url": "${url}" } } } } }`,
  cursor: (url) =>
    `{ // all\n "mcpServers": { "Demo Server": { "url": "${url}", "headers": { "X-Team": "\${env:TEAM}" } } } }`,
  vscode: (url) => `{ "servers": { "Demo Server": { "type": "http", "url": "${url}" } }, "inputs": [] }`,
  codex: (url) =>
    `[mcp_servers."Demo Server"]\nurl = "${url}" # there\nenabled = true\n[mcp_servers."Demo Server".env_http_headers]\nX-Team = "TEAM"\n`,
  windsurf: (url) => `{ "mcpServers": { "Demo Server": { "serverUrl": "${url}" } } }`,
  gemini: (url) => `{ "mcpServers": { "Demo Server": { "httpUrl": "${url}", "trust": true } } }`,
};

for (const host of HOST_NAMES) {
  Deno.test(`a remote server of ${host} becomes an entry, and with --move a bridge in its place`, async () => {
    await using servers = await startServers();
    await using home = await Home.make();
    const { url } = servers.mcp;
    const text = NATIVE[host](url);
    const path = await writeHostFile(home, host, text);
    const dry = await home.run(["import", host, "--move", "--dry-run", "--json"]);
    assert.equal(dry.code, 0, dry.stderr);
    assert.equal(await Deno.readTextFile(path), text);
    assert.deepEqual((await home.run(["list", "--json"])).json, []);

    const imported = await home.run(["import", host, "--json"]);
    assert.equal(imported.code, 0, imported.stderr);
    assert.equal(await Deno.readTextFile(path), text, "an import changes nothing in the host");
    assert.deepEqual(
      imported.json.imported.map((
        { name, url, state, login }: Record<string, unknown>,
      ) => [name, url, state, login]),
      [["demo-server", url, "not-signed-in", "mcp-auth login demo-server"]],
    );
    const env = { TEAM: "blue" };
    assert.equal((await home.run(["login", "demo-server"], { env })).code, 0);

    const moved = await home.run(["import", host, "--move", "--yes", "--json"]);
    assert.equal(moved.code, 0, moved.stderr);
    assert.deepEqual([moved.json.changed, moved.json.imported[0].state], [true, "exists"]);
    assert.equal(await Deno.readTextFile(moved.json.backup), text);
    const entry = host === "claude-code"
      ? JSON.parse(await Deno.readTextFile(path)).projects["/p"].mcpServers["Demo Server"]
      : (await hostServers(home, host))["Demo Server"]!;
    assert.ok(
      ["url", "serverUrl", "httpUrl", "headers", "env_http_headers"].every((name) => !(name in entry)),
    );
    if (host === "gemini") assert.equal(entry.trust, true);
    if (host === "codex") assert.equal(entry.enabled, true);
    await using bridge = startEntry(home, entry, { env });
    await bridge.initialize();
    assert.equal((await bridge.call("whoami")).result?.content[0].text, "alice");
    await bridge.end();
    const last = servers.mcp.requests("POST /mcp").at(-1)!.headers.get("x-team");
    assert.equal(last, host === "cursor" || host === "codex" ? "blue" : null);
  });
}

Deno.test({
  name: `moving from mcp-remote in one command: it is signed in already${
    missing === undefined ? "" : ` (ignored: ${missing})`
  } (row 5)`,
  ignore: missing !== undefined,
  fn: async () => {
    await using servers = await startServers();
    const open = await startMcpServer({ open: true });
    try {
      await using home = await Home.make();
      const { url } = servers.mcp;
      await signInWith(home, VERSION, url);
      const npx = (...args: string[]) => ({ command: "npx", args: ["-y", "mcp-remote@latest", ...args] });
      const config = {
        globalShortcut: "x",
        mcpServers: {
          Linear: { ...npx(url, "--transport", "http-only", "--debug"), disabled: false },
          fs: { command: "npx", args: ["-y", "@modelcontextprotocol/server-filesystem", "/tmp"] },
          windows: {
            command: "cmd",
            args: ["/c", "npx", "mcp-remote", open.url, "--allow-http"],
            env: { NO_PROXY: "127.0.0.1", OTHER: "x" },
          },
          secret: npx(url, "--header", "X-Api-Key: s3cret-value"),
          elsewhere: npx("http://192.0.2.1/mcp", "--allow-http"),
        },
      };
      const text = JSON.stringify(config, null, 2);
      const path = await writeHostFile(home, "claude-desktop", text);
      const { code, json, stderr } = await home.run([
        "import",
        "claude-desktop",
        "--move",
        "--yes",
        "--json",
      ]);
      assert.equal(code, 0, stderr);
      const states = json.imported.map((
        each: Record<string, unknown>,
      ) => [each.name, each.state, each.moved]);
      assert.deepEqual(states, [
        ["linear", "signed-in", true],
        ["windows", "no-sign-in-needed", true],
        ["secret", "not-signed-in", false],
      ]);
      assert.deepEqual(json.skipped.map((each: Record<string, string>) => [each.server, each.kind]), [
        ["fs", "local"],
        ["elsewhere", "unusable"],
      ]);
      assert.match(stderr, /"secret": header X-Api-Key is not taken over: its value may be a secret/);
      assert.match(stderr, /"secret" stays as it is in Claude Desktop/);
      assert.ok(!stderr.includes("s3cret-value"), "the difference shows no secret");
      const after = JSON.parse(await Deno.readTextFile(path));
      for (const name of ["fs", "secret", "elsewhere"] as const) {
        assert.deepEqual(after.mcpServers[name], config.mcpServers[name]);
      }
      const { NO_PROXY, OTHER } = after.mcpServers.windows.env;
      assert.deepEqual([NO_PROXY, OTHER], ["127.0.0.1", undefined], "what it takes to get there is kept");
      assert.deepEqual([after.globalShortcut, after.mcpServers.Linear.disabled], ["x", false]);
      for (const [name, who] of [["Linear", "alice"], ["windows", "nobody"]] as const) {
        await using bridge = startEntry(home, after.mcpServers[name]);
        await bridge.initialize();
        const answer = await bridge.call("whoami");
        if (who === "alice") assert.equal(answer.result?.content[0].text, who, JSON.stringify(answer));
        else assert.equal(answer.error, undefined, JSON.stringify(answer));
        assert.equal((await bridge.end()).code, 0);
      }
      assert.equal((await home.run(["refresh", "linear"])).code, 0, "with the refresh token of mcp-remote");

      const stale = await home.run([
        "import",
        "claude-desktop",
        "--move",
        "--with-headers",
        "--yes",
        "--json",
      ]);
      assert.equal(stale.json.imported[0].moved, false, "the entry that is there has not got the header");
      assert.match(stale.stderr, /bring it up to date with --force/);

      const rest = await home.run([
        ...[
          "import",
          "claude-desktop",
          "secret",
          "--move",
          "--with-headers",
          "--name",
          "secret=api",
          "--yes",
          "--json",
        ],
      ]);
      assert.equal(rest.code, 0, rest.stderr);
      assert.deepEqual([rest.json.imported[0].name, rest.json.imported[0].moved], ["api", true]);
      assert.ok(!(await Deno.readTextFile(path)).includes("s3cret-value"), "it is in the store alone");
      const again = await home.run(["import", "claude-desktop", "--move", "--yes", "--json"]);
      assert.deepEqual([again.code, again.json.changed, again.json.imported], [0, false, []]);
    } finally {
      await open.close();
    }
  },
});

Deno.test("a token in a header is a sign-in with --with-headers; one in a variable stays where it is", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { url } = servers.mcp;
  assert.equal((await home.run(["add", "mine", url])).code, 0);
  const token = (await home.run(["token", "mine"])).stdout.trim();
  assert.equal((await home.run(["remove", "mine", "--local-only"])).code, 0);
  const headers = { Authorization: `Bearer ${token}` };
  const path = await writeHostFile(
    home,
    "cursor",
    JSON.stringify({
      mcpServers: {
        a: { url, headers },
        b: { url: `${url}?b`, headers: { Authorization: "Bearer ${env:TOKEN}" } },
        c: {
          command: "mcp-proxy",
          args: ["--transport", "streamablehttp", `${url}?c`],
          env: { API_ACCESS_TOKEN: token },
        },
      },
    }),
  );
  const without = await home.run(["import", "cursor", "--move", "--yes", "--dry-run", "--json"]);
  assert.deepEqual(without.json.imported.map(({ moved }: { moved: boolean }) => moved), [
    false,
    false,
    false,
  ]);
  const { code, json, stderr } = await home.run([
    "import",
    "cursor",
    "--move",
    "--with-headers",
    "--yes",
    "--json",
  ]);
  assert.equal(code, 0, stderr);
  assert.ok(!stderr.includes(token) && !JSON.stringify(json).includes(token));
  assert.deepEqual(
    json.imported.map((each: Record<string, unknown>) => [each.name, each.state, each.moved]),
    [["a", "token", true], ["b", "not-signed-in", false], ["c", "token", true]],
  );
  assert.match(stderr, /the token is in TOKEN: give it with mcp-auth add <name> <url> --token-stdin/);
  const text = await Deno.readTextFile(path);
  assert.ok(!text.includes(token), "the host has it no more");
  await using bridge = startEntry(home, (await hostServers(home, "cursor")).a!);
  await bridge.initialize();
  assert.equal((await bridge.call("whoami")).result?.content[0].text, "alice");
  await bridge.end();
});

Deno.test("two accounts at one URL are two entries, one server in two projects is one, and --force renews", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { url } = servers.mcp;
  const path = await writeHostFile(
    home,
    "claude-code",
    JSON.stringify({
      mcpServers: {
        work: { type: "http", url, headers: { "X-Account": "${WORK}" } },
        home: { type: "http", url },
      },
      projects: { "/a": { mcpServers: { home: { type: "http", url } } }, "/b": { history: [] } },
    }),
  );
  const { code, json, stderr } = await home.run(["import", "claude-code", "--move", "--yes", "--json"]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(json.imported.map(({ name }: { name: string }) => name), ["work", "home", "home"]);
  const after = JSON.parse(await Deno.readTextFile(path));
  assert.deepEqual(after.projects["/a"].mcpServers.home.args.slice(-2), ["bridge", "home"]);
  assert.deepEqual(after.mcpServers.work.args.slice(-2), ["bridge", "work"]);
  assert.equal((await home.run(["login", "work"], { env: { WORK: "w" } })).code, 0);
  await Deno.writeTextFile(
    path,
    JSON.stringify({ mcpServers: { work: { type: "http", url, headers: { "X-Account": "secret-w" } } } }),
  );
  const renewed = await home.run([
    ...[
      "import",
      "claude-code",
      "work",
      "--name",
      "work=work",
      "--move",
      "--with-headers",
      "--force",
      "--yes",
    ],
  ]);
  assert.equal(renewed.code, 0, renewed.stderr);
  assert.equal((await home.run(["call", "work", "whoami"])).stdout, "alice\n", "it keeps its sign-in");
  assert.equal(servers.mcp.requests("POST /mcp").at(-1)!.headers.get("x-account"), "secret-w");
});

Deno.test("servers that have a stream alone are asked there whether they want a sign-in", async () => {
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    if (request.method === "POST") return new Response(null, { status: 405 });
    const isOpen = new URL(request.url).pathname === "/open";
    return isOpen
      ? new Response(": hello\n\n", { headers: { "content-type": "text/event-stream" } })
      : new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } });
  });
  await using home = await Home.make();
  const at = `http://127.0.0.1:${server.addr.port}`;
  await writeHostFile(
    home,
    "gemini",
    JSON.stringify({
      mcpServers: {
        open: { url: `${at}/open`, type: "sse" },
        closed: { url: `${at}/closed`, type: "sse" },
        found: { httpUrl: `${at}/open` },
        gone: { httpUrl: "https://gone.invalid/mcp" },
        ws: { httpUrl: "wss://gone.invalid/ws" },
      },
    }),
  );
  const { code, json, stderr } = await home.run(["import", "gemini", "--json"]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    json.imported.map((each: Record<string, unknown>) => [each.name, each.state]),
    [
      ["open", "no-sign-in-needed"],
      ["closed", "not-signed-in"],
      ["found", "no-sign-in-needed"],
      ["gone", "not-signed-in"],
      ["ws", "not-signed-in"],
    ],
  );
  assert.match(stderr, /Warning: .*gone\.invalid/);
  const urls = (await home.run(["list", "--json"])).json.map(({ url }: { url: string }) => url);
  assert.ok(urls.includes("https://gone.invalid/ws"), "a WebSocket is an entry with its https URL");
});

Deno.test("a name that is taken stops all of it, and nothing is changed", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { url } = servers.mcp;
  assert.equal((await home.run(["add", "a", url])).code, 0);
  const text = `{ "mcpServers": { "a": { "url": "${url}?x" }, "b": { "url": "${url}?b" } } }`;
  const path = await writeHostFile(home, "windsurf", text);
  const taken = await home.run(["import", "windsurf", "--move", "--yes", "--json"]);
  assertError(taken, "CONFIG_INVALID", 1, /--name old=new/);
  assert.equal(await Deno.readTextFile(path), text);
  assert.equal((await home.run(["list", "--json"])).json.length, 1);
  const named = await home.run(["import", "windsurf", "--move", "--yes", "--name", "a=c", "--json"]);
  assert.equal(named.code, 0, named.stderr);
  assert.deepEqual((await hostServers(home, "windsurf")).a!.args.slice(-2), ["bridge", "c"]);
  assertError(await home.run(["import", "windsurf", "nope", "--json"]), "NOT_FOUND", 5, /It has: a, b/);
  assertError(await home.run(["import", "vscode", "--json"]), "CONFIG_MISSING", 5);
  assertError(
    await home.run(["import", "windsurf", "--issuer", "https://i", "--login", "--json"]),
    "USAGE",
    2,
  );
  assertError(await home.run(["import", "./windsurf", "--json"]), "CONFIG_MISSING", 5);
});

Deno.test("a full disk after the entries are stored leaves the host as it was, and the next run goes on", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const text = `{ "mcpServers": { "a": { "url": "${servers.mcp.url}" } } }`;
  await Deno.mkdir(`${home.path}/.cursor`);
  await home.file("settings", text);
  const script =
    `mount -t tmpfs -o size=64k tmpfs "$HOME/.cursor" && cp "$HOME/settings" "$HOME/.cursor/mcp.json" &&
    head -c 1000000 /dev/zero >"$HOME/.cursor/filler" 2>/dev/null
    "$@"; code=$?; cmp -s "$HOME/settings" "$HOME/.cursor/mcp.json" || exit 99; exit $code`;
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const full = await home.run(["import", "cursor", "--move", "--yes", "--json"], {
    command: ["unshare", "--mount", "sh", "-c", script, "sh", Deno.execPath(), "run", "-A", main],
  });
  assertError(full, "CONFIG_INVALID", 1, /Free some space/);
  await writeHostFile(home, "cursor", text);
  const again = await home.run(["import", "cursor", "--move", "--yes", "--json"]);
  assert.deepEqual([again.code, again.json.changed, again.json.imported[0].state], [0, true, "exists"]);
  assert.equal(hostFile(home, "cursor"), again.json.file);
});

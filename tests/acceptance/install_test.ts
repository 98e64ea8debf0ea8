/**
 * `install` into each host: the file that the host would have, the real program, and then exactly what was written,
 * started as the host would start it, in front of a real server.
 *
 * @see behaviours rows 47 and 48
 * @module
 */
import assert from "node:assert/strict";
import { HOST_NAMES, hostFile, hostServers, OTHERS, startEntry, writeHostFile } from "./host_files.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";
import { atTerminal } from "./terminal.ts";

async function signedIn(home: Home, servers: Servers, name = "demo"): Promise<void> {
  const { code, stderr } = await home.run(["add", name, servers.mcp.url]);
  assert.equal(code, 0, stderr);
}

/** The lines of a text without those of another, and the other way round. */
function differing(before: string, after: string) {
  const [old, now] = [before.split("\n"), after.split("\n")];
  return {
    gone: old.filter((line) => !now.includes(line)),
    come: now.filter((line) => !old.includes(line)),
  };
}

for (const host of HOST_NAMES) {
  Deno.test(`rows 47 and 48: ${host} starts what install wrote, and is signed in`, async () => {
    await using servers = await startServers();
    await using home = await Home.make();
    await signedIn(home, servers);
    const path = await writeHostFile(home, host, OTHERS[host]);
    await Deno.chmod(path, 0o640);

    const unasked = await home.run(["install", host, "demo"]);
    assert.equal(unasked.code, 2, unasked.stderr);
    assert.match(unasked.stderr, /^--- .*\n\+\+\+ .*\n@@ /m);
    assert.match(unasked.stderr, /nobody is there to agree to it \[USAGE\]\nHint: Add --yes/);
    assert.equal(await Deno.readTextFile(path), OTHERS[host], "nothing is written unasked");

    const { code, json, stderr } = await home.run(["install", host, "demo", "--yes", "--json"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual([json.host, json.file, json.changed], [host, path, true]);
    assert.equal(await Deno.readTextFile(json.backup), OTHERS[host]);
    assert.equal((await Deno.stat(json.backup)).mode! & 0o777, 0o600);
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o640, "the file keeps its mode");
    const text = await Deno.readTextFile(path);
    if (host !== "windsurf") {
      const lost = differing(OTHERS[host], text).gone.map((line) => line.trim());
      const closed = differing(OTHERS[host], text).come.map((line) => line.trim());
      for (const line of lost) assert.ok(closed.some((each) => each.startsWith(line.slice(0, -1))), line);
    }
    assert.equal(text.includes("\r\n"), OTHERS[host].includes("\r\n"));

    const entry = (await hostServers(home, host)).demo!;
    assert.ok(entry.command.startsWith("/"), entry.command);
    assert.ok(!JSON.stringify(entry).includes("Bearer"));
    await using bridge = startEntry(home, entry);
    assert.equal((await bridge.initialize()).error, undefined);
    const answer = await bridge.call("whoami");
    assert.equal(answer.result?.content[0].text, "alice", JSON.stringify(answer));
    assert.equal((await bridge.end()).code, 0);

    const again = await home.run(["install", host, "demo", "--json"]);
    assert.deepEqual([again.code, again.json.changed], [0, false]);
    assert.equal(await Deno.readTextFile(path), text);

    const removed = await home.run(["install", host, "demo", "--remove", "--yes", "--json"]);
    assert.equal(removed.code, 0, removed.stderr);
    assert.equal((await hostServers(home, host) ?? {}).demo, undefined);
    if (host !== "gemini" && host !== "claude-code") {
      assert.equal(await Deno.readTextFile(path), OTHERS[host], "as it was before");
    }
    const gone = await home.run(["install", host, "demo", "--remove", "--yes", "--json"]);
    assertError(gone, "NOT_FOUND", 5);
  });
}

Deno.test("a name of its own, --login, the keystore and the home of this store go along, and no secret", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const env = {
    MCP_AUTH_HOME: `${home.path}/st ore`,
    MCP_AUTH_KEYSTORE: "env",
    MCP_AUTH_KEY: "ab".repeat(32),
  };
  assert.equal((await home.run(["add", "my.demo", servers.mcp.url], { env })).code, 0);
  await writeHostFile(home, "codex");
  const { code, stderr } = await home.run(["install", "codex", "my.demo", "--login", "--yes"], { env });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /The host has to have MCP_AUTH_KEY in its environment/);
  const text = await Deno.readTextFile(hostFile(home, "codex"));
  assert.ok(!text.includes("abab"), text);
  assert.equal((await Deno.stat(hostFile(home, "codex"))).mode! & 0o777, 0o600);
  const entry = (await hostServers(home, "codex"))["my-demo"]!;
  assert.deepEqual({ ...entry.env }, { MCP_AUTH_HOME: `${home.path}/st ore`, MCP_AUTH_KEYSTORE: "env" });
  assert.deepEqual(entry.args.slice(-3), ["bridge", "my.demo", "--login"]);
  await using bridge = startEntry(home, entry, { env: { MCP_AUTH_KEY: env.MCP_AUTH_KEY } });
  await bridge.initialize();
  assert.equal((await bridge.call("whoami")).result?.content[0].text, "alice");
  await bridge.end();
  const other = await home.run(["install", "codex", "my.demo", "--as", "no dots.", "--yes", "--json"], {
    env,
  });
  assertError(other, "USAGE", 2);
});

Deno.test("another server of that name is left alone unless --force says so; a bridge of ours is brought up to date", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signedIn(home, servers);
  const other = '{ "mcpServers": { "demo": { "command": "npx", "args": ["x"], "disabled": true } } }';
  const path = await writeHostFile(home, "cursor", other);
  const refused = await home.run(["install", "cursor", "demo", "--yes", "--json"]);
  assertError(refused, "CONFIG_INVALID", 1, /--as <name>, or add --force/);
  assert.equal(await Deno.readTextFile(path), other);
  assert.equal((await home.run(["install", "cursor", "demo", "--as", "mine", "--yes"])).code, 0);
  assert.equal((await home.run(["install", "cursor", "demo", "--force", "--yes"])).code, 0);
  const { demo, mine } = await hostServers(home, "cursor");
  assert.equal(demo!.disabled, true, "what nobody knows of stays");
  assert.deepEqual(demo!.args, mine!.args);
  const old = { command: "/old/mcp-auth", args: ["bridge", "demo"] };
  await Deno.writeTextFile(path, JSON.stringify({ mcpServers: { demo: old } }));
  assert.equal((await home.run(["install", "cursor", "demo", "--yes"])).code, 0, "no --force is needed");
  assert.deepEqual((await hostServers(home, "cursor")).demo!.args, mine!.args);
});

Deno.test("a configuration that cannot be read is told with line and column, and not touched", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signedIn(home, servers);
  const broken = [
    ["cursor", '{\n  "mcpServers": {\n    "a" 1\n  }\n}', /line 3, column 9/],
    ["codex", '[mcp_servers.a]\ncommand = "x\n', /line 2, column/],
    ["gemini", '{ "mcpServers": [] }', /mcpServers does not hold servers/],
    ["windsurf", '{ "mcpServers": {}, "mcpServers": {} }', /stands there twice/],
  ] as const;
  for (const [host, text, words] of broken) {
    const path = await writeHostFile(home, host, text);
    for (const more of [["--yes"], ["--yes", "--force"]]) {
      const outcome = await home.run(["install", host, "demo", ...more, "--json"]);
      assertError(outcome, "CONFIG_INVALID", 1);
      assert.match(outcome.json.error.message, words);
    }
    assert.equal(await Deno.readTextFile(path), text);
    const left = (await Array.fromAsync(Deno.readDir(path.slice(0, path.lastIndexOf("/"))))).map(({ name }) =>
      name
    );
    assert.deepEqual(left.filter((name) => name.includes("mcp-auth")), []);
  }
});

Deno.test("a host that is not there is told, and its file made with --force", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signedIn(home, servers);
  const missing = await home.run(["install", "claude-desktop", "demo", "--yes", "--json"]);
  assertError(missing, "CONFIG_MISSING", 5, /--config-file, or add --force/);
  assert.equal((await home.run(["install", "claude-desktop", "demo", "--yes", "--force"])).code, 0);
  assert.ok((await hostServers(home, "claude-desktop")).demo);
  const project = await home.run(["install", "vscode", "demo", "--scope", "project", "--yes", "--json"]);
  assert.equal(project.code, 0, project.stderr);
  assert.equal(project.json.file, `${home.path}/.vscode/mcp.json`);
  assert.equal((await Deno.stat(project.json.file)).mode! & 0o777, 0o644);
  const none = await home.run(["install", "windsurf", "demo", "--scope", "project", "--yes", "--json"]);
  assertError(none, "USAGE", 2);
  const named = await home.run(["install", "cursor", "demo", "--config-file", "x.json", "--yes", "--json"]);
  assert.equal(named.json.file, `${home.path}/x.json`);
});

Deno.test("--print shows the fragment on standard output and writes nothing", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signedIn(home, servers);
  const printed = await home.run(["install", "vscode", "demo", "--print"]);
  assert.equal(printed.code, 0, printed.stderr);
  const { servers: { demo } } = JSON.parse(printed.stdout);
  assert.equal(demo.type, "stdio");
  assert.match(printed.stderr, /For .*Code\/User\/mcp\.json:/);
  assert.equal(await Deno.stat(hostFile(home, "vscode")).then(() => true, () => false), false);
  assert.match(
    (await home.run(["install", "codex", "demo", "--print"])).stdout,
    /^\[mcp_servers\.demo\]\ncommand = /,
  );
});

Deno.test("a link to dotfiles stays a link, and the file that it leads to is changed", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signedIn(home, servers);
  const path = await writeHostFile(home, "cursor");
  await Deno.mkdir(`${home.path}/dotfiles`);
  await Deno.writeTextFile(`${home.path}/dotfiles/cursor.json`, "{}\n");
  await Deno.symlink("../dotfiles/cursor.json", path);
  assert.equal((await home.run(["install", "cursor", "demo", "--yes"])).code, 0);
  assert.equal(await Deno.readLink(path), "../dotfiles/cursor.json");
  assert.ok(JSON.parse(await Deno.readTextFile(`${home.path}/dotfiles/cursor.json`)).mcpServers.demo);
  await Deno.remove(`${home.path}/dotfiles/cursor.json`);
  const dangling = await home.run(["install", "cursor", "demo", "--yes", "--json"]);
  assertError(dangling, "CONFIG_INVALID", 1);
});

Deno.test("at a terminal the person is asked, and a no changes nothing", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signedIn(home, servers);
  const path = await writeHostFile(home, "gemini", OTHERS.gemini);
  await using no = atTerminal(home, ["install", "gemini", "demo"]);
  await no.shows("Change ");
  await no.running.write("n");
  assert.equal((await no.end()).code, 130);
  assert.equal(await Deno.readTextFile(path), OTHERS.gemini);
  await using yes = atTerminal(home, ["install", "gemini", "demo"]);
  await yes.shows("Change ");
  await yes.running.write("y");
  assert.equal((await yes.end()).code, 0);
  assert.ok((await hostServers(home, "gemini")).demo);
});

Deno.test("a file that the host writes while the person decides is changed as it is then", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signedIn(home, servers);
  const path = await writeHostFile(home, "claude-code", OTHERS["claude-code"]);
  await using running = atTerminal(home, ["install", "claude-code", "demo"]);
  await running.shows("Change ");
  const moved = OTHERS["claude-code"].replace("12", "13");
  await Deno.writeTextFile(path, moved);
  await running.running.write("y");
  assert.equal((await running.end()).code, 0);
  const { numStartups, mcpServers } = JSON.parse(await Deno.readTextFile(path));
  assert.deepEqual([numStartups, Object.keys(mcpServers)], [13, ["demo"]]);
});

Deno.test("eight installs at once all arrive", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signedIn(home, servers);
  await writeHostFile(home, "cursor", OTHERS.cursor);
  const names = Array.from({ length: 8 }, (_, at) => `demo-${at}`);
  const outcomes = await Promise.all(
    names.map((name) => home.run(["install", "cursor", "demo", "--as", name, "--yes"])),
  );
  for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
  assert.deepEqual(Object.keys(await hostServers(home, "cursor")).sort(), [...names, "fs"].sort());
  const left = (await Array.fromAsync(Deno.readDir(`${home.path}/.cursor`))).map(({ name }) => name);
  assert.ok(!left.some((name) => name.endsWith(".tmp")), left.join());
  assert.equal(left.filter((name) => name.includes("backup")).length, 5, "a few are kept");
});

Deno.test("kill -9 at any moment leaves the old file or the new one, and the next run tidies up", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signedIn(home, servers);
  const big = `{\n  "mcpServers": {},\n  "history": [\n${'    "line",\n'.repeat(200_000)}    "end"\n  ]\n}\n`;
  const path = await writeHostFile(home, "gemini", big);
  const folder = `${home.path}/.gemini`;
  const writing = () => [...Deno.readDirSync(folder)].some(({ name }) => name.includes("mcp-auth"));
  let [old, fresh, midway] = [0, 0, 0];
  for (let round = 0; round < 8; round++) {
    await Deno.writeTextFile(path, big);
    for (const { name } of Deno.readDirSync(folder)) {
      if (name.includes("mcp-auth")) await Deno.remove(`${folder}/${name}`);
    }
    await using running = home.start(["install", "gemini", "demo", "--yes"]);
    await until(writing, 15_000);
    await new Promise((resolve) => setTimeout(resolve, round * 4));
    running.kill("SIGKILL");
    await running.outcome;
    if ([...Deno.readDirSync(folder)].some(({ name }) => name.endsWith(".tmp"))) midway++;
    const text = await Deno.readTextFile(path);
    if (text === big) old++;
    else {
      assert.ok(JSON.parse(text).mcpServers.demo);
      assert.equal(JSON.parse(text).history.length, 200_001);
      fresh++;
    }
  }
  assert.ok(old > 0 && midway > 0, `${old} old, ${fresh} new, ${midway} with something left beside`);
  for (const { name } of Deno.readDirSync(folder)) {
    if (name.endsWith(".tmp")) await Deno.utime(`${folder}/${name}`, 1, 1);
  }
  assert.equal((await home.run(["install", "gemini", "demo", "--as", "last", "--yes"])).code, 0);
  assert.ok(![...Deno.readDirSync(folder)].some(({ name }) => name.endsWith(".tmp")));
});

Deno.test("under the printed permissions, and no others, install and import do their work", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signedIn(home, servers);
  await writeHostFile(home, "cursor", OTHERS.cursor);
  const under = async (...line: readonly string[]) => {
    const words = line.filter((word) => !["demo", "--yes", "--json"].includes(word)).join(" ");
    const { code, json, stderr } = await home.run(["permissions", "--command", words, "--json"]);
    assert.equal(code, 0, stderr);
    const allowed = json.flags as readonly string[];
    assert.ok(allowed.includes(`--allow-write=${home.path}/.cursor,${home.store}`), allowed.join(" "));
    const command = [Deno.execPath(), "run", ...allowed, FROM.at(-1)!];
    const outcome = await home.run(line, { command });
    assert.equal(outcome.code, 0, outcome.stderr);
  };
  await under("install", "cursor", "demo", "--yes");
  assert.ok((await hostServers(home, "cursor")).demo);
  await under("import", "cursor", "--move", "--yes");
});

Deno.test("a file that is read-only, and a disk that is full, are told, and nothing is changed", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signedIn(home, servers);
  const path = await writeHostFile(home, "cursor", OTHERS.cursor);
  await Deno.chmod(path, 0o444);
  const locked = await home.run(["install", "cursor", "demo", "--yes", "--json"]);
  assertError(locked, "CONFIG_INVALID", 1, /--print/);
  assert.match(locked.json.error.message, /read-only/);
  assert.equal(await Deno.readTextFile(path), OTHERS.cursor);

  const script =
    `mount -t tmpfs -o size=64k tmpfs "$HOME/.gemini" && cp "$HOME/settings" "$HOME/.gemini/settings.json" &&
    head -c 1000000 /dev/zero >"$HOME/.gemini/filler" 2>/dev/null; before=$(cksum <"$HOME/.gemini/settings.json")
    "$@"; code=$?; test "$before" = "$(cksum <"$HOME/.gemini/settings.json")" || exit 99
    test $(ls -A "$HOME/.gemini" | wc -l) = 2 || exit 98; exit $code`;
  await Deno.mkdir(`${home.path}/.gemini`);
  await home.file("settings", OTHERS.gemini);
  const full = await home.run(["install", "gemini", "demo", "--yes", "--json"], {
    command: ["unshare", "--mount", "sh", "-c", script, "sh", ...FROM],
  });
  assertError(full, "CONFIG_INVALID", 1, /Free some space/);
});

const FROM = [Deno.execPath(), "run", "-A", new URL("../../main.ts", import.meta.url).pathname];

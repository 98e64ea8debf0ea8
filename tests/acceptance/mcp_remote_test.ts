/**
 * Taking over sign-ins of the real mcp-remote: it signs in itself, its folder is imported without a byte of it changed,
 * and the tokens refresh. Version 0.1.38 has a folder for each version and notes neither expiry nor issuer; the latest
 * notes both.
 *
 * @see behaviours row 5
 * @module
 */
import assert from "node:assert/strict";
import { signInWith, whyMissing } from "./mcp_remote.ts";
import { assertError } from "./outcome.ts";
import { checkoutPath, Home } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

const VERSIONS = [["0.1.38", /^mcp-remote-0\.1\.3\d$/], ["0.15.1", /^mcp-remote-v1$/]] as const;

const missing = await whyMissing(VERSIONS.map(([version]) => version));

/** Every file below a folder, with its content and its age. */
async function snapshot(folder: string): Promise<Readonly<Record<string, readonly [string, number]>>> {
  const found: Record<string, readonly [string, number]> = {};
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) Object.assign(found, await snapshot(path));
    else found[path] = [await Deno.readTextFile(path), (await Deno.stat(path)).mtime!.getTime()];
  }
  return found;
}

function test(
  name: string,
  body: (home: Home, servers: Servers, t: Deno.TestContext) => Promise<void>,
  options: Parameters<typeof startServers>[0] = {},
): void {
  Deno.test({
    name: `${name}${missing === undefined ? "" : ` (ignored: ${missing})`}`,
    ignore: missing !== undefined,
    fn: async (t) => {
      await using servers = await startServers(options);
      await using home = await Home.make();
      await body(home, servers, t);
    },
  });
}

for (const [version, folder] of VERSIONS) {
  test(
    `a sign-in of mcp-remote ${version} is taken over, and its tokens refresh (row 5)`,
    async (home, servers) => {
      const { url } = servers.mcp;
      await signInWith(home, version, url);
      const before = await snapshot(`${home.path}/.mcp-auth`);
      const refreshes = () => servers.as.requests(`POST ${servers.as.paths.token}`).length;
      const asked = refreshes();

      const dry = await home.run(["import", "mcp-remote", url, "--dry-run", "--json"]);
      assert.equal(dry.code, 0, dry.stderr);
      assert.deepEqual((await home.run(["list", "--json"])).json, [], "a dry run imports nothing");

      const { code, json, stderr } = await home.run([
        "import",
        "mcp-remote",
        "--name",
        `${url}=demo`,
        "--json",
      ]);
      assert.equal(code, 0, stderr);
      const [imported] = json.imported;
      assert.equal(imported.name, "demo");
      assert.match(imported.from, folder);
      assert.deepEqual([imported.tokens, imported.can_refresh, imported.issuer], [
        true,
        true,
        servers.as.issuer,
      ]);
      const left = Date.parse(imported.expires_at) - Date.now();
      assert.ok(left > 3_500_000 && left <= 3_600_000, `${left}`);
      assert.match(stderr, /Warning: mcp-remote has the same refresh tokens still\. Stop using it/);
      assert.equal(refreshes(), asked, "nothing was refreshed by the import");

      assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
      const refreshed = await home.run(["refresh", "demo"]);
      assert.equal(refreshed.code, 0, refreshed.stderr);
      assert.equal(refreshes(), asked + 1);
      assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
      assert.deepEqual(await snapshot(`${home.path}/.mcp-auth`), before, "not a byte and no time is changed");
    },
  );
}

test("a URL need not be given where the tokens name their audience", async (home, servers) => {
  await signInWith(home, "0.1.38", servers.mcp.url);
  const { code, stdout, stderr } = await home.run(["import", "mcp-remote"]);
  assert.equal(code, 0, stderr);
  assert.ok(stdout.includes(`(${servers.mcp.url}), signed in`), stdout);
});

test(
  "opaque tokens whose issuer nobody noted come without, unless the person vouches for it (C35)",
  async (home, servers) => {
    const { url } = servers.mcp;
    await signInWith(home, "0.1.38", url);
    const unknown = await home.run(["import", "mcp-remote"]);
    assert.equal(unknown.code, 0);
    assert.match(unknown.stderr, /One sign-in is for servers that the folder does not name: give their URLs/);

    const bare = await home.run(["import", "mcp-remote", "--name", `${url}=demo`]);
    assert.equal(bare.code, 0, bare.stderr);
    assert.match(bare.stdout, /without tokens: mcp-remote did not note their issuer.*mcp-auth login demo/);
    assertError(await home.run(["token", "demo", "--json"]), "AUTH_REQUIRED", 4);

    const args = ["import", "mcp-remote", url, "--force", "--issuer"];
    const other = await home.run([...args, "https://other.example"]);
    assert.equal(other.code, 0, other.stderr);
    assert.match(
      other.stderr,
      /"demo" is left as it is: no tokens can be taken over: they are of the issuer/,
    );

    const vouched = await home.run([...args, servers.as.issuer]);
    assert.equal(vouched.code, 0, vouched.stderr);
    assert.match(vouched.stdout, /Imported demo .*, signed in/);
    assert.equal((await home.run(["refresh", "demo"])).code, 0);
    assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
  },
  { as: { accessTokenFormat: "opaque" } },
);

test(
  "a sign-in at an authorization server that the server has left is not taken over (C35)",
  async (home, servers) => {
    const { url } = servers.mcp;
    await signInWith(home, "0.15.1", url);
    await using other = await startServers();
    const file = Object.keys(await snapshot(`${home.path}/.mcp-auth`)).find((path) =>
      path.endsWith("_tokens.json")
    )!;
    const tokens = JSON.parse(await Deno.readTextFile(file));
    await Deno.writeTextFile(file, JSON.stringify({ ...tokens, issuer: other.as.issuer }));
    const { code, json } = await home.run(["import", "mcp-remote", "--name", `${url}=demo`, "--json"]);
    assert.equal(code, 0);
    assert.equal(json.imported[0].tokens, false);
    assert.match(json.imported[0].without_tokens, /they are of the issuer/);
    assert.equal((await home.run(["status", "demo", "--json"])).json.state, "not-signed-in");
  },
);

test(
  "a server that cannot be asked is left out and told, and the others are imported",
  async (home, servers) => {
    await signInWith(home, "0.15.1", servers.mcp.url);
    const gone = await startServers();
    await signInWith(home, "0.15.1", gone.mcp.url);
    await gone[Symbol.asyncDispose]();
    const { code, json } = await home.run(["import", "mcp-remote", servers.mcp.url, gone.mcp.url, "--json"]);
    assert.equal(code, 3);
    assert.deepEqual(json.imported.map((each: { url: string }) => each.url), [servers.mcp.url]);
    assert.deepEqual(json.failed.map((each: { url: string; code: string }) => [each.url, each.code]), [
      [gone.mcp.url, "NETWORK_ERROR"],
    ]);
    assert.equal((await home.run(["list", "--json"])).json.length, 1);
  },
);

test("what the person chose for an entry stays when its sign-in is taken over", async (home, servers) => {
  const { url } = servers.mcp;
  await signInWith(home, "0.15.1", url);
  const added = await home.run(["add", "demo", url, "--callback-port", "0", "--header", "X-Team: blue"]);
  assert.equal(added.code, 0, added.stderr);
  const exists = await home.run(["import", "mcp-remote", url, "--json"]);
  assertError(exists, "CONFIG_INVALID", 1, /--force/);
  const skipped = await home.run(["import", "mcp-remote"]);
  assert.equal(skipped.code, 0);
  assert.match(skipped.stderr, /"demo" is an entry for .* already; --force takes over the sign-in/);
  const taken = await home.run(["import", "mcp-remote", url, "--force"]);
  assert.equal(taken.code, 0, taken.stderr);
  assert.equal((await home.run(["status", "demo", "--json"])).json.client_source, "dynamic");
  assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
  assert.ok(servers.mcp.requests("POST /mcp").some(({ headers }) => headers.get("x-team") === "blue"));
});

test("under the printed flags and those for its servers, nothing else is needed", async (home, servers) => {
  const { url } = servers.mcp;
  await signInWith(home, "0.15.1", url);
  const env = { MCP_AUTH_HOME: `${home.path}/store`, MCP_AUTH_KEYSTORE: undefined };
  assert.equal((await home.run(["add", "free", url, "--keystore", "file"], { env })).code, 0);
  const printed = await home.run(["permissions", "--command", "import mcp-remote", "--json"], { env });
  const net = `--allow-net=${new URL(url).host},${new URL(servers.as.issuer).host}`;
  const command = [Deno.execPath(), "run", ...printed.json.flags, net, checkoutPath("main.ts")];
  const { code, stdout, stderr } = await home.run(["import", "mcp-remote", "--name", `${url}=demo`], {
    command,
    env,
  });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^✓ Imported demo .*, signed in\n$/);
});

Deno.test("a folder that is missing, empty, unreadable or full of nonsense is told, and changes nothing", async () => {
  await using home = await Home.make();
  const folder = `${home.path}/.mcp-auth`;
  assertError(await home.run(["import", "mcp-remote", "--json"]), "CONFIG_MISSING", 5);
  await Deno.mkdir(`${folder}/mcp-remote-v1`, { recursive: true });
  const empty = await home.run(["import", "mcp-remote"]);
  assert.deepEqual([empty.code, empty.stdout], [0, ""]);
  assert.match(empty.stderr, /There is no sign-in in/);

  const hash = "0123456789abcdef0123456789abcdef";
  await Deno.writeTextFile(`${folder}/mcp-remote-v1/${hash}_tokens.json`, "\u001b[2J{");
  await Deno.symlink("/etc", `${folder}/mcp-remote-0.1.0`);
  await Deno.symlink("/dev/zero", `${folder}/mcp-remote-v1/${"a".repeat(32)}_tokens.json`);
  await new Deno.Command("mkfifo", { args: [`${folder}/mcp-remote-v1/${"b".repeat(32)}_tokens.json`] })
    .output();
  await Deno.writeFile(`${folder}/mcp-remote-v1/${"c".repeat(32)}_tokens.json`, new Uint8Array(1 << 20));
  const hostile = await home.run(["import", "mcp-remote"]);
  assert.equal(hostile.code, 0, hostile.stderr);
  assert.equal(hostile.stderr.match(/^Warning: Cannot /gm)?.length, 2);
  assert.ok(!hostile.stderr.includes("\u001b"));
  assert.equal((await home.run(["list", "--json"])).json.length, 0);

  const elsewhere = await home.run(["import", "mcp-remote"], {
    env: { MCP_REMOTE_CONFIG_DIR: `${home.path}/none` },
  });
  assert.equal(elsewhere.code, 5);
  assert.match(elsewhere.stderr, /none": it is not there/);
});

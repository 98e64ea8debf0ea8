/**
 * The program as one file: built by `scripts/compile.ts`, and run in an empty home with no Deno to be found. It needs
 * the compiler's runtime: the one that `DENO_COMPILE` and `DENORT_BIN` name, else the one that Deno downloads. Where
 * neither is to be had the test is ignored, and its name says so; it is no reason to skip anything else.
 *
 * @module
 */
import assert from "node:assert/strict";
import { abandonAll, startHangingServer } from "./abandoned.ts";
import { Host } from "./host.ts";
import { processesOf } from "./processes.ts";
import { checkoutPath, denoDir, Home, type ProgramOptions } from "./program.ts";
import { startServers } from "./servers.ts";

/** Why there is no runtime to build with; undefined where there is one. */
async function whyNotBuilt(): Promise<string | undefined> {
  if (Deno.env.get("DENO_COMPILE") && Deno.env.get("DENORT_BIN")) return undefined;
  const archive = `v${Deno.version.deno}/denort-${Deno.build.target}.zip`;
  const isThere = await Deno.stat(`${denoDir()}/dl/release/${archive}`).then(() => true, () => false);
  if (isThere) return undefined;
  const url = `https://dl.deno.land/release/${archive}`;
  try {
    const response = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(5_000) });
    return response.ok ? undefined : `${url} answers ${response.status}`;
  } catch (error) {
    return `${url} cannot be reached: ${error instanceof Error ? error.message : error}`;
  }
}

const reason = await whyNotBuilt();

Deno.test({
  name: "the compiled program works in an empty home without Deno, and holds no package that only tests use" +
    (reason === undefined ? "" : ` (ignored: DENO_COMPILE and DENORT_BIN are not set, and ${reason})`),
  ignore: reason !== undefined,
  fn: async (t) => {
    await using servers = await startServers();
    await using home = await Home.make();
    const { mcp, as } = servers;
    const out = `${home.path}/dist`;
    const built = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", checkoutPath("scripts/compile.ts"), "--out", out],
      cwd: checkoutPath("."),
      env: { NO_COLOR: "1" },
    }).output();
    const told = new TextDecoder().decode(built.stdout) + new TextDecoder().decode(built.stderr);
    assert.ok(built.success, told);
    const file = `${out}/mcp-auth-${Deno.build.target}`;
    await Deno.mkdir(`${home.path}/no-programs`);
    const options: ProgramOptions = {
      command: [file],
      env: { PATH: `${home.path}/no-programs`, DENO_DIR: undefined },
    };

    await t.step("it holds the packages of the program, and no others", async () => {
      const packages = told.slice(0, told.indexOf("main.ts"));
      for (const name of await packageNames("deno.lock")) assert.match(packages, inTree(name), name);
      const bytes = await Deno.readFile(file);
      const text = new TextDecoder("latin1").decode(bytes);
      for (const name of ["oidc-provider", "playwright-core", "fast-check", "@modelcontextprotocol/sdk"]) {
        assert.doesNotMatch(packages, inTree(name), name);
        assert.doesNotMatch(text, new RegExp(`"name": *"${name}"`), name);
      }
      assert.match(text, /"name": *"oauth4webapi"/, "what is looked for is found where it is");
      const sums = await Deno.readTextFile(`${out}/SHA256SUMS`);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
      assert.equal(sums, `${digest}  mcp-auth-${Deno.build.target}\n`);
    });

    await t.step("add", async () => {
      const added = await home.run(["add", "demo", mcp.url], options);
      assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n", added.stderr);
      assert.equal(added.code, 0);
    });
    await t.step("token, and the same store as a checkout's", async () => {
      const { code, stdout, stderr } = await home.run(["token", "demo", "--header"], options);
      assert.deepEqual([code, stderr], [0, ""]);
      assert.equal(stdout, (await home.run(["token", "demo", "--header"])).stdout);
      assert.match(stdout, /^Authorization: Bearer \S+\n$/);
    });
    await t.step("bridge, in one process", async () => {
      await using host = new Host(home, ["demo"], options);
      await host.initialize();
      assert.equal((await host.call("whoami")).result.content[0].text, "alice");
      assert.equal((await processesOf(home.path)).length, 1);
      const { code, tookMs } = await host.end();
      assert.equal(code, 0);
      assert.ok(tookMs < 2_000);
    });
    await t.step("row 38: after 20 kill -9 of the parent no bridge is left", async () => {
      await using hanging = await startHangingServer();
      const moments = [0, 15, 30, 60, 120, ...Array.from({ length: 15 }, () => "answered" as const)];
      await abandonAll(home, hanging.url, () => [file], moments);
    });
    await t.step("8 processes that refresh at once present no refresh token twice", async () => {
      const runs = await Promise.all(Array.from({ length: 8 }, () => home.run(["refresh", "demo"], options)));
      for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
      const presented = as.requests("POST /token").map(({ form }) => form.get("refresh_token"))
        .filter((token) => token !== null);
      assert.ok(presented.length > 0);
      assert.equal(new Set(presented).size, presented.length);
    });
    for (
      const [args, expected] of [[["--version"], 0], [["nonsense"], 2], [["call", "demo", "fail"], 1], [[
        "token",
        "x",
      ], 5]] as const
    ) {
      await t.step(`exit code ${expected}`, async () => {
        assert.equal((await home.run(args, options)).code, expected);
      });
    }
    await t.step("logout", async () => {
      const { stdout } = await home.run(["logout", "demo"], options);
      assert.match(stdout, /^✓ Signed out of demo: refresh token revoked/);
      assert.equal((await home.run(["token", "demo"], options)).code, 4);
    });
    assert.deepEqual(as.errors, []);
  },
});

async function packageNames(lock: string): Promise<readonly string[]> {
  const { npm } = JSON.parse(await Deno.readTextFile(checkoutPath(lock)));
  return Object.keys(npm).map((id) => id.slice(0, id.indexOf("@", 1)));
}

/** How the compiler's list of embedded files names a package: a folder of its last name. */
function inTree(name: string): RegExp {
  return new RegExp(`[─┬] (?:\\S+/)?${name.split("/").at(-1)?.replaceAll(".", "\\.")}(?:/| \\()`);
}

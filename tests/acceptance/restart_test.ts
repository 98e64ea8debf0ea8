/**
 * The program started without Deno KV, as `deno run -A jsr:@x/mcp-auth` starts it: it starts itself once more, and
 * nobody can tell the two processes from one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Host } from "./host.ts";
import { assertError } from "./outcome.ts";
import { type Process, processesOf, until } from "./processes.ts";
import { asPackage, FROM_CHECKOUT, Home, type ProgramOptions } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

/** Servers and a home whose program is started without Deno KV. */
async function setting(): Promise<
  { servers: Servers; home: Home; options: ProgramOptions } & AsyncDisposable
> {
  const servers = await startServers();
  const home = await Home.make();
  return {
    servers,
    home,
    options: { command: await asPackage(home, ["-A"]) },
    [Symbol.asyncDispose]: async () => {
      await home[Symbol.asyncDispose]();
      await servers[Symbol.asyncDispose]();
    },
  };
}

/** The two processes of a program that waits for the browser. */
async function parentAndChild(home: Home): Promise<readonly [parent: Process, child: Process]> {
  const all = await processesOf(home.path);
  const child = all.find(({ args }) => args.includes("--unstable-kv"));
  const parent = all.find(({ pid }) => pid === child?.ppid);
  assert.ok(child !== undefined && parent !== undefined, JSON.stringify(all));
  assert.ok(!parent.args.includes("--unstable-kv"));
  return [parent, child];
}

const WAITS = /^ {2}http:\S+\n/m;

Deno.test("started without Deno KV the program restarts itself once, with every argument as it was", async () => {
  await using made = await setting();
  const { servers: { mcp }, home, options } = made;
  await using running = home.start(
    ["add", "demo", mcp.url, "--no-browser", "--scope", "a  b*$HOME '"],
    options,
  );
  await running.said(WAITS);
  const [parent, child] = await parentAndChild(home);
  assert.equal(parent.pid, running.pid);
  assert.equal((await processesOf(home.path)).length, 2);
  assert.deepEqual(child.args.slice(-6), ["add", "demo", mcp.url, "--no-browser", "--scope", "a  b*$HOME '"]);
  running.kill("SIGTERM");
  assert.equal((await running.outcome).code, 130);
});

Deno.test("in a checkout, which has Deno KV, there is one process", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await using running = home.start(["add", "demo", servers.mcp.url, "--no-browser"]);
  await running.said(WAITS);
  assert.equal((await processesOf(home.path)).length, 1);
});

Deno.test("through the restart everything works as without it", async (t) => {
  await using made = await setting();
  const { servers: { mcp }, home, options } = made;
  await t.step("add", async () => {
    const browser = await home.file(
      "browser.sh",
      `#!/bin/sh\nenv >'${home.path}/environment'\nexec ${home.environment()["BROWSER"]} "$1"\n`,
    );
    await Deno.chmod(browser, 0o700);
    const added = await home.run(["add", "demo", mcp.url], { ...options, browser });
    assert.equal(added.stdout, "✓ Connected to demo (8 tools)\n", added.stderr);
    const environment = await Deno.readTextFile(`${home.path}/environment`);
    assert.ok(environment.includes(`HOME=${home.path}`));
    assert.ok(!environment.includes("MCP_AUTH_RESTARTED_BY"), "what it starts can restart itself");
  });
  await t.step("the store is the one that a checkout uses", async () => {
    const [one, other] = [await home.run(["token", "demo"]), await home.run(["token", "demo"], options)];
    assert.equal(other.stdout, one.stdout);
    assert.equal(other.stderr, "");
  });
  await t.step("standard input", async () => {
    const text = "x".repeat(300_000);
    const called = await home.run(["call", "demo", "echo", "-"], {
      ...options,
      stdin: JSON.stringify({ text }),
    });
    assert.equal(called.stdout, `${text}\n`, called.stderr);
  });
  for (
    const [args, code, stream] of [
      [["version"], 0, "stdout"],
      [["call", "demo", "fail"], 1, "stdout"],
      [["nonsense"], 2, "stderr"],
      [["token", "nowhere"], 5, "stderr"],
    ] as const
  ) {
    await t.step(`exit code ${code}, and the output where it belongs`, async () => {
      const [plain, restarted] = [await home.run(args), await home.run(args, options)];
      assert.equal(restarted.code, code);
      assert.deepEqual([restarted.stdout, restarted.stderr], [plain.stdout, plain.stderr]);
      assert.equal(restarted[stream === "stdout" ? "stderr" : "stdout"], "");
      assert.notEqual(restarted[stream], "");
    });
  }
  await t.step("bridge", async () => {
    await using host = new Host(home, ["demo"], options);
    await host.initialize();
    assert.equal((await host.call("whoami")).result.content[0].text, "alice");
    const { code, tookMs } = await host.end();
    assert.equal(code, 0);
    assert.ok(tookMs < 2_000);
  });
});

for (const restarted of [true, false]) {
  Deno.test(`Ctrl-C in a terminal ends it once with 130, ${restarted ? "both processes of it" : "in a checkout"}`, async () => {
    await using made = await setting();
    const { servers: { mcp }, home, options } = made;
    const command = restarted ? options.command ?? [] : FROM_CHECKOUT;
    const line = [...command, "add", "demo", mcp.url, "--no-browser"].map((word) => `'${word}'`).join(" ");
    // util-linux: the program has a terminal of its own, and what is written here is typed there.
    await using typing = home.start([], {
      command: ["script", "-qefc", `exec ${line}`, "/dev/null"],
    });
    const shown = () => typing.stdout.replaceAll("\r", "");
    assert.ok(await until(() => WAITS.test(shown()), 10_000), shown());
    assert.equal(
      (await processesOf(home.path)).filter(({ args }) => args[0] === Deno.execPath()).length,
      restarted ? 2 : 1,
    );
    await typing.write("\x03");
    assert.equal((await typing.outcome).code, 130);
    assert.equal(shown().match(/\[AUTH_CANCELLED\]/g)?.length, 1, shown());
    assert.ok(await home.isQuiet(500));
    assert.deepEqual((await home.run(["list", "--json"])).json, []);
  });
}

for (const victim of ["parent", "host"] as const) {
  for (const what of ["add", "bridge"] as const) {
    Deno.test(`row 38: ${what}: killing the ${victim} leaves no process, though standard input stays open`, async () => {
      await using made = await setting();
      const { servers: { mcp }, home, options } = made;
      // A shell that waits for the program stands for the host that started it.
      const command = ["/bin/sh", "-c", '"$@"; exit 7', "host", ...options.command ?? []];
      const args = what === "add" ? ["add", "demo", mcp.url, "--no-browser"] : ["bridge", mcp.url];
      await using running = home.start(args, { command });
      if (what === "add") await running.said(WAITS);
      else {
        await running.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
        assert.ok(await until(() => running.stdout.includes("AUTH_REQUIRED"), 10_000), running.stderr);
      }
      const [parent] = await parentAndChild(home);
      assert.equal((await processesOf(home.path)).length, 3);
      if (victim === "host") running.kill("SIGKILL");
      else Deno.kill(parent.pid, "SIGKILL");
      assert.ok(await home.isQuiet(2_500), JSON.stringify(await processesOf(home.path)));
    });
  }
}

const SOME = ["--allow-env", "--allow-read", "--allow-write", "--allow-net", "--no-prompt"];

for (
  const [name, permissions, env] of [
    ["run is granted for deno alone", [...SOME, "--allow-run=deno"], {}],
    ["run is granted for this very program alone", [...SOME, `--allow-run=${Deno.execPath()}`], {}],
    ["run is not granted", SOME, {}],
    ["it was restarted already", ["-A"], { MCP_AUTH_RESTARTED_BY: "1" }],
  ] as const
) {
  Deno.test(`no second start where ${name}: the error names --unstable-kv`, async () => {
    await using home = await Home.make();
    const command = await asPackage(home, permissions);
    const outcome = await home.run(["list", "--json"], { command, env });
    assertError(outcome, "PERMISSION_DENIED", 1, /--unstable-kv/);
    const version = await home.run(["version"], { command, env });
    assert.equal(version.code, 0, "what needs no store works");
  });
}

/**
 * The flags that `permissions` prints, in Deno's sandbox: with all of them the command works, with a token that is fresh
 * and with one that has to be refreshed; without any one of them, or any one host, folder or program in them, it does
 * not. The program runs from the checkout, in an environment with as little in it as Deno needs itself.
 *
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { KeyringSession } from "../../scripts/demo/keyring_session.ts";
import { VARIABLES } from "../../lib/interfaces/cli/commands/permissions/needs.ts";
import { browserNeeds } from "../../lib/primitives/system/sandbox.ts";
import { fakeEnv } from "../fakes/env.ts";
import { Host } from "./host.ts";
import { until } from "./processes.ts";
import { checkoutPath, denoDir, FROM_CHECKOUT, Home, type ProgramOptions } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

/** What a store is sealed by, as variables of every run. */
type Keystore = Readonly<Record<string, string>>;

/** A home that is signed in as "demo", with a callback port of its own. */
class Stage implements AsyncDisposable {
  readonly home: Home;
  readonly servers: Servers;
  readonly port: string;
  readonly browser: string;
  readonly #env: Readonly<Record<string, string | undefined>>;

  private constructor(home: Home, servers: Servers, browser: string, keystore: Keystore) {
    this.home = home;
    this.servers = servers;
    this.browser = browser;
    this.port = String(freePort());
    this.#env = { MCP_AUTH_KEYSTORE: undefined, MCP_AUTH_HOME: `${home.path}/store`, ...keystore };
  }

  static async set(keystore: Keystore, kind: string): Promise<Stage> {
    const home = await Home.make();
    const stage = new Stage(home, await startServers(), await home.recordingBrowser(), keystore);
    const args = ["add", "demo", stage.servers.mcp.url, "--callback-port", stage.port, "--keystore", kind];
    const added = await home.run(args, stage.#options());
    assert.equal(added.code, 0, added.stderr);
    return stage;
  }

  /** Runs with every permission, and the scripted browser. */
  async free(...args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.home.run(args, this.#options());
    assert.equal(code, 0, stderr);
  }

  /** How to run under some flags; `BROWSER` only writes down what it is given. */
  under(flags: readonly string[], env: Readonly<Record<string, string>> = {}): ProgramOptions {
    const command = [Deno.execPath(), "run", ...flags, checkoutPath("main.ts")];
    return { command, browser: this.browser, env: { ...this.#env, ...env } };
  }

  /** The flags that are printed for a command. */
  async flags(command: string, more: readonly string[] = []): Promise<readonly string[]> {
    const args = ["permissions", "demo", "--command", command, ...more, "--json"];
    const { code, json, stdout, stderr } = await this.home.run(args, {
      ...this.#options(),
      browser: this.browser,
    });
    assert.equal(code, 0, stdout + stderr);
    assert.deepEqual(json.notes, []);
    const text = await this.home.run(args.slice(0, -1), { ...this.#options(), browser: this.browser });
    assert.equal(text.stdout.trim(), json.flags.join(" "), "no word of these needs quotes");
    return json.flags;
  }

  /** Makes the access token expired, and sign-ins a thing of the past. */
  async expire(): Promise<void> {
    const script = checkoutPath("tests/acceptance/age_entries.ts");
    const command = [...FROM_CHECKOUT.slice(0, -1), "--config", checkoutPath("deno.json"), script];
    const { code, stderr } = await this.home.run(["demo", "new"], { ...this.#options(), command });
    assert.equal(code, 0, stderr);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
    await this.servers[Symbol.asyncDispose]();
  }

  #options(): ProgramOptions {
    return { env: this.#env };
  }
}

/** One use of a command: says whether it did all that it is for. */
type Use = (stage: Stage, flags: readonly string[]) => Promise<boolean>;

/** A command that ends by itself, with a token that has to be refreshed where it uses one. */
function running(...args: readonly string[]): Use {
  return async (stage, flags) => {
    await stage.expire();
    const { code, stdout } = await stage.home.run(args, stage.under(flags));
    return code === 0 && stdout !== "";
  };
}

const bridging: Use = async (stage, flags) => {
  await stage.expire();
  await using host = new Host(stage.home, ["demo"], stage.under(flags));
  if (!await until(() => host.bridge.stderr !== "", 300)) {
    const { result, error } = await host.initialize().catch(() => ({ result: undefined, error: true }));
    if (result === undefined || error !== undefined) return false;
    if ((await host.call("whoami")).result?.content[0].text !== "alice") return false;
    return (await host.end()).code === 0;
  }
  return false;
};

/** A command that signs in: the browser has to be started, too. */
function signingIn(args: (stage: Stage) => readonly string[]): Use {
  return async (stage, flags) => {
    const { home } = stage;
    await stage.expire();
    await Deno.remove(`${home.path}/opened`).catch(() => {});
    await using signIn = home.start(args(stage), stage.under(flags));
    let ended = false;
    void signIn.outcome.then(() => ended = true);
    const url = /^ {2}(http:\S+)\n/m;
    await until(() => ended || url.test(signIn.stderr), 15_000);
    const [, shown = ""] = url.exec(signIn.stderr) ?? [];
    if (shown === "" || !await until(async () => (await home.opened()).length > 0, 1_000)) return false;
    assert.deepEqual(await home.opened(), [shown]);
    assert.equal((await browse(shown)).status, 200);
    return (await signIn.outcome).code === 0;
  };
}

const signingOut: Use = async (stage, flags) => {
  await stage.expire();
  await stage.free("login", "demo");
  const { code, stdout } = await stage.home.run(["logout", "demo", "--json"], stage.under(flags));
  if (code !== 0) return false;
  return !(JSON.parse(stdout).revocations as { outcome: string }[]).some(({ outcome }) =>
    outcome === "failed"
  );
};

/** Variables that a person's own browser would miss, and the one that stands for it here does not. */
const SCREEN = new Set(browserNeeds(fakeEnv(), "linux").variables.filter((name) => name !== "BROWSER"));

/** Every set of flags that lacks one allowance: a whole flag, or one of its items. */
function lesser(
  flags: readonly string[],
  spared: ReadonlySet<string>,
): readonly (readonly [what: string, flags: readonly string[]])[] {
  return flags.flatMap((flag, index) => {
    const [, name = "", list = ""] = /^(--allow-[a-z]+)=(.*)$/.exec(flag) ?? [];
    if (name === "") return [];
    const items = list.split(",");
    const without = items.length === 1 ? [] : items
      .filter((item) => !(name === "--allow-env" && spared.has(item)))
      .map((item) =>
        [`${name}=${item}`, [`${name}=${items.filter((each) => each !== item).join()}`]] as const
      );
    return [[name, []] as const, ...without].map(([what, instead]) =>
      [what, [...flags.slice(0, index), ...instead, ...flags.slice(index + 1)]] as const
    );
  });
}

async function assertExact(
  t: Deno.TestContext,
  stage: Stage,
  command: string,
  use: Use,
  more: readonly string[] = [],
): Promise<void> {
  const flags = await stage.flags(command, more);
  assert.ok(flags.every((flag) => !/^-A$|--allow-all|--allow-\w+$/.test(flag)), flags.join(" "));
  assert.ok(!flags.some((flag) => /^--allow-run=(.*,)?([^,]*\/)?deno(,|$)/.test(flag)));
  const missed: string[] = [];
  const spared = flags.includes(`--allow-run=${stage.browser}`) ? SCREEN : new Set<string>();
  await t.step(`"${command}" works under the flags that are printed for it`, async () => {
    assert.equal(await use(stage, flags), true, flags.join(" "));
  });
  for (const [what, fewer] of lesser(flags, spared)) {
    await t.step(
      `"${command}" does not without ${what.replaceAll(/\d{4,5}|\/tmp\/\S+/g, "...")}`,
      async () => {
        if (await use(stage, fewer)) missed.push(what);
        assert.deepEqual(missed, [], `it works with ${fewer.join(" ")}`);
      },
    );
  }
}

const KEYSTORES: readonly (readonly [kind: string, keystore: Keystore])[] = [
  ["file", {}],
  ["env", { MCP_AUTH_KEY: "0f".repeat(32) }],
  ["passphrase", { MCP_AUTH_PASSPHRASE: "correct horse battery" }],
];

for (const [kind, keystore] of KEYSTORES) {
  Deno.test(`token runs under exactly the printed flags: keystore ${kind}`, async (t) => {
    await using stage = await Stage.set(keystore, kind);
    await assertToken(t, stage);
  });
}

const { missing } = KeyringSession;
Deno.test({
  name: `token runs under exactly the printed flags: keystore keychain${
    missing === undefined ? "" : ` [skipped: ${missing}]`
  }`,
  ignore: missing !== undefined,
  async fn(t) {
    await using session = await KeyringSession.start();
    const { XDG_RUNTIME_DIR = "", DBUS_SESSION_BUS_ADDRESS = "" } = session.environment;
    await using stage = await Stage.set({ XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS }, "keychain");
    const flags = await stage.flags("token");
    assert.ok(flags.includes("--allow-run=secret-tool"), flags.join(" "));
    await assertToken(t, stage);
    await stage.free("keystore", "use", "file");
    await t.step("keystore use keychain works under the flags that are printed for it", async () => {
      const printed = await stage.flags("keystore use keychain");
      assert.equal(await running("keystore", "use", "keychain")(stage, printed), true, printed.join(" "));
    });
  },
});

async function assertToken(t: Deno.TestContext, stage: Stage): Promise<void> {
  const flags = await stage.flags("token");
  await t.step("a fresh token needs no network", async () => {
    const offline = flags.filter((flag) => !flag.startsWith("--allow-net"));
    const { code, stdout, stderr } = await stage.home.run(["token", "demo"], stage.under(offline));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^\S+\n$/);
    assert.equal(stderr, "");
  });
  await assertExact(t, stage, "token", running("token", "demo"));
}

for (
  const [command, use] of [
    ["list", running("list")],
    ["status", running("status", "demo")],
    ["refresh", running("refresh", "demo")],
    ["tools", running("tools", "demo")],
    ["call", running("call", "demo", "whoami")],
    ["bridge", bridging],
    ["login", signingIn(() => ["login", "demo"])],
    [
      "add",
      signingIn(({ servers, port }) => ["add", "new", servers.mcp.url, "--callback-port", port, "--force"]),
    ],
    ["logout", signingOut],
    ["set", running("set", "demo", "--scope", "mcp:read")],
    ["audit", running("audit")],
    ["keystore status", running("keystore", "status")],
    ["keystore rekey", running("keystore", "rekey")],
    ["permissions", running("permissions", "demo")],
  ] as const
) {
  Deno.test(`${command} runs under exactly the printed flags`, async (t) => {
    await using stage = await Stage.set({}, "file");
    await assertExact(t, stage, command, use);
  });
}

Deno.test("export and import run under exactly the printed flags, with the file that is named", async (t) => {
  await using stage = await Stage.set({ MCP_AUTH_EXPORT_PASSPHRASE: "correct horse battery" }, "file");
  const folder = `${stage.home.path}/stick`;
  await Deno.mkdir(folder);
  const file = `${folder}/x.json`;
  const exporting = running("export", "demo", "--out", file, "--force");
  await assertExact(t, stage, "export", exporting, ["--file", file]);
  await assertExact(t, stage, "import", running("import", file, "--force"), ["--file", file]);
});

Deno.test("exec runs under the printed flags and the permission to start its program", async () => {
  await using stage = await Stage.set({}, "file");
  await stage.expire();
  const printed = await stage.home.run(["permissions", "demo", "--command", "exec", "--json"], {
    env: { MCP_AUTH_HOME: `${stage.home.path}/store` },
  });
  const { flags, notes } = printed.json;
  assert.match(notes.join(), /--allow-run= for the program/);
  const args = ["exec", "demo", "--", "printenv", "MCP_ACCESS_TOKEN"];
  const outcome = await stage.home.run(args, stage.under([...flags, "--allow-run=printenv"]));
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.match(outcome.stdout, /^\S+\n$/);
  assert.notEqual((await stage.home.run(args, stage.under(flags))).code, 0);
});

Deno.test("the printed line works in a shell as it is, with nothing else in its environment", async () => {
  await using stage = await Stage.set({}, "file");
  await stage.expire();
  const { home } = stage;
  const store = `${home.path}/store`;
  const printed = await home.run(["permissions", "demo"], { env: { MCP_AUTH_HOME: store } });
  const line =
    `exec env -i DENO_DIR='${denoDir()}' MCP_AUTH_HOME='${store}' '${Deno.execPath()}' run ${printed.stdout.trim()} '${
      checkoutPath("main.ts")
    }' token demo`;
  const { code, stdout, stderr } = await home.run([], { command: ["sh", "-c", line] });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^\S+\n$/);
});

Deno.test("the printed permission set works in a deno.json", async () => {
  await using stage = await Stage.set({}, "file");
  await stage.expire();
  const { home } = stage;
  const env = { MCP_AUTH_HOME: `${home.path}/store` };
  const printed = await home.run(["permissions", "demo", "--format", "config"], { env });
  const { imports } = JSON.parse(await Deno.readTextFile(checkoutPath("deno.json")));
  const lock = await home.file("set.lock", await Deno.readTextFile(checkoutPath("deno.lock")));
  const config = await home.file(
    "set.json",
    JSON.stringify({ imports, lock: { path: lock, frozen: true }, ...JSON.parse(printed.stdout) }),
  );
  const command = [
    Deno.execPath(),
    "run",
    "--no-prompt",
    "-P=mcp-auth",
    "--config",
    config,
    checkoutPath("main.ts"),
  ];
  const { code, stdout, stderr } = await home.run(["token", "demo"], { command, env });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^\S+\n$/);
});

Deno.test("under the printed flags no command asks for a variable that the table does not have", async () => {
  await using stage = await Stage.set({}, "file");
  const log = `${stage.home.path}/audit.jsonl`;
  const asked = new Set<string>();
  for (
    const [command, args] of [["token"], ["list"], ["refresh"], ["tools"], [
      "login",
      "--no-browser",
      "--timeout",
      "1",
    ]].map((words) => [words[0]!, words.slice(1)] as const)
  ) {
    await stage.expire();
    const options = stage.under(await stage.flags(command), { DENO_AUDIT_PERMISSIONS: log });
    await stage.home.run([command, ...command === "list" ? [] : ["demo"], ...args], options);
    for (const line of (await Deno.readTextFile(log)).trim().split("\n")) {
      const { permission, value } = JSON.parse(line);
      if (permission === "env" && value !== null) asked.add(value);
      assert.ok(!["ffi", "sys", "import"].includes(permission), line);
    }
    await Deno.remove(log);
  }
  assert.ok(asked.has("MCP_AUTH_HOME"));
  assert.deepEqual([...asked].filter((name) => !Object.hasOwn(VARIABLES, name) && !SCREEN.has(name)), []);
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

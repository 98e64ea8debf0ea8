/**
 * The audit log of the real program: what a life of an entry leaves in it, that no secret is among that, and that no
 * command fails or changes its output because of it.
 *
 * @see features, "Keep"; behaviours row 41
 * @module
 */
import assert from "node:assert/strict";
import { createClient } from "../../lib/mod.ts";
import { fileLocks } from "../../lib/primitives/system/lock.ts";
import { jsonFault } from "../../scripts/demo/servers/faults.ts";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { Host } from "./host.ts";
import { assertWithout, secretsOf } from "./keeping.ts";
import { until } from "./processes.ts";
import { asPackage, FROM_CHECKOUT, Home } from "./program.ts";
import { presented, signIn, signInWithTokenThatIsOver, startRefreshing } from "./refreshing.ts";
import { startServers } from "./servers.ts";

interface Event {
  readonly event: string;
  readonly name?: string;
  readonly issuer?: string;
  readonly outcome: string;
  readonly code?: string;
  readonly detail?: string;
  readonly fingerprints?: Record<string, string>;
}

/** The events in a home's log. */
async function events(home: Home, ...flags: readonly string[]): Promise<readonly Event[]> {
  return (await home.run(["audit", "--json", ...flags])).json;
}

async function kinds(home: Home, ...flags: readonly string[]): Promise<readonly string[]> {
  return (await events(home, ...flags)).map(({ event }) => event);
}

Deno.test("features, Keep, audit log: sign-in started, done and failed, refreshed, given, renamed, revoked, removed, with fingerprints and no secret", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const denied = await home.run(["add", "denied", servers.mcp.url], { deny: true });
  assert.notEqual(denied.code, 0);
  await signIn(home, servers);
  for (
    const line of [
      "refresh demo",
      "exec demo -- true",
      "rename demo work",
      "logout work",
      "login work",
      "remove work",
    ]
  ) {
    const [command = "", ...rest] = line.split(" ");
    const { code, stderr } = await home.run([command, "--verbose", ...rest]);
    assert.equal(code, 0, `${line}: ${stderr}`);
  }
  const all = await events(home);
  assert.deepEqual(
    all.filter(({ name }) => name === "denied").map(({ event, outcome }) => [event, outcome]).at(-1),
    [
      "sign_in_failed",
      "failed",
    ],
  );
  const life = all.filter(({ name }) => name !== "denied").map(({ event }) => event);
  const expected = [
    ...["sign_in_started", "entry_added", "signed_in"],
    ...["token_refreshed", "token_given", "entry_renamed"],
    ...["token_revoked", "token_revoked", "signed_out"],
    ...["sign_in_started", "signed_in"],
    ...["token_revoked", "token_revoked", "signed_out", "entry_removed"],
  ];
  assert.deepEqual(life.filter((event) => event !== "client_registered"), expected);
  const refreshed = all.find(({ event }) => event === "token_refreshed");
  assert.equal(refreshed?.issuer, servers.as.issuer);
  assert.match(refreshed?.fingerprints?.access_token ?? "", /^[0-9a-f]{8}$/);

  const secrets = secretsOf(servers.as);
  assert.ok(secrets.size > 10, `${secrets.size} secrets`);
  const text = await Deno.readTextFile(`${home.store}/audit.jsonl`);
  const shown = (await home.run(["audit"])).stdout + (await home.run(["audit", "--json"])).stdout;
  for (const place of [text, shown]) assertWithout(place, secrets, "the audit log");
  assert.equal((await Deno.stat(`${home.store}/audit.jsonl`)).mode! & 0o777, 0o600);
  assert.equal((await home.run(["audit", "--verify"])).code, 0);
});

Deno.test("adding a server that needs no sign-in is noted, and replacing an entry by one too", async () => {
  await using mcp = await startMcpServer({ open: true });
  await using home = await Home.make();
  for (const flags of [[], ["--force"]]) {
    const { code, stderr } = await home.run(["add", "free", mcp.url, ...flags]);
    assert.equal(code, 0, stderr);
  }
  const noted = (await events(home)).map(({ event, name, detail }) => [event, name, detail]);
  assert.deepEqual(noted, [["entry_added", "free", undefined], [
    "entry_added",
    "free",
    "in place of another",
  ]]);
});

Deno.test("a fresh token is handed out without touching the log, and the memory keystore keeps none", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signIn(home, servers);
  await Deno.remove(`${home.store}/audit.jsonl`);
  await Deno.remove(`${home.store}/locks`, { recursive: true });
  assert.equal((await home.run(["token", "demo"])).code, 0);
  const left = (await Array.fromAsync(Deno.readDir(home.store))).map(({ name }) => name);
  assert.deepEqual(left.filter((name) => name.startsWith("audit") || name === "locks"), []);
  const memory = { env: { MCP_AUTH_KEYSTORE: "memory", MCP_AUTH_HOME: `${home.path}/memory` } };
  assert.equal((await home.run(["add", "demo", servers.mcp.url], memory)).code, 0);
  await assert.rejects(Deno.stat(`${home.path}/memory`), Deno.errors.NotFound);
});

/** What keeps the log from being written; each returns the command line to run, and a way back. */
const OBSTACLES: Readonly<
  Record<
    string,
    (home: Home) => Promise<{ readonly command: readonly string[]; readonly end?: () => Promise<void> }>
  >
> = {
  "a full disk": (home) =>
    Promise.resolve({
      command: [
        ...["unshare", "-m", "sh", "-c"],
        `mount -t tmpfs -o size=16k none /mnt && cp '${home.store}/audit.jsonl' /mnt/audit.jsonl
         ! dd if=/dev/zero of=/mnt/rest bs=4k count=8 2>/dev/null
         dd if=/dev/zero bs=1 count=4096 >>/mnt/audit.jsonl 2>/dev/null
         mount --bind /mnt/audit.jsonl '${home.store}/audit.jsonl' && exec "$@"`,
        "sh",
        ...FROM_CHECKOUT,
      ],
    }),
  "a read-only file": (home) =>
    Promise.resolve({
      command: [
        ...["unshare", "-m", "sh", "-c"],
        `mount --bind '${home.store}/audit.jsonl' '${home.store}/audit.jsonl' &&
         mount -o remount,bind,ro '${home.store}/audit.jsonl' && exec "$@"`,
        "sh",
        ...FROM_CHECKOUT,
      ],
    }),
  "a permission that is denied": async (home) => ({
    command: await asPackage(home, [
      ...["--unstable-kv", "--no-prompt", "--allow-all", `--deny-write=${home.store}/audit.jsonl`],
    ]),
  }),
  "a lock that is held": async (home) => {
    const lock = await fileLocks(`${home.store}/locks`).acquire("audit", 1_000);
    return { command: FROM_CHECKOUT, end: async () => await lock[Symbol.asyncDispose]() };
  },
  "a folder in its place": async (home) => {
    await Deno.rename(`${home.store}/audit.jsonl`, `${home.store}/kept`);
    await Deno.mkdir(`${home.store}/audit.jsonl`);
    return {
      command: FROM_CHECKOUT,
      end: async () => {
        await Deno.remove(`${home.store}/audit.jsonl`);
        await Deno.rename(`${home.store}/kept`, `${home.store}/audit.jsonl`);
      },
    };
  },
};

const canMount = new Deno.Command("unshare", { args: ["-m", "true"], stderr: "null" }).outputSync().success;

for (const [obstacle, make] of Object.entries(OBSTACLES)) {
  Deno.test(`${obstacle} changes neither result nor exit code, and is told with --verbose alone`, {
    ignore: !canMount && /disk|read-only/.test(obstacle),
  }, async () => {
    await using servers = await startServers();
    await using home = await Home.make();
    await signIn(home, servers);
    const before = await events(home);
    const { command, end } = await make(home);
    try {
      const quiet = await home.run(["refresh", "demo"], { command });
      assert.deepEqual([quiet.code, quiet.stderr], [0, ""], quiet.stderr);
      assert.match(quiet.stdout, /^✓ Refreshed demo: expires in 60 min\n$/);
      const told = await home.run(["refresh", "demo", "--verbose"], { command });
      assert.equal(told.code, 0);
      assert.equal(told.stderr.match(/^The audit log misses 1 event: Cannot /gm)?.length, 1, told.stderr);
      const failed = await home.run(["token", "nobody", "--json"], { command });
      assert.deepEqual([failed.code, failed.json.error.code, failed.stderr], [5, "NOT_FOUND", ""]);
    } finally {
      await end?.();
    }
    assert.deepEqual(await events(home), before);
    assert.equal((await home.run(["refresh", "demo"])).code, 0);
    assert.equal((await events(home)).length, before.length + 1);
    assert.equal((await home.run(["audit", "--verify"])).code, 0);
  });
}

for (const signals of [1, 2]) {
  Deno.test(`the event of a refresh that Ctrl-C came into is written: ${signals} of them`, async () => {
    await using servers = await startRefreshing();
    await using home = await Home.make();
    await signIn(home, servers);
    servers.as.fail("POST /token", 1, { delayMs: 1_500 });
    await using running = home.start(["refresh", "demo"]);
    assert.ok(await until(() => presented(servers.as).length === 1, 10_000));
    for (let signal = 0; signal < signals; signal++) {
      running.kill("SIGINT");
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    assert.equal((await running.outcome).code, 130);
    assert.deepEqual(await kinds(home, "--event", "token_refreshed"), ["token_refreshed"]);
  });
}

Deno.test("a failed refresh is noted with its code, also by the short way of token", async () => {
  await using servers = await startRefreshing();
  await using home = await Home.make();
  await signInWithTokenThatIsOver(home, servers);
  servers.as.fail("POST /token", Infinity, jsonFault(503, {}));
  const outcome = await home.run(["token", "demo"]);
  assert.equal(outcome.code, 3, outcome.stderr);
  const [failed] = (await events(home)).slice(-1);
  assert.deepEqual([failed?.event, failed?.outcome, failed?.code], [
    "refresh_failed",
    "failed",
    "SERVER_ERROR",
  ]);
});

Deno.test("a bridge writes its events while it runs", async () => {
  await using servers = await startRefreshing();
  await using home = await Home.make();
  await signInWithTokenThatIsOver(home, servers);
  servers.life = 3600;
  const before = (await kinds(home, "--event", "token_refreshed")).length;
  await using host = new Host(home, ["demo"]);
  await host.initialize();
  assert.equal((await host.call("whoami")).result.content[0].text, "alice");
  assert.ok(
    await until(async () => (await kinds(home, "--event", "token_refreshed")).length === before + 1, 5_000),
  );
  assert.equal((await host.end()).code, 0);
  assert.equal((await kinds(home, "--event", "token_refreshed")).length, before + 1);
});

Deno.test("the library writes its events: at the latest when its client is disposed of", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signIn(home, servers);
  const refreshes = async () => (await kinds(home, "--event", "token_refreshed")).length;
  {
    await using client = createClient({ home: home.store, keystore: "file" });
    assert.equal((await client.refresh("demo")).ok, true);
  }
  assert.equal(await refreshes(), 1);
  const client = createClient({ home: home.store, keystore: "file" });
  assert.equal((await client.refresh("demo")).ok, true);
  client[Symbol.dispose]();
  assert.ok(await until(async () => await refreshes() === 2, 5_000));
});

Deno.test("audit reads a folder that is read-only", { ignore: !canMount }, async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await signIn(home, servers);
  const command = [
    ...["unshare", "-m", "sh", "-c"],
    `mount --bind '${home.store}' '${home.store}' && mount -o remount,bind,ro '${home.store}' && exec "$@"`,
    "sh",
    ...FROM_CHECKOUT,
  ];
  const readOnly = await home.run(["audit", "--json"], { command });
  assert.equal(readOnly.code, 0, readOnly.stderr);
  assert.deepEqual(readOnly.json, await events(home));
  assert.equal((await home.run(["audit", "--verify"], { command })).code, 0);
});

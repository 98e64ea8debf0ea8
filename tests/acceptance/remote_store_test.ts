/**
 * One store for many machines, over KV Connect: the real program in real processes with `MCP_AUTH_STORE`, against a
 * server of this project's own tests that Deno's own client was run against, too.
 *
 * @see behaviours rows 1, 2, 43
 * @module
 */
import assert from "node:assert/strict";
import { LEASE_MS } from "../../lib/primitives/limits.ts";
import {
  type KvConnectServer,
  METADATA,
  READ,
  startKvConnectServer,
  WRITE,
} from "../fakes/kv_connect/server.ts";
import { assertError, type Outcome } from "./outcome.ts";
import { until } from "./processes.ts";
import { asPackage, Home, type ProgramOptions } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

/** A life in seconds that is over before the next command starts. */
const OVER_AT_ONCE = 0.001;

/** The key that all machines have. */
const KEY = "5f".repeat(32);

/** A machine: a home of its own, and the variables that every machine is given. */
class Machine implements AsyncDisposable {
  readonly home: Home;
  readonly env: Record<string, string | undefined>;

  private constructor(home: Home, env: Record<string, string | undefined>) {
    this.home = home;
    this.env = env;
  }

  static async make(store: Pick<KvConnectServer, "url" | "accessToken">): Promise<Machine> {
    return new Machine(await Home.make(), {
      MCP_AUTH_KEYSTORE: undefined,
      MCP_AUTH_KEY: KEY,
      MCP_AUTH_STORE: store.url,
      DENO_KV_ACCESS_TOKEN: store.accessToken,
    });
  }

  /** Runs the program; what `options.env` says goes before what the machine is given. */
  run(args: readonly string[], options: ProgramOptions = {}): Promise<Outcome> {
    return this.home.run(args, { ...options, env: { ...this.env, ...options.env } });
  }

  /** Runs the program, which must succeed. */
  async done(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.home[Symbol.asyncDispose]();
  }
}

/** Two machines at one store, and servers to sign in at. */
interface Scene {
  readonly store: KvConnectServer;
  readonly servers: Servers;
  readonly one: Machine;
  readonly two: Machine;
  /** Seconds that access tokens live, as the token endpoint says. */
  life: number;
  /** Called when the token endpoint has made tokens, before it answers. */
  onToken: () => void;
}

/** The refresh tokens that were presented. */
function presented({ servers }: Scene): readonly (string | null)[] {
  return servers.as.requests("POST /token").map(({ form }) => form.get("refresh_token")).filter((each) =>
    each !== null
  );
}

function testScene(name: string, body: (scene: Scene) => Promise<void>): void {
  Deno.test(`remote store: ${name}`, async () => {
    const said = { life: 3_600, onToken: () => {} };
    await using servers = await startServers({
      as: {
        edit: {
          token: (answer) => {
            said.onToken();
            return "access_token" in answer ? { ...answer, expires_in: said.life } : answer;
          },
        },
      },
    });
    await using store = await startKvConnectServer();
    await using one = await Machine.make(store);
    await using two = await Machine.make(store);
    await body(Object.assign(said, { servers, store, one, two }));
  });
}

/** Signs in on the first machine. */
async function signIn({ one, servers }: Scene): Promise<void> {
  await one.done("add", "demo", servers.mcp.url);
}

/** Signs in, and has the token be over when the next command starts; the refresh for that is the first. */
async function signInWithTokenThatIsOver(scene: Scene): Promise<void> {
  await signIn(scene);
  scene.life = OVER_AT_ONCE;
  await scene.one.done("refresh", "demo");
  scene.life = 3_600;
}

testScene(
  "what one machine signs in to, others use; nothing is kept on their disks or lies open",
  async (scene) => {
    const { one, two, store } = scene;
    await signIn(scene);
    const token = await one.done("token", "demo");
    assert.equal(await two.done("token", "demo"), token);
    assert.equal(await two.done("call", "demo", "whoami"), "alice\n");
    assert.deepEqual(JSON.parse(await two.done("list", "--json")).map(({ name }: { name: string }) => name), [
      "demo",
    ]);
    for (const { home } of [one, two]) {
      const names = await Array.fromAsync(Deno.readDir(home.store), ({ name }) => name).catch(() => []);
      assert.ok(!names.some((name) => /store\.db|^key-/.test(name)), names.join());
    }
    const sent = store.log.map(({ body }) => body).join("\n");
    for (const secret of [token.trim(), KEY, ...presented(scene)]) assert.ok(!sent.includes(secret!));
    await two.done("rename", "demo", "renamed");
    await two.done("logout", "renamed");
    assertError(await one.run(["token", "renamed", "--json"]), "AUTH_REQUIRED", 4);
    await one.done("remove", "renamed");
    assertError(await two.run(["status", "renamed", "--json"]), "NOT_FOUND", 5);
  },
);

testScene("8 processes of two machines at expiry: 1 refresh, 8 good tokens (rows 1, 2)", async (scene) => {
  const { one, two, store } = scene;
  await signInWithTokenThatIsOver(scene);
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? one : two).run(["token", "demo"])),
  );
  for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
  assert.equal(new Set(outcomes.map(({ stdout }) => stdout)).size, 1);
  const all = presented(scene);
  assert.equal(all.length, 2);
  assert.equal(new Set(all).size, 2);
  assert.equal(await two.done("call", "demo", "whoami"), "alice\n");
  // The entry, its tokens, its client, the wrapped key, and the attempts; no lease is left.
  assert.ok(store.database.size <= 5, `${store.database.size} records`);
});

testScene(
  "8 processes of two machines, all with a token that is over: 8 refreshes, none twice",
  async (scene) => {
    const { one, two } = scene;
    await signInWithTokenThatIsOver(scene);
    scene.life = OVER_AT_ONCE;
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? one : two).run(["refresh", "demo"])),
    );
    for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
    const all = presented(scene);
    assert.equal(new Set(all).size, all.length, "a refresh token was presented twice");
    scene.life = 3_600;
    assert.equal(await two.done("call", "demo", "whoami"), "alice\n");
  },
);

for (const fault of ["lose-answer", "reset", () => new Response("later", { status: 503 })] as const) {
  const what = typeof fault === "function"
    ? "answers 503"
    : fault === "reset"
    ? "drops the request"
    : "loses its answer";
  testScene(`fresh tokens are stored though the store ${what} once`, async (scene) => {
    const { one, two, store } = scene;
    await signInWithTokenThatIsOver(scene);
    scene.onToken = () => void store.fail(WRITE, 1, fault);
    const token = await one.done("token", "demo");
    assert.equal(await two.done("token", "demo"), token);
    assert.equal(presented(scene).length, 2);
    assert.equal(await two.done("call", "demo", "whoami"), "alice\n");
  });
}

testScene(
  "the key of the store is renewed for all machines, and no key that only one of them has",
  async (scene) => {
    const { one, two, store } = scene;
    await signIn(scene);
    const status = JSON.parse(await two.done("keystore", "status", "--json"));
    assert.equal(status.keystore ?? status.kind, "env");
    assert.ok(JSON.stringify(status).includes(store.url));
    assertError(await one.run(["keystore", "use", "file", "--json"]), "USAGE", 2);
    const next = "a7".repeat(32);
    const renewed = await one.run(["keystore", "rekey"], { env: { MCP_AUTH_NEW_KEY: next } });
    assert.equal(renewed.code, 0, renewed.stderr);
    assertError(await two.run(["token", "demo", "--json"]), "KEYSTORE_UNAVAILABLE", 1);
    two.env.MCP_AUTH_KEY = next;
    await two.done("token", "demo");
  },
);

testScene("every command that keeps or uses a sign-in works over it", async (scene) => {
  const { one, two, servers } = scene;
  await signIn(scene);
  await one.done("add", "other", servers.mcp.url);
  await two.done("refresh", "--all");
  assert.equal(
    await two.done("exec", "demo", "--env", "TOKEN", "--", "sh", "-c", 'test -n "$TOKEN" && echo set'),
    "set\n",
  );
  await two.done("set", "demo", "--header", "X-Team: a");
  await two.done("tools", "other");
  await one.done("login", "demo");
  const audit = await one.done("audit", "--json");
  assert.ok(audit.includes("signed_in") && !audit.includes(store(scene)), audit);
  await two.done("logout", "--all");
  assertError(await one.run(["token", "other", "--json"]), "AUTH_REQUIRED", 4);
  await one.done("login", "other");
  await two.done("token", "other");
});

function store(scene: Scene): string {
  return scene.store.accessToken;
}

testScene(
  "nothing is sent to the server while the store takes no writes, and nothing is lost",
  async (scene) => {
    const { one, two, store } = scene;
    await signInWithTokenThatIsOver(scene);
    const outage = store.fail(WRITE, Infinity, () => new Response("later", { status: 503 }));
    assertError(await one.run(["token", "demo", "--json"]), "STORE_UNAVAILABLE", 1);
    assert.equal(presented(scene).length, 1);
    outage.end();
    await two.done("token", "demo");
    assert.equal(presented(scene).length, 2);
  },
);

testScene("a token that is fresh is handed out while the store takes no writes", async (scene) => {
  await signIn(scene);
  scene.store.fail(WRITE, Infinity, "reset");
  await scene.two.done("token", "demo");
});

testScene(
  "in real time: a machine that is killed holds up the others for one lease; a store that hangs, for one operation",
  async (scene) => {
    const { one, two, store, servers } = scene;
    await signInWithTokenThatIsOver(scene);
    servers.as.fail("POST /token", 1, "hang");
    await using killed = one.home.start(["token", "demo"], { env: one.env });
    assert.ok(await until(() => presented(scene).length === 2, 10_000));
    killed.kill("SIGKILL");
    await killed.outcome;
    const started = performance.now();
    await two.done("token", "demo");
    const waitedMs = performance.now() - started;
    assert.ok(waitedMs > LEASE_MS - 5_000 && waitedMs < LEASE_MS + 2_500, `${waitedMs} ms`);
    assert.equal(presented(scene).length, 3);

    for (const target of [METADATA, READ]) store.fail(target, Infinity, "hang");
    const hung = performance.now();
    assertError(await two.run(["token", "demo", "--json"]), "TIMEOUT", 3, /MCP_AUTH_STORE/);
    assert.ok(performance.now() - hung < 12_000);
  },
);

testScene("what is wrong with the store is said, and nothing is done", async (scene) => {
  const { one, store } = scene;
  await signIn(scene);
  const failing = (env: Record<string, string | undefined>) => one.run(["token", "demo", "--json"], { env });
  assertError(
    await failing({ DENO_KV_ACCESS_TOKEN: undefined }),
    "CONFIG_MISSING",
    5,
    /DENO_KV_ACCESS_TOKEN/,
  );
  assertError(
    await failing({ DENO_KV_ACCESS_TOKEN: "wrong" }),
    "STORE_UNAVAILABLE",
    1,
    /DENO_KV_ACCESS_TOKEN/,
  );
  for (
    const url of [
      "http://store.example.com/",
      "store.db",
      "ftp://127.0.0.1/",
      "https://a:b@store.example.com/",
    ]
  ) {
    assertError(
      await failing({ MCP_AUTH_STORE: url }),
      "CONFIG_INVALID",
      1,
      /https URL of a KV Connect server/,
    );
  }
  assertError(await failing({ MCP_AUTH_STORE: scene.servers.mcp.url }), "STORE_UNAVAILABLE", 1);
  assertError(
    await failing({ MCP_AUTH_STORE: "http://127.0.0.1:1/" }),
    "STORE_UNAVAILABLE",
    1,
    /MCP_AUTH_STORE/,
  );
  assertError(await failing({ MCP_AUTH_KEYSTORE: "memory" }), "CONFIG_INVALID", 1, /MCP_AUTH_STORE/);
  assertError(await failing({ MCP_AUTH_KEY: "00".repeat(32) }), "KEYSTORE_UNAVAILABLE", 1);
  const fresh = await startKvConnectServer();
  await using _fresh = fresh;
  for (const keystore of ["file", undefined]) {
    const env = {
      ...one.env,
      MCP_AUTH_STORE: fresh.url,
      MCP_AUTH_KEY: undefined,
      MCP_AUTH_KEYSTORE: keystore,
    };
    assertError(
      await one.run(["add", "x", scene.servers.mcp.url, "--json"], { env }),
      "KEYSTORE_UNAVAILABLE",
      1,
    );
  }
  assert.equal(fresh.database.size, 0);
  const { stdout, stderr } = await one.run(["token", "demo", "--verbose"], {
    env: { DENO_KV_ACCESS_TOKEN: "wrong-one" },
  });
  assert.ok(!`${stdout}${stderr}`.includes("wrong-one") && !stderr.includes(store.accessToken));
});

testScene(
  "a keystore of the flag goes before a store of the environment: nothing is kept then",
  async (scene) => {
    const { one, store, servers } = scene;
    await one.done("add", "demo", servers.mcp.url, "--keystore", "memory");
    assert.equal(store.log.length, 0);
  },
);

testScene(
  "in the sandbox a fresh token needs the store's host and four variables, and neither disk nor Deno KV",
  async (scene) => {
    const { one, store } = scene;
    await signIn(scene);
    const host = new URL(store.url).host;
    const variables = ["MCP_AUTH_HOME", "MCP_AUTH_STORE", "DENO_KV_ACCESS_TOKEN", "MCP_AUTH_KEY"];
    const run = async (net: readonly string[], env: readonly string[]) =>
      await one.run(["token", "demo", "--json"], {
        command: await asPackage(one.home, ["--no-prompt", ...net, `--allow-env=${env.join()}`]),
        env: { MCP_AUTH_HOME: `${one.home.path}/none` },
      });
    const { code, stdout } = await run([`--allow-net=${host}`], variables);
    assert.equal(code, 0, stdout);
    assertError(await run([], variables), "PERMISSION_DENIED", 1, new RegExp(`--allow-net=${host}`));
    const without = (variable: string) =>
      run([`--allow-net=${host}`], variables.filter((each) => each !== variable));
    assertError(
      await without("DENO_KV_ACCESS_TOKEN"),
      "CONFIG_MISSING",
      5,
      /--allow-env=DENO_KV_ACCESS_TOKEN/,
    );
    assertError(await without("MCP_AUTH_KEY"), "KEYSTORE_UNAVAILABLE", 1);
  },
);

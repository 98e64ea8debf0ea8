import assert from "node:assert/strict";
import { Home, type Outcome, type RunOptions, testWithHome } from "./homes.ts";
import { credentialRecord, serverRecord } from "./records.ts";

async function mode(path: string): Promise<number> {
  return (await Deno.stat(path)).mode! & 0o777;
}

testWithHome(
  "20 processes that open a new store at once agree on its key and lose no record",
  async (home) => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, number) => home.run("join", [`${number}`])),
    );
    assert.deepEqual(outcomes, Array<Outcome>(20).fill({ ok: true }));
    using store = home.open();
    const names = (await store.servers()).map(({ record }) => record.name);
    assert.deepEqual(names, Array.from({ length: 20 }, (_, number) => `entry-${number}`).sort());
    assert.equal((await home.keyFiles()).length, 1, "who came second took its key away");
  },
);

testWithHome("processes that change one record by compare-and-set lose no change", async (home) => {
  {
    using store = home.open();
    assert.ok(await store.changeCredential("shared", null, { ...credentialRecord("shared"), obtainedAt: 0 }));
  }
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => home.run("increment")));
  const turns = outcomes.map(({ ok }) => ok as number);
  using store = home.open();
  const { record } = (await store.credential("shared"))!;
  assert.equal(record.obtainedAt, turns.reduce((sum, count) => sum + count));
  assert.deepEqual(turns, Array(4).fill(25));
});

testWithHome("folder, database and key are private under any umask", async (home) => {
  assert.deepEqual(await home.run("add", [], { shell: 'umask 000; exec "$@"' }), { ok: true });
  assert.equal(await mode(home.path), 0o700);
  for await (const { name } of Deno.readDir(home.path)) {
    assert.equal(await mode(`${home.path}/${name}`), 0o600, name);
  }
});

function sandbox(home: Home, ...omitted: readonly string[]): RunOptions {
  const flags = ["--unstable-kv", `--allow-read=${home.path}`, `--allow-write=${home.path}`];
  return { flags: flags.filter((flag) => !omitted.some((start) => flag.startsWith(start))) };
}

testWithHome("the store works with no more than its folder and the key-value store granted", async (home) => {
  assert.deepEqual(await home.run("add", [], sandbox(home)), { ok: true });
  assert.deepEqual(await home.run("token", [], sandbox(home)), { ok: "secret-access-token" });
});

testWithHome("what the sandbox does not grant is named with its flag", async (home) => {
  await home.run("add");
  for (const access of ["read", "write"]) {
    const outcome = await home.run("token", [], sandbox(home, `--allow-${access}`));
    assert.equal(outcome.code, "PERMISSION_DENIED");
    assert.equal(outcome.hint, `Run again with --allow-${access}=${home.path}`);
  }
  const outcome = await home.run("token", [], { flags: ["-A"] });
  assert.equal(outcome.code, "PERMISSION_DENIED");
  assert.match(outcome.hint!, /--unstable-kv/);
});

testWithHome("variables choose folder and keystore", async (home) => {
  const MCP_AUTH_HOME = `${home.path}/other`;
  const flags = ["--unstable-kv", `--allow-read=${home.path}`, `--allow-write=${home.path}`, "--allow-env"];
  const env = { MCP_AUTH_HOME, MCP_AUTH_KEY: "0f".repeat(32) };
  assert.deepEqual(await home.run("add", [], { flags, env, home: "" }), { ok: true });
  const files = (await Array.fromAsync(Deno.readDir(MCP_AUTH_HOME))).map(({ name }) => name);
  assert.deepEqual(files.filter((name) => !name.startsWith("store.db")), []);
});

/** How to get mounts of one's own: as root, or else as root of a user namespace. */
const unshare = [["-m"], ["-rm"]].find((args) => {
  try {
    const command = new Deno.Command("unshare", {
      args: [...args, "mount", "-t", "tmpfs", "none", "/mnt"],
      stderr: "null",
    });
    return command.outputSync().success;
  } catch {
    return false;
  }
});

function testWithMount(
  name: string,
  body: (home: Home, mounted: (mount: string) => RunOptions) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: unshare === undefined,
    async fn() {
      await using home = new Home();
      await body(home, (mount) => ({
        shell: `exec unshare ${unshare!.join(" ")} sh -c '${
          mount.replaceAll("HOME", home.path)
        } && exec "$@"' sh "$@"`,
      }));
    },
  });
}

testWithMount("a full disk is reported as that, and what was stored before stays", async (home, mounted) => {
  await Deno.mkdir(home.path);
  const keep = `${home.path}.kept`;
  // The tmpfs goes with the process: it is copied out at its end, to be looked at from outside.
  const outcome = await home.run("fill", [], {
    shell: mounted("mount -t tmpfs -o size=1m none HOME").shell!.replace(
      'exec "$@"\' sh',
      `"$@"; cp -r ${home.path} ${keep}' sh`,
    ),
  });
  assert.equal(outcome.code, "STORE_UNAVAILABLE");
  assert.match(outcome.message!, /the disk is full/);
  assert.match(outcome.hint!, /Free some space/);
  await Deno.remove(home.path);
  await Deno.rename(keep, home.path);
  using store = home.open();
  const records = await store.servers();
  assert.ok(records.length >= 5, `${records.length} records were stored`);
  for (const { record } of records) assert.equal(record.options.headers?.["x-key"], "secret-header");
});

testWithMount("a disk that is full from the start is reported as that", async (home, mounted) => {
  await Deno.mkdir(home.path);
  const full = mounted(
    "mount -t tmpfs -o size=16k none HOME && ! dd if=/dev/zero of=HOME/rest bs=16k count=2 2>/dev/null",
  );
  const outcome = await home.run("add", [], full);
  assert.equal(outcome.code, "STORE_UNAVAILABLE");
  assert.match(outcome.message!, /the disk is full/);
});

testWithMount(
  "a read-only file system is reported with what to do, for a new store and an old one",
  async (home, mounted) => {
    await Deno.mkdir(home.path);
    const readOnly = mounted("mount --bind HOME HOME && mount -o remount,bind,ro HOME");
    for (const action of ["add", "token"]) {
      const outcome = await home.run(action, [], readOnly);
      assert.equal(outcome.code, "STORE_UNAVAILABLE", JSON.stringify(outcome));
      assert.match(outcome.message!, /read-only/);
      assert.match(outcome.hint!, /MCP_AUTH_HOME/);
    }
    await home.run("add");
    for (const action of ["add", "token"]) {
      const outcome = await home.run(action, [], readOnly);
      assert.equal(outcome.code, "STORE_UNAVAILABLE", JSON.stringify(outcome));
      assert.match(outcome.hint!, /MCP_AUTH_HOME/);
    }
    using store = home.open();
    assert.deepEqual((await store.server("demo"))?.record, serverRecord("demo"));
  },
);

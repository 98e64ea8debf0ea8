/** Processes that are killed while they change what a store is sealed by, at moments that nobody chose. */
import assert from "node:assert/strict";
import { fileLocks } from "../../../lib/primitives/system/lock.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { contents, makeStore } from "./assertions.ts";
import { type Home, testWithHome } from "./homes.ts";
import { serverRecord } from "./records.ts";

const KILLS = 40;
const MCP_AUTH_KEY = "0f".repeat(32);
const PROGRAM = new URL("./rekey_process.ts", import.meta.url).pathname;

/** Lets a process change the keystore, and kills it after some milliseconds. */
async function killWhileChanging(home: Home, wishes: readonly string[], afterMs: number): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "-A", "--unstable-kv", PROGRAM, home.path, ...wishes],
    env: { MCP_AUTH_KEY },
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { done } = await reader.read();
  assert.equal(done, false, "the process began to change the keystore");
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill("SIGKILL");
  assert.equal((await child.status).signal, "SIGKILL", "the process ran on until it was killed");
  await reader.cancel();
}

for (
  const [name, wishes] of [
    ["renews its key", [""]],
    ["moves between file and env", ["env", "file", "", "env", "file"]],
  ] as const
) {
  testWithHome(
    `a store whose process is killed while it ${name}, ${KILLS} times, always opens, and no key stays behind`,
    async (home) => {
      await makeStore(home);
      const env = fakeEnv({ MCP_AUTH_KEY });
      const before = await contents(home);
      let interrupted = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        await killWhileChanging(home, wishes, Math.random() * 40);
        using store = home.open({ env });
        assert.deepEqual((await store.server("a"))?.record, serverRecord("a"), `after kill ${kill}`);
        const state = await store.keystoreState();
        assert.equal(state?.error, undefined);
        if ((await contents(home)).has('["mcp-auth",1,"keystore-change"]')) interrupted++;
        // Of one change at most the old key or the new one is left, whole or half written.
        assert.ok((await home.keyFiles()).length <= 3, `${await home.keyFiles()}`);
      }
      assert.ok(interrupted > 0, "no kill met a change half way");
      {
        using store = home.open({ env });
        await store.changeKeystore(fileLocks(`${home.path}/locks`), "file");
      }
      assert.equal((await home.keyFiles()).length, 1);
      const after = await contents(home);
      assert.deepEqual([...after.keys()], [...before.keys()]);
      for (const [key, entry] of before) {
        if (!key.includes('"keystore"')) assert.deepEqual(after.get(key), entry, "no record was rewritten");
      }
    },
  );
}

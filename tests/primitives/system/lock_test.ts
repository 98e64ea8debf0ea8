/**
 * Locks that processes share: they exclude, they end with their process, and a wait for one can end early.
 *
 * @see behaviours rows 1 and 10
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { fileLocks, memoryLocks } from "../../../lib/primitives/system/lock.ts";
import { testLocksContract } from "../../contracts/locks.ts";
import { coded } from "../coded_error.ts";

const USER = new URL("./programs/lock_user.ts", import.meta.url).pathname;

/** Starts a process that uses the locks of a folder. */
function start(...args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", USER, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

testLocksContract("file", async () => {
  const folder = await Deno.makeTempDir();
  return {
    open: () => fileLocks(folder),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
});

testLocksContract("memory", () => {
  const locks = memoryLocks();
  return Promise.resolve({ open: () => locks, [Symbol.asyncDispose]: () => Promise.resolve() });
});

for (const blocking of [false, true]) {
  const flag = blocking ? ["--blocking"] : [];
  const how = blocking ? "without tryLock" : "with tryLock";

  Deno.test(`processes exclude each other ${how}`, () =>
    inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/count`, "0");
      const children = Array.from({ length: 4 }, () => start(folder, ...flag, "count", "15"));
      for (const { success } of await Promise.all(children.map((child) => child.output()))) ok(success);
      equal(await Deno.readTextFile(`${folder}/count`), "60");
    }));

  Deno.test(`waits in vain end in time, hold nothing afterwards, and leave other files readable ${how}`, () =>
    inFolder(async (folder) => {
      const { success, stdout } = await start(folder, ...flag, "scenario").output();
      deepEqual(new TextDecoder().decode(stdout).trim().split("\n"), [
        "other name: locked",
        "aborted: AbortError",
        "in vain: TIMEOUT",
        "in time: true",
        "free again",
      ]);
      ok(success);
    }));
}

Deno.test("a lock is free the moment that its process is killed", () =>
  inFolder(async (folder) => {
    await using holder = start(folder, "hold");
    const reader = holder.stdout.getReader();
    equal(new TextDecoder().decode((await reader.read()).value).trim(), "held");
    const locks = fileLocks(folder);
    await rejects(locks.acquire("one", 30), coded("TIMEOUT", /another process has held it for/));
    const waiting = locks.acquire("one", 10_000);
    const killed = performance.now();
    holder.kill("SIGKILL");
    await using _lock = await waiting;
    ok(performance.now() - killed < 1_000);
    await reader.cancel();
  }));

Deno.test("one process excludes itself, too, and a file is closed with its lock", () =>
  inFolder(async (folder) => {
    const locks = fileLocks(folder);
    const lock = await locks.acquire("one", 100);
    await rejects(locks.acquire("one", 20), coded("TIMEOUT"));
    await lock[Symbol.asyncDispose]();
    await (await locks.acquire("one", 100))[Symbol.asyncDispose]();
  }));

Deno.test("a wait with an aborted signal ends at once, with its reason", () =>
  inFolder(async (folder) => {
    await using _lock = await fileLocks(folder).acquire("one", 100);
    const reason = new Error("Enough");
    const started = performance.now();
    await rejects(fileLocks(folder).acquire("one", 10_000, AbortSignal.abort(reason)), reason);
    ok(performance.now() - started < 1_000);
  }));

Deno.test(
  "the lock's file is its owner's alone",
  { ignore: Deno.build.os === "windows" },
  () =>
    inFolder(async (folder) => {
      await using _lock = await fileLocks(folder).acquire("one", 100);
      equal((await Deno.stat(`${folder}/one.lock`)).mode! & 0o777, 0o600);
    }),
);

Deno.test("a folder that is not there is STORE_UNAVAILABLE", () =>
  inFolder((folder) => rejects(fileLocks(`${folder}/none`).acquire("one", 100), coded("STORE_UNAVAILABLE"))));

Deno.test("a file system without locks is STORE_UNAVAILABLE, and no file stays open", () =>
  inFolder(async (folder) => {
    const { tryLock } = Deno.FsFile.prototype;
    Deno.FsFile.prototype.tryLock = () => Promise.reject(new Error("No locks available (os error 37)"));
    try {
      await rejects(fileLocks(folder).acquire("one", 100), coded("STORE_UNAVAILABLE", /No locks available/));
    } finally {
      Deno.FsFile.prototype.tryLock = tryLock;
    }
  }));

Deno.test(
  "a sandbox without the folder is PERMISSION_DENIED",
  { permissions: { read: true, write: false } },
  () => rejects(fileLocks("/tmp/mcp-auth-none").acquire("one", 100), coded("PERMISSION_DENIED")),
);

Deno.test("locks in memory go round in the order of asking, and one that gave up is passed over", async () => {
  const locks = memoryLocks();
  const order: string[] = [];
  const first = await locks.acquire("one", 100);
  const take = async (name: string, signal?: AbortSignal) => {
    await using _lock = await locks.acquire("one", 100, signal);
    order.push(name);
    await Promise.resolve();
    order.push(`${name} done`);
  };
  const controller = new AbortController();
  const second = take("second");
  const third = rejects(take("third", controller.signal), /Enough/);
  const fourth = take("fourth");
  controller.abort(new Error("Enough"));
  await third;
  await (await locks.acquire("other", 100))[Symbol.asyncDispose]();
  deepEqual(order, []);
  await first[Symbol.asyncDispose]();
  await Promise.all([second, fourth]);
  deepEqual(order, ["second", "second done", "fourth", "fourth done"]);
});

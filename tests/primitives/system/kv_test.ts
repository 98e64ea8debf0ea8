import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { pause } from "../../../lib/primitives/system/clock.ts";
import type { Kv } from "../../../lib/primitives/system/kv.ts";
import { openLocalKv } from "../../../lib/primitives/system/local_kv.ts";
import { openMemoryKv } from "../../../lib/primitives/system/memory_kv.ts";
import { bytes, testKvContract } from "../../contracts/kv.ts";

testKvContract("memory", () => Promise.resolve(openMemoryKv()), () => Promise.resolve());

const folders: string[] = [];

async function newPath(): Promise<string> {
  folders.push(await Deno.makeTempDir());
  return `${folders.at(-1)}/home/store.db`;
}

async function removeFolder(): Promise<void> {
  await Deno.remove(folders.pop()!, { recursive: true });
}

testKvContract("local", async () => await openLocalKv(await newPath()), removeFolder);

function testLocal(name: string, body: (path: string) => Promise<void>): void {
  Deno.test(`local: ${name}`, async () => {
    const path = await newPath();
    try {
      await body(path);
    } finally {
      await removeFolder();
    }
  });
}

/** Another connection, inside a write transaction until it is committed or closed. */
function holdForWriting(path: string): DatabaseSync {
  const writer = new DatabaseSync(path, { timeout: 5_000 });
  writer.exec("BEGIN IMMEDIATE");
  return writer;
}

/** Waits until what was given up has ended: Deno KV runs the operations of one handle in turn. */
async function settled(kv: Kv): Promise<void> {
  await kv.get([["none"]]);
}

testLocal("what one handle wrote another one reads", async (path) => {
  using first = await openLocalKv(path);
  using second = await openLocalKv(path);
  const version = await first.commit({ sets: [{ key: ["a"], value: bytes("1") }] });
  assert.deepEqual(await second.get([["a"]]), [{ key: ["a"], value: bytes("1"), version }]);
});

testLocal("a commit waits for a writer that holds the database, and then is written", async (path) => {
  using kv = await openLocalKv(path);
  await kv.commit({ sets: [{ key: ["a"], value: bytes("1") }] });
  const writer = holdForWriting(path);
  let released = false;
  const release = setTimeout(() => {
    released = true;
    writer.exec("COMMIT");
  }, 250);
  try {
    assert.ok(await kv.commit({ sets: [{ key: ["a"], value: bytes("2") }] }));
    assert.ok(released);
    assert.deepEqual((await kv.get([["a"]]))[0]!.value, bytes("2"));
  } finally {
    clearTimeout(release);
    writer.close();
  }
});

testLocal("a database that stays held is given up after the time that was set, with a code", async (path) => {
  using kv = await openLocalKv(path, { busyMs: 120 });
  await kv.commit({ sets: [{ key: ["a"], value: bytes("1") }] });
  const writer = holdForWriting(path);
  try {
    const start = performance.now();
    await assert.rejects(kv.commit({ sets: [{ key: ["a"], value: bytes("2") }] }), {
      code: "STORE_UNAVAILABLE",
      message: /other processes keep it busy/,
      hint: /Try again/,
    });
    assert.ok(performance.now() - start > 100);
  } finally {
    writer.close();
    await settled(kv);
  }
});

testLocal("the wait for a held database ends when its signal does", async (path) => {
  using kv = await openLocalKv(path);
  const writer = holdForWriting(path);
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), 50);
  try {
    await assert.rejects(kv.commit({ sets: [{ key: ["a"], value: bytes("2") }] }, abort.signal), {
      code: "AUTH_CANCELLED",
    });
  } finally {
    clearTimeout(timer);
    writer.close();
    await settled(kv);
  }
});

testLocal(
  "a store closed with a given-up commit pending does not block, and closes when it ends",
  async (path) => {
    const kv = await openLocalKv(path, { busyMs: 50 });
    const writer = holdForWriting(path);
    await assert.rejects(kv.commit({ sets: [{ key: ["a"], value: bytes("1") }] }), {
      code: "STORE_UNAVAILABLE",
    });
    const start = performance.now();
    kv.close();
    assert.ok(performance.now() - start < 1_000);
    writer.close();
    using next = await openLocalKv(path);
    while ((await next.get([["a"]]))[0]!.version === null) await pause(10);
    await pause(50);
  },
);

testLocal("nothing is begun for a signal that has ended", async (path) => {
  using kv = await openLocalKv(path);
  const change = { sets: [{ key: ["a"], value: bytes("1") }] };
  await assert.rejects(kv.commit(change, AbortSignal.abort()), { code: "AUTH_CANCELLED" });
  await assert.rejects(openLocalKv(path, { signal: AbortSignal.abort() }), { code: "AUTH_CANCELLED" });
  assert.equal((await kv.get([["a"]]))[0]!.version, null);
});

testLocal("a value of another program reads as empty, with its version", async (path) => {
  (await openLocalKv(path)).close();
  const foreign = await Deno.openKv(path);
  const { versionstamp } = await foreign.set(["a", 1], "text");
  foreign.close();
  using kv = await openLocalKv(path);
  const entry = { key: ["a", 1], value: new Uint8Array(), version: versionstamp };
  assert.deepEqual(await kv.get([["a", 1]]), [entry]);
  assert.deepEqual(await kv.list(["a"]), [entry]);
});

testLocal("a file that is no database is reported as damaged and left as it is", async (path) => {
  const text = "this is no database\n".repeat(300);
  await Deno.mkdir(path.slice(0, -"/store.db".length));
  await Deno.writeTextFile(path, text);
  await assert.rejects(openLocalKv(path), {
    code: "STORE_UNAVAILABLE",
    message: /the file is damaged/,
    hint: /backup/,
  });
  assert.equal(await Deno.readTextFile(path), text);
});

testLocal("a file where the folder should be is reported with what to do", async (path) => {
  await Deno.writeTextFile(path.slice(0, -"/store.db".length), "");
  await assert.rejects(openLocalKv(path), { code: "STORE_UNAVAILABLE", hint: /MCP_AUTH_HOME/ });
});

testLocal("a folder where the file should be is reported with what to do", async (path) => {
  await Deno.mkdir(path, { recursive: true });
  await assert.rejects(openLocalKv(path), { code: "STORE_UNAVAILABLE", hint: /MCP_AUTH_HOME/ });
});

testLocal("the database and all that SQLite puts beside it are private", async (path) => {
  using kv = await openLocalKv(path);
  await kv.commit({ sets: [{ key: ["a"], value: bytes("1") }] });
  const folder = path.slice(0, -"/store.db".length);
  assert.equal((await Deno.stat(folder)).mode! & 0o777, 0o700);
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  assert.ok(names.includes("store.db") && names.includes("store.db-wal"), names.join());
  for (const name of names) assert.equal((await Deno.stat(`${folder}/${name}`)).mode! & 0o777, 0o600, name);
});

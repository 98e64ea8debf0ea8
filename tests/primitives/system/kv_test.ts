import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
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

testLocal("what one handle wrote another one reads", async (path) => {
  using first = await openLocalKv(path);
  using second = await openLocalKv(path);
  const version = await first.commit({ sets: [{ key: ["a"], value: bytes("1") }] });
  assert.deepEqual(await second.get([["a"]]), [{ key: ["a"], value: bytes("1"), version }]);
});

testLocal("a commit waits for a writer that holds the database, and then is written", async (path) => {
  using kv = await openLocalKv(path);
  await kv.commit({ sets: [{ key: ["a"], value: bytes("1") }] });
  const writer = new DatabaseSync(path);
  writer.exec("BEGIN IMMEDIATE");
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
  const writer = new DatabaseSync(path);
  writer.exec("BEGIN IMMEDIATE");
  try {
    const start = performance.now();
    await assert.rejects(kv.commit({ sets: [{ key: ["a"], value: bytes("2") }] }), {
      code: "STORE_UNAVAILABLE",
      message: /other processes keep it busy/,
      hint: /Try again/,
    });
    assert.ok(performance.now() - start >= 120);
    assert.deepEqual((await kv.get([["a"]]))[0]!.value, bytes("1"), "a reader does not wait for a writer");
  } finally {
    writer.exec("ROLLBACK");
    writer.close();
  }
});

testLocal("the wait for a held database ends when its signal does", async (path) => {
  using kv = await openLocalKv(path);
  const writer = new DatabaseSync(path);
  writer.exec("BEGIN IMMEDIATE");
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), 50);
  try {
    await assert.rejects(kv.commit({ sets: [{ key: ["a"], value: bytes("2") }] }, abort.signal), {
      code: "AUTH_CANCELLED",
    });
  } finally {
    clearTimeout(timer);
    writer.exec("ROLLBACK");
    writer.close();
  }
});

testLocal("a value of another program is no value of ours", async (path) => {
  (await openLocalKv(path)).close();
  const foreign = await Deno.openKv(path);
  await foreign.set(["a"], "text");
  foreign.close();
  using kv = await openLocalKv(path);
  await assert.rejects(kv.get([["a"]]), { code: "STORE_UNAVAILABLE", message: /\["a"\]/ });
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

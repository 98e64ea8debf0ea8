import assert from "node:assert/strict";
import {
  createTextFile,
  ensurePrivateFile,
  ensurePrivateFolder,
  readTextFile,
  removeFile,
} from "../../../lib/primitives/system/files.ts";

function test(name: string, body: (folder: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await body(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

async function mode(path: string): Promise<number> {
  return (await Deno.stat(path)).mode! & 0o777;
}

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

test("a missing file reads as undefined", (folder) => {
  assert.equal(readTextFile(`${folder}/none`), undefined);
  assert.equal(readTextFile(`${folder}/none/none`), undefined);
  return Promise.resolve();
});

test("a file is created once: the second finds the first one's text", async (folder) => {
  assert.equal(await createTextFile(`${folder}/a`, "one"), true);
  assert.equal(await createTextFile(`${folder}/a`, "two"), false);
  assert.equal(readTextFile(`${folder}/a`), "one");
  assert.equal(await mode(`${folder}/a`), 0o600);
  assert.deepEqual(await names(folder), ["a"]);
});

test("of many who create a file at once one wins, and nobody sees a part of it", async (folder) => {
  const seen = new Set<string>();
  const attempts = Array.from({ length: 30 }, async (_, index) => {
    const created = await createTextFile(`${folder}/a`, `${index}`.repeat(5_000));
    seen.add(readTextFile(`${folder}/a`)!);
    return created;
  });
  assert.equal((await Promise.all(attempts)).filter((created) => created).length, 1);
  assert.equal(seen.size, 1);
  assert.deepEqual(await names(folder), ["a"]);
});

test("a private folder is created with its parents, and one that exists keeps its mode", async (folder) => {
  await ensurePrivateFolder(`${folder}/a/b`);
  assert.equal(await mode(`${folder}/a`), 0o700);
  assert.equal(await mode(`${folder}/a/b`), 0o700);
  await Deno.chmod(`${folder}/a`, 0o755);
  await ensurePrivateFolder(`${folder}/a`);
  assert.equal(await mode(`${folder}/a`), 0o755);
});

test("a private file is created with its folder, and one that exists keeps its text", async (folder) => {
  await ensurePrivateFile(`${folder}/a/b`);
  assert.equal(await mode(`${folder}/a`), 0o700);
  assert.equal(await mode(`${folder}/a/b`), 0o600);
  await Deno.writeTextFile(`${folder}/a/b`, "text");
  await ensurePrivateFile(`${folder}/a/b`);
  assert.equal(readTextFile(`${folder}/a/b`), "text");
});

test("a file is removed with what a killed process left half made of it, and nothing else is", async (folder) => {
  await createTextFile(`${folder}/key`, "text");
  for (const name of ["key.1.tmp", "key.2.tmp", "key2", "key2.1.tmp", "other.tmp", "key.txt"]) {
    await Deno.writeTextFile(`${folder}/${name}`, "text");
  }
  await removeFile(`${folder}/key`);
  const left = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  assert.deepEqual(left, ["key.txt", "key2", "key2.1.tmp", "other.tmp"]);
  await removeFile(`${folder}/key`);
  await removeFile(`${folder}/none/key`);
});

test("a file in the place of a folder is reported with what to do", async (folder) => {
  await Deno.writeTextFile(`${folder}/a`, "text");
  for (
    const operation of [
      () => ensurePrivateFolder(`${folder}/a`),
      () => ensurePrivateFolder(`${folder}/a/b`),
      () => ensurePrivateFile(`${folder}/a/b`),
      () => createTextFile(`${folder}/a/b`, "text"),
      () => Promise.try(readTextFile, `${folder}/a/b`),
    ]
  ) {
    await assert.rejects(
      operation(),
      { code: "STORE_UNAVAILABLE", hint: /MCP_AUTH_HOME/ },
      String(operation),
    );
  }
  assert.equal(readTextFile(`${folder}/a`), "text");
});

Deno.test({
  name: "a file that the sandbox does not grant is reported with a flag for its folder",
  permissions: "none",
  async fn() {
    const denied = (access: string) => ({
      code: "PERMISSION_DENIED",
      message: /"\/nowhere\/home\/key"/,
      hint: `Run again with --allow-${access}=/nowhere/home`,
    });
    assert.throws(() => readTextFile("/nowhere/home/key"), denied("read"));
    await assert.rejects(ensurePrivateFile("/nowhere/home/key"), denied("read"));
  },
});

import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { McpAuthError } from "../../../lib/primitives/errors.ts";
import { LogFile } from "../../../lib/primitives/system/log_file.ts";

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const never = (error: McpAuthError) => {
  throw error;
};

Deno.test("a log starts over at its bound and keeps what it had beside it, both private", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/b.log`;
    await Deno.writeTextFile(path, "from before\n", { mode: 0o644 });
    const log = new LogFile({ path, failed: never, maxBytes: 1_000 });
    for (let i = 0; i < 100; i++) {
      log.write(`line ${i} ${"x".repeat(20)}`);
      await log.flushed();
    }
    const [now, before] = [await Deno.readTextFile(path), await Deno.readTextFile(`${path}.1`)];
    for (const text of [now, before]) ok(text.length <= 1_000 && text.length > 0, `${text.length}`);
    ok(now.trimEnd().endsWith(`line 99 ${"x".repeat(20)}`));
    const numbers = (before + now).match(/(?<=^line )\d+/gm)!.map(Number);
    deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, i) => 100 - numbers.length + i),
      "no line is lost",
    );
    for (const file of [path, `${path}.1`]) equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["b.log", "b.log.1"]);
  });
});

Deno.test("lines that come at once are written together and in order", async () => {
  await withFolder(async (folder) => {
    const log = new LogFile({ path: `${folder}/b.log`, failed: never });
    for (let i = 0; i < 5_000; i++) log.write(String(i));
    await log.flushed();
    const text = await Deno.readTextFile(`${folder}/b.log`);
    equal(text, Array.from({ length: 5_000 }, (_, i) => `${i}\n`).join(""));
  });
});

Deno.test("more than waits is left out, and said to be", async () => {
  await withFolder(async (folder) => {
    const log = new LogFile({ path: `${folder}/b.log`, failed: never });
    for (let i = 0; i < 2_000; i++) log.write("x".repeat(1_000));
    await log.flushed();
    log.write("later");
    await log.flushed();
    const text = await Deno.readTextFile(`${folder}/b.log`);
    ok(text.length < 1.1 * 2 ** 20);
    match(text, /\(\d+ lines before were left out\)/);
    ok(text.endsWith("later\n"));
  });
});

Deno.test("failures are told once, and what is no file is not written to", async () => {
  await withFolder(async (folder) => {
    const told: string[] = [];
    for (const path of [`${folder}/none/b.log`, folder, "/dev/full"]) {
      const log = new LogFile({ path, failed: ({ message }) => void told.push(message) });
      for (let i = 0; i < 3; i++) {
        log.write("x");
        await log.flushed();
      }
    }
    equal(told.length, 3);
    for (const message of told) match(message, /^Cannot write "/);
  });
});

/** Files that a person names. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import {
  readCapped,
  readDocument,
  refuseExisting,
  writeDocument,
} from "../../../lib/primitives/system/documents.ts";

function withFolder(
  name: string,
  test: (folder: string) => Promise<void>,
  options: { ignore?: boolean } = {},
) {
  Deno.test(name, options, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await test(folder);
    } finally {
      await Deno.chmod(folder, 0o700).catch(() => {});
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const isWindows = Deno.build.os === "windows";
const names = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

withFolder("a file is written whole, private, and with nothing left beside it", async (folder) => {
  await writeDocument(`${folder}/a`, "text\n", false);
  equal(await Deno.readTextFile(`${folder}/a`), "text\n");
  if (!isWindows) equal((await Deno.stat(`${folder}/a`)).mode! & 0o777, 0o600);
  deepEqual(names(folder), ["a"]);
});

withFolder("a file that exists is left alone, unless it is to be replaced", async (folder) => {
  await Deno.writeTextFile(`${folder}/a`, "before", { mode: 0o644 });
  const exists = { code: "CONFIG_INVALID", message: /the file exists/, hint: /--force/ };
  await rejects(writeDocument(`${folder}/a`, "after", false), exists);
  await rejects(refuseExisting(`${folder}/a`), exists);
  equal(await Deno.readTextFile(`${folder}/a`), "before");
  await writeDocument(`${folder}/a`, "after", true);
  equal(await Deno.readTextFile(`${folder}/a`), "after");
  if (!isWindows) equal((await Deno.stat(`${folder}/a`)).mode! & 0o777, 0o600);
  deepEqual(names(folder), ["a"]);
  await refuseExisting(`${folder}/b`);
});

withFolder("a link is replaced and not followed", async (folder) => {
  await Deno.writeTextFile(`${folder}/target`, "before");
  await Deno.symlink(`${folder}/target`, `${folder}/a`);
  await rejects(writeDocument(`${folder}/a`, "after", false), { code: "CONFIG_INVALID" });
  await writeDocument(`${folder}/a`, "after", true);
  equal(await Deno.readTextFile(`${folder}/target`), "before");
  equal((await Deno.lstat(`${folder}/a`)).isSymlink, false);
}, { ignore: isWindows });

withFolder("of many that write one new file at once, one does", async (folder) => {
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => writeDocument(`${folder}/a`, `text ${index}`, false)),
  );
  equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  const winner = results.findIndex(({ status }) => status === "fulfilled");
  equal(await Deno.readTextFile(`${folder}/a`), `text ${winner}`);
  deepEqual(names(folder), ["a"]);
});

withFolder("a file system without links gets the same, and keeps a file that is there", async (folder) => {
  const { link } = Deno;
  Deno.link = () => Promise.reject(Object.assign(new Error("not permitted"), { code: "EPERM" }));
  try {
    await writeDocument(`${folder}/a`, "text", false);
    await rejects(writeDocument(`${folder}/a`, "other", false), { message: /the file exists/ });
  } finally {
    Deno.link = link;
  }
  equal(await Deno.readTextFile(`${folder}/a`), "text");
  if (!isWindows) equal((await Deno.stat(`${folder}/a`)).mode! & 0o777, 0o600);
  deepEqual(names(folder), ["a"]);
});

withFolder("a folder that is missing, and a folder in the file's place, are told", async (folder) => {
  await rejects(writeDocument(`${folder}/none/a`, "x", false), {
    code: "CONFIG_MISSING",
    message: /there is no such folder/,
  });
  await Deno.mkdir(`${folder}/a`);
  await rejects(writeDocument(`${folder}/a`, "x", true), { code: "CONFIG_INVALID" });
  deepEqual(names(folder), ["a"]);
});

Deno.test(
  "a full disk is told, and leaves no half file",
  { ignore: Deno.build.os !== "linux" },
  async () => {
    const error = { code: "CONFIG_INVALID", message: /no space|disk is full/i };
    await rejects(writeDocument("/dev/full/a", "x", false), { code: "CONFIG_INVALID" });
    const folder = await Deno.makeTempDir();
    try {
      const mount = await new Deno.Command("mount", {
        args: ["-t", "tmpfs", "-o", "size=8k", "tmpfs", folder],
        stderr: "null",
      }).output();
      if (!mount.success) return; // No right to mount here: the first half has been checked.
      try {
        await rejects(writeDocument(`${folder}/a`, "x".repeat(100_000), false), error);
        deepEqual(names(folder), []);
      } finally {
        await new Deno.Command("umount", { args: [folder] }).output();
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

withFolder("a file is read up to a bound", async (folder) => {
  await Deno.writeTextFile(`${folder}/a`, "12345");
  equal(new TextDecoder().decode(await readDocument(`${folder}/a`, 5)), "12345");
  await rejects(readDocument(`${folder}/a`, 4), { code: "CONFIG_INVALID", message: /longer than 4 bytes/ });
  await rejects(readDocument(`${folder}/none`, 4), { code: "CONFIG_MISSING", message: /no such file/ });
  await rejects(readDocument(folder, 4), { code: "CONFIG_INVALID" });
});

Deno.test("what never ends is read up to a bound", { ignore: isWindows }, async () => {
  await rejects(readDocument("/dev/zero", 100_000), { code: "CONFIG_INVALID", message: /longer than/ });
});

Deno.test("a stream is read up to a bound, and cancelled beyond it", async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => controller.enqueue(new Uint8Array(10)),
    cancel: () => void (cancelled = true),
  });
  await rejects(readCapped(endless, 25, "standard input"), {
    code: "CONFIG_INVALID",
    message: /standard input/,
  });
  equal(cancelled, true);
});

/** A file that only grows, read from its end, and in parts as it is at one moment. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import {
  hasFile,
  moveFile,
  openAppendFile,
  openFileParts,
  readFileEnd,
} from "../../../lib/primitives/system/append_file.ts";
import { coded } from "../coded_error.ts";

async function inFolder(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(`${folder}/file`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function text(parts: Uint8Array): string {
  return new TextDecoder().decode(parts);
}

Deno.test("what is appended stands at the end, whoever has appended meanwhile and wherever one has read", () =>
  inFolder(async (path) => {
    using one = await openAppendFile(path);
    using other = await openAppendFile(path);
    await one.append(bytes("a"));
    await one.end(10);
    await other.append(bytes("b"));
    await one.append(bytes("c"));
    await other.append(bytes("d"));
    equal(await Deno.readTextFile(path), "abcd");
  }));

Deno.test("the end of a file is read, and whether it is the whole", () =>
  inFolder(async (path) => {
    equal(await readFileEnd(path, 3), undefined);
    await Deno.writeTextFile(path, "abcdef");
    using file = await openAppendFile(path);
    equal(file.size, 6);
    for (const read of [(max: number) => file.end(max), (max: number) => readFileEnd(path, max)]) {
      for (
        const [max, end, whole] of [[0, "", false], [3, "def", false], [6, "abcdef", true], [
          9,
          "abcdef",
          true,
        ]] as const
      ) {
        const found = await read(max);
        deepEqual([text(found!.bytes), found!.whole], [end, whole]);
      }
    }
  }));

Deno.test("a file is read as it was when it was opened, whatever is appended and wherever it is moved", () =>
  inFolder(async (path) => {
    equal(await openFileParts(path), undefined);
    const long = "x".repeat(200_000);
    await Deno.writeTextFile(path, long);
    using parts = (await openFileParts(path))!;
    await Deno.writeTextFile(path, "more", { append: true });
    equal(await moveFile(path, `${path}.1`), true);
    await Deno.writeTextFile(path, "another");
    let read = "";
    for await (const part of parts) read += text(part);
    ok(read === long);
  }));

Deno.test("a file that is moved takes the place of another; one that is not there is no error", () =>
  inFolder(async (path) => {
    equal(await moveFile(path, `${path}.1`), false);
    equal(await hasFile(path), false);
    await Deno.writeTextFile(path, "new");
    await Deno.writeTextFile(`${path}.1`, "old");
    equal(await moveFile(path, `${path}.1`), true);
    equal(await Deno.readTextFile(`${path}.1`), "new");
    deepEqual([await hasFile(path), await hasFile(`${path}.1`)], [false, true]);
  }));

Deno.test("a file in a folder that is none, and a folder in place of a file, are STORE_UNAVAILABLE", () =>
  inFolder(async (path) => {
    await Deno.writeTextFile(path, "");
    await rejects(openAppendFile(`${path}/in`), coded("STORE_UNAVAILABLE"));
    await rejects(openAppendFile(path.replace(/\/file$/, "")), coded("STORE_UNAVAILABLE"));
    await rejects(readFileEnd(`${path}/in`, 1), coded("STORE_UNAVAILABLE"));
    await rejects(hasFile(`${path}/in`), coded("STORE_UNAVAILABLE"));
  }));

Deno.test("a device is no file to append to", { ignore: Deno.build.os === "windows" }, async () => {
  await rejects(openAppendFile("/dev/null"), coded("STORE_UNAVAILABLE", /it is no file/));
});

Deno.test(
  "a sandbox without the file is PERMISSION_DENIED",
  { permissions: { read: true, write: false } },
  () => rejects(openAppendFile("/tmp/mcp-auth-none"), coded("PERMISSION_DENIED")),
);

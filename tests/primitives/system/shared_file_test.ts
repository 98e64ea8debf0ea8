/** Files of other programs, changed in their place. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import {
  readSharedFile,
  replaceSharedFile,
  SharedFileChanged,
} from "../../../lib/primitives/system/shared_file.ts";

const OPTIONS = { now: Date.UTC(2026, 10, 21, 18, 0, 0), mode: 0o600 };

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("a file is replaced whole, keeps its mode, and what it was stays beside it for its owner alone", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.json`;
    await Deno.writeTextFile(path, "\ufeffold", { mode: 0o644 });
    await Deno.chmod(path, 0o644);
    const file = await readSharedFile(path, 100);
    equal(file.text, "\ufeffold");
    const backup = await replaceSharedFile(file, "new", OPTIONS);
    equal(backup, `${path}.mcp-auth-backup-20261121T180000Z`);
    equal(await Deno.readTextFile(path), "new");
    deepEqual(await Deno.readFile(backup!), new TextEncoder().encode("\ufeffold"));
    equal((await Deno.stat(path)).mode! & 0o777, 0o644);
    equal((await Deno.stat(backup!)).mode! & 0o777, 0o600);
    deepEqual(names(folder), ["x.json", "x.json.mcp-auth-backup-20261121T180000Z"]);
  }));

Deno.test("who changes a file of another user leaves it to them", {
  ignore: Deno.build.os === "windows" || Deno.uid() !== 0,
}, () =>
  inFolder(async (folder) => {
    const path = `${folder}/x`;
    await Deno.writeTextFile(path, "old");
    await Deno.chown(path, 12_345, 23_456);
    const backup = await replaceSharedFile(await readSharedFile(path, 100), "new", OPTIONS);
    for (const each of [path, backup!]) {
      const { uid, gid } = await Deno.stat(each);
      deepEqual([uid, gid], [12_345, 23_456]);
    }
  }));

Deno.test("what has changed since it was read is not overwritten, and nothing is left behind", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x`;
    await Deno.writeTextFile(path, "old");
    const file = await readSharedFile(path, 100);
    await Deno.writeTextFile(path, "other");
    await rejects(replaceSharedFile(file, "new", OPTIONS), SharedFileChanged);
    equal(await Deno.readTextFile(path), "other");
    const missing = await readSharedFile(`${folder}/y`, 100);
    equal(missing.text, undefined);
    await Deno.writeTextFile(`${folder}/y`, "came");
    await rejects(replaceSharedFile(missing, "new", OPTIONS), SharedFileChanged);
    equal(await Deno.readTextFile(`${folder}/y`), "came");
    await Deno.remove(path);
    await rejects(replaceSharedFile(file, "new", OPTIONS), { code: "CONFIG_INVALID" });
    deepEqual(names(folder), ["y"]);
  }));

Deno.test("a new file has the mode that is asked for", () =>
  inFolder(async (folder) => {
    const file = await readSharedFile(`${folder}/x`, 100);
    equal(await replaceSharedFile(file, "new", { ...OPTIONS, mode: 0o644 }), undefined);
    equal((await Deno.stat(`${folder}/x`)).mode! & 0o777, 0o644);
    deepEqual(names(folder), ["x"]);
  }));

Deno.test("a few of the copies are kept, those of a second beside each other, and leftovers go", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x`;
    await Deno.writeTextFile(path, "0");
    await Deno.writeTextFile(`${path}.mcp-auth-old.tmp`, "left");
    await Deno.utime(`${path}.mcp-auth-old.tmp`, 1, 1);
    await Deno.writeTextFile(`${path}y.mcp-auth-old.tmp`, "of another");
    await Deno.utime(`${path}y.mcp-auth-old.tmp`, 1, 1);
    for (let number = 1; number <= 8; number++) {
      await replaceSharedFile(await readSharedFile(path, 100), String(number), {
        ...OPTIONS,
        now: OPTIONS.now + Math.floor(number / 2) * 1000,
      });
    }
    const left = names(folder).filter((name) => name !== "x");
    equal(left.filter((name) => name.includes("backup")).length, 5);
    ok(left.includes("x.mcp-auth-backup-20261121T180004Z"), left.join());
    ok(!left.includes("x.mcp-auth-old.tmp") && left.includes("xy.mcp-auth-old.tmp"));
  }));

Deno.test("a link is followed and stays one; what is no file, no UTF-8 or too long is refused", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/real`);
    await Deno.writeTextFile(`${folder}/real/x`, "old");
    await Deno.symlink("real/x", `${folder}/x`);
    const file = await readSharedFile(`${folder}/x`, 100);
    equal(file.place, `${folder}/real/x`);
    match((await replaceSharedFile(file, "new", OPTIONS))!, /\/real\/x\.mcp-auth-backup-/);
    equal(await Deno.readLink(`${folder}/x`), "real/x");
    equal(await Deno.readTextFile(`${folder}/real/x`), "new");
    await Deno.symlink("nowhere", `${folder}/dangling`);
    await Deno.writeFile(`${folder}/utf16`, new Uint8Array([0xff, 0xfe, 0x7b, 0x00]));
    for (const name of ["dangling", "real", "utf16"]) {
      await rejects(readSharedFile(`${folder}/${name}`, 100), { code: "CONFIG_INVALID" }, name);
    }
    await rejects(readSharedFile(`${folder}/x`, 2), { code: "CONFIG_INVALID" });
  }));

Deno.test("a link that leads elsewhere meanwhile is not written through", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a`, "same");
    await Deno.writeTextFile(`${folder}/b`, "same");
    await Deno.symlink("a", `${folder}/x`);
    const file = await readSharedFile(`${folder}/x`, 100);
    await Deno.remove(`${folder}/x`);
    await Deno.symlink("b", `${folder}/x`);
    await rejects(replaceSharedFile(file, "new", OPTIONS), SharedFileChanged);
    deepEqual([await Deno.readTextFile(`${folder}/a`), await Deno.readTextFile(`${folder}/b`)], [
      "same",
      "same",
    ]);
  }));

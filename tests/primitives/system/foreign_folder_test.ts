/** Looking into a folder of another program. */
import { deepEqual, equal, match, rejects, throws } from "node:assert/strict";
import { foreignFolder, homeFolder } from "../../../lib/primitives/system/foreign_folder.ts";
import { md5Hex } from "../../../lib/primitives/system/md5.ts";
import { fakeEnv } from "../../fakes/env.ts";

const isWindows = Deno.build.os === "windows";

async function withFolder(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("folders and files are listed in order, and links are neither", () =>
  withFolder(async (path) => {
    for (const name of ["b", "a"]) await Deno.mkdir(`${path}/${name}`);
    for (const name of ["2", "1"]) await Deno.writeTextFile(`${path}/${name}`, name);
    if (!isWindows) {
      await Deno.symlink("/etc", `${path}/c`);
      await Deno.symlink("/etc/passwd", `${path}/3`);
    }
    const folder = foreignFolder(path, 100);
    deepEqual(await folder.list(), { folders: ["a", "b"], files: ["1", "2"], truncated: false });
    deepEqual(await folder.list("a"), { folders: [], files: [], truncated: false });
    equal((await foreignFolder(path, 2).list()).truncated, true);
    equal((await foreignFolder(path, 6).list()).truncated, false);
  }));

Deno.test(
  "a link is followed neither to a folder nor to a file",
  { ignore: isWindows },
  () =>
    withFolder(async (path) => {
      await Deno.symlink("/etc", `${path}/folder`);
      await Deno.symlink("/etc/passwd", `${path}/file`);
      const folder = foreignFolder(path, 100);
      await rejects(folder.list("folder"), { code: "CONFIG_INVALID", message: /it is no folder/ });
      await rejects(folder.read(["file"], { maxBytes: 10_000 }), {
        code: "CONFIG_INVALID",
        message: /no file/,
      });
    }),
);

Deno.test("a file is read with its age; one that is too large is not, or only its beginning", () =>
  withFolder(async (path) => {
    await Deno.writeTextFile(`${path}/a`, "12345");
    await Deno.utime(`${path}/a`, new Date(1_000_000), new Date(2_000_000));
    const folder = foreignFolder(path, 100);
    deepEqual(await folder.read(["a"], { maxBytes: 5 }), { text: "12345", writtenAt: 2_000_000 });
    await rejects(folder.read(["a"], { maxBytes: 4 }), { code: "CONFIG_INVALID", message: /larger than 4/ });
    equal((await folder.read(["a"], { maxBytes: 4, head: true })).text, "1234");
    await rejects(folder.read(["b"], { maxBytes: 4 }), { code: "CONFIG_MISSING" });
  }));

Deno.test(
  "a pipe is not opened: that would wait for its writer",
  { ignore: isWindows },
  () =>
    withFolder(async (path) => {
      const { success } = await new Deno.Command("mkfifo", { args: [`${path}/a`] }).output();
      equal(success, true);
      await rejects(foreignFolder(path, 100).read(["a"], { maxBytes: 4, head: true }), {
        code: "CONFIG_INVALID",
        message: /it is no file/,
      });
    }),
);

Deno.test("a folder that is missing or is a file is told", () =>
  withFolder(async (path) => {
    await Deno.writeTextFile(`${path}/a`, "");
    await rejects(foreignFolder(`${path}/none`, 9).list(), { code: "CONFIG_MISSING" });
    await rejects(foreignFolder(`${path}/a`, 9).list(), {
      code: "CONFIG_INVALID",
      message: /it is no folder/,
    });
  }));

Deno.test("the home folder is HOME, or USERPROFILE on Windows", () => {
  const env = fakeEnv({ HOME: "/home/u", USERPROFILE: "C:\\Users\\u" });
  equal(homeFolder(env, "linux"), "/home/u");
  equal(homeFolder(env, "darwin"), "/home/u");
  equal(homeFolder(env, "windows"), "C:\\Users\\u");
  throws(() => homeFolder(fakeEnv(), "linux"), { code: "CONFIG_MISSING", hint: /--allow-env=HOME/ });
});

Deno.test("MD5 is that of RFC 1321, appendix A.5", () => {
  equal(md5Hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  equal(md5Hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  match(md5Hex("é"), /^[0-9a-f]{32}$/);
});

import { equal, ok, throws } from "node:assert/strict";
import { holdDiskRoom } from "../../../lib/primitives/system/disk_room.ts";
import { coded } from "../coded_error.ts";

async function inFolder(test: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("room is a private file of that many bytes, and gone when it is given back", () =>
  inFolder((folder) => {
    const path = `${folder}/a.room`;
    const room = holdDiskRoom(path, 64 * 1024);
    const { size, mode, blocks } = Deno.statSync(path);
    equal(size, 64 * 1024);
    ok(Deno.build.os === "windows" || ((mode ?? 0) & 0o777) === 0o600);
    ok(blocks === null || blocks * 512 >= size || blocks === 0, "a file system may count later");
    room[Symbol.dispose]();
    room[Symbol.dispose]();
    equal([...Deno.readDirSync(folder)].length, 0);
  }));

Deno.test("what a process that was killed has left is used again", () =>
  inFolder((folder) => {
    const path = `${folder}/a.room`;
    Deno.writeFileSync(path, new Uint8Array(300_000));
    using _room = holdDiskRoom(path, 1_000);
    equal(Deno.statSync(path).size, 1_000);
  }));

Deno.test("a folder that is not there is STORE_UNAVAILABLE", () => {
  throws(
    () => holdDiskRoom("/nowhere/at/all/a.room", 10),
    coded("STORE_UNAVAILABLE", /^Cannot hold room .*"\/nowhere/),
  );
});

Deno.test({
  name: "a full disk is STORE_UNAVAILABLE, and leaves nothing behind",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder((folder) => {
      // A device that is always full, by a name that may be removed.
      Deno.symlinkSync("/dev/full", `${folder}/a.room`);
      throws(() => holdDiskRoom(`${folder}/a.room`, 10), coded("STORE_UNAVAILABLE", /: the disk is full$/));
      equal([...Deno.readDirSync(folder)].length, 0);
    }),
});

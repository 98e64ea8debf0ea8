/** A log on a disk that is full or read-only: nobody is held up, and it goes on when there is room again. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { REFRESHED, Scene } from "./scene.ts";

const PROGRAM = new URL("./append_process.ts", import.meta.url).pathname;

/** How to get mounts of one's own: as root, or else as root of a user namespace. */
const unshare = [["-m"], ["-rm"]].find((args) => {
  try {
    const command = new Deno.Command("unshare", {
      args: [...args, "mount", "-t", "tmpfs", "none", "/mnt"],
      stderr: "null",
    });
    return command.outputSync().success;
  } catch {
    return false;
  }
});

/** Runs a shell with mounts of its own; `FOLDER` is the log's, and `write <prefix> <times> <each>` appends to it. */
async function inMounts(scene: Scene, script: string): Promise<readonly string[]> {
  const program = `'${Deno.execPath()}' run -A --no-config '${PROGRAM}' '${scene.folder}'`;
  const { stdout, success } = await new Deno.Command("unshare", {
    args: [
      ...unshare!,
      "sh",
      "-ec",
      `write() { ${program} "$@"; }\n${script.replaceAll("FOLDER", scene.folder)}`,
    ],
    stderr: "inherit",
  }).output();
  ok(success);
  return new TextDecoder().decode(stdout).split("\n").slice(0, -1);
}

const mounts = { ignore: unshare === undefined };

Deno.test(
  "a disk that is full keeps nobody from working; what was written stays, and the log goes on when there is room",
  mounts,
  async () => {
    await using scene = new Scene();
    const lines = await inMounts(
      scene,
      `mount -t tmpfs -o size=64k none FOLDER
     write before 30 10
     cp -r FOLDER FOLDER.kept`,
    );
    await Deno.remove(scene.folder, { recursive: true });
    await Deno.rename(`${scene.folder}.kept`, scene.folder);
    const missed = lines.filter((line) => line.startsWith("missed"));
    const written = lines.filter((line) => line.startsWith("written"));
    ok(missed.length > 5 && written.length > 5, lines.join("\n"));
    match(missed[0]!, /^missed The audit log misses 10 events: Cannot write ".*": the disk is full$/);
    const found = await scene.verify();
    deepEqual([found.intact, found.breaks], [true, []]);
    ok(found.events >= written.length * 10);
    ok(found.torn.length <= missed.length);
    await scene.write(REFRESHED);
    const after = await scene.verify();
    deepEqual([after.intact, after.events], [true, found.events + 1]);
  },
);

Deno.test("a folder that is read-only keeps nobody from working, and can be read", mounts, async () => {
  await using scene = new Scene();
  await scene.writeMany(3);
  const lines = await inMounts(
    scene,
    `mount --bind FOLDER FOLDER && mount -o remount,bind,ro FOLDER
     write late 1 1`,
  );
  equal(lines.length, 1);
  match(lines[0]!, /^missed The audit log misses 1 event: Cannot .*Read-only file system|read-only/);
  equal((await scene.events()).length, 3);
});

Deno.test("a sandbox that grants no writing keeps nobody from working", async () => {
  await using scene = new Scene();
  await scene.writeMany(2);
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-config",
      "--no-prompt",
      `--allow-read`,
      PROGRAM,
      scene.folder,
      "denied",
      "1",
      "1",
    ],
  }).output();
  ok(success);
  match(new TextDecoder().decode(stdout), /^missed The audit log misses 1 event: .*write access/);
  equal((await scene.events()).length, 2);
});

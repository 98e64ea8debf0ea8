/** What processes do to each other's lines, what a kill does to them, and what becomes of full files. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { AUDIT_FILE_MAX_BYTES, AUDIT_FILES_KEPT } from "../../../lib/primitives/limits.ts";
import { readAudit } from "../../../lib/services/audit/mod.ts";
import { REFRESHED, Scene } from "./scene.ts";

const PROGRAM = new URL("./append_process.ts", import.meta.url).pathname;
const unix = { ignore: Deno.build.os === "windows" };

/** Starts a process that writes. */
function start(scene: Scene, prefix: string, times: number, each: number): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", PROGRAM, scene.folder, prefix, String(times), String(each)],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** What a process printed, whole lines only. */
async function said(child: Deno.ChildProcess): Promise<readonly string[]> {
  const text = new TextDecoder().decode((await child.output()).stdout);
  return text.split("\n").slice(0, -1);
}

/** How often each batch of events is in the log, and with how many of them. */
async function batches(scene: Scene): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  const names = new Set<string>();
  for (const { name = "" } of await scene.events()) {
    ok(!names.has(name), `${name} is there twice`);
    names.add(name);
    const batch = name.split("-").slice(0, 2).join("-");
    found.set(batch, (found.get(batch) ?? 0) + 1);
  }
  return found;
}

Deno.test("8 processes that append at once lose nothing, and the chain holds", async () => {
  await using scene = new Scene();
  const children = Array.from({ length: 8 }, (_, number) => start(scene, `p${number}`, 15, 2));
  const lines = (await Promise.all(children.map(said))).flat();
  const written = await batches(scene);
  for (const line of lines) match(line, /^written /);
  equal(lines.length, 120);
  for (const line of lines) equal(written.get(line.slice("written ".length)), 2);
  deepEqual(await scene.verify(), {
    intact: true,
    events: 240,
    firstSeq: 1,
    lastSeq: 240,
    torn: [],
    breaks: [],
  });
});

Deno.test("processes that are killed at any moment leave a chain that holds, and no line of theirs is lost that was written", async () => {
  await using scene = new Scene();
  let count = 0;
  const told: string[] = [];
  const end = performance.now() + 4_000;
  // Fewer than what the kept files hold, also on a fast machine: the oldest lines have to be there still.
  const enough = 1_500;
  const slot = async () => {
    while (performance.now() < end && told.length < enough) {
      const child = start(scene, `k${count++}`, 100_000, 3);
      const output = said(child);
      await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 400));
      child.kill("SIGKILL");
      told.push(...await output);
    }
  };
  await Promise.all(Array.from({ length: 6 }, slot));
  ok(told.length > 20, `${told.length} batches`);
  const written = await batches(scene);
  for (const line of told) {
    if (line.startsWith("written ")) equal(written.get(line.slice("written ".length)), 3, line);
  }
  const { intact, breaks, events } = await scene.verify();
  deepEqual([intact, breaks], [true, []]);
  ok(events >= told.filter((line) => line.startsWith("written ")).length * 3);
});

Deno.test("full files move on while 6 processes write: nothing is lost, and the chain holds across files", async () => {
  await using scene = new Scene();
  const children = Array.from({ length: 6 }, (_, number) => start(scene, `r${number}`, 20, 50));
  const lines = (await Promise.all(children.map(said))).flat();
  deepEqual(lines.filter((line) => !line.startsWith("written ")), []);
  deepEqual([...(await batches(scene)).values()], Array(120).fill(50));
  const { intact, breaks, events } = await scene.verify();
  deepEqual([intact, breaks, events], [true, [], 6_000]);
  const files = await scene.files();
  ok(files.length >= 3, files.join());
  for (const name of files) {
    ok((await Deno.stat(`${scene.folder}/${name}`)).size <= AUDIT_FILE_MAX_BYTES, name);
  }
});

Deno.test("of more than six files the oldest goes, and the chain begins where the log begins", async () => {
  await using scene = new Scene();
  for (let batch = 0; batch < 16; batch++) await scene.writeMany(1_000, `b${batch}-`, "x".repeat(250));
  equal((await scene.files()).length, AUDIT_FILES_KEPT + 1);
  const { intact, firstSeq = 0, lastSeq, events } = await scene.verify();
  equal(intact, true);
  equal(lastSeq, 16_000);
  ok(firstSeq > 1);
  equal(events, 16_000 - firstSeq + 1);
});

/** Fills the current file, so that the next append moves it on. */
async function fill(scene: Scene): Promise<void> {
  for (let batch = 0; batch < 2; batch++) await scene.writeMany(990, "f-", "x".repeat(250));
}

Deno.test("a process that is killed while files move on loses none: the next one fills the gap", async () => {
  await using scene = new Scene();
  for (let files = 0; files < 3; files++) await fill(scene);
  const before = await scene.verify();
  const names = (await scene.files()).filter((name) => name !== "audit.jsonl").toReversed();
  // As if it had been killed after each of its steps.
  for (const name of names) {
    const age = Number(/\d/.exec(name)?.[0]);
    await Deno.rename(`${scene.folder}/${name}`, `${scene.folder}/audit.${age + 1}.jsonl`);
    deepEqual(await scene.verify(), before);
  }
  await Deno.rename(`${scene.folder}/audit.jsonl`, `${scene.folder}/audit.1.jsonl`);
  deepEqual(await scene.verify(), before);
  await scene.write(REFRESHED);
  const after = await scene.verify();
  deepEqual([after.intact, after.events], [true, before.events + 1]);

  for (const age of names.map((_, index) => names.length - index)) {
    await Deno.rename(`${scene.folder}/audit.${age + 1}.jsonl`, `${scene.folder}/audit.${age + 2}.jsonl`);
  }
  await fill(scene);
  const filled = await scene.verify();
  deepEqual([filled.intact, filled.events], [true, after.events + 1_980]);
});

Deno.test("a file that is torn when it is full is covered by the first line of the next", async () => {
  await using scene = new Scene();
  for (let batch = 0; batch < 2; batch++) await scene.writeMany(780, "f-", "x".repeat(250));
  await scene.edit((text) => `${text}{"seq":1561,`);
  await scene.writeMany(700, "g-", "x".repeat(250));
  deepEqual(await scene.files(), ["audit.1.jsonl", "audit.jsonl"]);
  const { intact, torn } = await scene.verify();
  deepEqual([intact, torn.map(({ file, covered }) => [file, covered])], [true, [["audit.1.jsonl", true]]]);
  await scene.edit((text) => text.replace("1561,", "1562,"), "audit.1.jsonl");
  equal((await scene.verify()).intact, false);
});

Deno.test("who reads the log while it moves on reads each event once, and none of those that come meanwhile", async () => {
  await using scene = new Scene();
  await fill(scene);
  const expected = (await scene.events()).map(({ seq }) => seq);
  const seen: number[] = [];
  for await (const { line } of readAudit(scene.place)) {
    if (seen.length === 0) {
      await fill(scene);
      await fill(scene);
    }
    seen.push(line?.seq ?? -1);
  }
  deepEqual(seen, expected);
});

Deno.test(
  "the file is its owner's alone, under any umask, and one that was not is made so",
  unix,
  async () => {
    await using scene = new Scene();
    const path = `${scene.folder}/audit.jsonl`;
    const before = Deno.umask(0);
    try {
      await scene.write(REFRESHED);
    } finally {
      Deno.umask(before);
    }
    equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    await Deno.chmod(path, 0o644);
    await scene.write(REFRESHED);
    equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    equal((await scene.verify()).intact, true);
  },
);

Deno.test("a folder in place of the file keeps nobody from working", async () => {
  await using scene = new Scene();
  await Deno.mkdir(`${scene.folder}/audit.jsonl`);
  await scene.write(REFRESHED);
  equal(scene.said.length, 1);
  match(scene.said[0]!, /^The audit log misses 1 event: Cannot write/);
});

Deno.test("a device in place of the file is not written to", unix, async () => {
  await using scene = new Scene();
  await Deno.symlink("/dev/null", `${scene.folder}/audit.jsonl`);
  await scene.write(REFRESHED);
  match(scene.said[0]!, /it is no file$/);
});

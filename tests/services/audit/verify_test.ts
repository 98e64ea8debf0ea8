/** What the check of the chain finds, and what it tells apart: tampering, torn lines, files that are not kept. */
import { deepEqual, equal, match } from "node:assert/strict";
import { AUDIT_COVERED_MAX_BYTES } from "../../../lib/primitives/limits.ts";
import { REFRESHED, Scene } from "./scene.ts";

function without(line: number): (text: string) => string {
  return (text) => text.split("\n").toSpliced(line - 1, 1).join("\n");
}

const TAMPERING:
  readonly (readonly [name: string, edit: (text: string) => string, problem: RegExp, at: number])[] = [
    ["an entry's name changed", (text) => text.replace("entry-3", "entry-9"), /before it was changed/, 4],
    ["one blank added", (text) => text.replace('"entry-3"', '"entry-3" '), /before it was changed/, 4],
    ["a line removed", without(3), /^3 was to follow$/, 3],
    [
      "the first line removed and the second called first",
      (text) => without(1)(text).replace('"seq":2', '"seq":1'),
      /names one before it/,
      1,
    ],
    ["a line put in twice", (text) => text.replace(/^(.*"entry-3".*\n)/m, "$1$1"), /^4 was to follow$/, 4],
    [
      "two lines exchanged",
      (text) => text.replace(/^(.*"entry-3".*\n)(.*\n)/m, "$2$1"),
      /^3 was to follow$/,
      3,
    ],
    ["a number changed", (text) => text.replace('"seq":3', '"seq":33'), /^3 was to follow$/, 3],
    ["a line emptied", (text) => text.replace(/^.*"entry-3".*$/m, ""), /no event of the log/, 3],
    ["a line cut short", (text) => text.replace(/"entry-3".*$/m, ""), /no event of the log/, 3],
    [
      "words in a line of their own",
      (text) => text.replace(/^(.*"entry-3".*)$/m, "hello\n$1"),
      /no event of the log/,
      3,
    ],
    ["words at the end", (text) => `${text}hello\n`, /no event of the log/, 6],
  ];

for (const [name, edit, problem, at] of TAMPERING) {
  Deno.test(`tampering is found: ${name}`, async () => {
    await using scene = new Scene();
    await scene.writeMany(5);
    await scene.edit(edit);
    const { intact, breaks } = await scene.verify();
    equal(intact, false);
    match(breaks[0]!.problem, problem);
    deepEqual([breaks[0]!.file, breaks[0]!.line], ["audit.jsonl", at]);
  });
}

Deno.test("tampering stays found when the log goes on", async () => {
  await using scene = new Scene();
  await scene.writeMany(5);
  await scene.edit((text) => text.replace("entry-2", "entry-8"));
  await scene.writeMany(3, "later-");
  const { intact, events, lastSeq, breaks } = await scene.verify();
  deepEqual([intact, events, lastSeq], [false, 8, 8]);
  deepEqual(breaks.map(({ line, seq }) => [line, seq]), [[3, 3]]);
});

Deno.test("an untouched log is intact, and an empty one too", async () => {
  await using scene = new Scene();
  const empty = { intact: true, events: 0, firstSeq: undefined, lastSeq: undefined, torn: [], breaks: [] };
  deepEqual(await scene.verify(), empty);
  deepEqual(await scene.files(), []);
  await scene.writeMany(5);
  deepEqual(await scene.verify(), { ...empty, events: 5, firstSeq: 1, lastSeq: 5 });
});

Deno.test("a line that was torn at any byte is told from tampering, and the log goes on after it", async () => {
  await using scene = new Scene();
  await scene.writeMany(2);
  const whole = await scene.text();
  const second = whole.indexOf("\n") + 1;
  for (let length = second; length < whole.length; length++) {
    await scene.edit(() => whole.slice(0, length));
    const isTorn = length > second && length < whole.length - 1;
    const found = await scene.verify();
    deepEqual([found.intact, found.breaks, found.torn.length], [true, [], isTorn ? 1 : 0], `at ${length}`);
    await scene.write(REFRESHED);
    const after = await scene.verify();
    deepEqual(after.breaks, [], `at ${length}`);
    deepEqual(after.torn, isTorn ? [{ file: "audit.jsonl", line: 2, covered: true }] : [], `at ${length}`);
    equal(after.lastSeq, length === whole.length - 1 ? 3 : 2);
  }
});

Deno.test("several torn lines in a row, and what a power failure leaves, are no tampering", async () => {
  await using scene = new Scene();
  await scene.writeMany(2);
  await scene.edit((text) => `${text}{"seq":3,"at"\n{"se\n${"\0".repeat(500)}`);
  deepEqual((await scene.verify()).torn.map(({ line, covered }) => [line, covered]), [
    [3, false],
    [4, false],
    [5, false],
  ]);
  await scene.writeMany(2);
  const { intact, torn, lastSeq } = await scene.verify();
  deepEqual([intact, torn.map(({ line }) => line), lastSeq], [true, [3, 4, 5], 4]);
});

Deno.test("a torn line that was changed after the log went on is tampering", async () => {
  await using scene = new Scene();
  await scene.writeMany(2);
  await scene.edit((text) => `${text}{"seq":3,"at"`);
  await scene.writeMany(2);
  await scene.edit((text) => text.replace('{"seq":3,"at"\n', '{"seq":3,"a"\n'));
  const { intact, breaks, torn } = await scene.verify();
  equal(intact, false);
  deepEqual(torn, []);
  deepEqual(breaks.map(({ line }) => line), [3, 4]);
});

Deno.test("a line before a torn one is covered by the line after it", async () => {
  await using scene = new Scene();
  await scene.writeMany(2);
  await scene.edit((text) => `${text}{"seq":3,"at"`);
  await scene.writeMany(1);
  await scene.edit((text) => text.replace("entry-2", "entry-7"));
  equal((await scene.verify()).intact, false);
});

Deno.test("a flood without a line break is damage, and the log goes on after it with the next number", async () => {
  await using scene = new Scene();
  for (
    const size of [AUDIT_COVERED_MAX_BYTES - 1, AUDIT_COVERED_MAX_BYTES, AUDIT_COVERED_MAX_BYTES + 1, 400_000]
  ) {
    await scene.edit(() => "").catch(() => {});
    await scene.writeMany(2);
    await scene.edit((text) => text + "x".repeat(size));
    await scene.writeMany(2);
    const { intact, breaks, events, lastSeq } = await scene.verify();
    deepEqual([intact, events, lastSeq], [false, 4, 4], `${size}`);
    deepEqual(
      breaks.map(({ line, seq }) => [line, seq]),
      [[3, undefined]],
      `${size}: the lines around it are whole`,
    );
  }
});

Deno.test("nothing but damage: the log begins anew below it", async () => {
  await using scene = new Scene();
  await Deno.writeTextFile(`${scene.folder}/audit.jsonl`, "hello\nworld");
  await scene.writeMany(2);
  const { events, firstSeq, lastSeq, breaks } = await scene.verify();
  deepEqual([events, firstSeq, lastSeq], [2, 1, 2]);
  deepEqual(breaks.map(({ line }) => line), [1, 2]);
});

Deno.test("numbers that somebody set to the end of all numbers do not end the log", async () => {
  await using scene = new Scene();
  await scene.writeMany(2);
  await scene.edit((text) => text.replace('"seq":2', '"seq":9007199254740991'));
  await scene.writeMany(1);
  deepEqual((await scene.events()).map(({ seq }) => seq), [1, 2]);
  equal((await scene.verify()).intact, false);
});

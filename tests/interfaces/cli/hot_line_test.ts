/** The short way to `token <name>` and the parser read a command line alike, or the short way leaves it alone. */
import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { readHotLine } from "../../../lib/interfaces/cli/hot_line.ts";
import { reader } from "./reading.ts";

const PLAIN: readonly (readonly string[])[] = [
  ["token", "demo"],
  ["token", "demo", "--header"],
  ["token", "--header", "demo"],
  ["token", "demo", "--json", "--verbose"],
  ["token", "demo", "--keystore", "file"],
  ["token", "--keystore", "memory", "demo", "--header", "--json"],
];

const LEFT_ALONE: readonly (readonly string[])[] = [
  [],
  ["token"],
  ["tokens", "demo"],
  ["Token", "demo"],
  ["--verbose", "token", "demo"],
  ["token", "a", "b"],
  ["token", "demo", "--help"],
  ["token", "demo", "-h"],
  ["token", "demo", "--version"],
  ["token", "demo", "--headers"],
  ["token", "demo", "--header", "--header"],
  ["token", "demo", "--header=true"],
  ["token", "demo", "--no-header"],
  ["token", "demo", "--keystore"],
  ["token", "demo", "--keystore", "hologram"],
  ["token", "demo", "--keystore", "file", "--keystore", "file"],
  ["token", "demo", "--keystore=file"],
  ["token", "--", "demo"],
  ["token", "-"],
  ["token", "demo", "--toString"],
  ["token", "demo", "--__proto__"],
];

Deno.test("plain command lines take the short way, and the parser reads them the same", async () => {
  const read = await reader();
  for (const line of PLAIN) {
    const hot = readHotLine(line);
    deepEqual({ command: "token", flags: hot?.flags, args: [hot?.name] }, await read(line), line.join(" "));
  }
});

Deno.test("everything else is left to the parser", () => {
  for (const line of LEFT_ALONE) equal(readHotLine(line), undefined, line.join(" "));
});

const WORD = fc.oneof(
  fc.constantFrom("--header", "--json", "--verbose", "--keystore", "file", "env", "memory", "demo", "a"),
  fc.constantFrom(
    "--",
    "-",
    "",
    "-h",
    "--help",
    "--version",
    "--no-json",
    "--header=true",
    "--keystore=file",
    "-H",
  ),
  fc.constantFrom(
    "--Header",
    "--JSON",
    "--noHeader",
    "token",
    "help",
    "--__proto__",
    "--key-store",
    " ",
    "--header ",
  ),
  fc.string({ maxLength: 6 }),
);

Deno.test("whatever the short way takes, the parser reads the same", async () => {
  const read = await reader();
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(WORD, { maxLength: 5 }), async (words) => {
      const line = ["token", ...words];
      const hot = readHotLine(line);
      if (hot === undefined) return;
      taken++;
      deepEqual(await read(line), { command: "token", flags: { ...hot.flags }, args: [hot.name] });
    }),
    { numRuns: 3_000 },
  );
  equal(taken > 100, true, `only ${taken} lines took the short way`);
});

/**
 * A QR code in a terminal: the modules that are drawn are those of the code, with light around them.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { encode } from "uqr";
import { qrCode } from "../../../../lib/interfaces/cli/output/qr_code.ts";

const URL_TEXT = "https://as.example/device?user_code=WDJB-MJHT";

/** Which of the two modules of a character are drawn. */
const DRAWN: Readonly<Record<string, readonly [upper: boolean, lower: boolean]>> = {
  "█": [true, true],
  "▀": [true, false],
  "▄": [false, true],
  " ": [false, false],
};

function modulesOf(lines: readonly string[], isDark: (drawn: boolean) => boolean): boolean[][] {
  return lines.flatMap((line) => {
    const pairs = [...line].map((char) => DRAWN[char] ?? [false, false]);
    return [pairs.map(([upper]) => isDark(upper)), pairs.map(([, lower]) => isDark(lower))];
  });
}

Deno.test("without colours the light modules are drawn, for a dark terminal", async () => {
  const { data, size } = encode(URL_TEXT, { ecc: "L", border: 2 });
  const lines = await qrCode(URL_TEXT, 80, false) ?? [];
  const drawn = modulesOf(lines, (each) => !each);
  equal(lines.length, Math.ceil(size / 2));
  deepEqual(drawn.slice(0, size), data);
  ok(drawn.slice(size).flat().every((dark) => !dark), "nothing below the last row");
});

Deno.test("with colours it is dark on light, whatever the terminal is", async () => {
  const { data, size } = encode(URL_TEXT, { ecc: "L", border: 2 });
  const lines = await qrCode(URL_TEXT, 80, true) ?? [];
  const plain = lines.map((line) => {
    ok(line.startsWith("\x1b[30;107m") && line.endsWith("\x1b[0m"));
    return line.slice("\x1b[30;107m".length, -"\x1b[0m".length);
  });
  deepEqual(modulesOf(plain, (each) => each).slice(0, size), data);
});

Deno.test("a code that does not fit is none", async () => {
  const { size } = encode(URL_TEXT, { ecc: "L", border: 2 });
  equal((await qrCode(URL_TEXT, size, false))?.length, Math.ceil(size / 2));
  equal(await qrCode(URL_TEXT, size - 1, false), undefined);
  equal(await qrCode("x".repeat(5_000), 10_000, false), undefined);
});

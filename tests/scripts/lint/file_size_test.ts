import assert from "node:assert/strict";
import { objections, testRule } from "./linting.ts";

const FILE = "lib/services/tokens/refresh.ts";
const lines = (count: number) => "a();\n".repeat(count);

testRule("file-size", [
  [FILE, lines(450), null],
  [FILE, lines(451), /451 lines, more than 450/],
  [FILE, `${lines(450)}a();`, /451 lines/],
  [FILE, lines(451).replaceAll("\n", "\r\n"), /451 lines/],
  [FILE, lines(450).replaceAll("\n", "\r\n"), null],
  [FILE, "\n".repeat(1_000), /1000 lines/],
  ["tests/main_test.ts", lines(1_000), null],
  ["scripts/compile.ts", lines(1_000), null],
]);

Deno.test("file-size points at the first line too many", () => {
  const [found] = objections("file-size", FILE, lines(452));
  assert.deepEqual(found?.range, [450 * 5, 450 * 5 + 4]);
});

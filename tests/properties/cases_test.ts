/** How much is tried: a property that is taken away must not go unnoticed. */
import { ok } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { CASES_MIN, RUNS } from "./property.ts";

Deno.test(`properties are tried with at least ${CASES_MIN} cases together`, async () => {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  let properties = 0;
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith("_test.ts")) continue;
    properties += (await Deno.readTextFile(`${folder}/${name}`)).match(/^property\(/gm)?.length ?? 0;
  }
  ok(properties * RUNS >= CASES_MIN, `${properties} properties with ${RUNS} cases each`);
});

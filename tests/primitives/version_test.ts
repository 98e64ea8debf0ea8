import { equal } from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import { VERSION } from "../../lib/primitives/version.ts";

Deno.test("the version that the program tells is the one in deno.json", () => {
  equal(VERSION, config.version);
});

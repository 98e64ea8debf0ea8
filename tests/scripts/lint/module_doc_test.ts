import { testRule } from "./linting.ts";

const FILE = "lib/services/tokens/refresh.ts";

testRule("module-doc", [
  [FILE, `/**\n * What this is for.\n *\n * @module\n */\nexport const a = 1;`, null],
  [FILE, `/** What this is for. @module */\nexport const a = 1;`, null],
  [FILE, `\n/** What this is for.\n @module */\nexport const a = 1;`, null],
  [FILE, `/** What this is for. @module */\n// deno-lint-ignore-file\nexport const a = 1;`, null],
  [FILE, `export const a = 1;`, /does not open with/],
  [FILE, ``, /does not open with/],
  [FILE, `// What this is for. @module\nexport const a = 1;`, /does not open with/],
  [FILE, `/* What this is for. @module */\nexport const a = 1;`, /does not open with/],
  [FILE, `import "./b.ts";\n/** What this is for. @module */\nexport const a = 1;`, /does not open with/],
  [FILE, `/** What a is. */\nexport const a = 1;`, /mark it with @module/],
  [FILE, `/** @module */\nexport const a = 1;`, /does not describe the module/],
  [FILE, `/** What a is. */\n/** What this is for. @module */\nexport const a = 1;`, /mark it with @module/],
  ["lib/mod.ts", `export const a = 1;`, /does not open with/],
  ["main.ts", `console.log(1);`, null],
  ["scripts/compile.ts", `console.log(1);`, null],
  ["tests/main_test.ts", `console.log(1);`, null],
]);

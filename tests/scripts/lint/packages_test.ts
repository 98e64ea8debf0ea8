import { testRule } from "./linting.ts";

const UNKNOWN = /is not a package of the product/;
const ADDRESS = /is imported by its address/;

testRule("packages", [
  ["lib/primitives/oauth/token.ts", `import * as oauth from "oauth4webapi";`, null],
  ["lib/interfaces/cli/program.ts", `import { run } from "@stricli/core";`, null],
  ["lib/primitives/mcp/sse.ts", `const a = () => import("eventsource-parser/stream");`, null],
  ["lib/primitives/oauth/token.ts", `import { a } from "../errors.ts";`, null],
  ["lib/primitives/system/files.ts", `import { join } from "node:path";`, null],
  ["lib/primitives/oauth/token.ts", `import Provider from "oidc-provider";`, UNKNOWN],
  ["lib/primitives/oauth/token.ts", `import type { Configuration } from "oidc-provider";`, UNKNOWN],
  ["lib/primitives/oauth/token.ts", `export * from "playwright-core";`, UNKNOWN],
  ["lib/primitives/oauth/token.ts", `const a = () => import("fast-check");`, UNKNOWN],
  ["lib/primitives/oauth/token.ts", `import { a } from "oauth4webapi-extra";`, UNKNOWN],
  ["lib/primitives/oauth/token.ts", `import { a } from "@x/mcp-auth/sdk";`, UNKNOWN],
  ["lib/primitives/oauth/token.ts", `import { a } from "path";`, UNKNOWN],
  ["main.ts", `import fc from "fast-check";`, UNKNOWN],
  ["lib/primitives/oauth/token.ts", `import * as oauth from "npm:oauth4webapi@3.8.8";`, ADDRESS],
  ["lib/primitives/oauth/token.ts", `import { a } from "jsr:@std/path";`, ADDRESS],
  ["lib/primitives/oauth/token.ts", `import { a } from "https://example.com/mod.ts";`, ADDRESS],
  ["lib/primitives/oauth/token.ts", `import { a } from "/lib/primitives/errors.ts";`, ADDRESS],
  ["scripts/demo.ts", `import Provider from "npm:oidc-provider@9.13.3";`, null],
  ["tests/lib/interfaces/cli/run_test.ts", `import fc from "fast-check";`, null],
]);

import assert from "node:assert/strict";
import { objections, testRule } from "./linting.ts";

const ABOVE = /which is above it/;
const SIBLING = /imports its sibling/;
const DOOR = /past the service's mod\.ts/;
const TYPES = /imports values of/;
const OUTSIDE = /no part of the layers/;

testRule("layers", [
  // Direction between layers.
  ["lib/primitives/oauth/token.ts", `import { a } from "../../services/tokens/mod.ts";`, ABOVE],
  ["lib/primitives/errors.ts", `import { a } from "../interfaces/cli/run.ts";`, ABOVE],
  ["lib/services/tokens/refresh.ts", `import { a } from "../../interfaces/cli/context.ts";`, ABOVE],
  ["lib/services/tokens/refresh.ts", `import { a } from "../../primitives/oauth/token.ts";`, null],
  ["lib/services/tokens/refresh.ts", `import type { Clock } from "../../primitives/system/clock.ts";`, null],
  [
    "lib/interfaces/cli/commands/add/action.ts",
    `import { a } from "../../../../primitives/errors.ts";`,
    null,
  ],
  [
    "lib/interfaces/cli/commands/add/action.ts",
    `import { a } from "../../../../services/signin/mod.ts";`,
    null,
  ],
  ["lib/interfaces/cli/commands/add/action.ts", `import { a } from "../../output/table.ts";`, null],

  // Every form of import counts, types too.
  ["lib/primitives/errors.ts", `import type { A } from "../services/tokens/mod.ts";`, ABOVE],
  ["lib/primitives/errors.ts", `import { type A } from "../services/tokens/mod.ts";`, ABOVE],
  ["lib/primitives/errors.ts", `import "../services/tokens/mod.ts";`, ABOVE],
  ["lib/primitives/errors.ts", `export { a } from "../services/tokens/mod.ts";`, ABOVE],
  ["lib/primitives/errors.ts", `export type { A } from "../services/tokens/mod.ts";`, ABOVE],
  ["lib/primitives/errors.ts", `export * from "../services/tokens/mod.ts";`, ABOVE],
  ["lib/primitives/errors.ts", `export * as tokens from "../services/tokens/mod.ts";`, ABOVE],
  ["lib/primitives/errors.ts", `const a = () => import("../services/tokens/mod.ts");`, ABOVE],
  ["lib/primitives/errors.ts", `type A = import("../services/tokens/mod.ts").A;`, ABOVE],
  ["lib/primitives/errors.ts", `type A = typeof import("../services/tokens/mod.ts");`, ABOVE],
  ["lib/primitives/errors.ts", `const a = (b: string) => import(b);`, /computed/],
  ["lib/primitives/errors.ts", "const a = (b: string) => import(`../services/${b}/mod.ts`);", /computed/],
  ["lib/primitives/errors.ts", `export const a = 1; const b = "../services/tokens/mod.ts";`, null],

  // Siblings within primitives.
  ["lib/primitives/oauth/token.ts", `import { a } from "../http/fetch.ts";`, null],
  ["lib/primitives/oauth/token.ts", `import { a } from "../crypto/seal.ts";`, null],
  ["lib/primitives/oauth/token.ts", `import { a } from "./pkce.ts";`, null],
  ["lib/primitives/oauth/token.ts", `import { a } from "../limits.ts";`, null],
  ["lib/primitives/oauth/token.ts", `import { a } from "../mcp/jsonrpc.ts";`, SIBLING],
  ["lib/primitives/oauth/token.ts", `import { a } from "../system/clock.ts";`, SIBLING],
  ["lib/primitives/mcp/sse.ts", `import { a } from "../http/fetch.ts";`, null],
  ["lib/primitives/mcp/sse.ts", `import { a } from "../oauth/token.ts";`, SIBLING],
  ["lib/primitives/http/fetch.ts", `import type { A } from "../system/network.ts";`, null],
  ["lib/primitives/http/fetch.ts", `import { a } from "../oauth/token.ts";`, SIBLING],
  ["lib/primitives/system/kv.ts", `import { a } from "../errors.ts";`, null],
  ["lib/primitives/system/keychain/macos.ts", `import { a } from "../process.ts";`, null],
  ["lib/primitives/system/keychain/macos.ts", `import { a } from "../../crypto/seal.ts";`, SIBLING],
  ["lib/primitives/crypto/seal.ts", `import type { A } from "../system/clock.ts";`, SIBLING],
  ["lib/primitives/untrusted_text.ts", `import { a } from "./limits.ts";`, null],
  ["lib/primitives/untrusted_text.ts", `import { a } from "./http/fetch.ts";`, SIBLING],

  // Siblings within services, and their doors.
  ["lib/services/credentials/store.ts", `import { a } from "../audit/mod.ts";`, null],
  ["lib/services/credentials/store.ts", `import { a } from "../config/mod.ts";`, null],
  ["lib/services/credentials/store.ts", `import { a } from "../tokens/mod.ts";`, SIBLING],
  ["lib/services/config/servers.ts", `import { a } from "../audit/mod.ts";`, SIBLING],
  ["lib/services/audit/log.ts", `import type { A } from "../config/mod.ts";`, SIBLING],
  ["lib/services/rate_limit/bucket.ts", `import { a } from "../audit/mod.ts";`, SIBLING],
  ["lib/services/tokens/refresh.ts", `import { a } from "../credentials/mod.ts";`, null],
  ["lib/services/tokens/refresh.ts", `import { a } from "../credentials/store.ts";`, DOOR],
  ["lib/services/tokens/refresh.ts", `import type { A } from "../credentials/store.ts";`, DOOR],
  ["lib/services/tokens/refresh.ts", `import { a } from "../signin/mod.ts";`, SIBLING],
  ["lib/services/signin/flow.ts", `import { a } from "../tokens/mod.ts";`, null],
  ["lib/services/signin/flow.ts", `import { a } from "../bridge/mod.ts";`, SIBLING],
  ["lib/services/signin/ways/browser.ts", `import { a } from "../flow.ts";`, null],
  ["lib/services/bridge/pipe.ts", `import { a } from "../tokens/mod.ts";`, null],
  ["lib/services/bridge/pipe.ts", `import { a } from "../credentials/mod.ts";`, SIBLING],
  ["lib/services/gateway/routes.ts", `import { a } from "../bridge/mod.ts";`, null],
  ["lib/services/gateway/routes.ts", `import { a } from "../authorization_server/mod.ts";`, SIBLING],
  ["lib/services/resource_server/verify.ts", `import { a } from "../audit/mod.ts";`, null],
  ["lib/services/resource_server/verify.ts", `import { a } from "../credentials/mod.ts";`, SIBLING],
  ["lib/services/authorization_server/token.ts", `import { a } from "../resource_server/mod.ts";`, null],
  ["lib/services/authorization_server/token.ts", `import { a } from "../tokens/mod.ts";`, SIBLING],

  // Interfaces.
  ["lib/interfaces/cli/context.ts", `import { a } from "../../services/credentials/mod.ts";`, null],
  ["lib/interfaces/cli/context.ts", `const a = () => import("../../services/bridge/mod.ts");`, null],
  ["lib/interfaces/cli/context.ts", `import { a } from "../../services/credentials/store.ts";`, DOOR],
  ["lib/interfaces/cli/context.ts", `import { a } from "../http/gateway.ts";`, null],
  ["lib/interfaces/sdk/client.ts", `import { a } from "../../services/tokens/mod.ts";`, null],
  ["lib/interfaces/sdk/client.ts", `import { a } from "../cli/run.ts";`, SIBLING],
  ["lib/interfaces/http/gateway.ts", `import type { A } from "../cli/context.ts";`, SIBLING],

  // The library's face.
  ["lib/mod.ts", `export { a } from "./interfaces/sdk/client.ts";`, null],
  ["lib/mod.ts", `export { a } from "./interfaces/cli/run.ts";`, /imports "lib\/interfaces\/cli/],
  ["lib/mod.ts", `export { McpAuthError } from "./primitives/errors.ts";`, null],
  ["lib/mod.ts", `export type { A } from "./services/tokens/mod.ts";`, null],
  ["lib/mod.ts", `export { type A, type B } from "./primitives/http/http.ts";`, null],
  ["lib/mod.ts", `export { type A, b } from "./primitives/http/http.ts";`, TYPES],
  ["lib/mod.ts", `export { a } from "./services/tokens/mod.ts";`, TYPES],
  ["lib/mod.ts", `export * from "./services/tokens/mod.ts";`, TYPES],
  ["lib/mod.ts", `export type { A } from "./services/tokens/refresh.ts";`, DOOR],

  // The entry.
  ["main.ts", `import { run } from "./lib/interfaces/cli/run.ts";`, null],
  ["main.ts", `const run = () => import("./lib/interfaces/cli/run.ts");`, null],
  ["main.ts", `import { restart } from "./lib/primitives/system/restart.ts";`, null],
  ["main.ts", `import { a } from "./lib/services/tokens/mod.ts";`, /"main.ts" imports/],
  ["main.ts", `import { a } from "./lib/interfaces/sdk/client.ts";`, /"main.ts" imports/],
  ["main.ts", `import { a } from "./lib/mod.ts";`, OUTSIDE],
  ["main.ts", `import { a } from "./scripts/compile.ts";`, OUTSIDE],

  // What is not product stays out of it.
  ["lib/primitives/errors.ts", `import { a } from "../../scripts/compile.ts";`, OUTSIDE],
  ["lib/primitives/errors.ts", `import type { A } from "../../tests/fakes/clock.ts";`, OUTSIDE],
  ["lib/services/tokens/refresh.ts", `import { a } from "../../../main.ts";`, OUTSIDE],
  ["lib/services/tokens/refresh.ts", `import { a } from "../../mod.ts";`, OUTSIDE],
  ["lib/primitives/errors.ts", `import { a } from "../../../elsewhere.ts";`, /outside the checkout/],
  ["lib/primitives/version.ts", `import c from "../../deno.json" with { type: "json" };`, null],
  ["scripts/compile.ts", `import { a } from "../lib/services/tokens/refresh.ts";`, null],
  ["tests/fakes/clock.ts", `import { a } from "../../lib/interfaces/cli/run.ts";`, null],
  [
    "tests/lib/services/audit/log_test.ts",
    `import { a } from "../../../../lib/services/audit/log.ts";`,
    null,
  ],
  ["/elsewhere/lib/primitives/errors.ts", `import { a } from "../services/tokens/mod.ts";`, null],

  // Places that the tree does not have.
  ["lib/extra.ts", `export const a = 1;`, /stands outside the layers/],
  ["lib/extra/a.ts", `export const a = 1;`, /stands outside the layers/],
  ["lib/services/a.ts", `export const a = 1;`, /directly in lib\/services\//],
  ["lib/interfaces/a.ts", `export const a = 1;`, /directly in lib\/interfaces\//],
  ["lib/services/storage/a.ts", `export const a = 1;`, /"lib\/services\/storage\/" is not a folder/],
  ["lib/primitives/toString/a.ts", `export const a = 1;`, /is not a folder/],
]);

Deno.test("layers names the folders that a folder may import", () => {
  const [found] = objections(
    "layers",
    "lib/services/signin/flow.ts",
    `import { a } from "../gateway/mod.ts";`,
  );
  assert.equal(
    found?.message,
    `"lib/services/signin/flow.ts" imports its sibling "lib/services/gateway/mod.ts"`,
  );
  assert.equal(
    found?.hint,
    "lib/services/signin may import these folders of its layer: tokens, credentials, audit, config, rate_limit, grants",
  );
});

Deno.test("layers reports each import of a file where it stands", () => {
  const source = `import "../services/audit/mod.ts";\nimport "../services/config/mod.ts";\n`;
  const ranges = objections("layers", "lib/primitives/errors.ts", source).map((each) => each.range);
  assert.deepEqual(ranges, [[0, 34], [35, 70]]);
});

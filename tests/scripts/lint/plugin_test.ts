import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

interface Report {
  readonly diagnostics: readonly { readonly code: string; readonly filename: string }[];
  readonly errors: readonly unknown[];
}

/** Runs `deno lint` as a contributor does, over a checkout made of the real configuration, the real plugin and `files`. */
async function lintCheckout(files: Readonly<Record<string, string>>): Promise<Report> {
  const checkout = await Deno.makeTempDir({ prefix: "lint-" });
  try {
    await Deno.mkdir(`${checkout}/scripts/lint`, { recursive: true });
    await Deno.copyFile(`${ROOT}/deno.json`, `${checkout}/deno.json`);
    for await (const each of Deno.readDir(`${ROOT}/scripts/lint`)) {
      await Deno.copyFile(`${ROOT}/scripts/lint/${each.name}`, `${checkout}/scripts/lint/${each.name}`);
    }
    for (const [place, source] of Object.entries(files)) {
      await Deno.mkdir(`${checkout}/${place.slice(0, place.lastIndexOf("/"))}`, { recursive: true });
      await Deno.writeTextFile(`${checkout}/${place}`, source);
    }
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["lint", "--json"],
      cwd: checkout,
      stdout: "piped",
      stderr: "null",
    }).output();
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(checkout, { recursive: true });
  }
}

const DOC = "/** What this is for. @module */\n";

Deno.test("deno lint in a checkout elsewhere applies every rule of the plugin", async () => {
  const report = await lintCheckout({
    "lib/primitives/system/utils.ts": `${DOC}import "../../services/audit/mod.ts";\n`,
    "lib/services/audit/mod.ts": `export let a = Deno.pid;\nimport "oidc-provider";\n${"\n".repeat(450)}`,
    "lib/services/audit/log.ts":
      `${DOC}export function log(kv: Deno.Kv): Promise<Deno.KvCommitResult> {\n  return kv.set([], 1);\n}\n`,
  });
  assert.deepEqual(report.errors, []);
  const found = report.diagnostics
    .filter((each) => each.code.startsWith("mcp-auth/"))
    .map((each) => `${new URL(each.filename, "file:").pathname.split("/lib/")[1]} ${each.code}`)
    .sort();
  assert.deepEqual(found, [
    "primitives/system/utils.ts mcp-auth/layers",
    "primitives/system/utils.ts mcp-auth/names",
    "services/audit/mod.ts mcp-auth/effects",
    "services/audit/mod.ts mcp-auth/file-size",
    "services/audit/mod.ts mcp-auth/module-doc",
    "services/audit/mod.ts mcp-auth/module-state",
    "services/audit/mod.ts mcp-auth/packages",
  ]);
});

Deno.test("deno lint lets a reasoned exception pass", async () => {
  const report = await lintCheckout({
    "lib/services/audit/mod.ts":
      `${DOC}// deno-lint-ignore mcp-auth/module-state -- for this test\nexport const a = new Map();\n`,
  });
  assert.deepEqual(report.diagnostics, []);
});

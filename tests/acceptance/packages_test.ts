/**
 * What a user downloads: the packages that the program uses, in exact versions, and none that only its tests use.
 *
 * @module
 */
import assert from "node:assert/strict";
import { checkoutPath } from "./program.ts";

interface Config {
  readonly imports: Readonly<Record<string, string>>;
}

/** The names of the packages of a lock file. */
interface Lock {
  readonly npm: Readonly<Record<string, unknown>>;
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(checkoutPath(path)));
}

/** `@scope/name@1.2.3_peer@1` is `@scope/name`. */
function nameOf(id: string): string {
  return id.slice(0, id.indexOf("@", 1));
}

async function packagesOf(lock: string): Promise<ReadonlySet<string>> {
  return new Set(Object.keys((await readJson<Lock>(lock)).npm).map(nameOf));
}

Deno.test("the tests use the very packages that the program uses, all in exact versions", async () => {
  const runtime = (await readJson<Config>("deno.json")).imports;
  const tests = (await readJson<Config>("tests/deno.json")).imports;
  for (const [name, specifier] of Object.entries(runtime)) assert.equal(tests[name], specifier, name);
  for (const [name, specifier] of [...Object.entries(runtime), ...Object.entries(tests)]) {
    if (name === "@x/mcp-auth/sdk") continue;
    assert.match(specifier, /^npm:(@[\w-]+\/)?[\w.-]+@\d+\.\d+\.\d+(-[\w.]+)?$/, name);
  }
});

Deno.test("the demo uses the very packages that the tests use", async () => {
  const tests = (await readJson<Config>("tests/deno.json")).imports;
  const demo = (await readJson<Config>("scripts/demo/deno.json")).imports;
  for (const [name, specifier] of Object.entries(demo)) assert.equal(tests[name], specifier, name);
});

Deno.test("the lock files agree about the packages of the program", async () => {
  const runtime = (await readJson<Lock>("deno.lock")).npm;
  const tests = (await readJson<Lock>("tests/deno.lock")).npm;
  for (const id of Object.keys(runtime)) {
    // A package that others share may be there more than once: one of them is the program's.
    assert.ok(Object.keys(tests).some((each) => each === id || each.startsWith(`${id}_`)), id);
  }
});

const RUNS: readonly (readonly [what: string, args: readonly string[], needs: readonly string[]])[] = [
  ["a first run", ["run", checkoutPath("main.ts"), "--version"], []],
  ["a first command", ["run", "-A", checkoutPath("main.ts"), "help"], ["@stricli/core"]],
  [
    "loading everything that the program and the library reach",
    ["cache", checkoutPath("main.ts"), checkoutPath("lib/mod.ts")],
    [
      ...[
        "@clack/prompts",
        "@stricli/core",
        "eventsource-parser",
        "ipaddr.js",
        "jsonc-parser",
        "oauth4webapi",
      ],
      "smol-toml",
    ],
  ],
];

for (const [what, args, needs] of RUNS) {
  Deno.test(`${what} downloads no package that only tests use`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "mcp-auth-deno-dir-" });
    try {
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [...args],
        stdin: "null",
        cwd: folder,
        env: { DENO_DIR: folder, NO_COLOR: "1" },
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const [runtime, tests] = [await packagesOf("deno.lock"), await packagesOf("tests/deno.lock")];
      const downloaded = await downloadedPackages(`${folder}/npm`);
      for (const name of needs) assert.ok(downloaded.includes(name), name);
      assert.deepEqual(downloaded.filter((name) => tests.has(name) && !runtime.has(name)), []);
      assert.deepEqual(downloaded.filter((name) => !runtime.has(name)), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** The packages below `npm/<registry>/`; those of an organisation are one folder further down. */
async function downloadedPackages(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  if (!await Deno.stat(folder).then(() => true, () => false)) return found;
  for await (const registry of Deno.readDir(folder)) {
    for await (const { name } of Deno.readDir(`${folder}/${registry.name}`)) {
      if (!name.startsWith("@")) found.push(name);
      else {for await (const below of Deno.readDir(`${folder}/${registry.name}/${name}`)) {
          found.push(`${name}/${below.name}`);
        }}
    }
  }
  return found;
}

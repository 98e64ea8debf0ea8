/** `export` and `import` of files: what the command line says, and what it refuses. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { fullEntry, PASSPHRASE, plainEntry } from "../../services/transfer/scene.ts";
import type { CredentialStore, WholeEntry } from "../../../lib/services/credentials/mod.ts";
import { type TestWorld, testWorld, withHome } from "./world.ts";

const NEW = { server: null, credential: null };

const put = (...entries: readonly WholeEntry[]) => (store: CredentialStore) =>
  store.putWholeEntries(entries.map((entry) => ({ entry, expected: NEW })));

/** Two homes: one that has entries, and an empty one; and a folder for files. */
async function withHomes(
  test: (
    homes: {
      readonly from: TestWorld;
      readonly to: TestWorld;
      readonly folder: string;
      readonly stored: (name: string) => Promise<WholeEntry | undefined>;
    },
  ) => Promise<void>,
): Promise<void> {
  const env = { MCP_AUTH_EXPORT_PASSPHRASE: PASSPHRASE };
  await withHome(async ({ world: from, store }) => {
    await store(put(fullEntry("full"), plainEntry("plain")));
    await withHome(async ({ world: to, store: target }) => {
      const folder = await Deno.makeTempDir();
      try {
        const stored = (name: string) => target(async (each) => (await each.wholeEntry(name))?.entry);
        await test({ from, to, folder, stored });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }, { env });
  }, { env });
}

Deno.test("entries go from one store to another by a file, and a copy of refresh tokens is warned of", () =>
  withHomes(async ({ from, to, folder, stored }) => {
    const file = `${folder}/x.json`;
    const exported = await from.run("export", "--all", "--out", file);
    deepEqual([exported.code, exported.out], [0, `✓ Exported 2 entries to ${file}\n`]);
    match(exported.err, /^Warning: "full": the refresh tokens are on this machine and in the export now\./);
    const imported = await to.run("import", file);
    equal(imported.code, 0, imported.err);
    equal(
      imported.out,
      "✓ Imported full (https://mcp.example/mcp)\n" +
        "✓ Imported plain (https://mcp.example/mcp): sign in with: mcp-auth login plain\n",
    );
    deepEqual(await stored("full"), fullEntry("full"));
    equal((await to.run("token", "full")).out, "s3cret-access-token\n");
  }));

Deno.test("a move signs out here, says so as JSON, and warns of nothing", () =>
  withHomes(async ({ from, to, folder }) => {
    const file = `${folder}/x.json`;
    const { code, out, err } = await from.run("export", "full", "plain", "--move", "--out", file, "--json");
    equal(code, 0);
    equal(err, "");
    deepEqual(JSON.parse(out), {
      file,
      entries: [{ name: "full", tokens: "moved" }, { name: "plain", tokens: "none" }],
    });
    equal((await from.run("token", "full")).code, 4);
    equal((await to.run("import", file)).code, 0);
    equal((await to.run("token", "full")).code, 0);
  }));

Deno.test("without a file the document goes to standard output, unless that is a terminal", () =>
  withHomes(async ({ from, to, folder }) => {
    const { code, out } = await from.run("export", "full", "--without-tokens");
    equal(code, 0);
    equal(JSON.parse(out).format, "mcp-auth-export");
    await Deno.writeTextFile(`${folder}/x`, out);
    equal((await to.run("import", `${folder}/x`, "--json")).code, 0);

    const { terminal } = from.world;
    const atTerminal = testWorld();
    Object.assign(atTerminal.world, from.world, {
      terminal: { ...atTerminal.world.terminal, isOutTerminal: () => true },
    });
    ok(!terminal.isOutTerminal());
    const refused = await atTerminal.run("export", "full");
    deepEqual([refused.code, refused.out], [2, ""]);
    match(refused.err, /Cannot export to the terminal: no file is named \[USAGE\]\nHint: Add --out/);
    equal(JSON.parse((await atTerminal.run("export", "full", "--out", "-")).out).version, 1);
  }));

Deno.test("a file that exists is kept, and the passphrase not even looked for; --force replaces it", () =>
  withHomes(async ({ from, folder }) => {
    const file = `${folder}/x.json`;
    await Deno.writeTextFile(file, "before");
    const refused = await from.run("export", "full", "--out", file, "--passphrase-file", `${folder}/none`);
    equal(refused.code, 1);
    match(refused.err, /the file exists \[CONFIG_INVALID\]/);
    equal(await Deno.readTextFile(file), "before");
    equal((await from.run("export", "full", "--out", file, "--force")).code, 0);
    equal(JSON.parse(await Deno.readTextFile(file)).version, 1);
    deepEqual(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["x.json"]);
  }));

for (
  const [what, args, message] of [
    ["no entry", [], /no entry is named/],
    ["all entries and one by name", ["--all", "full"], /all entries and some by name/],
    [
      "--move without tokens",
      ["full", "--move", "--without-tokens", "--out", "x"],
      /--move with --without-tokens/,
    ],
    ["--move to standard output", ["full", "--move"], /--move without a file/],
    ["--move to standard output by name", ["full", "--move", "--out", "-"], /--move without a file/],
    ["--move over a file", ["full", "--move", "--force", "--out", "x"], /--move with --force/],
  ] as const
) {
  Deno.test(`export refuses ${what}`, () =>
    withHomes(async ({ from }) => {
      const { code, out, err } = await from.run("export", ...args);
      deepEqual([code, out], [2, ""]);
      match(err, message);
      equal((await from.run("token", "full")).code, 0, "nothing is changed");
    }));
}

Deno.test("an entry that is not there is found before anything is asked or written", () =>
  withHomes(async ({ from, to, folder }) => {
    const { code, err } = await from.run("export", "fulll", "--out", `${folder}/x`);
    equal(code, 5);
    match(err, /Did you mean "full"/);
    equal((await to.run("export", "--all", "--out", `${folder}/x`)).code, 5);
    deepEqual(Array.from(Deno.readDirSync(folder)), []);
  }));

Deno.test("the passphrase comes from a file, standard input or the environment, in this order, and is long enough", () =>
  withHome(async ({ world, store }) => {
    await store(put(fullEntry("demo")));
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/words`, `${PASSPHRASE}\n`);
      await Deno.writeTextFile(`${folder}/short`, "short\n");
      await Deno.writeTextFile(`${folder}/empty`, "\n");
      const sealed = (await world.run("export", "demo", "--passphrase-file", `${folder}/words`)).out;
      await Deno.writeTextFile(`${folder}/x`, sealed);
      const dryRun = ["import", `${folder}/x`, "--dry-run"];
      equal((await world.run(...dryRun, "--passphrase-file", "-")).code, 0, "standard input has it");
      const wrong = await world.run(...dryRun);
      equal(wrong.code, 1);
      match(wrong.err, /the passphrase is another, or the file was changed \[CONFIG_INVALID\]/);
      for (
        const [name, message] of [["short", /fewer than 12/], ["empty", /is empty/], [
          "none",
          /no such file/,
        ]] as const
      ) {
        const { code, err, out } = await world.run(
          "export",
          "demo",
          "--passphrase-file",
          `${folder}/${name}`,
        );
        ok(code !== 0 && out === "");
        match(err, message);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }, { env: { MCP_AUTH_EXPORT_PASSPHRASE: "another passphrase" }, input: `${PASSPHRASE}\r\n` }));

Deno.test("where there is no passphrase and nobody to ask, the ways to give it are named", () =>
  withHome(async ({ world, store }) => {
    await store(put(fullEntry("demo")));
    const { code, err } = await world.run("export", "demo");
    equal(code, 5);
    match(err, /\[CONFIG_MISSING\]\nHint: .*--passphrase-file <file>, or set MCP_AUTH_EXPORT_PASSPHRASE/);
  }));

Deno.test("an export comes by standard input, too; then the passphrase cannot", async () => {
  let document = "";
  await withHomes(async ({ from }) => void (document = (await from.run("export", "full")).out));
  await withHome(async ({ world }) => {
    const both = await world.run("import", "-", "--passphrase-file", "-");
    equal(both.code, 2);
    match(both.err, /both the export and the passphrase/);
    equal((await world.run("import", "-")).code, 0);
    equal((await world.run("token", "full")).code, 0);
  }, { env: { MCP_AUTH_EXPORT_PASSPHRASE: PASSPHRASE }, input: document });
});

Deno.test("names that exist are refused together; --name and --force are the ways out", () =>
  withHomes(async ({ from, to, folder, stored }) => {
    const file = `${folder}/x.json`;
    await from.run("export", "--all", "--out", file);
    await to.run("import", file);
    const refused = await to.run("import", file);
    equal(refused.code, 1);
    match(refused.err, /Cannot import "full", "plain": entries of these names exist \[CONFIG_INVALID\]/);
    const dry = JSON.parse(
      (await to.run("import", file, "--dry-run", "--json", "--name", "plain=other")).out,
    );
    deepEqual(
      dry.imported.map(({ name, replaces }: { name: string; replaces: boolean }) => [name, replaces]),
      [["full", true], ["other", false]],
    );
    equal(await stored("other"), undefined, "a dry run imports nothing");
    equal((await to.run("import", file, "--name", "full=a", "--name", "plain=b")).code, 0);
    deepEqual(await stored("a"), fullEntry("a"));
    match((await to.run("import", file, "--force")).out, /^✓ Imported full \(.*\): replaced\n/);
  }));

for (
  const [what, args, message] of [
    ["two files", ["a", "b"], /several files/],
    ["--issuer with a file", ["a", "--issuer", "https://as"], /--issuer here: an export notes the issuer/],
    [
      "--passphrase-file with mcp-remote",
      ["mcp-remote", "--passphrase-file", "x"],
      /mcp-remote seals nothing/,
    ],
    ["a name without a new one", ["a", "--name", "b"], /not of the form old=new/],
    ["a name twice", ["a", "--name", "b=c", "--name", "b=d"], /or twice/],
    ["a URL that is none", ["mcp-remote", "nowhere"], /not an absolute URL/],
    ["no source", [], /./],
  ] as const
) {
  Deno.test(`import refuses ${what}`, async () => {
    const { code, out, err } = await testWorld().run("import", ...args);
    ok(code !== 0 && out === "", err);
    match(err, message);
  });
}

Deno.test("a file that is no export is told, and nothing of it is shown", () =>
  withHomes(async ({ to, folder }) => {
    await Deno.writeTextFile(`${folder}/x`, '{"access_token":"s3cret"}');
    const { code, err } = await to.run("import", `${folder}/x`);
    equal(code, 1);
    match(err, /"format" is not "mcp-auth-export" \[CONFIG_INVALID\]/);
    ok(!err.includes("s3cret"));
  }));

Deno.test("an import says which variables and files of this machine it sends, and takes none that is a secret of ours", () =>
  withHomes(async ({ from, to, folder, stored }) => {
    const file = `${folder}/x.json`;
    equal((await from.run("export", "full", "--out", file)).code, 0);
    for (const flags of [["--dry-run"], []]) {
      const { code, err } = await to.run("import", file, ...flags);
      equal(code, 0);
      equal(
        err,
        'Warning: "full": its headers send variables of this machine to https://mcp.example/mcp: TEAM\n' +
          'Warning: "full": it shows the certificate of this machine in "cert.pem" to https://mcp.example/mcp\n',
      );
    }
    await from.run("set", "plain", "--header", "X-Key: ${file:/etc/key}");
    equal((await from.run("export", "plain", "--out", file, "--force")).code, 0);
    const { err } = await to.run("import", file, "--dry-run");
    match(err, /^Warning: "plain": its headers send files of this machine to https:\S+: \/etc\/key$/m);
    await from.run("set", "plain", "--header", "X-Team: ${MCP_AUTH_KEY}");
    equal((await from.run("export", "plain", "--out", file, "--force")).code, 0);
    const refused = await to.run("import", file);
    equal(refused.code, 1);
    match(refused.err, /variable "MCP_AUTH_KEY" is a secret of mcp-auth itself/);
    equal(await stored("plain"), undefined);
  }));

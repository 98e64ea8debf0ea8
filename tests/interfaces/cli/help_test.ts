/** Help: of the program, of every command, and of topics; and examples that are command lines of this very program. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { EXIT_CODES } from "../../../lib/interfaces/cli/exit_code.ts";
import { COMMANDS } from "../../../lib/interfaces/cli/program.ts";
import { QUIRKS } from "../../../lib/primitives/oauth/quirks/table.ts";
import { VERSION } from "../../../lib/primitives/version.ts";
import { allCommands, reader } from "./reading.ts";
import { testWorld } from "./world.ts";

Deno.test("no arguments, help and --help show the same: every command, and examples", async () => {
  const { run } = testWorld();
  const outcomes = [await run(), await run("help"), await run("--help"), await run("-h")];
  for (const { code, err, out } of outcomes) {
    equal(code, 0);
    equal(err, "");
    equal(out, outcomes[0]!.out);
  }
  for (const [name, load] of Object.entries(COMMANDS)) {
    match(outcomes[0]!.out, new RegExp(`^ +${name} +${RegExp.escape((await load()).command.brief)}$`, "m"));
  }
  match(outcomes[0]!.out, /^ {2}mcp-auth add heptabase/m);
});

for (const [name, command] of await allCommands()) {
  Deno.test(`help ${name} is ${name} --help: its usage, its flags and its examples`, async () => {
    const { run } = testWorld();
    const { code, out, err } = await run("help", ...name.split(" "));
    equal(code, 0);
    equal(err, "");
    equal((await run(...name.split(" "), "--help")).out, out);
    match(out, new RegExp(`^ {2}mcp-auth ${name}`, "m"));
    match(out, new RegExp(`^EXAMPLES\n {2}.*mcp-auth ${name}.* # `, "m"));
    for (const flag of Object.keys(command.parameters.flags ?? {})) {
      ok(out.includes(`--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`), flag);
    }
    ok(!out.includes("\u001b"));
  });
}

Deno.test("a group alone, help of it and its --help show the same: each of its commands, and examples", async () => {
  const { run } = testWorld();
  const outcomes = [await run("keystore"), await run("help", "keystore"), await run("keystore", "--help")];
  for (const { code, err, out } of outcomes) {
    equal(code, 0);
    equal(err, "");
    equal(out, outcomes[0]!.out);
  }
  for (const [name, { brief }] of await allCommands()) {
    const [group, member] = name.split(" ");
    if (group === "keystore") {
      match(outcomes[0]!.out, new RegExp(`^ +${member} +${RegExp.escape(brief)}$`, "m"));
    }
  }
  match(outcomes[0]!.out, /^EXAMPLES\n {2}mcp-auth keystore status +# /m);
});

Deno.test("help exit-codes lists every exit code", async () => {
  const { code, out } = await testWorld().run("help", "exit-codes");
  equal(code, 0);
  for (const [number, meaning] of EXIT_CODES) {
    match(out, new RegExp(`^${number} +${RegExp.escape(meaning)}$`, "m"));
  }
});

Deno.test("help quirks lists every quirk, with when it is allowed for", async () => {
  const { code, out } = await testWorld().run("help", "quirks");
  equal(code, 0);
  for (const [name, { applies }] of Object.entries(QUIRKS)) {
    match(out, new RegExp(`^${name} +${applies.join(", ")} +\\S`, "m"));
  }
});

Deno.test("help environment lists the variables", async () => {
  const { code, out } = await testWorld().run("help", "environment");
  equal(code, 0);
  for (
    const name of [
      "MCP_AUTH_HOME",
      "MCP_AUTH_KEYSTORE",
      "MCP_AUTH_KEY",
      "MCP_AUTH_NEW_KEY",
      "MCP_AUTH_PASSPHRASE",
      "MCP_AUTH_NEW_PASSPHRASE",
      "MCP_AUTH_CLIENT_SECRET",
      "BROWSER",
    ]
  ) {
    match(out, new RegExp(`^${name} +\\S`, "m"));
  }
});

Deno.test("help on what is no command and no topic is a mistake", async () => {
  const { run } = testWorld();
  const topics = ["nope", "constructor", "toString", "__proto__", "add x", "keystore nope", "keystore use x"];
  for (const topic of [...topics, "keystore toString", "exit-codes x"]) {
    const { code, err, out } = await run("help", ...topic.split(" "));
    equal(code, 2);
    equal(out, "");
    match(
      err,
      /^Error: Cannot show help on "[\w -]+": no such command or topic \[USAGE\]\nHint: .*exit-codes\n$/,
    );
  }
});

Deno.test("the version, as text, as JSON and as a flag", async () => {
  const { run } = testWorld();
  equal((await run("version")).out, `${VERSION}\n`);
  equal((await run("--version")).out, `${VERSION}\n`);
  deepEqual(JSON.parse((await run("version", "--json")).out), { version: VERSION });
});

/** What a shell makes of a line, for each time that it starts `mcp-auth`. */
async function shellWords(line: string, folder: string): Promise<readonly (readonly string[])[]> {
  const { success, stderr } = await new Deno.Command("sh", {
    args: ["-c", line],
    cwd: folder,
    env: { PATH: `${folder}:${Deno.env.get("PATH")}`, TEAM: "blue" },
  }).output();
  ok(success, `${line}: ${new TextDecoder().decode(stderr)}`);
  const calls = await Deno.readTextFile(`${folder}/calls`);
  await Deno.remove(`${folder}/calls`);
  return calls.split("\n\n").filter((call) => call !== "").map((call) => call.split("\n"));
}

Deno.test(
  "every example is a command line that its command reads",
  { ignore: Deno.build.os === "windows" },
  async (t) => {
    const read = await reader();
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(
        `${folder}/mcp-auth`,
        `#!/bin/sh\nprintf '%s\\n' "$@" '' >> "${folder}/calls"\n`,
        { mode: 0o755 },
      );
      await Deno.writeTextFile(`${folder}/curl`, "#!/bin/sh\n", { mode: 0o755 });
      await Deno.writeTextFile(`${folder}/arguments.json`, "{}");
      for (const [name, load] of Object.entries(COMMANDS)) {
        const { command } = await load();
        const [, examples = ""] = command.fullDescription?.split("EXAMPLES\n") ?? [];
        for (const example of examples.trimEnd().split("\n")) {
          await t.step(example.trim(), async () => {
            const [, line = "", what = ""] = /^ {2}(.*?) +# (.*)$/.exec(example) ?? [];
            ok(what.length > 2);
            const calls = await shellWords(line, folder);
            equal(calls.length, 1);
            equal((await read(calls[0]!))?.command.split(" ")[0], name);
          });
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

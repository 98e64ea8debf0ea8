/** Mistakes on a command line: exit code 2, what is wrong, and the command that helps; as JSON where JSON was asked for. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { COMMANDS } from "../../../lib/interfaces/cli/program.ts";
import { allCommands } from "./reading.ts";
import { testWorld } from "./world.ts";

const TABLE: readonly (readonly [line: readonly string[], message: RegExp, hint: string])[] = [
  [["tokn"], /^Unknown command "tokn", did you mean "token"\?$/, "Run: mcp-auth --help"],
  [["lsit"], /^Unknown command "lsit", did you mean "list"\?$/, "Run: mcp-auth --help"],
  [["logi"], /^Unknown command "logi", did you mean "login"\?$/, "Run: mcp-auth --help"],
  [["frobnicate"], /^Unknown command "frobnicate"$/, "Run: mcp-auth --help"],
  [["toString"], /^Unknown command "toString"$/, "Run: mcp-auth --help"],
  [["__proto__"], /^Unknown command "__proto__"$/, "Run: mcp-auth --help"],
  [
    ["add", "x", "https://x", "--no-brower"],
    /no flag registered for --no-brower$/,
    "Run: mcp-auth add --help",
  ],
  [
    ["token", "x", "--frobnicate"],
    /^Cannot read the command line: no flag registered for --frobnicate$/,
    "Run: mcp-auth token --help",
  ],
  [
    ["token", "x", "--heade"],
    /no flag registered for --heade, did you mean --header\?$/,
    "Run: mcp-auth token --help",
  ],
  [["set", "x", "--client-id", "y"], /no flag registered for --client-id/, "Run: mcp-auth set --help"],
  [["token", "x", "-z"], /no alias registered for -z$/, "Run: mcp-auth token --help"],
  [["token"], /^Cannot read the command line: expected argument for name$/, "Run: mcp-auth token --help"],
  [["call", "x"], /expected argument for tool$/, "Run: mcp-auth call --help"],
  [["rename", "x"], /expected argument for new-name$/, "Run: mcp-auth rename --help"],
  [["token", "x", "y"], /too many arguments, expected 1 but encountered "y"$/, "Run: mcp-auth token --help"],
  [["list", "y"], /too many arguments, expected 0 but encountered "y"$/, "Run: mcp-auth list --help"],
  [["add", "a", "b", "c"], /too many arguments, expected 2 but encountered "c"$/, "Run: mcp-auth add --help"],
  [
    ["token", "x", "--keystore", "fil"],
    /expected "fil" to be one of \(keychain\|passphrase\|file\|env\|memory\), did you mean "file"\?$/,
    "Run: mcp-auth token --help",
  ],
  [["token", "x", "--keystore"], /expected input for flag --keystore$/, "Run: mcp-auth token --help"],
  [
    ["add", "x", "https://x", "--timeout", "soon"],
    /failed to parse "soon" for timeout: expected a whole number from 1 to 86400$/,
    "Run: mcp-auth add --help",
  ],
  [["add", "x", "https://x", "--timeout", "0"], /expected a whole number from 1/, "Run: mcp-auth add --help"],
  [["add", "x", "https://x", "--timeout", "1e3"], /expected a whole number/, "Run: mcp-auth add --help"],
  [["add", "x", "https://x", "--callback-port", "65536"], /from 0 to 65535$/, "Run: mcp-auth add --help"],
  [["add", "x", "https://x", "--callback-port", "-1"], /./, "Run: mcp-auth add --help"],
  [
    ["keystore", "usee", "file"],
    /^Unknown command "usee", did you mean "use"\?$/,
    "Run: mcp-auth keystore --help",
  ],
  [["keystore", "toString"], /^Unknown command "toString"$/, "Run: mcp-auth keystore --help"],
  [["keystore", "use"], /expected argument for keystore$/, "Run: mcp-auth keystore use --help"],
  [
    ["keystore", "use", "memory"],
    /memory is not one of \(keychain\|passphrase\|file\|env\)$/,
    "Run: mcp-auth keystore use --help",
  ],
  [["keystore", "rekey", "file"], /too many arguments, expected 0/, "Run: mcp-auth keystore rekey --help"],
  [
    ["keystore", "status", "--jsn"],
    /no flag registered for --jsn, did you mean --json\?$/,
    "Run: mcp-auth keystore status --help",
  ],
  [
    ["add", "x"],
    /^Cannot add "x": its URL is missing$/,
    "Give the URL after the name; an API is added with --provider <name> or --api <url>",
  ],
  [["set", "x", "--unset", "everything"], /expected "everything" to be one of/, "Run: mcp-auth set --help"],
];

for (const [line, message, hint] of TABLE) {
  Deno.test(`a mistake is explained: ${line.join(" ")}`, async () => {
    const { run } = testWorld();
    const text = await run(...line);
    equal(text.code, 2);
    equal(text.out, "");
    const [, said = "", hinted] = /^Error: (.*) \[USAGE\]\nHint: (.*)\n$/.exec(text.err) ?? [];
    match(said, message);
    equal(hinted, hint);
    const json = await run(...line, "--json");
    equal(json.code, 2);
    equal(json.err, "");
    const { error } = JSON.parse(json.out);
    equal(error.code, "USAGE");
    equal(error.hint, hint);
    ok(json.out.endsWith("\n") && !json.out.trim().includes("\n"));
  });
}

Deno.test("the words are the same as text and as JSON", async () => {
  const { run } = testWorld();
  const text = await run("tokn");
  const { error } = JSON.parse((await run("tokn", "--json")).out);
  equal(text.err, `Error: ${error.message} [${error.code}]\nHint: ${error.hint}\n`);
});

Deno.test("what was typed cannot steer the terminal, nor fill it", async () => {
  const { run } = testWorld();
  for (const word of ["\u001b[31mred", "a\u202eb", "x".repeat(100_000), "a\nError: b"]) {
    const { err, code } = await run("token", "x", `--${word}`);
    equal(code, 2);
    ok(!/[\p{Cc}\p{Cf}]/u.test(err.replaceAll("\n", "")), JSON.stringify(err.slice(0, 200)));
    ok(err.length < 3_000);
    equal(err.trimEnd().split("\n").length, 2);
  }
});

Deno.test("every command answers an unknown flag with 2 (exec with its own 125), and opens nothing", async () => {
  for (const name of [...(await allCommands()).keys(), ...Object.keys(COMMANDS)]) {
    const { code, err } = await testWorld({ env: { MCP_AUTH_KEYSTORE: "none-of-those" } }).run(
      ...name.split(" "),
      "--frobnicate",
    );
    deepEqual([code, /\[USAGE\]/.test(err)], [name === "exec" ? 125 : 2, true], name);
  }
});

Deno.test("an error of a command has its code, its exit code and its hint, as text and as JSON", async () => {
  const { run } = testWorld();
  for (const command of ["token", "status", "login", "logout", "refresh", "tools", "remove", "set"]) {
    const text = await run(command, "nobody");
    equal(text.code, 5, command);
    equal(
      text.err,
      'Error: Cannot find "nobody": there is no such entry [NOT_FOUND]\nHint: See all entries with: mcp-auth list\n',
    );
    equal(text.out, "");
    const json = await run(command, "nobody", "--json");
    equal(json.code, 5);
    equal(json.err, "");
    deepEqual(JSON.parse(json.out), {
      error: {
        code: "NOT_FOUND",
        message: 'Cannot find "nobody": there is no such entry',
        hint: "See all entries with: mcp-auth list",
      },
    });
  }
});

Deno.test("a keystore variable that names none is CONFIG_INVALID, exit code 1", async () => {
  const { code, err } = await testWorld({ env: { MCP_AUTH_KEYSTORE: "vault" } }).run("list");
  equal(code, 1);
  match(err, /\[CONFIG_INVALID\]/);
});

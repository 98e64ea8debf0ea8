/** `install` and `import <host>` at the edge: hosts that are not known, flags without a meaning, what is not there. */
import { deepEqual, equal, match } from "node:assert/strict";
import { plainEntry } from "../../services/transfer/scene.ts";
import { testWorld, withHome } from "./world.ts";

const MISTAKES: readonly (readonly [line: readonly string[], message: RegExp, hint: RegExp])[] = [
  [["install"], /no host is named/, /Hosts are claude-desktop, claude-code, cursor/],
  [["install", "curser", "x"], /"curser": it is not known/, /Did you mean "cursor"\?/],
  [["install", "claude", "x"], /"claude"/, /Did you mean "claude-desktop" or "claude-code"\?/],
  [["install", "VSCode", "x"], /"VSCode"/, /Did you mean "vscode"\?/],
  [["install", "zed", "x"], /"zed"/, /^Hosts are/],
  [["install", "constructor", "x"], /"constructor"/, /^Hosts are/],
  [["install", "cursor"], /no entry is named/, /mcp-auth add <name> <url>/],
  [["install", "cursor", "--remove"], /no entry is named/, /mcp-auth install cursor <name> --remove/],
  [["install", "cursor", "x", "--print", "--yes"], /--yes with --print/, /Leave out one/],
  [["install", "cursor", "x", "--remove", "--login"], /--login with --remove/, /Leave out one/],
  [["install", "windsurf", "x", "--scope", "project"], /no configuration for projects/, /Leave it out/],
  [["install", "codex", "x", "--as", "a.b"], /"a\.b": Codex takes no such names/, /letters, digits/],
  [["import", "cursor", "--passphrase-file", "p"], /--passphrase-file here: a host seals nothing/, /Leave/],
  [["import", "cursor", "--yes"], /--yes here: it is for --move/, /Leave/],
  [["import", "mcp-remote", "--move"], /--move here: it is for hosts/, /Leave/],
  [["import", "x.json", "--with-headers"], /--with-headers here: it is for hosts/, /Leave/],
];

for (const [line, message, hint] of MISTAKES) {
  Deno.test(`${line.join(" ")} is a mistake that is told`, async () => {
    const world = testWorld({ env: { HOME: "/nowhere", USERPROFILE: "C:\\nowhere" } });
    const { code, out } = await world.run(...line, "--json");
    const { error } = JSON.parse(out);
    deepEqual([code, error.code], [2, "USAGE"], out);
    match(error.message, message);
    match(error.hint, hint);
  });
}

Deno.test("without a name, the entries are listed", () =>
  withHome(async ({ world, store }) => {
    await store((each) => each.putServer(plainEntry("notes").server, null));
    const { code, err } = await world.run("install", "cursor");
    equal(code, 2);
    match(err, /Run: mcp-auth install cursor <name>; entries are notes/);
    const unknown = await world.run("install", "cursor", "note");
    equal(unknown.code, 5);
    match(unknown.err, /Did you mean "notes"\?/);
  }, { env: { HOME: "/nowhere", USERPROFILE: "C:\\nowhere" } }));

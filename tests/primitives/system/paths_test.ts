import assert from "node:assert/strict";
import { dataFolder, folderOf, type Os, pathIn } from "../../../lib/primitives/system/paths.ts";
import { fakeEnv } from "../../fakes/env.ts";

const folders:
  readonly (readonly [name: string, os: Os, variables: Record<string, string>, folder: string])[] = [
    ["Linux without more is the XDG default", "linux", { HOME: "/home/u" }, "/home/u/.local/share/mcp-auth"],
    ["Linux takes XDG_DATA_HOME", "linux", { HOME: "/home/u", XDG_DATA_HOME: "/data" }, "/data/mcp-auth"],
    ["Linux needs no HOME with XDG_DATA_HOME", "linux", { XDG_DATA_HOME: "/data/" }, "/data/mcp-auth"],
    [
      "a relative XDG_DATA_HOME is ignored",
      "linux",
      { HOME: "/home/u", XDG_DATA_HOME: "data" },
      "/home/u/.local/share/mcp-auth",
    ],
    ["FreeBSD is as Linux", "freebsd", { HOME: "/home/u/" }, "/home/u/.local/share/mcp-auth"],
    ["the root folder as HOME", "linux", { HOME: "/" }, "/.local/share/mcp-auth"],
    ["macOS", "darwin", { HOME: "/Users/u" }, "/Users/u/Library/Application Support/mcp-auth"],
    [
      "macOS ignores XDG_DATA_HOME",
      "darwin",
      { HOME: "/Users/u", XDG_DATA_HOME: "/data" },
      "/Users/u/Library/Application Support/mcp-auth",
    ],
    [
      "Windows",
      "windows",
      { LOCALAPPDATA: "C:\\Users\\u\\AppData\\Local", HOME: "/home/u" },
      "C:\\Users\\u\\AppData\\Local\\mcp-auth",
    ],
    ["MCP_AUTH_HOME comes first on Linux", "linux", { HOME: "/home/u", MCP_AUTH_HOME: "/srv/m" }, "/srv/m"],
    ["MCP_AUTH_HOME comes first on Windows", "windows", { MCP_AUTH_HOME: "D:\\m" }, "D:\\m"],
    ["MCP_AUTH_HOME on a Windows share", "windows", { MCP_AUTH_HOME: "\\\\host\\m" }, "\\\\host\\m"],
    [
      "an empty MCP_AUTH_HOME is none",
      "darwin",
      { HOME: "/Users/u", MCP_AUTH_HOME: "" },
      "/Users/u/Library/Application Support/mcp-auth",
    ],
  ];

for (const [name, os, variables, folder] of folders) {
  Deno.test(`data folder: ${name}`, () => assert.equal(dataFolder(fakeEnv(variables), os), folder));
}

for (const [os, variable] of [["linux", "HOME"], ["darwin", "HOME"], ["windows", "LOCALAPPDATA"]] as const) {
  Deno.test(`data folder: ${os} without ${variable} says to set MCP_AUTH_HOME`, () => {
    assert.throws(() => dataFolder(fakeEnv(), os), {
      code: "CONFIG_MISSING",
      message: new RegExp(variable),
      hint: /MCP_AUTH_HOME/,
    });
  });
}

for (const path of ["data", "./data", "~/data", "$HOME/data"]) {
  Deno.test(`data folder: the relative MCP_AUTH_HOME "${path}" is refused`, () => {
    const env = fakeEnv({ HOME: "/home/u", MCP_AUTH_HOME: path });
    assert.throws(() => dataFolder(env, "linux"), { code: "CONFIG_INVALID", message: /not absolute/ });
  });
}

Deno.test("a path in a folder takes the folder's own separator, once", () => {
  assert.equal(pathIn("/a/b", "c", "d"), "/a/b/c/d");
  assert.equal(pathIn("/a/b/", "c"), "/a/b/c");
  assert.equal(pathIn("/", "c"), "/c");
  assert.equal(pathIn("C:\\a", "c", "d"), "C:\\a\\c\\d");
  assert.equal(pathIn("C:\\", "c"), "C:\\c");
  assert.equal(pathIn("C:/a", "c"), "C:/a/c");
});

Deno.test("the folder of a path is all before its last separator", () => {
  assert.equal(folderOf("/a/b/c"), "/a/b");
  assert.equal(folderOf("/a"), "/");
  assert.equal(folderOf("C:\\a\\b"), "C:\\a");
  assert.equal(folderOf("a"), ".");
});

/** Where each host has its configuration, on each system, and what its entries look like there. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import {
  bridgeEntry,
  bridgeFragment,
  HOST_IDS,
  type HostId,
  type HostMachine,
  hostOf,
  HOSTS,
  isHostId,
  projectConfig,
  readDocument,
  touchedPlaces,
  userConfig,
} from "../../../lib/services/hosts/mod.ts";
import { fakeEnv } from "../../fakes/env.ts";

const MACHINES: Readonly<Record<"linux" | "darwin" | "windows", HostMachine>> = {
  linux: { os: "linux", home: "/home/u", env: fakeEnv() },
  darwin: { os: "darwin", home: "/Users/u", env: fakeEnv() },
  windows: {
    os: "windows",
    home: "C:\\Users\\u",
    env: fakeEnv({
      APPDATA: "C:\\Users\\u\\AppData\\Roaming",
      LOCALAPPDATA: "C:\\Users\\u\\AppData\\Local",
    }),
  },
};

const FILES: Readonly<Record<HostId, readonly [linux: string, darwin: string, windows: string]>> = {
  "claude-desktop": [
    "/home/u/.config/Claude/claude_desktop_config.json",
    "/Users/u/Library/Application Support/Claude/claude_desktop_config.json",
    "C:\\Users\\u\\AppData\\Roaming\\Claude\\claude_desktop_config.json",
  ],
  "claude-code": ["/home/u/.claude.json", "/Users/u/.claude.json", "C:\\Users\\u\\.claude.json"],
  cursor: ["/home/u/.cursor/mcp.json", "/Users/u/.cursor/mcp.json", "C:\\Users\\u\\.cursor\\mcp.json"],
  vscode: [
    "/home/u/.config/Code/User/mcp.json",
    "/Users/u/Library/Application Support/Code/User/mcp.json",
    "C:\\Users\\u\\AppData\\Roaming\\Code\\User\\mcp.json",
  ],
  codex: ["/home/u/.codex/config.toml", "/Users/u/.codex/config.toml", "C:\\Users\\u\\.codex\\config.toml"],
  windsurf: [
    "/home/u/.codeium/windsurf/mcp_config.json",
    "/Users/u/.codeium/windsurf/mcp_config.json",
    "C:\\Users\\u\\.codeium\\windsurf\\mcp_config.json",
  ],
  gemini: [
    "/home/u/.gemini/settings.json",
    "/Users/u/.gemini/settings.json",
    "C:\\Users\\u\\.gemini\\settings.json",
  ],
};

const nowhere = () => Promise.resolve(false);

for (const [id, files] of Object.entries(FILES)) {
  Deno.test(`row 47: the configuration of ${id} on Linux, macOS and Windows`, async () => {
    const host = hostOf(id as HostId);
    const found = await Promise.all(Object.values(MACHINES).map((each) => userConfig(host, each, nowhere)));
    deepEqual(found.map(({ file }) => file), files);
  });
}

Deno.test("variables that hosts have for their folders are followed", async () => {
  const file = async (
    id: HostId,
    variables: Readonly<Record<string, string>>,
    os: "linux" | "windows" = "linux",
  ) => (await userConfig(hostOf(id), { ...MACHINES[os], env: fakeEnv(variables) }, nowhere)).file;
  equal(await file("codex", { CODEX_HOME: "/c" }), "/c/config.toml");
  equal(await file("claude-code", { CLAUDE_CONFIG_DIR: "/c" }), "/c/.claude.json");
  equal(await file("gemini", { GEMINI_CLI_HOME: "/c" }), "/c/.gemini/settings.json");
  equal(await file("vscode", { XDG_CONFIG_HOME: "/c" }), "/c/Code/User/mcp.json");
  equal(await file("vscode", { XDG_CONFIG_HOME: "relative" }), "/home/u/.config/Code/User/mcp.json");
  equal(
    await file("vscode", {}, "windows"),
    "C:\\Users\\u\\AppData\\Roaming\\Code\\User\\mcp.json",
    "where APPDATA is not granted",
  );
});

Deno.test("Claude Desktop from the store of Windows has its file where the package keeps it", async () => {
  const packaged = (path: string) => Promise.resolve(path.includes("Packages"));
  const { file } = await userConfig(hostOf("claude-desktop"), MACHINES.windows, packaged);
  equal(
    file,
    "C:\\Users\\u\\AppData\\Local\\Packages\\Claude_pzs8sxrjxfjjc\\LocalCache\\Roaming\\Claude\\claude_desktop_config.json",
  );
});

Deno.test("projects have files of their own, where the host has any", () => {
  const files = HOSTS.map((host) => projectConfig(host, "/p")?.file);
  deepEqual(files, [
    undefined,
    "/p/.mcp.json",
    "/p/.cursor/mcp.json",
    "/p/.vscode/mcp.json",
    "/p/.codex/config.toml",
    undefined,
    "/p/.gemini/settings.json",
  ]);
});

Deno.test("a command is words and no shell's line: a path with spaces stays one word (row 47)", async () => {
  const command = "C:\\Program Files\\mcp auth\\mcp-auth.exe";
  const bridge = { command, args: ["bridge", "demo"], env: { MCP_AUTH_HOME: "D:\\my store" } };
  for (const host of HOSTS) {
    const { members, drop } = bridgeEntry(host, bridge);
    equal(members.type, host.saysStdio ? "stdio" : undefined);
    ok(host.urls.every((name) => drop.includes(name)), host.id);
    const text = await bridgeFragment(host, "demo", bridge);
    const { root } = await readDocument(text, host.format, "f");
    const holder = root[host.servers[0]!] as Record<string, Record<string, unknown>>;
    equal(holder.demo!.command, command, text);
    deepEqual(holder.demo!.args, ["bridge", "demo"]);
    deepEqual({ ...holder.demo!.env as object }, bridge.env);
    ok(!/cmd|\/c\b|sh -c/.test(text.replace(command, "")), text);
  }
});

Deno.test("every host is dated, has its sources, and its name names it", () => {
  deepEqual(HOSTS.map(({ id }) => id), HOST_IDS);
  for (const host of HOSTS) {
    ok(/^20\d\d-\d\d-\d\d$/.test(host.checked));
    ok(host.sources.length > 0 && host.sources.every((each) => each.startsWith("https://")));
    ok(isHostId(host.id));
    const { read, write } = touchedPlaces(host, MACHINES.windows);
    ok(write.length > 0 && write.every((each) => read.includes(each)));
  }
  for (const word of ["", "Cursor", "constructor", "mcp-remote"]) ok(!isHostId(word), word);
});

Deno.test("what cannot be read is told with line and column", async () => {
  const cases = [
    ["json", '{\n  "a": 1,\n  oops\n}', /line 3, column 3/],
    ["jsonc", "[1]", /it does not begin with \{/],
    ["jsonc", '{"a": "x', /line 1, column 7: unexpected end of string/],
    ["toml", "a = 1\na = 2\n", /line 2, column \d+: .*already defined/],
    ["toml", 'a = """x', /line 1, column/],
    ["json", `{"a":${"[".repeat(200_000)}`, /nested too deeply|line 1/],
    ["toml", `a = ${"[".repeat(200_000)}`, /line 1, column|nested too deeply/],
  ] as const;
  for (const [format, text, message] of cases) {
    await rejects(readDocument(text, format, "f"), { code: "CONFIG_INVALID", message });
  }
});

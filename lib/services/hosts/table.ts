/**
 * The hosts, as they were when each was last looked up. A host that has changed since is put right here.
 *
 * @module
 */
import { pathIn } from "../../primitives/system/paths.ts";
import { type Host, HOST_IDS, type HostId, type HostMachine, type HostPlace } from "./host.ts";

const CHECKED = "2026-11-21";
const SERVERS: readonly string[] = ["mcpServers"];
/** Letters that hosts make names of tools of. */
const WORD = /^[A-Za-z0-9_-]+$/;

/** A file in a folder of its own. */
function fileIn(folder: string, file: string): HostPlace {
  return { file: pathIn(folder, file), folder };
}

/** The folder where programs with a window keep what is a user's. */
function settings({ env, os, home }: HostMachine): string {
  if (os === "windows") return env.get("APPDATA") ?? pathIn(home, "AppData", "Roaming");
  if (os === "darwin") return pathIn(home, "Library", "Application Support");
  const config = env.get("XDG_CONFIG_HOME");
  return config?.startsWith("/") ? config : pathIn(home, ".config");
}

const TABLE: Readonly<Record<HostId, Omit<Host, "id" | "checked">>> = {
  "claude-desktop": {
    title: "Claude Desktop",
    format: "json",
    servers: SERVERS,
    places: (machine) => {
      const { env, os, home } = machine;
      const file = "claude_desktop_config.json";
      const usual = fileIn(pathIn(settings(machine), "Claude"), file);
      if (os !== "windows") return [usual];
      // One that came from the store, or as an MSIX package, has files of its own in place of the user's.
      const local = env.get("LOCALAPPDATA") ?? pathIn(home, "AppData", "Local");
      const packaged = pathIn(local, "Packages", "Claude_pzs8sxrjxfjjc", "LocalCache", "Roaming", "Claude");
      return [fileIn(packaged, file), usual];
    },
    saysStdio: false,
    urls: ["url"],
    headers: { values: "headers" },
    variables: "none",
    next: "Quit Claude Desktop and start it again",
    sources: [
      "https://modelcontextprotocol.io/docs/develop/connect-local-servers",
      "https://exchangepedia.com/2026/04/claudetools-claude-desktop-powershell-module.html",
    ],
  },
  "claude-code": {
    title: "Claude Code",
    format: "json",
    servers: SERVERS,
    perProject: "projects",
    places: ({ env, home }) => {
      const folder = env.get("CLAUDE_CONFIG_DIR");
      return folder === undefined
        ? [{ file: pathIn(home, ".claude.json"), folder: pathIn(home, ".claude") }]
        : [fileIn(folder, ".claude.json")];
    },
    project: [".mcp.json"],
    saysStdio: true,
    urls: ["url"],
    headers: { values: "headers" },
    variables: "braces",
    names: WORD,
    next: "Start a new session of Claude Code; /mcp lists the servers",
    sources: [
      "https://code.claude.com/docs/en/mcp",
      "https://github.com/anthropics/claude-code/issues/4193",
      "https://github.com/anthropics/claude-code/issues/48448",
    ],
  },
  cursor: {
    title: "Cursor",
    format: "jsonc",
    servers: SERVERS,
    places: ({ home }) => [fileIn(pathIn(home, ".cursor"), "mcp.json")],
    project: [".cursor", "mcp.json"],
    saysStdio: true,
    urls: ["url"],
    headers: { values: "headers" },
    variables: "env",
    next: "Turn the server on in Cursor under Settings, MCP, or start Cursor again",
    sources: ["https://cursor.com/docs/mcp"],
  },
  vscode: {
    title: "VS Code",
    format: "jsonc",
    servers: ["servers"],
    places: (machine) => [fileIn(pathIn(settings(machine), "Code", "User"), "mcp.json")],
    project: [".vscode", "mcp.json"],
    saysStdio: true,
    urls: ["url"],
    headers: { values: "headers" },
    variables: "env",
    next: 'Run the command "MCP: List Servers" in VS Code, and start the server there',
    sources: ["https://code.visualstudio.com/docs/copilot/reference/mcp-configuration"],
  },
  codex: {
    title: "Codex",
    format: "toml",
    servers: ["mcp_servers"],
    places: ({ env, home }) => [fileIn(env.get("CODEX_HOME") ?? pathIn(home, ".codex"), "config.toml")],
    project: [".codex", "config.toml"],
    saysStdio: false,
    urls: ["url"],
    headers: {
      values: "http_headers",
      variables: "env_http_headers",
      bearerVariable: "bearer_token_env_var",
    },
    variables: "none",
    names: WORD,
    next: "Start a new session of Codex; /mcp lists the servers",
    sources: [
      "https://developers.openai.com/codex/mcp",
      "https://github.com/openai/codex/blob/main/codex-rs/config/src/mcp_types.rs",
      "https://github.com/openai/codex/issues/19179",
    ],
  },
  windsurf: {
    title: "Windsurf",
    format: "jsonc",
    servers: SERVERS,
    places: ({ home }) => [fileIn(pathIn(home, ".codeium", "windsurf"), "mcp_config.json")],
    saysStdio: false,
    urls: ["serverUrl", "url"],
    headers: { values: "headers" },
    variables: "env",
    next: "Press the refresh button above the servers in Windsurf",
    sources: ["https://docs.windsurf.com/windsurf/cascade/mcp"],
  },
  gemini: {
    title: "Gemini CLI",
    format: "jsonc",
    servers: SERVERS,
    places: (
      { env, home },
    ) => [fileIn(pathIn(env.get("GEMINI_CLI_HOME") ?? home, ".gemini"), "settings.json")],
    project: [".gemini", "settings.json"],
    saysStdio: false,
    urls: ["httpUrl", "url"],
    headers: { values: "headers" },
    variables: "dollar",
    next: "Start Gemini CLI again; /mcp lists the servers",
    sources: [
      "https://github.com/google-gemini/gemini-cli/blob/main/docs/tools/mcp-server.md",
      "https://github.com/google-gemini/gemini-cli/blob/main/packages/core/src/utils/paths.ts",
      "https://github.com/google-gemini/gemini-cli/blob/main/packages/core/src/tools/mcp-client.ts",
    ],
  },
};

/** All hosts, in the order of {@linkcode HOST_IDS}. */
export const HOSTS: readonly Host[] = HOST_IDS.map((id) => ({ id, checked: CHECKED, ...TABLE[id] }));

/** Whether a word names a host. */
export function isHostId(word: string | undefined): word is HostId {
  return (HOST_IDS as readonly (string | undefined)[]).includes(word);
}

/**
 * The host of a name.
 *
 * @param id Its name.
 */
export function hostOf(id: HostId): Host {
  return HOSTS[HOST_IDS.indexOf(id)]!;
}

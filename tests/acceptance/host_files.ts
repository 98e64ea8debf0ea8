/**
 * Hosts in a home folder of a test: their configurations, and what they would start.
 *
 * @module
 */
import { parse as parseJsonc } from "jsonc-parser";
import { parse as parseToml } from "smol-toml";
import { Host } from "./host.ts";
import type { Home, ProgramOptions } from "./program.ts";

/** Where each host has its configuration on Linux, and under which member its servers are. */
export const HOST_FILES = {
  "claude-desktop": [".config/Claude/claude_desktop_config.json", "mcpServers"],
  "claude-code": [".claude.json", "mcpServers"],
  cursor: [".cursor/mcp.json", "mcpServers"],
  vscode: [".config/Code/User/mcp.json", "servers"],
  codex: [".codex/config.toml", "mcp_servers"],
  windsurf: [".codeium/windsurf/mcp_config.json", "mcpServers"],
  gemini: [".gemini/settings.json", "mcpServers"],
} as const;

/** A host's name. */
export type HostName = keyof typeof HOST_FILES;

/** All of them. */
export const HOST_NAMES = Object.keys(HOST_FILES) as readonly HostName[];

/** An entry as it stands in a configuration. */
export interface HostEntry {
  readonly type?: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly [name: string]: unknown;
}

/** The path of a host's configuration. */
export function hostFile(home: Home, host: HostName): string {
  return `${home.path}/${HOST_FILES[host][0]}`;
}

/** Writes a configuration, as the host would have; its folder is there then. */
export async function writeHostFile(home: Home, host: HostName, text?: string): Promise<string> {
  const path = hostFile(home, host);
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  if (host === "claude-code") await Deno.mkdir(`${home.path}/.claude`, { recursive: true });
  if (text !== undefined) await Deno.writeTextFile(path, text);
  return path;
}

/** The servers of a configuration, read as the host reads it. */
export async function hostServers(
  home: Home,
  host: HostName,
): Promise<Readonly<Record<string, HostEntry>>> {
  const text = await Deno.readTextFile(hostFile(home, host));
  const root = host === "codex" ? parseToml(text) : parseJsonc(text, [], { allowTrailingComma: true });
  return (root as Record<string, Record<string, HostEntry>>)[HOST_FILES[host][1]]!;
}

/** Starts what an entry says, word by word and without a shell, with little of the test's environment. */
export function startEntry(
  home: Home,
  { command, args, env }: HostEntry,
  options: ProgramOptions = {},
): Host {
  const at = args.indexOf("bridge");
  return new Host(home, args.slice(at + 1), {
    command: [command, ...args.slice(0, at)],
    env: { MCP_AUTH_KEYSTORE: undefined, BROWSER: undefined, ...env, ...options.env },
  });
}

/** A configuration with a few servers and settings that are nobody's business. */
export const OTHERS: Readonly<Record<HostName, string>> = {
  "claude-desktop":
    '{\n  "globalShortcut": "Ctrl+Space",\n  "mcpServers": {\n    "fs": { "command": "npx", "args": ["-y", "fs"] }\n  }\n}\n',
  "claude-code":
    '{\n  "numStartups": 12,\n  "projects": { "/p": { "mcpServers": {}, "history": [1] } },\n  "mcpServers": {}\n}\n',
  cursor:
    '\ufeff{\r\n\t// mine\r\n\t"mcpServers": {\r\n\t\t"fs": { "command": "npx" }, // files\r\n\t},\r\n}\r\n',
  vscode:
    '{\n    "inputs": [{ "id": "k", "type": "promptString" }],\n    "servers": {\n        "fs": { "type": "stdio", "command": "npx" }\n    }\n}',
  codex:
    'model = "gpt-5" # the best\n\n[mcp_servers.fs]\ncommand = "npx"\nargs = [\n  "-y", # yes\n  "fs",\n]\n\n[tui]\nnotifications = true\n',
  windsurf: '{"mcpServers":{"fs":{"command":"npx","disabled":true}}}',
  gemini: '{\n  "theme": "Dracula",\n  "mcp": { "excluded": ["x"] }\n}\n',
};

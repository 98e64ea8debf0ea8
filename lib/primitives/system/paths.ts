/**
 * Where the program keeps its data, and paths inside that folder. They are joined by hand: `node:path` costs more to
 * load than opening the store.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { safeText } from "../untrusted_text.ts";
import type { Env } from "./env.ts";

/** The operating systems that differ in where data goes, by Deno's names. */
export type Os = typeof Deno.build.os;

const NAME = "mcp-auth";

/**
 * The folder that holds the store and its key: `MCP_AUTH_HOME`, else the user's data folder of the operating system
 * (XDG base directories, `~/Library/Application Support`, `%LOCALAPPDATA%`) and `mcp-auth` in it. Nothing is created.
 *
 * @param env The environment. A relative `XDG_DATA_HOME` is ignored, as the XDG specification asks.
 * @param os The operating system; this one unless a test says otherwise.
 * @throws {McpAuthError} `CONFIG_MISSING` when the environment does not tell where the user's data is; `CONFIG_INVALID`
 * when `MCP_AUTH_HOME` is a relative path, which would mean another store in each working folder.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/#variables
 */
export function dataFolder(env: Env, os: Os = Deno.build.os): string {
  const own = env.get("MCP_AUTH_HOME");
  if (own !== undefined) return absolute(own);
  if (os === "windows") return pathIn(required(env, "LOCALAPPDATA"), NAME);
  if (os === "darwin") return pathIn(required(env, "HOME"), "Library", "Application Support", NAME);
  const data = env.get("XDG_DATA_HOME");
  return data?.startsWith("/") ? pathIn(data, NAME) : pathIn(required(env, "HOME"), ".local", "share", NAME);
}

/**
 * Joins names to a folder with the separator that the folder itself uses.
 *
 * @param folder A path, with or without a separator at its end.
 * @param names File or folder names without separators.
 */
export function pathIn(folder: string, ...names: string[]): string {
  const separator = separatorOf(folder);
  return (folder.endsWith(separator) ? folder : folder + separator) + names.join(separator);
}

/**
 * The folder a file is in.
 *
 * @param path A file's path; a bare name is in ".".
 */
export function folderOf(path: string): string {
  const end = path.lastIndexOf(separatorOf(path));
  return end < 0 ? "." : path.slice(0, end) || "/";
}

function separatorOf(path: string): string {
  return path.includes("\\") && !path.includes("/") ? "\\" : "/";
}

function absolute(path: string): string {
  if (/^(?:\/|\\\\|[a-z]:[\\/])/i.test(path)) return path;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot use MCP_AUTH_HOME "${safeText(path)}": the path is not absolute`,
    {
      hint: "Write the whole path; ~ and variables are not expanded in it",
    },
  );
}

function required(env: Env, variable: string): string {
  const value = env.get(variable);
  if (value !== undefined) return value;
  throw new McpAuthError(
    "CONFIG_MISSING",
    `Cannot find the data folder: ${variable} is not set or not granted`,
    {
      hint:
        `Set MCP_AUTH_HOME to the folder that shall hold the store, or grant --allow-env=MCP_AUTH_HOME,${variable}`,
    },
  );
}

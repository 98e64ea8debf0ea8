/**
 * Looks into a folder of another program: it only reads, it follows no links out of it, and it gives up on what is too
 * large or too much, since that program is not ours to trust. Nothing is locked and nothing is changed.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { safeText } from "../untrusted_text.ts";
import type { Env } from "./env.ts";
import { type Os, pathIn } from "./paths.ts";
import { permissionDenied } from "./permissions.ts";

/** What a folder holds. */
export interface FolderListing {
  /** The names of its folders, in order. */
  readonly folders: readonly string[];
  /** The names of its files, in order; links are neither. */
  readonly files: readonly string[];
  /** There is more than was looked at. */
  readonly truncated: boolean;
}

/** A text with its age. */
export interface ForeignFile {
  /** Its beginning, where it is longer than was asked for and that was allowed; else all of it. */
  readonly text: string;
  /** When it was written, in ms since the epoch; undefined where the file system does not tell. */
  readonly writtenAt: number | undefined;
}

/** How files are read. */
export interface ForeignReadOptions {
  readonly maxBytes: number;
  /** Whether the beginning of a longer file is wanted, rather than nothing of it. */
  readonly head?: boolean;
}

/** A folder of another program. Paths are given as the names below it. */
export interface ForeignFolder {
  /**
   * Lists the folder or one below it.
   *
   * @param names The way to it; none for the folder itself.
   * @throws {McpAuthError} `CONFIG_MISSING` when there is none, `CONFIG_INVALID` when it cannot be read,
   * `PERMISSION_DENIED`.
   */
  list(...names: readonly string[]): Promise<FolderListing>;
  /**
   * Reads a file.
   *
   * @param names The way to it.
   * @param options How much of it.
   * @throws {McpAuthError} As {@linkcode ForeignFolder.list}; `CONFIG_INVALID` too for what is no file, or too large.
   */
  read(names: readonly string[], options: ForeignReadOptions): Promise<ForeignFile>;
}

/**
 * Returns the folder at a path; nothing is opened yet.
 *
 * @param path The folder.
 * @param listMax At most so many names of one folder are looked at.
 */
export function foreignFolder(path: string, listMax: number): ForeignFolder {
  return {
    list: async (...names) => {
      const at = names.length === 0 ? path : pathIn(path, ...names);
      try {
        if (names.length > 0 && !(await Deno.lstat(at)).isDirectory) throw unreadable(at, "it is no folder");
        return await list(at, listMax);
      } catch (error) {
        throw readError(error, at, path);
      }
    },
    read: async (names, options) => {
      const at = pathIn(path, ...names);
      try {
        return await read(at, options);
      } catch (error) {
        throw readError(error, at, path);
      }
    },
  };
}

/**
 * The user's home folder, below which other programs keep theirs.
 *
 * @param env The environment.
 * @param os The operating system; this one unless a test says otherwise.
 * @throws {McpAuthError} `CONFIG_MISSING` when the environment does not tell.
 */
export function homeFolder(env: Env, os: Os = Deno.build.os): string {
  const variable = os === "windows" ? "USERPROFILE" : "HOME";
  const home = env.get(variable);
  if (home !== undefined) return home;
  throw new McpAuthError(
    "CONFIG_MISSING",
    `Cannot find the home folder: ${variable} is not set or not granted`,
    { hint: `Set it, or grant --allow-env=${variable}` },
  );
}

async function list(path: string, max: number): Promise<FolderListing> {
  const [folders, files]: [string[], string[]] = [[], []];
  let seen = 0;
  for await (const { name, isDirectory, isFile } of Deno.readDir(path)) {
    if (seen++ >= max) break;
    if (isDirectory) folders.push(name);
    if (isFile) files.push(name);
  }
  return { folders: folders.sort(), files: files.sort(), truncated: seen > max };
}

async function read(path: string, { maxBytes, head }: ForeignReadOptions): Promise<ForeignFile> {
  const before = await Deno.lstat(path);
  if (!before.isFile) throw unreadable(path, "it is no file");
  if (before.size > maxBytes && !head) throw unreadable(path, `it is larger than ${maxBytes} bytes`);
  using file = await Deno.open(path);
  const now = await file.stat();
  if (now.ino !== before.ino || now.dev !== before.dev) throw unreadable(path, "it was replaced just now");
  const bytes = new Uint8Array(maxBytes);
  let length = 0;
  while (length < maxBytes) {
    const count = await file.read(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return {
    text: new TextDecoder().decode(bytes.subarray(0, length)),
    writtenAt: now.mtime?.getTime(),
  };
}

function unreadable(path: string, why: string, cause?: unknown): McpAuthError {
  return new McpAuthError("CONFIG_INVALID", `Cannot read "${safeText(path)}": ${why}`, { cause });
}

function readError(thrown: unknown, path: string, folder: string): McpAuthError {
  if (thrown instanceof McpAuthError) return thrown;
  const denied = permissionDenied(thrown, `read "${safeText(path)}"`, folder);
  if (denied !== undefined) return denied;
  if (thrown instanceof Deno.errors.NotFound) {
    return new McpAuthError("CONFIG_MISSING", `Cannot read "${safeText(path)}": it is not there`, {
      cause: thrown,
    });
  }
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const why = code === "EACCES" || code === "EPERM"
    ? "access denied"
    : code === "ENOTDIR"
    ? "it is no folder"
    : safeText(thrown instanceof Error ? thrown.message : thrown);
  return unreadable(path, why, thrown);
}

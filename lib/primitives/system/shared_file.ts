/**
 * A file that belongs to another program and is changed in its place, such as the configuration of an MCP host. A change
 * is made of what was read: where the file is another by then, nothing is written. What is there is kept beside it
 * first; the new content comes whole or not at all, with the mode and the owner that the file has, and where a link leads.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { SHARED_FILE_BACKUPS_KEPT, SHARED_FILE_LEFTOVER_MS } from "../limits.ts";
import { safeText } from "../untrusted_text.ts";
import { folderOf, pathIn } from "./paths.ts";
import { permissionDenied } from "./permissions.ts";

/** A file as it was read. */
export interface SharedFile {
  /** As it was named. */
  readonly path: string;
  /** Where it really is: where a link leads. */
  readonly place: string;
  /** What is in it, a byte order mark included; undefined where there is no such file. */
  readonly text: string | undefined;
  /** Its permission bits; undefined where there is no file, or the system has none. */
  readonly mode: number | undefined;
  /** Whose it is; undefined likewise. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

/** How a file is replaced. */
export interface ReplaceOptions {
  /** In ms since the epoch: the name of the copy tells it. */
  readonly now: number;
  /** The permission bits of a file that is created. */
  readonly mode: number;
}

/** The file was changed between reading and writing; it is to be read again. */
export class SharedFileChanged extends McpAuthError {
  constructor(path: string) {
    super(
      "CONFIG_INVALID",
      `Cannot change "${safeText(path)}": another program has changed it just now; nothing was written`,
      { hint: "Run the command again" },
    );
    this.name = "SharedFileChanged";
  }
}

/**
 * Reads a file.
 *
 * @param path The file.
 * @param maxBytes The longest that is accepted.
 * @throws {McpAuthError} `CONFIG_INVALID` for what is no file, too long or no UTF-8, and for a link that leads nowhere;
 *   `PERMISSION_DENIED`.
 */
export async function readSharedFile(path: string, maxBytes: number): Promise<SharedFile> {
  try {
    const there = await Deno.lstat(path).catch(absent);
    if (there === undefined) {
      return { path, place: path, text: undefined, mode: undefined, owner: undefined };
    }
    const place = await Deno.realPath(path).catch(absent);
    if (place === undefined) throw invalid("read", path, "it is a link that leads nowhere");
    const { isFile, size, mode, uid, gid } = await Deno.stat(place);
    if (!isFile) throw invalid("read", path, "it is no file");
    if (size > maxBytes) throw invalid("read", path, `it is longer than ${maxBytes} bytes`);
    const bytes = await Deno.readFile(place);
    return {
      path,
      place,
      text: decode(bytes, path),
      mode: mode === null || Deno.build.os === "windows" ? undefined : mode & 0o7777,
      owner: uid === null || gid === null ? undefined : { uid, gid },
    };
  } catch (error) {
    throw fileError(error, "read", path, path);
  }
}

/**
 * Replaces what was read by another text.
 *
 * @param file What was read.
 * @param text What the file is to hold.
 * @param options The time, and the mode of a new file.
 * @returns The copy of what was there; undefined where nothing was.
 * @throws {SharedFileChanged} where the file is not what was read any more.
 * @throws {McpAuthError} `CONFIG_INVALID` for a file that is read-only, or cannot be written for another reason;
 *   `PERMISSION_DENIED`. The file is as it was then.
 */
export async function replaceSharedFile(
  file: SharedFile,
  text: string,
  options: ReplaceOptions,
): Promise<string | undefined> {
  const { path, place } = file;
  requireWritable(file);
  const temporary = `${place}${MARK}${crypto.randomUUID()}${TEMPORARY}`;
  let backup: string | undefined;
  try {
    if (file.text !== undefined) backup = await keep(file, options.now);
    await writeNew(temporary, text, 0o600);
    await likeBefore(temporary, file, options.mode);
    if (file.text === undefined) {
      await linkNew(temporary, place, text, options.mode);
    } else {
      if (!await isUnchanged(file)) throw new SharedFileChanged(path);
      await Deno.rename(temporary, place);
    }
  } catch (error) {
    if (backup !== undefined) await Deno.remove(backup).catch(() => {});
    if (error instanceof Deno.errors.AlreadyExists) throw new SharedFileChanged(path);
    throw fileError(error, "write", path, folderOf(place));
  } finally {
    await Deno.remove(temporary).catch(() => {});
  }
  await flushFolder(folderOf(place));
  await tidy(place, options.now);
  return backup;
}

/**
 * Looks whether a file may be replaced, before anybody is asked.
 *
 * @param file What was read.
 * @throws {McpAuthError} `CONFIG_INVALID` for one that is read-only.
 */
export function requireWritable({ path, mode }: Pick<SharedFile, "path" | "mode">): void {
  if (mode === undefined || (mode & 0o222) !== 0) return;
  throw invalid("write", path, "it is read-only", "Make it writable, or change it by hand: see --print");
}

/** Whether there is a folder at a path; what cannot be looked at is none. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    const denied = permissionDenied(error, `look at "${safeText(path)}"`, path);
    if (denied !== undefined) throw denied;
    return false;
  }
}

/**
 * Makes a folder and those above it.
 *
 * @param path The folder.
 * @param mode Its permission bits.
 * @throws {McpAuthError} `CONFIG_INVALID` or `PERMISSION_DENIED`.
 */
export async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode });
  } catch (error) {
    throw fileError(error, "make the folder", path, path);
  }
}

/** The working folder, which is what a project's files are found from. */
export function workingFolder(): string {
  try {
    return Deno.cwd();
  } catch (error) {
    throw fileError(error, "find", "the working folder", undefined);
  }
}

const MARK = ".mcp-auth-";
const TEMPORARY = ".tmp";
const BACKUP = `${MARK}backup-`;

function absent(error: unknown): undefined {
  if (error instanceof Deno.errors.NotFound) return undefined;
  throw error;
}

/** A byte order mark is part of the text; anything that is no UTF-8 would not survive being written. */
function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid("read", path, "it is not UTF-8");
  }
}

async function isUnchanged({ path, place, text }: SharedFile): Promise<boolean> {
  if (await Deno.realPath(path) !== place) return false;
  const now = await Deno.readFile(place);
  const before = new TextEncoder().encode(text);
  return now.length === before.length && now.every((byte, at) => byte === before[at]);
}

/** Copies what was read to a file of its own, which only its owner can read: configurations hold secrets. */
async function keep({ place, text = "", owner }: SharedFile, now: number): Promise<string> {
  const stamp = new Date(now).toISOString().replace(/\.\d+Z$/, "Z").replaceAll(/[-:]/g, "");
  for (let number = 1;; number++) {
    const backup = `${place}${BACKUP}${stamp}${number === 1 ? "" : `-${number}`}`;
    try {
      await writeNew(backup, text, 0o600);
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists && number < 100) continue;
      throw error;
    }
    await own(backup, owner);
    return backup;
  }
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true, mode });
  try {
    const bytes = new TextEncoder().encode(text);
    for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
    await file.sync();
  } catch (error) {
    await Deno.remove(path).catch(() => {});
    throw error;
  }
}

/** A new file takes no other's place; where the file system has no links, it is written there. */
async function linkNew(temporary: string, place: string, text: string, mode: number): Promise<void> {
  try {
    await Deno.link(temporary, place);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.NotCapable) throw error;
    await writeNew(place, text, mode);
  }
}

async function likeBefore(temporary: string, { mode, owner }: SharedFile, created: number): Promise<void> {
  if (Deno.build.os === "windows") return;
  await own(temporary, owner);
  await Deno.chmod(temporary, mode ?? created);
}

/** Who may not give files away is the owner already, or has to leave it. */
async function own(path: string, owner: SharedFile["owner"]): Promise<void> {
  if (owner === undefined || Deno.build.os === "windows") return;
  const { uid, gid } = await Deno.stat(path);
  if (uid === owner.uid && gid === owner.gid) return;
  await Deno.chown(path, owner.uid, owner.gid).catch(() => {});
}

async function flushFolder(folder: string): Promise<void> {
  try {
    using handle = await Deno.open(folder);
    await handle.sync();
  } catch {
    // Windows opens no folders; the file itself is flushed.
  }
}

/** Removes copies but the latest, and what a killed process has left. */
async function tidy(place: string, now: number): Promise<void> {
  const folder = folderOf(place);
  const start = place.slice(folder === "/" ? 1 : folder.length + 1) + MARK;
  try {
    const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name)
      .filter((name) => name.startsWith(start));
    const backups = names.filter((name) => name.startsWith(start.slice(0, -MARK.length) + BACKUP)).sort();
    const old = backups.slice(0, -SHARED_FILE_BACKUPS_KEPT);
    for (const name of names.filter((each) => each.endsWith(TEMPORARY))) {
      const written = (await Deno.stat(pathIn(folder, name))).mtime?.getTime() ?? now;
      if (now - written > SHARED_FILE_LEFTOVER_MS) old.push(name);
    }
    for (const name of old) await Deno.remove(pathIn(folder, name));
  } catch {
    // The change itself is made; the next one tidies up.
  }
}

function fileError(thrown: unknown, verb: string, path: string, granted: string | undefined): McpAuthError {
  if (thrown instanceof McpAuthError) return thrown;
  const denied = permissionDenied(thrown, `${verb} "${safeText(path)}"`, granted);
  if (denied !== undefined) return denied;
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const [detail, hint] = CAUSES[code] ?? [safeText(thrown instanceof Error ? thrown.message : thrown)];
  return invalid(verb, path, detail, hint, thrown);
}

function invalid(verb: string, path: string, detail: string, hint?: string, cause?: unknown): McpAuthError {
  return new McpAuthError("CONFIG_INVALID", `Cannot ${verb} "${safeText(path)}": ${detail}`, { hint, cause });
}

const BY_HAND = "Check the owner and mode of the file and its folder, or change it by hand: see --print";

const CAUSES: Readonly<Record<string, readonly [detail: string, hint?: string]>> = {
  ENOENT: ["there is no such folder"],
  ENOSPC: ["the disk is full", "Free some space on the disk; nothing was changed"],
  EDQUOT: ["the disk quota is used up", "Free some space on the disk; nothing was changed"],
  EROFS: ["the file system is read-only", BY_HAND],
  EACCES: ["access denied", BY_HAND],
  EPERM: ["not permitted", BY_HAND],
  EBUSY: ["the file is a mount of its own, or open elsewhere", BY_HAND],
  EISDIR: ["it is a folder"],
  ENOTDIR: ["a part of the path is not a folder"],
  ELOOP: ["its links lead in a circle"],
};

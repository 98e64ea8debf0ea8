/**
 * Small private files: whole texts, readable by their owner alone, that appear complete or not at all. A new file is
 * written beside its place, flushed to the disk, and then linked there, so that neither a crash nor a sibling
 * process ever sees half of it. On Windows modes do not exist; there the user's profile folder is what protects.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { folderOf, pathIn } from "./paths.ts";
import { permissionDenied } from "./permissions.ts";

/**
 * Reads a file as UTF-8, synchronously: the thread that an asynchronous read starts costs a short program ten times
 * what reading a small file does.
 *
 * @param path The file; a small one.
 * @returns The text; undefined when there is no such file.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED`.
 */
export function readTextFile(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw fileError(error, "read", path);
  }
}

/**
 * Creates a file with mode 0600, atomically and only where there is none: of many processes that try at once, one wins
 * and all others find its whole text there.
 *
 * @param path The file; its folder exists.
 * @param text The whole content, stored as UTF-8.
 * @returns Whether this call created it; false when it was there already.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED`.
 */
export async function createTextFile(path: string, text: string): Promise<boolean> {
  const temporary = `${path}.${crypto.randomUUID()}${TEMPORARY}`;
  try {
    using file = await Deno.open(temporary, { write: true, createNew: true, mode: 0o600 });
    const bytes = new TextEncoder().encode(text);
    for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
    await file.sync();
    await Deno.link(temporary, path);
    await flushFolder(folderOf(path));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw fileError(error, "write", path);
  } finally {
    await Deno.remove(temporary).catch(() => {});
  }
}

/**
 * Removes a file that {@linkcode createTextFile} made, and what it has left beside it where it was killed half way.
 *
 * @param path The file; one that is not there is no error.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED`.
 */
export async function removeFile(path: string): Promise<void> {
  try {
    await removeIfThere(path);
    for (const { name } of await Array.fromAsync(Deno.readDir(folderOf(path)))) {
      const each = pathIn(folderOf(path), name);
      if (each.startsWith(`${path}.`) && each.endsWith(TEMPORARY)) await removeIfThere(each);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw fileError(error, "remove", path);
  }
}

/**
 * Says whether there is a file; one that cannot be looked at counts as one.
 *
 * @param path The file.
 */
export function isFileThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

/**
 * Makes sure that a file exists: a missing one is created empty with mode 0600, and its folder with it.
 *
 * @param path The file.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED`.
 */
export async function ensurePrivateFile(path: string): Promise<void> {
  try {
    Deno.statSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw fileError(error, "read", path);
    await ensurePrivateFolder(folderOf(path));
    try {
      (await Deno.open(path, { write: true, create: true, mode: 0o600 })).close();
    } catch (error) {
      throw fileError(error, "create", path);
    }
  }
}

/**
 * Makes sure that a folder exists: a missing one is created with mode 0700, and its parents too. One that exists keeps
 * its mode, since it may be anybody's.
 *
 * @param path The folder.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED`.
 */
export async function ensurePrivateFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fileError(error, "create the folder", path, path);
  }
}

/** What the name of a file that is not in its place yet ends with. */
const TEMPORARY = ".tmp";

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Makes the name of a new file outlast a power failure, where folders can be flushed. */
async function flushFolder(path: string): Promise<void> {
  try {
    using folder = await Deno.open(path);
    await folder.sync();
  } catch {
    // Windows opens no folders; the file itself is flushed.
  }
}

/**
 * The coded error for what an operation on a file threw.
 *
 * @param thrown What was caught.
 * @param verb What was being done with the file, for the message: `Cannot <verb> "<path>"`.
 * @param path The file.
 * @param folder The folder to name where the sandbox refuses; the one that the file is in when left out.
 * @returns `PERMISSION_DENIED` for a refusal of the sandbox, else `STORE_UNAVAILABLE`.
 */
export function fileError(
  thrown: unknown,
  verb: string,
  path: string,
  folder: string = folderOf(path),
): McpAuthError {
  const action = `${verb} "${path}"`;
  const denied = permissionDenied(thrown, action, folder);
  if (denied !== undefined) return denied;
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const { detail, hint } = CAUSES[code] ??
    { detail: thrown instanceof Error ? thrown.message : String(thrown), hint: undefined };
  return new McpAuthError("STORE_UNAVAILABLE", `Cannot ${action}: ${detail}`, { hint, cause: thrown });
}

const ELSEWHERE = "or set MCP_AUTH_HOME to a folder that you can write to";

const CAUSES: Readonly<Record<string, { readonly detail: string; readonly hint: string }>> = {
  ENOSPC: { detail: "the disk is full", hint: "Free some space on the disk" },
  EDQUOT: { detail: "the disk quota is used up", hint: "Free some space on the disk" },
  EROFS: { detail: "the file system is read-only", hint: `Mount it for writing, ${ELSEWHERE}` },
  EACCES: { detail: "access denied", hint: `Check the owner and mode of the folder, ${ELSEWHERE}` },
  EPERM: { detail: "not permitted", hint: `Check the owner and mode of the folder, ${ELSEWHERE}` },
  ENOTDIR: { detail: "a part of the path is not a folder", hint: `Move that file away, ${ELSEWHERE}` },
  EEXIST: { detail: "a file is where a folder should be", hint: `Move that file away, ${ELSEWHERE}` },
};

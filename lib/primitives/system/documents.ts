/**
 * Files that a person names on the command line: read with a cap, whatever they are, and written private, complete or
 * not at all, and never over another file unless that was asked for. On file systems without links, such as those of
 * memory sticks, a new file is written in its place and taken away again where that fails.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { safeText } from "../untrusted_text.ts";
import { folderOf } from "./paths.ts";
import { permissionDenied } from "./permissions.ts";

/**
 * Reads a file, a pipe or whatever the path names.
 *
 * @param path As the person wrote it.
 * @param maxBytes The longest that is accepted.
 * @returns The bytes.
 * @throws {McpAuthError} `CONFIG_MISSING` when there is none, `CONFIG_INVALID` when it cannot be read or is longer,
 * `PERMISSION_DENIED`.
 */
export async function readDocument(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readCapped((await Deno.open(path)).readable, maxBytes, path);
  } catch (error) {
    throw documentError(error, "read", path);
  }
}

/**
 * Reads a stream to its end.
 *
 * @param stream Is cancelled when it is too long.
 * @param maxBytes The longest that is accepted.
 * @param name What it is, for the message.
 * @throws {McpAuthError} `CONFIG_INVALID` when it is longer.
 */
export async function readCapped(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  maxBytes: number,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new McpAuthError(
        "CONFIG_INVALID",
        `Cannot read "${safeText(name)}": it is longer than ${maxBytes} bytes`,
      );
    }
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/**
 * Refuses a path at which there is something.
 *
 * @param path As the person wrote it.
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export async function refuseExisting(path: string): Promise<void> {
  const isThere = await Deno.lstat(path).then(() => true, () => false);
  if (isThere) throw exists(path);
}

/**
 * Writes a file with mode 0600 and flushes it to the disk.
 *
 * @param path As the person wrote it; its folder exists.
 * @param text The whole content.
 * @param replace Whether a file that is there is replaced.
 * @throws {McpAuthError} `CONFIG_INVALID` when it is there and not to be replaced, or cannot be written;
 * `PERMISSION_DENIED`.
 */
export async function writeDocument(path: string, text: string, replace: boolean): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await writeNew(temporary, text);
    if (replace) await Deno.rename(temporary, path);
    else await place(temporary, path, text);
    await flushFolder(folderOf(path));
  } catch (error) {
    throw documentError(error, "write", path);
  } finally {
    await Deno.remove(temporary).catch(() => {});
  }
}

async function place(temporary: string, path: string, text: string): Promise<void> {
  try {
    await Deno.link(temporary, path);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.NotCapable) throw error;
    await writeNew(path, text);
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  try {
    const bytes = new TextEncoder().encode(text);
    for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
    await file.sync();
  } catch (error) {
    await Deno.remove(path).catch(() => {});
    throw error;
  }
}

/** So that the name of the file outlives a crash as its content does; not every system lets a folder be flushed. */
async function flushFolder(folder: string): Promise<void> {
  try {
    using handle = await Deno.open(folder);
    await handle.sync();
  } catch {
    // The file itself is flushed.
  }
}

function documentError(thrown: unknown, verb: "read" | "write", path: string): McpAuthError {
  if (thrown instanceof McpAuthError) return thrown;
  const action = `${verb} "${safeText(path)}"`;
  const denied = permissionDenied(thrown, action, verb === "write" ? folderOf(path) : undefined);
  if (denied !== undefined) return denied;
  if (thrown instanceof Deno.errors.AlreadyExists) return exists(path);
  if (thrown instanceof Deno.errors.NotFound) {
    const what = verb === "read" ? "there is no such file" : "there is no such folder";
    return new McpAuthError("CONFIG_MISSING", `Cannot ${action}: ${what}`, { cause: thrown });
  }
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const detail = CAUSES[code] ?? safeText(thrown instanceof Error ? thrown.message : thrown);
  return new McpAuthError("CONFIG_INVALID", `Cannot ${action}: ${detail}`, { cause: thrown });
}

function exists(path: string): McpAuthError {
  return new McpAuthError("CONFIG_INVALID", `Cannot write "${safeText(path)}": the file exists`, {
    hint: "Take another name, or add --force to replace it",
  });
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  EACCES: "access denied",
  EPERM: "not permitted",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is not a folder",
};

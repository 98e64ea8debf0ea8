/**
 * Files that a person has asked to be written, at a place that the person has named. What is there already is another's
 * work, and stays unless the person says otherwise; a file appears whole or not at all where its place is a plain file.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { safeText } from "../untrusted_text.ts";
import { allowFlag } from "./permissions.ts";

/** What is at a path. */
export type PathKind = "nothing" | "folder" | "file" | "other";

/**
 * Says what is at a path; links are followed.
 *
 * @throws {McpAuthError} `PERMISSION_DENIED`, or `CONFIG_INVALID` for a path that cannot be looked at.
 */
export function pathKind(path: string): PathKind {
  try {
    const found = Deno.statSync(path);
    return found.isDirectory ? "folder" : found.isFile ? "file" : "other";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "nothing";
    throw outputError(error, path);
  }
}

/** A path within a folder, in the way of the system. */
export function pathWithin(folder: string, name: string): string {
  return /[\\/]$/.test(folder)
    ? `${folder}${name}`
    : `${folder}${Deno.build.os === "windows" ? "\\" : "/"}${name}`;
}

/**
 * Writes a file.
 *
 * @param path Where.
 * @param bytes The whole of it.
 * @param options.replace Also in place of what is there, which is something of the person's then.
 * @throws {McpAuthError} `CONFIG_INVALID` when something is there, or it cannot be written; `PERMISSION_DENIED`.
 */
export async function writeOutputFile(
  path: string,
  bytes: Uint8Array,
  { replace }: { readonly replace: boolean },
): Promise<void> {
  try {
    if (replace) {
      const kind = pathKind(path);
      // A device or a pipe is written to; a file is replaced at once by its successor, which no crash leaves half.
      if (kind !== "file") return await Deno.writeFile(path, bytes);
      const target = await Deno.realPath(path);
      const beside = `${target}.${crypto.randomUUID()}.tmp`;
      try {
        await Deno.writeFile(beside, bytes, { createNew: true });
        await Deno.rename(beside, target);
      } finally {
        await Deno.remove(beside).catch(() => {});
      }
      return;
    }
    try {
      await Deno.writeFile(path, bytes, { createNew: true });
    } catch (error) {
      // What did not get whole onto the disk is none of what was asked for.
      if (!(error instanceof Deno.errors.AlreadyExists)) await removeHalf(path, bytes.length);
      throw error;
    }
  } catch (error) {
    throw outputError(error, path);
  }
}

/** Removes a file of ours that was begun: one of the full length is whole. */
async function removeHalf(path: string, length: number): Promise<void> {
  const found = await Deno.stat(path).catch(() => undefined);
  if (found?.isFile && found.size < length) await Deno.remove(path).catch(() => {});
}

function outputError(error: unknown, path: string): McpAuthError {
  if (error instanceof McpAuthError) return error;
  const start = `Cannot write "${safeText(path)}"`;
  if (error instanceof Deno.errors.NotCapable) {
    return new McpAuthError("PERMISSION_DENIED", `${start}: the sandbox does not allow it`, {
      hint: `Run again with ${allowFlag("write", path)} and ${allowFlag("read", path)}`,
      cause: error,
    });
  }
  if (error instanceof Deno.errors.AlreadyExists) {
    return new McpAuthError("CONFIG_INVALID", `${start}: there is such a file`, {
      hint: "Name another, or add --force",
      cause: error,
    });
  }
  const detail = safeText(error instanceof Error ? error.message : error);
  return new McpAuthError("CONFIG_INVALID", `${start}: ${detail}`, { cause: error });
}

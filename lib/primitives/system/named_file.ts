/**
 * Reads the files of certificates, keys and headers that people and the environment name. They are small, and read when
 * something is sent that wants them.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { safeText } from "../untrusted_text.ts";
import { allowFlag } from "./permissions.ts";

/** Reads the text of a file; throws what {@linkcode readNamedFile} does. */
export type ReadNamedFile = (path: string, what: FileUse) => string;

/** What a file is for, and who named it. */
export interface FileUse {
  /** Who: a flag or a variable, such as `SSL_CERT_FILE`. */
  readonly namedBy: string;
  /** What is in it, for the message: `Cannot read <contents> ...`. */
  readonly contents: string;
  readonly maxBytes: number;
}

/**
 * Reads a file that must be there.
 *
 * @param path As it was named; relative to the working folder.
 * @param use What it is for.
 * @returns Its text; bytes that are no UTF-8 become replacement characters.
 * @throws {McpAuthError} `CONFIG_MISSING` where there is none, `PERMISSION_DENIED` where the sandbox does not grant it,
 *   `CONFIG_INVALID` where it cannot be read or is too large.
 */
export function readNamedFile(path: string, { namedBy, contents, maxBytes }: FileUse): string {
  const shown = `"${safeText(path)}"`;
  const start = `Cannot read the ${contents} that ${namedBy} names`;
  try {
    // What is no file may never end, or never begin; what a shell hands over as one is at /dev/fd.
    if (!Deno.statSync(path).isFile && !path.startsWith("/dev/")) {
      throw new McpAuthError("CONFIG_INVALID", `${start}: ${shown} is no file`, {
        hint: `Correct ${namedBy}`,
      });
    }
    using file = Deno.openSync(path);
    const text = readCapped(file, maxBytes);
    if (text !== undefined) return text;
  } catch (error) {
    if (error instanceof McpAuthError) throw error;
    if (error instanceof Deno.errors.NotCapable) {
      throw new McpAuthError("PERMISSION_DENIED", `${start}: the sandbox does not allow to read ${shown}`, {
        hint: `Run again with ${allowFlag("read", path)}`,
        cause: error,
      });
    }
    if (error instanceof Deno.errors.NotFound) {
      throw new McpAuthError("CONFIG_MISSING", `${start}: there is no file ${shown}`, {
        hint: `Correct ${namedBy}, or leave it out`,
        cause: error,
      });
    }
    throw new McpAuthError(
      "CONFIG_INVALID",
      `${start}: ${shown}: ${safeText(error instanceof Error ? error.message : error)}`,
      { hint: `Check ${namedBy} and the mode of the file`, cause: error },
    );
  }
  throw new McpAuthError("CONFIG_INVALID", `${start}: ${shown} is longer than ${maxBytes} bytes`, {
    hint: `Correct ${namedBy}`,
  });
}

/** The text of a file; undefined where it is longer. */
function readCapped(file: Deno.FsFile, maxBytes: number): string | undefined {
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(CHUNK_BYTES);
  let text = "";
  let length = 0;
  for (let read; (read = file.readSync(bytes)) !== null;) {
    length += read;
    if (length > maxBytes) return undefined;
    text += decoder.decode(bytes.subarray(0, read), { stream: true });
  }
  return text + decoder.decode();
}

const CHUNK_BYTES = 64 * 1024;

/**
 * The absolute form of a path that a person named, so that it means the same from everywhere.
 *
 * @param path A path, relative to the working folder or absolute.
 * @throws {McpAuthError} `PERMISSION_DENIED` where the sandbox does not tell which folder that is.
 */
export function absolutePath(path: string): string {
  if (path.startsWith("/") || /^([a-z]:)?[\\/]/i.test(path)) return path;
  const folder = workingFolder(path);
  const separator = Deno.build.os === "windows" ? "\\" : "/";
  return `${folder.endsWith(separator) ? folder : folder + separator}${path.replace(/^(\.[\\/])+/, "")}`;
}

function workingFolder(path: string): string {
  try {
    return Deno.cwd();
  } catch (error) {
    const detail = error instanceof Deno.errors.NotCapable
      ? "the sandbox does not tell the working folder"
      : "the working folder is gone";
    throw new McpAuthError("PERMISSION_DENIED", `Cannot find "${safeText(path)}": ${detail}`, {
      hint: "Write the whole path, from the root",
      cause: error,
    });
  }
}

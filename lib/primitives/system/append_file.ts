/**
 * A private file that only grows: opened for one append, and read from its end. What is written appears at the end
 * whatever others do; a process that is killed meanwhile leaves the beginning of it.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { fileError } from "./files.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The end of a file. */
export interface FileEnd {
  readonly bytes: Bytes;
  /** Whether that is the whole file. */
  readonly whole: boolean;
}

/** A file that is open for appending. Its disposal closes it. */
export interface AppendFile extends Disposable {
  /** Its length when it was opened, in bytes. */
  readonly size: number;
  /**
   * Reads its end.
   *
   * @param max How much of it, in bytes.
   */
  end(max: number): Promise<FileEnd>;
  /**
   * Writes at its end; part of it may be there where that fails.
   *
   * @throws {McpAuthError} `STORE_UNAVAILABLE`, such as for a full disk.
   */
  append(bytes: Bytes): Promise<void>;
}

/**
 * Opens a file for appending; a missing one is created with mode 0600, and one that others may read is taken from them.
 *
 * @param path The file; its folder exists.
 * @throws {McpAuthError} `STORE_UNAVAILABLE`, also for what is no regular file; `PERMISSION_DENIED`.
 */
export async function openAppendFile(path: string): Promise<AppendFile> {
  let file: Deno.FsFile | undefined;
  try {
    file = await Deno.open(path, { read: true, append: true, create: true, mode: 0o600 });
    const { isFile, size, mode } = await file.stat();
    if (!isFile) throw new McpAuthError("STORE_UNAVAILABLE", `Cannot write "${path}": it is no file`);
    if (mode !== null && (mode & 0o077) !== 0) await Deno.chmod(path, 0o600);
    return new OpenAppendFile(path, file, size);
  } catch (error) {
    file?.close();
    throw error instanceof McpAuthError ? error : fileError(error, "write", path);
  }
}

/**
 * Reads the end of a file.
 *
 * @param path The file.
 * @param max How much of it, in bytes.
 * @returns Undefined where there is no such file.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED`.
 */
export async function readFileEnd(path: string, max: number): Promise<FileEnd | undefined> {
  try {
    using file = await Deno.open(path);
    return await endOf(file, (await file.stat()).size, max);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw fileError(error, "read", path);
  }
}

/**
 * Gives a file another name, in place of whatever has that name.
 *
 * @returns False where there is no such file.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED`.
 */
export async function moveFile(from: string, to: string): Promise<boolean> {
  try {
    await Deno.rename(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw fileError(error, "move", from);
  }
}

/**
 * Whether there is a file.
 *
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED` where there is no telling.
 */
export async function hasFile(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw fileError(error, "read", path);
  }
}

/**
 * Opens a file to read what it holds now, whatever becomes of it meanwhile.
 *
 * @param path The file.
 * @returns Its parts, to be taken once and to the end; undefined where there is no such file.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED`.
 */
export async function openFileParts(
  path: string,
): Promise<AsyncIterableIterator<Bytes> & Disposable | undefined> {
  try {
    const file = await Deno.open(path);
    try {
      return new FileParts(path, file, (await file.stat()).size);
    } catch (error) {
      file.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw fileError(error, "read", path);
  }
}

class OpenAppendFile implements AppendFile {
  readonly size: number;
  readonly #path: string;
  readonly #file: Deno.FsFile;

  constructor(path: string, file: Deno.FsFile, size: number) {
    this.#path = path;
    this.#file = file;
    this.size = size;
  }

  async end(max: number): Promise<FileEnd> {
    try {
      return await endOf(this.#file, this.size, max);
    } catch (error) {
      throw fileError(error, "read", this.#path);
    }
  }

  async append(bytes: Bytes): Promise<void> {
    try {
      for (let written = 0; written < bytes.length;) {
        written += await this.#file.write(bytes.subarray(written));
      }
    } catch (error) {
      throw fileError(error, "write", this.#path);
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

class FileParts implements AsyncIterableIterator<Bytes>, Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #left: number;

  constructor(path: string, file: Deno.FsFile, size: number) {
    this.#path = path;
    this.#file = file;
    this.#left = size;
  }

  async next(): Promise<IteratorResult<Bytes, undefined>> {
    const part = new Uint8Array(Math.min(this.#left, PART_BYTES));
    try {
      const read = part.length === 0 ? null : await this.#file.read(part);
      if (read === null) return { done: true, value: undefined };
      this.#left -= read;
      return { done: false, value: part.subarray(0, read) };
    } catch (error) {
      throw fileError(error, "read", this.#path);
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** Read at once. */
const PART_BYTES = 64 * 1024;

async function endOf(file: Deno.FsFile, size: number, max: number): Promise<FileEnd> {
  const start = Math.max(0, size - max);
  const bytes = new Uint8Array(size - start);
  await file.seek(start, Deno.SeekMode.Start);
  let length = 0;
  while (length < bytes.length) {
    const read = await file.read(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return { bytes: bytes.subarray(0, length), whole: start === 0 };
}

/**
 * The audit log as it is read: the lines of all files that are kept, the oldest first. The files are opened together,
 * under the log's lock, so that nothing is read twice or half; then they are read without it, however long that takes.
 *
 * @module
 */
import { AUDIT_COVERED_MAX_BYTES, AUDIT_FILES_KEPT, AUDIT_LOCK_WAIT_MS } from "../../primitives/limits.ts";
import { hasFile, openFileParts } from "../../primitives/system/append_file.ts";
import { lineOf } from "./chain.ts";
import { AUDIT_LOCK, auditFileName, auditFilePath } from "./files.ts";
import type { AuditLine } from "./line.ts";
import type { AuditPlace } from "./log.ts";

/** A line as it was found. */
export interface TrailLine {
  /** The name of its file. */
  readonly file: string;
  /** Its number in that file, from 1. */
  readonly number: number;
  /** The line as it stands there; of one that is longer than any of ours, the end. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What it says; undefined where it is no whole line of the log. */
  readonly line: AuditLine | undefined;
}

type Bytes = TrailLine["bytes"];
type Parts = NonNullable<Awaited<ReturnType<typeof openFileParts>>>;

const LINE_BREAK = 0x0a;

/**
 * Reads the log.
 *
 * @param place Where it is; nothing is made where nothing is.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED`.
 */
export async function* readTrail(place: AuditPlace): AsyncGenerator<TrailLine, void, void> {
  using files = new DisposableStack();
  for (const [age, parts] of await openFiles(place, files)) {
    const file = auditFileName(age);
    let number = 0;
    for await (const bytes of linesOf(parts)) yield { file, number: ++number, bytes, line: lineOf(bytes) };
  }
}

/** The files that there are, the oldest first. */
async function openFiles(
  { folder, locks }: AuditPlace,
  files: DisposableStack,
): Promise<readonly (readonly [age: number, parts: Parts])[]> {
  const found: [number, Parts][] = [];
  if (!await hasFile(auditFilePath(folder, 0)) && !await hasFile(auditFilePath(folder, 1))) return found;
  await using _lock = await lockWherePossible(locks);
  for (let age = AUDIT_FILES_KEPT; age >= 0; age--) {
    const parts = await openFileParts(auditFilePath(folder, age));
    if (parts !== undefined) found.push([age, files.use(parts)]);
  }
  return found;
}

/** A folder that cannot be written to, and one whose lock is held for long, can be read all the same. */
async function lockWherePossible(locks: AuditPlace["locks"]): Promise<AsyncDisposable | undefined> {
  try {
    return await (await locks()).acquire(AUDIT_LOCK, AUDIT_LOCK_WAIT_MS);
  } catch {
    return undefined;
  }
}

async function* linesOf(parts: AsyncIterable<Bytes>): AsyncGenerator<Bytes, void, void> {
  let begun: Bytes | undefined;
  for await (const part of parts) {
    let start = 0;
    for (let end; (end = part.indexOf(LINE_BREAK, start)) >= 0; start = end + 1) {
      yield endOfBoth(begun, part.subarray(start, end));
      begun = undefined;
    }
    if (start < part.length) begun = endOfBoth(begun, part.subarray(start));
  }
  if (begun !== undefined) yield begun;
}

function endOfBoth(before: Bytes | undefined, more: Bytes): Bytes {
  const all = new Uint8Array((before?.length ?? 0) + more.length);
  if (before !== undefined) all.set(before);
  all.set(more, before?.length ?? 0);
  return all.length > LINE_KEPT_BYTES ? all.slice(-LINE_KEPT_BYTES) : all;
}

/** One byte more than a line may have, so that a longer one is seen to be longer. */
const LINE_KEPT_BYTES = AUDIT_COVERED_MAX_BYTES + 1;

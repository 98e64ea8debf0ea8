/**
 * The files of the audit log: `audit.jsonl` grows; at its full size it becomes `audit.1.jsonl`, that one `audit.2.jsonl`
 * and so on, and the oldest goes.
 *
 * @module
 */
import { AUDIT_FILES_KEPT } from "../../primitives/limits.ts";
import { hasFile, moveFile } from "../../primitives/system/append_file.ts";
import { pathIn } from "../../primitives/system/paths.ts";

/** The name of the lock under which files are appended to and get other names. */
export const AUDIT_LOCK = "audit";

/**
 * The name of a file.
 *
 * @param age 0 for the one that grows, 1 for the one before it, ...
 */
export function auditFileName(age: number): string {
  return age === 0 ? "audit.jsonl" : `audit.${age}.jsonl`;
}

/** The path of a file; see {@linkcode auditFileName}. */
export function auditFilePath(folder: string, age: number): string {
  return pathIn(folder, auditFileName(age));
}

/**
 * Makes place for a new file. A process that is killed meanwhile leaves a gap in the numbers, and the next one fills it:
 * no file is overwritten but the oldest of a full set.
 *
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED`.
 */
export async function makePlace(folder: string): Promise<void> {
  let gap = 1;
  while (gap < AUDIT_FILES_KEPT && await hasFile(auditFilePath(folder, gap))) gap++;
  for (let age = gap; age >= 1; age--) {
    await moveFile(auditFilePath(folder, age - 1), auditFilePath(folder, age));
  }
}

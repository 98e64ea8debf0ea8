/**
 * Appends events to the audit log. Everything happens under one kernel lock, so that whoever writes sees the line that
 * its own follows, and nothing is kept between two appends. The lines go out in one write: a process that is killed
 * leaves whole lines and at most one torn one, which stays; the next append goes on below it.
 *
 * Nothing is flushed to the disk: a power failure may take the last events, and what it tears is told from tampering in
 * the same way.
 *
 * @module
 */
import {
  AUDIT_COVERED_MAX_BYTES,
  AUDIT_FILE_MAX_BYTES,
  AUDIT_FILES_KEPT,
  AUDIT_LOCK_WAIT_MS,
  AUDIT_SEARCH_MAX_BYTES,
} from "../../primitives/limits.ts";
import {
  type AppendFile,
  type FileEnd,
  openAppendFile,
  readFileEnd,
} from "../../primitives/system/append_file.ts";
import { processId } from "../../primitives/system/process_id.ts";
import { Chain, lineOf, linesIn } from "./chain.ts";
import { AUDIT_LOCK, auditFilePath, makePlace } from "./files.ts";
import { formatLine } from "./line.ts";
import type { AuditPlace, QueuedEvent } from "./log.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const LINE_BREAK = 0x0a;

/**
 * Appends events.
 *
 * @param place Where the log is; its folder is made where it is missing.
 * @param events The events, in their order.
 * @throws {McpAuthError} what kept them from being written: `TIMEOUT`, `STORE_UNAVAILABLE`, `PERMISSION_DENIED`. Some of
 * them may be written then.
 */
export async function appendEvents(
  { folder, locks }: AuditPlace,
  events: readonly QueuedEvent[],
): Promise<void> {
  await using _lock = await (await locks()).acquire(AUDIT_LOCK, AUDIT_LOCK_WAIT_MS);
  using file = await openAppendFile(auditFilePath(folder, 0));
  const chain = await followedChain(folder, file);
  const lines = await linesOf(events, chain);
  if (file.size > 0 && file.size + lines.length > AUDIT_FILE_MAX_BYTES && await hasPlace(folder)) {
    using next = await openAppendFile(auditFilePath(folder, 0));
    return await next.append(lines);
  }
  const last = (await file.end(1)).bytes[0];
  await file.append(last === undefined || last === LINE_BREAK ? lines : afterLineBreak(lines));
}

/** The chain up to the end of the log, as far back as the next line covers it. */
async function followedChain(folder: string, file: AppendFile): Promise<Chain> {
  let lines = await lastLines((max) => file.end(max));
  for (let age = 1; age <= AUDIT_FILES_KEPT && !lines.some(isWhole); age++) {
    lines = [...await lastLines((max) => readFileEnd(auditFilePath(folder, age), max)), ...lines];
  }
  const chain = new Chain();
  for (const { bytes, line } of lines.slice(Math.max(0, lines.findLastIndex(isWhole)))) {
    chain.add(bytes, line);
  }
  return chain;
}

type Lines = ReturnType<typeof linesIn>;

/** The last lines of a file, with a whole one among them where it has any. */
async function lastLines(readEnd: (max: number) => Promise<FileEnd | undefined>): Promise<Lines> {
  let lines: Lines = [];
  for (const max of [AUDIT_COVERED_MAX_BYTES, AUDIT_SEARCH_MAX_BYTES]) {
    const end = await readEnd(max);
    if (end === undefined) break;
    lines = linesIn(end.bytes, end.whole);
    if (end.whole || lines.some(isWhole)) break;
  }
  return lines;
}

function isWhole({ line }: Lines[number]): boolean {
  return line !== undefined;
}

async function linesOf(events: readonly QueuedEvent[], chain: Chain): Promise<Bytes> {
  const pid = processId();
  let text = "";
  for (const { at, event, fingerprints } of events) {
    const frame = { at, pid, seq: (chain.last?.seq ?? 0) + 1, prev: await chain.next() };
    const line = formatLine(event, { ...frame, fingerprints: await fingerprints });
    const bytes = new TextEncoder().encode(line);
    chain.add(bytes, lineOf(bytes));
    text += `${line}\n`;
  }
  return new TextEncoder().encode(text);
}

/** Where no file can get another name, the one that grows goes on growing: nothing is lost by that. */
async function hasPlace(folder: string): Promise<boolean> {
  try {
    await makePlace(folder);
    return true;
  } catch {
    return false;
  }
}

function afterLineBreak(lines: Bytes): Bytes {
  const all = new Uint8Array(lines.length + 1);
  all[0] = LINE_BREAK;
  all.set(lines, 1);
  return all;
}

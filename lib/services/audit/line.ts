/**
 * One line of the audit log: an event as JSON, with its place in the chain. Every text in it is capped and free of
 * control characters, whoever it came from.
 *
 * @module
 */
import { isObject } from "../../primitives/oauth/json.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { AuditEvent } from "./event.ts";

/** A line. What does not apply is left out of it. */
export interface AuditLine {
  /** Its number, one more than that of the line before, across files. */
  readonly seq: number;
  /** When it happened: ISO 8601 in UTC, with milliseconds. */
  readonly at: string;
  /** What happened; another version of the program may know other events. */
  readonly event: string;
  /** The entry. */
  readonly name?: string | undefined;
  /** The issuer of the credentials. */
  readonly issuer?: string | undefined;
  /** `done` or `failed`. */
  readonly outcome: string;
  /** The code of the error. */
  readonly code?: string | undefined;
  /** A few words. */
  readonly detail?: string | undefined;
  /** The first 8 hex digits of the SHA-256 of each secret concerned, by what it is. */
  readonly fingerprints?: Readonly<Record<string, string>> | undefined;
  /** The process that wrote it. */
  readonly pid?: number | undefined;
  /** The SHA-256 of what stands before it; see `Chain`. */
  readonly prev: string;
}

/** What a line has beside its event. */
export interface LineFrame {
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly fingerprints: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly prev: string;
}

/** The line of an event, without a line break at its end. */
export function formatLine(event: Omit<AuditEvent, "secrets">, frame: LineFrame): string {
  const { seq, at, fingerprints, pid, prev } = frame;
  const line: AuditLine = {
    seq,
    at: new Date(at).toISOString(),
    event: event.event,
    name: text(event.name),
    issuer: event.issuer === undefined ? undefined : safeText(safeUrl(event.issuer)),
    outcome: event.outcome,
    code: event.code,
    detail: text(event.detail),
    fingerprints: Object.keys(fingerprints).length === 0 ? undefined : fingerprints,
    pid,
    prev,
  };
  return JSON.stringify(line);
}

/**
 * Reads a line.
 *
 * @param text What stands in the file, which anybody may have edited.
 * @returns Undefined for what is no whole line of the log. Texts are made fit to be shown.
 */
export function parseLine(text: string): AuditLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { seq, at, event, outcome, prev, pid, fingerprints } = value;
  if (!Number.isSafeInteger(seq) || Number(seq) < 1 || Number(seq) >= SEQ_END) return undefined;
  if (typeof prev !== "string" || !/^[0-9a-f]{64}$/.test(prev)) return undefined;
  if (typeof at !== "string" || typeof event !== "string" || typeof outcome !== "string") return undefined;
  const time = Date.parse(at);
  if (Number.isNaN(time)) return undefined;
  return {
    seq: Number(seq),
    at: new Date(time).toISOString(),
    event: safeText(event),
    name: shown(value.name),
    issuer: shown(value.issuer),
    outcome: safeText(outcome),
    code: shown(value.code),
    detail: shown(value.detail),
    fingerprints: isObject(fingerprints) ? shownFingerprints(fingerprints) : undefined,
    pid: Number.isSafeInteger(pid) ? Number(pid) : undefined,
    prev,
  };
}

/** Far below where numbers lose their last digit; who edits a line must not bring the log to its end. */
const SEQ_END = 2 ** 52;

function text(value: string | undefined): string | undefined {
  return value === undefined ? undefined : safeText(value);
}

function shown(value: unknown): string | undefined {
  return typeof value === "string" ? safeText(value) : undefined;
}

function shownFingerprints(value: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(value).slice(0, FINGERPRINTS_MAX).map((
      [name, hex],
    ) => [safeText(name, 40), safeText(hex, 16)]),
  );
}

/** A line names three kinds of secrets at most. */
const FINGERPRINTS_MAX = 8;

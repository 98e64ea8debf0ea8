/**
 * The audit log: what happened to credentials, when, and how it ended. What reads it is loaded when it is read, since
 * every command has the log at hand and hardly one reads it.
 *
 * @module
 */
import type { AuditPlace } from "./log.ts";
import type { TrailLine } from "./trail.ts";
import type { Verification } from "./verify.ts";

export { type Audit, AUDIT_EVENTS, type AuditEvent, type AuditEventType } from "./event.ts";
export { AuditLog, type AuditLogOptions, type AuditPlace } from "./log.ts";
export type { AuditLine } from "./line.ts";
export type { TrailLine } from "./trail.ts";
export type { ChainBreak, TornLine, TrailPlace, Verification } from "./verify.ts";

/**
 * Reads the lines of the log, the oldest first.
 *
 * @param place Where it is; undefined reads nothing.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED`.
 */
export async function* readAudit(place: AuditPlace | undefined): AsyncGenerator<TrailLine, void, void> {
  if (place === undefined) return;
  const { readTrail } = await import("./trail.ts");
  yield* readTrail(place);
}

/**
 * Checks that the log is as it was written.
 *
 * @param place Where it is; undefined is a log without lines.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` or `PERMISSION_DENIED`.
 */
export async function verifyAudit(place: AuditPlace | undefined): Promise<Verification> {
  const { verifyTrail } = await import("./verify.ts");
  return await verifyTrail(readAudit(place));
}

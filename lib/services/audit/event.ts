/**
 * What the audit log tells: a closed list of events, and the port that every service reports them to. Whoever reports
 * hands over the secrets themselves; the log alone turns them into fingerprints, so that no secret is ever written.
 *
 * @module
 */
import type { ErrorCode } from "../../primitives/errors.ts";

/** Every kind of event. Stable: `audit --json` gives them. */
export const AUDIT_EVENTS = [
  "entry_added",
  "entry_removed",
  "entry_renamed",
  "sign_in_started",
  "signed_in",
  "sign_in_failed",
  "client_registered",
  "client_forgotten",
  "token_refreshed",
  "refresh_failed",
  "sign_in_ended",
  "token_revoked",
  "signed_out",
  "token_given",
  "exported",
  "imported",
  "keystore_changed",
] as const;

/** One of {@linkcode AUDIT_EVENTS}. */
export type AuditEventType = typeof AUDIT_EVENTS[number];

/** Something that happened to the credentials of an entry, or to the store as a whole. */
export interface AuditEvent {
  /** What happened. */
  readonly event: AuditEventType;
  /** The entry; left out where the whole store is concerned. */
  readonly name?: string | undefined;
  /** The issuer of the credentials, byte for byte. */
  readonly issuer?: string | undefined;
  /** How it ended. */
  readonly outcome: "done" | "failed";
  /** Why it failed. */
  readonly code?: ErrorCode | undefined;
  /** A few words of ours, never a server's: such as the new name, or the kind of keystore. */
  readonly detail?: string | undefined;
  /** The secrets concerned, by what they are; only their fingerprints are written. */
  readonly secrets?:
    | Readonly<Partial<Record<"access_token" | "refresh_token" | "client_id", string | undefined>>>
    | undefined;
}

/** Where events are reported. */
export interface Audit {
  /** Notes an event; returns at once, never throws, and never holds up its caller. */
  record(event: AuditEvent): void;
}

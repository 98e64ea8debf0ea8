/**
 * The revisions of the Model Context Protocol and what sets them apart for a transport, as data. A revision that is not
 * listed is carried all the same: a bridge passes on what the two ends agreed.
 *
 * @see https://modelcontextprotocol.io/specification/versioning
 * @module
 */

/** One revision. */
export interface Revision {
  /** Its date, as negotiated and as sent in `MCP-Protocol-Version`. */
  readonly name: string;
  /** Stateful revisions open with `initialize` and may have a session; stateless ones do neither (T2, T9). */
  readonly stateful: boolean;
  /** How it is carried over HTTP: `sse` is the two-endpoint transport of 2024-11-05 (T1, T8). */
  readonly http: "sse" | "streamable";
  /** Whether one body may hold an array of messages (T1). */
  readonly batches: boolean;
}

/** All revisions, oldest first. */
export const REVISIONS: readonly Revision[] = [
  { name: "2024-11-05", stateful: true, http: "sse", batches: true },
  { name: "2025-03-26", stateful: true, http: "streamable", batches: true },
  { name: "2025-06-18", stateful: true, http: "streamable", batches: false },
  { name: "2025-11-25", stateful: true, http: "streamable", batches: false },
  { name: "2026-07-28", stateful: false, http: "streamable", batches: false },
];

/** What a client of ours offers in `initialize`. */
export const LATEST_STATEFUL: string = REVISIONS.findLast(({ stateful }) => stateful)?.name ?? "";

/** Errors that only servers of a stateless revision send: header mismatch, capability missing, version (T13). */
export const STATELESS_ERRORS: ReadonlySet<number> = new Set([-32020, -32021, -32022]);

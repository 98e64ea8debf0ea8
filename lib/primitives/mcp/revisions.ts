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

/** What a client of ours says of its requests to a server that knows no `initialize`. */
export const LATEST_STATELESS: string = REVISIONS.findLast(({ stateful }) => !stateful)?.name ?? "";

/** The headers of a request are not those of its body (T13). */
export const HEADER_MISMATCH: number = -32020;
/** The server does not speak the revision of the request; `data.supported` has those that it does (T13). */
export const UNSUPPORTED_VERSION: number = -32022;

/** Errors that only servers of a stateless revision send: header mismatch, capability missing, version (T13). */
export const STATELESS_ERRORS: ReadonlySet<number> = new Set([HEADER_MISMATCH, -32021, UNSUPPORTED_VERSION]);

/**
 * The newest revision that both sides know (T14).
 *
 * @param supported What the server says it speaks, unchecked.
 * @returns Undefined where there is none, or the server said nothing usable.
 */
export function newestCommon(supported: unknown): Revision | undefined {
  if (!Array.isArray(supported)) return undefined;
  return REVISIONS.findLast(({ name, http }) => http === "streamable" && supported.includes(name));
}

/** Whether a revision is known to have no `initialize` (T9). */
export function isStateless(name: unknown): boolean {
  return REVISIONS.some((revision) => revision.name === name && !revision.stateful);
}

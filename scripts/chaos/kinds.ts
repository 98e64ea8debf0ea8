/**
 * The ways from a host to a server that are put under fire, as a table: what the server speaks, of which era the host is,
 * and what happens on the wire between them.
 *
 * @module
 */
import type { ServerKind } from "./server.ts";
import type { Rates } from "./wire.ts";

/** One way. */
export interface Kind {
  readonly server: ServerKind;
  /** Whether the host speaks the stateless revision. */
  readonly statelessHost: boolean;
  readonly rates: Rates;
  /** What `add` is told beside the URL. */
  readonly flags: readonly string[];
  /** Whether it is put under fire for so long that what its memory does can be told. */
  readonly long: boolean;
  /** Whether the server can report progress before it answers. */
  readonly progress: boolean;
}

/** What happens to exchanges on connections of their own. */
const ON_EXCHANGES: Rates = {
  fin: 0.006,
  reset: 0.006,
  truncate: 0.006,
  duplicate: 0.004,
  reorder: 0.004,
  delay: 0.15,
  stall: 0.004,
  split: 0.05,
};

/** On one connection for everything a cut ends all that is under way. */
const ON_CHANNELS: Rates = {
  fin: 0.0015,
  reset: 0.0015,
  truncate: 0.0015,
  duplicate: 0.001,
  reorder: 0.001,
  delay: 0.03,
  stall: 0.0005,
  split: 0.05,
};

const EXCHANGES = {
  rates: ON_EXCHANGES,
  flags: [],
  progress: true,
  long: true,
  statelessHost: false,
} as const;
const CHANNELS = { rates: ON_CHANNELS, flags: [], progress: true, long: true, statelessHost: false } as const;

/** All ways by their names. */
export const KINDS = {
  "streamable": { ...EXCHANGES, server: "streamable" },
  // Where the answer is JSON there is no place for anything before it.
  "streamable-json": { ...EXCHANGES, server: "streamable-json", progress: false, long: false },
  "stateless": { ...EXCHANGES, server: "stateless", statelessHost: true },
  "to-stateless": { ...EXCHANGES, server: "stateless", long: false },
  "from-stateless": { ...EXCHANGES, server: "streamable", statelessHost: true, long: false },
  "sse": { ...CHANNELS, server: "sse", flags: ["--transport", "sse"] },
  "websocket": { ...CHANNELS, server: "websocket" },
} as const satisfies Readonly<Record<string, Kind>>;

/** The name of a way. */
export type KindName = keyof typeof KINDS;

/**
 * Every size, time and retry bound of the product, each with its reason. Code elsewhere names a bound; it never writes
 * a number. Times end in `_MS` (milliseconds) or `_S` (seconds), sizes in `_BYTES`, text lengths in `_CHARS`.
 *
 * @module
 */

/** One HTTP exchange that is not a stream: connect, headers and body together. */
export const HTTP_TIMEOUT_MS = 30_000;
/** A refresh is on somebody's critical path: a server that takes longer counts as down. */
export const REFRESH_TIMEOUT_MS = 10_000;
/** How long a person has to approve in the browser, unless `--timeout` says otherwise. */
export const CALLBACK_TIMEOUT_S = 300;
/** A host that closed stdin gets its pending answers for this long, then a coded error. */
export const BRIDGE_DRAIN_MS = 2_000;
/** Ending a remote session is a courtesy; a dead server must not hold the bridge. */
export const SESSION_DELETE_MS = 800;

/** Discovery, registration and token answers are a few kB; CIMD recommends 5 kB, real metadata reaches 60 kB. */
export const METADATA_MAX_BYTES = 512 * 1024;
/** One JSON-RPC message in either direction; tools do return files. */
export const MESSAGE_MAX_BYTES = 64 * 1024 * 1024;
/** An error body is only quoted, never parsed further than this. */
export const ERROR_BODY_MAX_BYTES = 64 * 1024;
/** Redirects followed by hand; discovery behind a CDN needs one or two. */
export const REDIRECTS_MAX = 5;
/** Discovery requests are repeated this often on a network error or 5xx before giving up. */
export const DISCOVERY_RETRIES = 2;
/** The first pause before such a repetition; it doubles. */
export const RETRY_PAUSE_MS = 300;

/** Text from a server as shown to a person. */
export const SHOWN_TEXT_MAX_CHARS = 300;
/** A URL as shown to a person; longer ones are cut in the middle. */
export const SHOWN_URL_MAX_CHARS = 2_000;
/** A WWW-Authenticate header longer than this is not read further. */
export const CHALLENGE_MAX_CHARS = 16_384;
/** Authorization servers listed by one resource; more is noise or an attack. */
export const AUTHORIZATION_SERVERS_MAX = 16;
/** Scopes asked for in one request. */
export const SCOPES_MAX = 200;

/** The preferred callback port: the same redirect URI at each sign-in helps servers that compare ports. */
export const CALLBACK_PORT = 8456;
/** Step-up authorizations for one operation: more means that the server never grants. */
export const STEP_UP_TRIES_MAX = 2;

/** A token with less than this left is refreshed before use. */
export const REFRESH_AHEAD_MS = 5 * 60_000;
/** ...but never more than this share of its life, for tokens that live minutes. */
export const REFRESH_AHEAD_SHARE = 0.2;
/** How long one process waits for a sibling's refresh: its HTTP time-out and the write that follows. */
export const LOCK_WAIT_MS = REFRESH_TIMEOUT_MS + 5_000;
/** Pause between two looks at a held lock. */
export const LOCK_POLL_MS = 15;
/** Blocking waits for locks at once, where the runtime cannot poll: 32 of them stop all file reads (measured). */
export const LOCKS_BLOCKING_MAX = 8;
/** After a failed refresh of a token that still works, the next try waits for this long. */
export const REFRESH_PAUSE_MS = 30_000;
/** A fresh token that its server refused is not refreshed again for this long: refreshing does not help there. */
export const REFUSED_TOKEN_PAUSE_MS = 60_000;
/** Sign-ins without avail, by one process for one entry: from then on a person has to start them. */
export const FUTILE_SIGN_INS_MAX = 2;

/** `database is locked`: other processes hold it for milliseconds each; 20 at once queue for seconds. */
export const STORE_RETRY_TOTAL_MS = 15_000;
/** The longest pause between two tries; each is jittered. */
export const STORE_RETRY_PAUSE_MAX_MS = 100;
/** Deno KV refuses a larger value (measured). */
export const STORE_VALUE_MAX_BYTES = 65_536;
/** Tries of one compare-and-set change against busy siblings. */
export const STORE_CHANGE_TRIES_MAX = 50;

/** Requests a bridge has under way at once; further ones wait, so that a fast host cannot open sockets without end. */
export const BRIDGE_IN_FLIGHT_MAX = 128;
/** Requests that wait for a place before the bridge stops reading from its host. */
export const BRIDGE_WAITING_MAX = 1_024;
/** A server that frees no place for this long is stuck: its host is read again, and told so, to see it leave. */
export const BRIDGE_STALL_MS = 10_000;
/** The end of BRIDGE_DRAIN_MS kept for writing the errors and ending the session. */
export const BRIDGE_END_MS = 400;
/** The end of that, left to the process for exiting. */
export const BRIDGE_EXIT_MS = 100;
/** A stream that its server leaves open after the answer is cut after this long; closing it is the server's part. */
export const STREAM_LINGER_MS = 2_000;
/** The first pause before a lost stream is opened again, where the server named none; it doubles. */
export const STREAM_PAUSE_MS = 1_000;
/** The longest such pause: a laptop that wakes up should not wait for minutes. */
export const STREAM_PAUSE_MAX_MS = 30_000;
/** A server's `retry` is respected up to this; a longer one would be an outage. */
export const STREAM_RETRY_MAX_MS = 5 * 60_000;
/** Failures in a row after which a stream is given up: about half a minute. */
export const STREAM_TRIES_MAX = 5;
/** Refusals (401, 403) of one request that are looked into: a refresh, a sign-in and the step-ups, and one spare. */
export const REFUSALS_MAX = 5;
/** How long the words of a refusal are waited for; its status is enough. */
export const ERROR_BODY_WAIT_MS = 2_000;
/** Pages of one list: a server whose cursor never ends is cut off. */
export const LIST_PAGES_MAX = 100;

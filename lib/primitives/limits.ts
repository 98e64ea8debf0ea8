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
/** The wait for it at the end of the program: what is not read by then is read by nobody. */
export const ERROR_FLUSH_MS = 100;

/** Discovery, registration and token answers are a few kB; CIMD recommends 5 kB, real metadata reaches 60 kB. */
export const METADATA_MAX_BYTES = 512 * 1024;
/** One JSON-RPC message in either direction; tools do return files. */
export const MESSAGE_MAX_BYTES = 64 * 1024 * 1024;
/** An error body is only quoted, never parsed further than this. */
export const ERROR_BODY_MAX_BYTES = 64 * 1024;
/** A client ID metadata document: servers are advised to read no more of it (draft -02 section 8.7). */
export const CLIENT_DOCUMENT_MAX_BYTES = 5 * 1024;
/** The look at the program's own document before it is used: a sign-in does as well without. */
export const CLIENT_DOCUMENT_TIMEOUT_MS = 3_000;
/** An access token given by hand; the longest in use, with a whole directory's groups in them, have 16 kB. */
export const HAND_TOKEN_MAX_CHARS = 32 * 1024;
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
/** The name of an account: e-mail addresses are shorter, and it stands in a table. */
export const ACCOUNT_MAX_CHARS = 100;
/** An ID token only names the account: a longer one is not kept, as it could leave no room for the tokens beside it. */
export const ID_TOKEN_MAX_CHARS = 16 * 1024;
/** The name that a client registers under: it stands on a consent page. */
export const CLIENT_NAME_MAX_CHARS = 100;
/** The value of a parameter that a person adds to authorization requests; browsers take URLs of a few kB. */
export const AUTHORIZE_VALUE_MAX_CHARS = 1_000;
/** A WWW-Authenticate header longer than this is not read further. */
export const CHALLENGE_MAX_CHARS = 16_384;
/** Authorization servers listed by one resource; more is noise or an attack. */
export const AUTHORIZATION_SERVERS_MAX = 16;
/** Scopes asked for in one request. */
export const SCOPES_MAX = 200;
/** How long an assertion of a client is good for: servers ask for 5 minutes at most, and clocks differ by a minute. */
export const CLIENT_ASSERTION_LIFE_S = 120;
/** A server whose clock differs by less has another reason to refuse an assertion: answers are late, and it allows for some. */
export const ASSERTION_CLOCK_OFF_MIN_MS = 20_000;
/** A private key in PEM or as a JWK; one of RSA with 16,384 bits has 13 kB. */
export const PRIVATE_KEY_MAX_CHARS = 20_000;
/** A secret or a key in a file or on standard input; longer than any, and nothing that fills the memory. */
export const GIVEN_SECRET_MAX_BYTES = 32 * 1024;
/** RFC 7518 section 3.3 asks for this many bits. */
export const RSA_BITS_MIN = 2_048;
/** An assertion: tokens of workloads and of identity providers have 1 to 4 kB. */
export const ASSERTION_MAX_CHARS = 16 * 1024;
/** Reading an assertion from a file: one that takes longer is a pipe that nobody writes to. */
export const ASSERTION_READ_MS = 3_000;
/** An ID token with less than this left is renewed before it is presented: it has to last until it is looked at. */
export const ID_TOKEN_AHEAD_MS = 30_000;
/** Tries beside the first of one request whose proof was refused: for a nonce, one that changes meanwhile, and the clock. */
export const DPOP_RETRIES_MAX = 3;
/** A nonce goes out with each request; those of servers have under 100 characters. */
export const DPOP_NONCE_MAX_CHARS = 1_000;
/** How old a proof may be that was signed ahead of its request: servers that are strict allow a few seconds. */
export const DPOP_READY_MAX_MS = 2_000;
/** Clocks that differ by less are no reason to refuse a proof: answers are this late. */
export const DPOP_CLOCK_OFF_MIN_MS = 5_000;
/** A server whose clock differs by more is not followed: TLS would have failed before. */
export const DPOP_CLOCK_OFF_MAX_MS = 24 * 60 * 60_000;
/** A `request_uri` goes into a URL that a browser opens; a URN with a random part has under 100 characters. */
export const REQUEST_URI_MAX_CHARS = 1_000;

/** The preferred callback port: the same redirect URI at each sign-in helps servers that compare ports. */
export const CALLBACK_PORT = 8456;
/** Tries to find one port that is free on both loopback addresses: any one that is free on the first mostly is. */
export const LISTEN_TRIES_MAX = 10;
/** A line that a person pastes: authorization codes of a few kB are seen, and longer than this is something else. */
export const PASTED_LINE_MAX_CHARS = 32_768;
/** Shorter than this a pasted word is a slip and not an authorization code. */
export const PASTED_CODE_MIN_CHARS = 6;
/** How long a cancelled sign-in may take to note in the audit log that it was, in ms. */
export const CANCELLED_SIGN_IN_MS = 500;
/** Seconds between two questions about a device code, where the server names none (RFC 8628 section 3.2). */
export const DEVICE_INTERVAL_S = 5;
/** The shortest such pause, whatever the server names: nobody approves within less, and a fraction would be a flood. */
export const DEVICE_INTERVAL_MIN_S = 1;
/** What `slow_down` adds to that (RFC 8628 section 3.5). */
export const DEVICE_SLOW_DOWN_S = 5;
/** The longest such pause: whoever has approved should not wait for minutes. */
export const DEVICE_INTERVAL_MAX_S = 60;
/** A device code that lives longer is given up: nobody sits there any more. */
export const DEVICE_CODE_MAX_S = 3_600;
/** Codes that a person types, and the page for it: RFC 8628 section 6.1 wants them short. */
export const USER_CODE_MAX_CHARS = 64;
/** The question whether a stored registration is still known: who does not answer it soon is asked by the browser. */
export const PREFLIGHT_TIMEOUT_MS = 5_000;
/** The question for the name of the account: a sign-in that has succeeded must not wait long for an ornament. */
export const USERINFO_TIMEOUT_MS = 5_000;
/** Sign-ins that may be opened for one entry within SIGN_INS_WINDOW_MS: more are a loop and not a person. */
export const SIGN_INS_MAX = 5;
/** Short, so that a person who is refused because of something else's loop waits a minute at most. */
export const SIGN_INS_WINDOW_MS = 60_000;
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
/** A refresh ahead of time waits this long for a sibling's: the token in hand still works. */
export const REFRESH_AHEAD_WAIT_MS = 1_000;
/** Tries beside the first of one refresh, where the request never left or the server asked for another one soon. */
export const REFRESH_RETRIES = 2;
/** The pause after a refresh that failed; it doubles with each in a row and is jittered, for all processes at once. */
export const REFRESH_BACKOFF_MS = 1_000;
/** The longest such pause: half a minute after the server is back, everybody is served again. */
export const REFRESH_BACKOFF_MAX_MS = 30_000;
/** A `Retry-After` is respected up to this; a longer one would be an outage. */
export const RETRY_AFTER_MAX_MS = 5 * 60_000;
/** A `Retry-After` of a 429 up to this is waited for on the spot. */
export const RETRY_AFTER_SHORT_MS = 2_000;
/** Token responses for one entry within TOKEN_RESPONSES_WINDOW_MS, by all processes: more are a loop (behaviours row 33). */
export const TOKEN_RESPONSES_MAX = 20;
/** Short, so that whoever is refused because of something else's loop waits half a minute at most. */
export const TOKEN_RESPONSES_WINDOW_MS = 30_000;
/** The longest sleep of the timer that keeps tokens fresh: a laptop that wakes up is not late by more than this. */
export const KEEP_FRESH_TICK_MS = 30_000;
/** Its shortest sleep, for tokens that live seconds. */
export const KEEP_FRESH_TICK_MIN_MS = 1_000;

/** Room that a refresh holds on the disk for its answer: a record, and what SQLite writes around it. */
export const TOKEN_ROOM_BYTES = 64 * 1024;
/** `database is locked`: other processes hold it for milliseconds each; 20 at once queue for seconds. */
export const STORE_RETRY_TOTAL_MS = 15_000;
/** The longest pause between two tries; each is jittered. */
export const STORE_RETRY_PAUSE_MAX_MS = 100;
/** Deno KV refuses a larger value (measured). */
export const STORE_VALUE_MAX_BYTES = 65_536;
/** Tries of one compare-and-set change against busy siblings. */
export const STORE_CHANGE_TRIES_MAX = 50;
/** Deno KV refuses a commit that writes 819,200 bytes (measured); keys and sealing are part of them. */
export const STORE_COMMIT_MAX_BYTES = 700_000;
/** Deno KV refuses a commit with more than 100 checks (measured); the store itself adds one. */
export const STORE_COMMIT_MAX_CHECKS = 99;

/** One exchange with a remote store: its records are small, so a longer silence means that it is down. */
export const STORE_REMOTE_ATTEMPT_MS = 4_000;
/** One operation on a remote store, repetitions included: `token` waits for no more than two attempts in vain. */
export const STORE_REMOTE_TOTAL_MS = 9_000;
/** Attempts of one operation on a remote store that cannot be reached or fails for the moment. */
export const STORE_REMOTE_TRIES_MAX = 4;
/** The first pause between two of them; it doubles, and is jittered. */
export const STORE_REMOTE_PAUSE_MS = 150;
/** Records asked for at once in a listing: KV Connect allows 1,000, and at 64 KiB each this many fill the answer. */
export const STORE_REMOTE_PAGE = 100;
/** Pages of one such listing, 10,000 records: a server whose pages never end is cut off. */
export const STORE_REMOTE_PAGES_MAX = 100;
/** The servers of KV Connect refuse a commit with more than 10 checks; the store itself adds one. */
export const STORE_REMOTE_COMMIT_MAX_CHECKS = 9;
/** An answer of a remote store: a page of the largest records. */
export const STORE_REMOTE_ANSWER_MAX_BYTES = 8 * 1024 * 1024;
/** What its server says of the database is under 1 kB. */
export const STORE_REMOTE_METADATA_MAX_BYTES = 64 * 1024;
/** That is asked for anew this long before it ends, so that no request starts with it and arrives after it. */
export const STORE_REMOTE_METADATA_AHEAD_MS = 10_000;

/** How long the machine of a lease's holder may be silent. One refresh fits in, and a sibling that waits outlasts it. */
export const LEASE_MS = REFRESH_TIMEOUT_MS + 3_000;
/** A held lease is renewed this often while it lasts once. */
export const LEASE_RENEWALS = 3;
/** The shortest pause between two looks at a held lease; each look is a request. */
export const LEASE_POLL_MIN_MS = 100;
/** The longest such pause. */
export const LEASE_POLL_MAX_MS = 300;
/** Giving a lease back is a courtesy to whoever waits: it ends by itself. */
export const LEASE_RELEASE_MS = 2_000;
/** How long a change of keystore waits for another one: it asks two keychains, four times in all, and a busy store. */
export const KEYSTORE_CHANGE_WAIT_MS = 30_000;
/** One question to the keychain, which answers in 10 ms: one that takes longer waits for a person, or hangs. */
export const KEYCHAIN_TIMEOUT_MS = 3_000;
/** What is kept of a program's output: its answers are a few bytes, the rest is noise. */
export const PROGRAM_OUTPUT_MAX_BYTES = 64 * 1024;
/** A program that has ended may have left another behind that holds its output open: it is not waited for. */
export const PROGRAM_DRAIN_MS = 100;
/** PBKDF2-HMAC-SHA-256 as OWASP advises: about 0.2 s for each guess, and once for each run. */
export const PASSPHRASE_ITERATIONS = 600_000;
/** A store that names fewer was tampered with: so few would not protect the passphrase. */
export const PASSPHRASE_ITERATIONS_MIN = 100_000;
/** A store that names more would keep every command busy for longer than people wait. */
export const PASSPHRASE_ITERATIONS_MAX = 10_000_000;
/** NIST SP 800-132 asks for 16 bytes of salt. */
export const PASSPHRASE_SALT_BYTES = 16;
/** A shorter passphrase is guessed in spite of the iterations. */
export const PASSPHRASE_MIN_CHARS = 12;

/** A file of an export: some hundred entries with the largest tokens. */
export const EXPORT_MAX_BYTES = 16 * 1024 * 1024;
/** Entries in one export; people have tens. */
export const EXPORT_ENTRIES_MAX = 1_000;
/** Items of one list in an export, such as scopes, headers and redirect URIs. */
export const EXPORT_LIST_MAX = 500;
/** Client registrations of one entry in an export: one for each authorization server that it ever had. */
export const EXPORT_CLIENTS_MAX = 16;
/** A passphrase from a file: a longer one is another file. */
export const PASSPHRASE_MAX_BYTES = 4_096;
/** Names of one folder of mcp-remote that are looked at; each server has about five files. */
export const MCP_REMOTE_LIST_MAX = 10_000;
/** Folders of versions of mcp-remote that are looked at; about a hundred versions had one. */
export const MCP_REMOTE_FOLDERS_MAX = 200;
/** A file of mcp-remote: the answer of a token or registration endpoint. */
export const MCP_REMOTE_FILE_MAX_BYTES = 256 * 1024;
/** The beginning of a debug log of mcp-remote, where it names its server. */
export const MCP_REMOTE_LOG_MAX_BYTES = 64 * 1024;
/** States of servers that are read, each of up to three files: nobody has used so many. */
export const MCP_REMOTE_READS_MAX = 1_000;

/** A file of the audit log: some 4,000 events, which is years of a person's and weeks of a fleet's. */
export const AUDIT_FILE_MAX_BYTES = 1024 * 1024;
/** Earlier files of the audit log that are kept beside the current one. */
export const AUDIT_FILES_KEPT = 5;
/** What a command waits for the audit log at its end, after its result is out. */
export const AUDIT_FLUSH_MS = 1_000;
/** The part of that for the log's lock, which others hold for milliseconds. */
export const AUDIT_LOCK_WAIT_MS = 800;
/** A program that lives long writes its events this much later: together, and after the answer that they belong to. */
export const AUDIT_DELAY_MS = 200;
/** Events that wait to be written; more come only where nothing can be written, and are dropped. */
export const AUDIT_QUEUE_MAX = 1_000;
/** How far back a line of the audit log covers what stands before it; a line of ours has at most 4 kB. */
export const AUDIT_COVERED_MAX_BYTES = 64 * 1024;
/** How much of the audit log is searched for the last whole line; only damage makes it necessary. */
export const AUDIT_SEARCH_MAX_BYTES = 8 * 1024 * 1024;
/** Sites of one account that are looked at: a company has a few. */
export const SITES_MAX = 1_000;
/** Sites that one message names. */
export const SITES_SHOWN_MAX = 10;
/** Refreshes under way at once, where all entries are refreshed. */
export const REFRESHES_AT_ONCE_MAX = 4;

/** A file of certificates or a key: the whole bundle of a system has 250 kB. */
export const PEM_MAX_BYTES = 4 * 1024 * 1024;
/** Such files are read again after this long: certificates of workloads live for an hour and are replaced before. */
export const PEM_REREAD_MS = 60_000;
/** A name that a proxy may know is looked up for no longer: behind a proxy often no name service answers. */
export const PROXY_LOOKUP_MS = 1_000;
/** Asking a proxy why it refused: it has just answered. */
export const PROXY_QUESTION_MS = 2_000;
/** The value of a header, or lines of them, from a file: servers take headers of 8 to 64 kB. */
export const HEADER_FILE_MAX_BYTES = 64 * 1024;

/** One diagnosis of a server: whoever hears nothing for longer believes that the diagnosis hangs as well. */
export const DIAGNOSIS_TOTAL_MS = 45_000;
/** One request of a diagnosis: a server that takes longer is what is to be told. */
export const DIAGNOSIS_REQUEST_MS = 10_000;
/** One connection of a diagnosis, its TLS handshake included. */
export const DIAGNOSIS_REACH_MS = 5_000;
/** Entries that are diagnosed at once. */
export const DIAGNOSES_AT_ONCE_MAX = 4;
/** A clock that is further off than this is worth telling; `Date` has whole seconds, and answers take some. */
export const CLOCK_OFF_WARN_MS = 60_000;
/** A clock that is further off than this breaks tokens and assertions, which live minutes. */
export const CLOCK_OFF_FAIL_MS = 5 * 60_000;
/** A certificate that ends sooner than this should have been renewed by now: most are, 30 days ahead. */
export const CERTIFICATE_ENDS_SOON_MS = 7 * 24 * 60 * 60_000;
/** A keystore that takes longer to answer holds up every command that a host starts. */
export const KEYSTORE_SLOW_MS = 1_000;

/** A configuration of an MCP host: that of Claude Code holds the history of all projects, and has reached 30 MB. */
export const SHARED_FILE_MAX_BYTES = 64 * 1024 * 1024;
/** Copies of a configuration that are kept from before a change: people notice a mistake within a few. */
export const SHARED_FILE_BACKUPS_KEPT = 5;
/** What a killed process has left beside a configuration is removed after this long: no write takes as much. */
export const SHARED_FILE_LEFTOVER_MS = 60_000;
/** How often a change is tried again where the host writes its configuration at the same time. */
export const SHARED_FILE_TRIES_MAX = 5;
/** The wait for another process of this program that changes the configuration of a host: one takes milliseconds. */
export const SHARED_FILE_LOCK_MS = 10_000;
/** Lines that may differ in a shown change: beyond that the lines between are told as removed and added whole. */
export const DIFF_LINES_MAX = 1_000;
/** A line that changes is shown up to this length: a configuration on one line has a few thousand characters. */
export const DIFF_LINE_MAX_CHARS = 50_000;
/** Servers of one host that are asked at once whether they need a sign-in. */
export const HOST_PROBES_AT_ONCE_MAX = 4;
/** Asking one of them: it is told at once where it does not answer, and found out again by the first request. */
export const HOST_PROBE_MS = 10_000;

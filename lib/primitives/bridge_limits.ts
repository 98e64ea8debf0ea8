/**
 * Every size, time and retry bound of the way between a host and its server, each with its reason; those of all else
 * are in `limits.ts`, which says how they are named. They are apart so that handing out a token does not read them.
 *
 * @module
 */
/** Requests a bridge has under way at once; further ones wait, so that a fast host cannot open sockets without end. */
export const BRIDGE_IN_FLIGHT_MAX = 128;
/** Requests that wait for a place before the bridge stops reading from its host. */
export const BRIDGE_WAITING_MAX = 1_024;
/** A server that frees no place for this long is stuck: its host is read again, and told so, to see it leave. */
export const BRIDGE_STALL_MS = 10_000;
/** What waits to be written to a host before nothing more is read from the server for it. */
export const HOST_BACKLOG_MAX_BYTES = 16 * 1024 * 1024;
/** An answer of more than this is large: all places under way may hold smaller ones at once. */
export const LARGE_ANSWER_BYTES = 256 * 1024;
/** What one counts as whose length is not known before its end. */
export const LARGE_ANSWER_GUESS_BYTES = 2 * 1024 * 1024;
/** Large answers that are in the memory at once; one that is larger by itself gets in alone. */
export const LARGE_ANSWERS_MAX_BYTES = 16 * 1024 * 1024;
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
/** How often a bridge looks whether the machine has slept: a person who opens a laptop does not wait for longer. */
export const WATCH_TICK_MS = 5_000;
/** A look that is later than this, or a clock that is further ahead, was a sleep: a busy machine is late by less. */
export const CLOCK_JUMP_MS = 10_000;
/** After a sleep of this length servers, and what stands between, have mostly given up a connection. */
export const SLEEP_LONG_MS = 60_000;
/** How long a request that went through such a sleep may stay silent: a server repeats what was lost within a minute. */
export const SLEEP_GRACE_MS = 60_000;
/** A connection that was not used for this long is not used again: what stands between forgets it without a word. */
export const UNUSED_CONNECTION_MS = 30_000;
/** A server that is silent for this long with a request under way is looked for; the pause then doubles. */
export const SILENCE_LOOK_MS = 20_000;
/** Such a look: a connection takes a second on the worst of lines. */
export const REACH_TIMEOUT_MS = 4_000;
/** Looks in a row that find nobody before what is under way is given up: networks are gone for half a minute and back. */
export const REACH_TRIES = 4;
/** The answer to a question for a sign of life: servers answer it at once. */
export const KEEP_ALIVE_ANSWER_MS = 15_000;
/** The same while a request is under way: some servers compute and answer nothing meanwhile. */
export const KEEP_ALIVE_BUSY_MS = 60_000;
/** The longest pause between two such questions: nothing stands between that would remember for a day. */
export const KEEP_ALIVE_MAX_S = 86_400;
/** Refusals (401, 403) of one request that are looked into: a refresh, a sign-in and the step-ups, and one spare. */
export const REFUSALS_MAX = 5;
/** How long the words of a refusal are waited for; its status is enough. */
export const ERROR_BODY_WAIT_MS = 2_000;
/** A host is held up by a sign-in in the browser for this long: a browser that approves by itself takes 1 to 3 s. */
export const SIGN_IN_GRACE_MS = 5_000;
/** A list that may wait for that sign-in too is given this long from then on: servers that let everybody list answer sooner. */
export const HELD_UP_LIST_MS = 1_000;
/** A call of the login tool waits for the person this long: hosts give up calls after 60 s. */
export const LOGIN_WAIT_MS = 45_000;
/** A host is told this often that such a call goes on: some give up after 10 s without a word. */
export const LOGIN_PROGRESS_MS = 5_000;
/** The pause between two looks at the store while a sign-in is needed: a person who has approved waits no longer. */
export const SIGN_IN_POLL_MS = 2_000;
/** A host that has sent nothing for this long has nobody in front of it who waits. */
export const SIGN_IN_POLL_FAST_MS = 10 * 60_000;
/** That pause from then on: a store may be on another machine, and a laptop on its battery. */
export const SIGN_IN_POLL_SLOW_MS = 30_000;
/** A log of a bridge before it starts over: a hundred thousand messages; twice this is what it takes of the disk. */
export const LOG_FILE_MAX_BYTES = 10 * 1024 * 1024;
/** What waits to be written to it: a disk that takes longer than a million lines a minute leaves some out. */
export const LOG_BACKLOG_MAX_CHARS = 1024 * 1024;
/** The pause after a write to it that failed: a full disk is not full for ever. */
export const LOG_RETRY_MS = 30_000;
/** The wait for it at the end of the program. */
export const LOG_FLUSH_MS = 300;
/** A line of it: longer ones hold something that belongs in no log. */
export const LOG_LINE_MAX_CHARS = 2_000;
/** Requests whose times are kept for it: as many as a bridge has under way, and wait, in both directions. */
export const LOG_REQUESTS_MAX = 4_096;
/** Patterns of tools in one choice: people write a few, and whoever needs more wants another server. */
export const TOOL_PATTERNS_MAX = 200;
/** One such pattern: the protocol advises names of up to 128 characters. */
export const TOOL_PATTERN_MAX_CHARS = 200;
/** What waits for a host that does not read standard error: a pipe holds as much again. */
export const ERROR_BACKLOG_MAX_CHARS = 64 * 1024;
/** Pages of one list: a server whose cursor never ends is cut off. */
export const LIST_PAGES_MAX = 100;
/** Items of one list: what a person, or a model, can choose from has hundreds. */
export const LIST_ITEMS_MAX = 10_000;
/** Times that a server may ask in return before it answers: each costs a person's attention. */
export const QUESTION_ROUNDS_MAX = 20;
/** Questions of one such time: a person is asked them one after the other. */
export const QUESTIONS_MAX = 32;
/** Resources that one host has subscribed to: all of their URIs go into one request. */
export const SUBSCRIPTIONS_MAX = 1_000;
/** Arguments of one tool that go into headers: a request has room for about as many. */
export const PARAM_HEADERS_MAX = 64;
/** How deep such an argument may lie within the others: each level costs as much as the path to it. */
export const PARAM_DEPTH_MAX = 32;
/** What the names of these headers and of their arguments may take. */
export const PARAM_PATH_MAX_CHARS = 16 * 1024;
/** Tools with such arguments that are remembered of one server: a server has hundreds. */
export const TOOLS_KNOWN_MAX = 1_000;
/** How long a server may take to acknowledge a subscription, its first message; one that forgets it has subscribed too. */
export const SUBSCRIPTION_ACK_MS = 10_000;
/** How long a stateful server's question waits for a host without state: a person may have to be asked first. */
export const INPUT_WAIT_MS = 10 * 60_000;
/** Calls that wait like that; each holds an answer of the server open. The oldest is given up for one more. */
export const INPUT_WAITING_MAX = 64;
/** Questions of one call: each costs a person's attention. */
export const INPUT_REQUESTS_MAX = 64;
/** Questions that a server asks at once come this close together: the host gets them in one answer. */
export const INPUT_GATHER_MS = 20;
/** Resources that one subscription of a host without state is for: each is a request to the server. */
export const LISTEN_RESOURCES_MAX = 256;
/** How long a server of HTTP+SSE may take to name its endpoint, which is the first thing on its stream. */
export const SSE_ENDPOINT_MS = 10_000;
/** Cookies of one server: RFC 6265 section 6.1 wants room for 50. */
export const COOKIES_MAX = 50;
/** The longest cookie that is kept, its name included: RFC 6265 section 6.1 wants room for 4,096. */
export const COOKIE_MAX_CHARS = 4_096;
/** What may wait in a WebSocket before more is held back: enough to keep a fast network busy. */
export const WEBSOCKET_BUFFER_MAX_BYTES = 1024 * 1024;
/** How often a full WebSocket is looked at: it tells nobody when there is room again. */
export const WEBSOCKET_BUFFER_POLL_MS = 5;
/** A silent WebSocket is asked for a sign of life after this long; load balancers cut idle connections after 60 s. */
export const WEBSOCKET_PING_MS = 25_000;
/** How long that may take where nothing else is under way: one that takes longer is lost. */
export const WEBSOCKET_PONG_MS = 10_000;
/** The same while a request is under way: a server that computes may not get to it for a while. */
export const WEBSOCKET_PONG_BUSY_MS = 120_000;
/** What a server that takes no more messages may still say. */
export const CHANNEL_GRACE_MS = 1_000;
/** How long a message waits for a lost connection to come back, or a server to start again. */
export const RECONNECT_WAIT_MS = 10_000;
/** Two attempts to connect that are asked for lie at least this far apart. */
export const RECONNECT_GAP_MS = 1_000;
/** How long the exit code of a program that has closed its output is waited for; then it is asked to end. */
export const CHILD_EXIT_MS = 500;

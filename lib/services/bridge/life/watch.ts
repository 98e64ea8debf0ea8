/**
 * Looks after a bridge that lives for days: through the sleep of the machine, a change of networks and silence. Neither
 * leaves a trace in a program: a connection that died meanwhile looks as it did, and a request on it would wait for a
 * quarter of an hour. So what may be dead is not used again, streams are opened anew from where they were, and what is
 * under way ends with an error where no answer can come any more. The clock that stops while the machine sleeps is held
 * against the one that does not.
 *
 * A server that computes and says nothing is left in peace: only what cannot be reached at all is taken for lost.
 *
 * @see behaviours row 37
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import {
  CLOCK_JUMP_MS,
  KEEP_ALIVE_ANSWER_MS,
  KEEP_ALIVE_BUSY_MS,
  REACH_TIMEOUT_MS,
  REACH_TRIES,
  SILENCE_LOOK_MS,
  SLEEP_GRACE_MS,
  SLEEP_LONG_MS,
  UNUSED_CONNECTION_MS,
  WATCH_TICK_MS,
} from "../../../primitives/bridge_limits.ts";
import { pauseIdly } from "../../../primitives/system/clock.ts";
import type { Inbound, Outbound } from "../transports/remote.ts";
import type { Lines } from "./pulse_layer.ts";

/** The times that the watch goes by, in milliseconds; each has its reason in the limits. */
export interface WatchTimes {
  readonly tick: number;
  readonly jump: number;
  readonly longSleep: number;
  readonly grace: number;
  readonly unused: number;
  readonly silence: number;
  readonly reach: number;
  readonly answer: number;
  readonly busyAnswer: number;
}

const TIMES: WatchTimes = {
  tick: WATCH_TICK_MS,
  jump: CLOCK_JUMP_MS,
  longSleep: SLEEP_LONG_MS,
  grace: SLEEP_GRACE_MS,
  unused: UNUSED_CONNECTION_MS,
  silence: SILENCE_LOOK_MS,
  reach: REACH_TIMEOUT_MS,
  answer: KEEP_ALIVE_ANSWER_MS,
  busyAnswer: KEEP_ALIVE_BUSY_MS,
};

/** A server that was found is looked for less and less often, down to this share. */
const SEEK_SLOWER = 8;

/** What is watched over. */
export interface Watched {
  /** Messages to the server so far. */
  readonly sent: number;
  /** Messages from the server so far. */
  readonly heard: number;
  /** Whether the answer to a question shows that other answers can come. */
  readonly isOneChannel: boolean;
  /** What is under way, the oldest first. */
  readonly exchanges: ReadonlySet<Outbound>;
  /** Asked before each message to the server: a promise is waited for. */
  beforeSend: (() => Promise<void> | undefined) | undefined;
  /** Is told of each message of the server. */
  onHeard: ((inbound: Inbound) => void) | undefined;
  /** Asks the server for any answer. */
  isAlive(timeoutMs: number): Promise<boolean>;
  /** Opens anew what stands open to receive by. */
  reopen(isLost: boolean): void;
}

/** What {@linkcode watch} takes. */
export interface WatchOptions {
  readonly lines?: Lines | undefined;
  readonly keepAliveMs?: number | undefined;
  readonly times?: Partial<WatchTimes> | undefined;
  readonly log: (message: string) => void;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** The two clocks, in milliseconds; the machine's when left out. */
  readonly clocks?: { wall(): number; awake(): number } | undefined;
  /** Sleeps; without keeping the process alive when left out. */
  readonly pause?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

/**
 * Watches until the signal fires, and resolves then; never rejects.
 *
 * @param watched What to watch over.
 * @param options How.
 */
export async function watch(watched: Watched, options: WatchOptions): Promise<void> {
  const { signal, pause = pauseIdly } = options;
  const round = new Watch(watched, options);
  watched.beforeSend = () => round.before();
  while (!signal.aborted) {
    await pause(round.tickMs, signal).catch(() => {});
    if (!signal.aborted) await round.look().catch((error) => options.log(`Cannot look: ${error}`));
  }
}

class Watch {
  readonly #watched: Watched;
  readonly #options: WatchOptions;
  readonly #times: WatchTimes;
  readonly #clocks: NonNullable<WatchOptions["clocks"]>;
  readonly #signal: AbortSignal;
  /** How far the clock that never stops is ahead of the other. */
  #ahead: number;
  #awake: number;
  /** When something was last heard, or sent, by the clock that stops. */
  #heardAt: number;
  #usedAt: number;
  #heard: number;
  #sent: number;
  /** Whether nothing was sent since the connections were renewed. */
  #areLinesNew = false;
  #renewing: Promise<void> | undefined;
  /** When the server was last found, though it was silent, and how long to wait for the next look. */
  #foundAt = 0;
  #seekEvery: number;
  /** Looks in a row that found nobody. */
  #missed = 0;
  #isLost = false;
  /** What was under way when the machine fell asleep, and has not been heard of since. */
  readonly #suspects = new Set<Outbound>();
  #graceEnds = 0;

  constructor(watched: Watched, options: WatchOptions) {
    this.#watched = watched;
    this.#options = options;
    this.#times = { ...TIMES, ...options.times };
    this.#clocks = options.clocks ?? { wall: () => Date.now(), awake: () => performance.now() };
    this.#signal = options.signal;
    this.#awake = this.#heardAt = this.#usedAt = this.#clocks.awake();
    this.#ahead = this.#clocks.wall() - this.#awake;
    this.#heard = watched.heard;
    this.#sent = watched.sent;
    this.#seekEvery = this.#times.silence;
  }

  /** Has a message wait for new connections where the machine has slept since the last look. */
  before(): Promise<void> | undefined {
    if (this.#renewing !== undefined || this.#areLinesNew) return this.#renewing;
    return this.#sleptMs() > this.#times.jump ? this.#renewLines() : undefined;
  }

  /** How long to sleep until the next look. */
  get tickMs(): number {
    return Math.min(this.#times.tick, this.#options.keepAliveMs ?? Infinity);
  }

  async look(): Promise<void> {
    const slept = this.#sleptMs();
    this.#settle();
    this.#ahead = this.#clocks.wall() - this.#awake;
    this.#note();
    if (slept > this.#times.jump) return await this.#wakeUp(slept);
    this.#judgeSuspects();
    const silentMs = this.#awake - this.#heardAt;
    const { keepAliveMs = Infinity } = this.#options;
    if (this.#awake - this.#usedAt > this.#times.unused && !this.#areLinesNew) await this.#renewLines();
    if (silentMs >= keepAliveMs) return await this.#ask();
    if (this.#watched.exchanges.size === 0 || silentMs < this.#times.silence) {
      this.#missed = 0;
      this.#seekEvery = this.#times.silence;
    } else if (this.#missed > 0 || this.#awake - this.#foundAt >= this.#seekEvery) await this.#seek();
  }

  /** How long the machine has slept since the last look, by whichever clock shows it. */
  #sleptMs(): number {
    const awake = this.#clocks.awake();
    return Math.max(awake - this.#awake - this.tickMs, this.#clocks.wall() - awake - this.#ahead);
  }

  #note(): void {
    const { heard, sent } = this.#watched;
    if (heard !== this.#heard) {
      this.#heardAt = this.#awake;
      this.#isLost = false;
    }
    if (heard !== this.#heard || sent !== this.#sent) {
      this.#usedAt = this.#awake;
      this.#areLinesNew = false;
    }
    this.#heard = heard;
    this.#sent = sent;
  }

  async #wakeUp(sleptMs: number): Promise<void> {
    const seconds = Math.round(sleptMs / 1000);
    this.#options.log(`The machine was asleep for ${seconds} s: opening the connections anew`);
    if (sleptMs >= this.#times.longSleep) this.#suspect();
    await this.#renewLines();
    this.#watched.reopen(false);
    await this.#ask();
  }

  #renewLines(): Promise<void> {
    this.#areLinesNew = true;
    const renewed = this.#options.lines?.renew() ?? Promise.resolve();
    return this.#renewing ??= renewed.finally(() => this.#renewing = undefined);
  }

  /** Asks the server for a sign of life; without one, what stands open is taken for lost. */
  async #ask(): Promise<void> {
    const { exchanges } = this.#watched;
    const isAlive = await this.#watched.isAlive(
      exchanges.size > 0 ? this.#times.busyAnswer : this.#times.answer,
    );
    this.#settle();
    if (isAlive || this.#signal.aborted) return;
    if (!this.#isLost) this.#options.log("The server gives no sign of life: opening the connections anew");
    this.#isLost = true;
    await this.#renewLines();
    this.#watched.reopen(true);
    if (exchanges.size > 0) await this.#seek();
  }

  /** Looks whether the server can be reached at all; where it cannot for some time, what is under way ends. */
  async #seek(): Promise<void> {
    const { lines } = this.#options;
    if (lines === undefined) return;
    const isThere = await lines.isReachable(this.#times.reach);
    this.#settle();
    if (this.#signal.aborted) return;
    if (isThere) {
      this.#missed = 0;
      this.#foundAt = this.#awake;
      this.#seekEvery = Math.min(this.#seekEvery * 2, this.#times.silence * SEEK_SLOWER);
    } else if (++this.#missed >= REACH_TRIES && this.#watched.heard === this.#heard) {
      this.#missed = 0;
      this.#end(this.#watched.exchanges, "the server cannot be reached any more");
    }
  }

  /** What was under way during a long sleep ends, unless it is heard of soon. */
  #suspect(): void {
    if (this.#watched.isOneChannel) return;
    for (const exchange of this.#watched.exchanges) this.#suspects.add(exchange);
    this.#graceEnds = this.#awake + this.#times.grace;
    if (this.#suspects.size === 0) return;
    this.#watched.onHeard = ({ origin }) => {
      if (origin !== undefined) this.#suspects.delete(origin);
      if (this.#suspects.size === 0) this.#watched.onHeard = undefined;
    };
  }

  #judgeSuspects(): void {
    if (this.#suspects.size === 0 || this.#awake < this.#graceEnds) return;
    this.#watched.onHeard = undefined;
    this.#end(this.#suspects, "its connection has not survived the sleep of the machine");
    this.#suspects.clear();
  }

  #end(exchanges: Iterable<Outbound>, why: string): void {
    for (const exchange of [...exchanges]) {
      if (!this.#watched.exchanges.has(exchange)) continue;
      exchange.controller.abort(
        new McpAuthError("NETWORK_ERROR", `Cannot wait for the answer: ${why}`, {
          hint: "Try again; whether the server has carried out the request is not known",
        }),
      );
    }
  }

  /** That something took long is no sign that the machine was asleep. */
  #settle(): void {
    this.#awake = this.#clocks.awake();
  }
}

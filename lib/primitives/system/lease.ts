/**
 * Locks as leases in a store that many machines share. A lease is a record that its holder keeps writing anew; who
 * waits takes it when it has seen one and the same version for {@linkcode LEASE_MS} by its own clock, so that no two
 * machines' clocks are ever compared. All writes are compare-and-set: of many who wait, one gets it.
 *
 * A lease cannot stop a holder that was asleep from going on. Therefore {@linkcode Lock.assertHeld}: right before a step
 * that must not happen twice the holder makes sure that the lease outlasts the step, by a renewal where too much of it
 * is gone. Two clocks count, the stricter one: a monotonic one stands still while a laptop sleeps, the time of day may
 * be set back. What remains is a sleep between that check and the request behind it.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import {
  LEASE_MS,
  LEASE_POLL_MAX_MS,
  LEASE_POLL_MIN_MS,
  LEASE_RELEASE_MS,
  LEASE_RENEWALS,
  REFRESH_TIMEOUT_MS,
} from "../limits.ts";
import { pause } from "./clock.ts";
import type { Kv, KvKey } from "./kv.ts";
import type { Lock, Locks } from "./lock.ts";

/** The clocks of a holder, in ms. */
export interface LeaseClock {
  /** Never goes back; may stand still while the machine sleeps. */
  monotonic(): number;
  /** Time since the Unix epoch: goes on while the machine sleeps, and may be set. */
  wall(): number;
}

/** What {@linkcode leaseLocks} takes. */
export interface LeaseOptions {
  /** Opens the store, or returns it. */
  readonly kv: (signal?: AbortSignal) => Promise<Kv>;
  /** What the keys of the leases begin with. */
  readonly prefix: KvKey;
  /** How long a lease lasts without a renewal, in ms; {@linkcode LEASE_MS} when left out. */
  readonly leaseMs?: number;
  /** The longest step that `assertHeld` guards, in ms; a refresh when left out. */
  readonly stepMs?: number;
  /** The clocks; the machine's when left out. */
  readonly clock?: LeaseClock;
}

/** What a lease is made with. */
type Settings = Required<Omit<LeaseOptions, "kv" | "prefix">>;

const MACHINE: LeaseClock = { monotonic: () => performance.now(), wall: () => Date.now() };

/**
 * Locks as leases. The lease of a holder that was killed is free once it has run out, so that waits have to be longer
 * than {@linkcode LEASE_MS}.
 *
 * @param options The store, and the times.
 */
export function leaseLocks(options: LeaseOptions): Locks {
  const { leaseMs = LEASE_MS, stepMs = REFRESH_TIMEOUT_MS, clock = MACHINE } = options;
  return {
    acquire: async (name, timeoutMs, signal) => {
      signal?.throwIfAborted();
      try {
        const kv = await options.kv(signal);
        const lease = new Lease(kv, [...options.prefix, name], { leaseMs, stepMs, clock });
        if (await lease.wait(timeoutMs, signal)) return lease;
      } catch (error) {
        signal?.throwIfAborted();
        throw error;
      }
      throw new McpAuthError(
        "TIMEOUT",
        `Cannot lock the entry: another process has held it for ${Math.round(timeoutMs / 1000)} s`,
        { hint: "Try again" },
      );
    },
  };
}

class Lease implements Lock {
  readonly #kv: Kv;
  readonly #key: KvKey;
  readonly #settings: Settings;
  readonly #owner = crypto.randomUUID();
  readonly #ended = new AbortController();
  #version: string | null = null;
  /** When the request that wrote it last was sent: whoever waits counts from later. */
  #writtenAt = { monotonic: -Infinity, wall: -Infinity };
  #renewing: Promise<void> | undefined;
  #released: Promise<void> | undefined;

  constructor(kv: Kv, key: KvKey, settings: Settings) {
    this.#kv = kv;
    this.#key = key;
    this.#settings = settings;
  }

  /**
   * Takes the lease as soon as nobody has it.
   *
   * @returns False when somebody had it all the time.
   */
  async wait(timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { leaseMs, clock } = this.#settings;
    const end = clock.monotonic() + timeoutMs;
    let seen: { readonly version: string; readonly since: number } | undefined;
    for (let takeable: string | null | undefined = null;;) {
      if (takeable !== undefined && await this.#take(takeable, signal)) return true;
      const asked = clock.monotonic();
      const [entry] = await this.#kv.get([this.#key], signal);
      const version = entry?.version ?? null;
      if (version === null) takeable = null;
      else if (version === seen?.version) takeable = asked - seen.since >= leaseMs ? version : undefined;
      else {
        seen = { version, since: clock.monotonic() };
        takeable = undefined;
      }
      if (clock.monotonic() >= end) return false;
      if (takeable === undefined) {
        await pause(LEASE_POLL_MIN_MS + Math.random() * (LEASE_POLL_MAX_MS - LEASE_POLL_MIN_MS), signal);
      }
    }
  }

  async assertHeld(): Promise<void> {
    const { stepMs } = this.#settings;
    let cause: unknown;
    // One that is under way may have been sent long ago: then there is another.
    for (let tries = 0; tries < 2 && this.#leftMs() < stepMs; tries++) {
      await this.#renew().catch((error) => cause = error);
    }
    if (this.#leftMs() >= stepMs) return;
    if (cause instanceof McpAuthError) throw cause;
    throw new McpAuthError(
      "STORE_UNAVAILABLE",
      "Cannot go on: the lock on the entry was lost, as this process was stopped for too long",
      { hint: "Try again", cause },
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#released ??= this.#release();
  }

  async #take(expected: string | null, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      if (!await this.#write(expected, signal)) return false;
    } catch (error) {
      // What was given up may have been written: nobody shall wait for it.
      if (signal?.aborted) await this[Symbol.asyncDispose]();
      throw error;
    }
    const timer = setInterval(() => this.#renew().catch(() => {}), this.#settings.leaseMs / LEASE_RENEWALS);
    Deno.unrefTimer(timer as unknown as number);
    this.#ended.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
    return true;
  }

  /** Renews the lease; one renewal at a time, for the timer and for whoever asks. */
  #renew(): Promise<void> {
    return this.#renewing ??= this.#rewrite(this.#ended.signal).finally(() => this.#renewing = undefined);
  }

  async #rewrite(signal: AbortSignal): Promise<void> {
    if (this.#version === null || await this.#write(this.#version, signal)) return;
    // A renewal without an answer may have given it another version; what is not its own is lost for good.
    const version = await this.#ownVersion(signal);
    if (version === undefined || !await this.#write(version, signal)) this.#version = null;
  }

  async #write(expected: string | null, signal: AbortSignal | undefined): Promise<boolean> {
    const { clock } = this.#settings;
    const at = { monotonic: clock.monotonic(), wall: clock.wall() };
    const value = new TextEncoder().encode(JSON.stringify({ owner: this.#owner, at: at.wall }));
    const version = await this.#kv.commit({
      checks: [{ key: this.#key, version: expected }],
      sets: [{ key: this.#key, value }],
    }, signal);
    if (version === undefined) return false;
    this.#version = version;
    this.#writtenAt = at;
    return true;
  }

  /** How long it lasts; less than nothing where it was lost or released. */
  #leftMs(): number {
    if (this.#version === null || this.#released !== undefined) return -Infinity;
    const { leaseMs, clock } = this.#settings;
    const { monotonic, wall } = this.#writtenAt;
    return leaseMs - Math.max(clock.monotonic() - monotonic, clock.wall() - wall);
  }

  /** Gives the lease back, where the store answers in time. */
  async #release(): Promise<void> {
    this.#ended.abort();
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), LEASE_RELEASE_MS);
    try {
      await this.#renewing?.catch(() => {});
      if (this.#version !== null && await this.#delete(this.#version, late.signal)) return;
      const version = await this.#ownVersion(late.signal);
      if (version !== undefined) await this.#delete(version, late.signal);
    } catch {
      // It ends by itself.
    } finally {
      clearTimeout(timer);
    }
  }

  async #delete(version: string, signal: AbortSignal): Promise<boolean> {
    const change = { checks: [{ key: this.#key, version }], deletes: [this.#key] };
    return await this.#kv.commit(change, signal) !== undefined;
  }

  /** The version under which it is stored now; undefined where it is another's. */
  async #ownVersion(signal: AbortSignal): Promise<string | undefined> {
    const [entry] = await this.#kv.get([this.#key], signal);
    if (entry?.version == null || entry.value === undefined) return undefined;
    return new TextDecoder().decode(entry.value).includes(this.#owner) ? entry.version : undefined;
  }
}

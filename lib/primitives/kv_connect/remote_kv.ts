/**
 * A database behind KV Connect as a {@linkcode Kv}: how many machines share one store. Every operation has a bound in
 * time, and is tried again where that is safe: a read always, a commit only where it checks a key that it changes, so
 * that it cannot happen twice. A commit whose answer was lost is looked for: values that are there byte for byte, under
 * one version, are its own, since every record is sealed with a nonce and every lease has a random owner.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import {
  STORE_REMOTE_ATTEMPT_MS,
  STORE_REMOTE_PAGE,
  STORE_REMOTE_PAGES_MAX,
  STORE_REMOTE_PAUSE_MS,
  STORE_REMOTE_TOTAL_MS,
  STORE_REMOTE_TRIES_MAX,
} from "../limits.ts";
import { pause } from "../system/clock.ts";
import {
  checkValueSizes,
  type Kv,
  KV_GET_MAX_KEYS,
  type KvChange,
  type KvEntry,
  type KvKey,
  type KvValue,
  showKey,
} from "../system/kv.ts";
import {
  type Bounds,
  type DatapathRequest,
  KvConnection,
  type KvConnectOptions,
  type Outlook,
  RequestFailure,
} from "./connection.ts";
import { decodeReadAnswer, decodeWriteAnswer, encodeRead, encodeWrite, type WireEntry } from "./datapath.ts";
import { after, decodeKey, encodeKey, type KeyRange, rangeBelow, rangeOfKey } from "./key_bytes.ts";

/** What {@linkcode openRemoteKv} takes. */
export interface RemoteKvOptions extends KvConnectOptions {
  /** The bound of one attempt, in ms. */
  readonly attemptMs?: number | undefined;
  /** The bound of one operation, in ms. */
  readonly totalMs?: number | undefined;
}

/**
 * Returns the store at a URL; nothing is sent before it is used. Its methods also throw `TIMEOUT`, where the server does
 * not answer.
 *
 * @param options Where it is, and how it is asked.
 */
export function openRemoteKv(options: RemoteKvOptions): Kv {
  return new RemoteKv(options);
}

/** The version of what a deletion leaves behind: no record ever has it. */
const NO_VERSION = "0".repeat(20);

class RemoteKv implements Kv {
  readonly #connection: KvConnection;
  readonly #attemptMs: number;
  readonly #totalMs: number;
  #closed = false;

  constructor(options: RemoteKvOptions) {
    this.#connection = new KvConnection(options);
    this.#attemptMs = options.attemptMs ?? STORE_REMOTE_ATTEMPT_MS;
    this.#totalMs = options.totalMs ?? STORE_REMOTE_TOTAL_MS;
  }

  async get(keys: readonly KvKey[], signal?: AbortSignal): Promise<readonly KvEntry[]> {
    return await this.#get(keys, this.#totalMs, signal);
  }

  async list(prefix: KvKey, signal?: AbortSignal): Promise<readonly KvEntry[]> {
    const entries: KvEntry[] = [];
    const range = rangeBelow(prefix);
    for (let start = range.start, pages = 0; pages < STORE_REMOTE_PAGES_MAX; pages++) {
      const [page = []] = await this.#read([{ ...range, start }], STORE_REMOTE_PAGE, this.#totalMs, signal);
      for (const found of page) {
        const key = decodeKey(found.key);
        if (key !== undefined) entries.push(toEntry(key, found));
      }
      const last = page.at(-1);
      if (last === undefined || page.length < STORE_REMOTE_PAGE) return entries;
      start = after(last.key);
    }
    throw this.#connection.unavailable("it lists records without end", "Look at its server");
  }

  async commit(change: KvChange, signal?: AbortSignal): Promise<string | undefined> {
    checkValueSizes(change);
    const body = encodeWrite({
      checks: (change.checks ?? []).map(({ key, version }) => ({ key: encodeKey(key), version })),
      sets: (change.sets ?? []).map(({ key, value }) => ({ key: encodeKey(key), value })),
      deletes: (change.deletes ?? []).map(encodeKey),
    });
    const repeatable = checksWhatItChanges(change);
    let doubtful = false;
    const mayRepeat = (failure: RequestFailure) => {
      doubtful ||= failure.doubtful;
      return repeatable || !failure.doubtful;
    };
    try {
      return await this.#persevere(this.#totalMs, signal, mayRepeat, async (bounds) => {
        const answer = await this.#ask({ method: "atomic_write", body, bounds }, decodeWriteAnswer);
        switch (answer.outcome) {
          case "written":
            return answer.version;
          case "check-failed":
            return doubtful ? await this.#versionWritten(change, signal) : undefined;
          case "disabled":
            this.#connection.forgetServer();
            throw this.#failure("it takes no writes now", { transient: true });
          case "failed":
            throw this.#failure("it could not write", { doubtful: true });
        }
      });
    } catch (error) {
      const version = doubtful && !signal?.aborted
        ? await this.#versionWritten(change, signal).catch(() => undefined)
        : undefined;
      if (version === undefined) throw error;
      return version;
    }
  }

  /** What is under way goes on to its end, which is bounded: it may be the write of tokens. */
  close(): void {
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #get(
    keys: readonly KvKey[],
    totalMs: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly KvEntry[]> {
    if (keys.length > KV_GET_MAX_KEYS) {
      throw new McpAuthError("STORE_UNAVAILABLE", `Cannot read ${keys.length} records at once`);
    }
    const ranges = await this.#read(keys.map(rangeOfKey), 1, totalMs, signal);
    return keys.map((key, index) => {
      const found = ranges[index]?.[0];
      return found === undefined ? { key, value: undefined, version: null } : toEntry(key, found);
    });
  }

  async #read(
    ranges: readonly KeyRange[],
    limit: number,
    totalMs: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly (readonly WireEntry[])[]> {
    const body = encodeRead(ranges, limit);
    return await this.#persevere(totalMs, signal, () => true, async (bounds) => {
      const answer = await this.#ask({ method: "snapshot_read", body, bounds }, decodeReadAnswer);
      if (answer.usable && answer.ranges.length === ranges.length) return answer.ranges;
      this.#connection.forgetServer();
      throw this.#failure("it takes no reads now", { transient: true });
    });
  }

  /** The version under which all of a change is stored as it was sent; undefined where it is not. */
  async #versionWritten(change: KvChange, signal: AbortSignal | undefined): Promise<string | undefined> {
    const { sets = [], deletes = [] } = change;
    const keys = sets.length > 0 ? sets.map(({ key }) => key) : deletes;
    const versions = new Set<string | null>();
    for (let at = 0; at < keys.length; at += KV_GET_MAX_KEYS) {
      const found = await this.#get(keys.slice(at, at + KV_GET_MAX_KEYS), this.#attemptMs, signal);
      for (const [index, { value, version }] of found.entries()) {
        if (!sameBytes(value, sets[at + index]?.value)) return undefined;
        versions.add(version);
      }
    }
    const [version] = versions;
    return versions.size === 1 ? version ?? NO_VERSION : undefined;
  }

  /** Tries again what may pass and may be repeated, until the tries or the time are over. */
  async #persevere<T>(
    totalMs: number,
    signal: AbortSignal | undefined,
    mayRepeat: (failure: RequestFailure) => boolean,
    attempt: (bounds: Bounds) => Promise<T>,
  ): Promise<T> {
    const end = performance.now() + totalMs;
    for (let tries = 1, ceilingMs = STORE_REMOTE_PAUSE_MS;; tries++, ceilingMs *= 2) {
      if (this.#closed) throw new McpAuthError("STORE_UNAVAILABLE", "Cannot use the store: it is closed");
      if (signal?.aborted) throw cancelled(signal);
      try {
        return await attempt({ deadline: Math.min(performance.now() + this.#attemptMs, end), signal });
      } catch (error) {
        if (!(error instanceof RequestFailure)) throw error;
        const again = mayRepeat(error) && error.transient && tries < STORE_REMOTE_TRIES_MAX;
        const pauseMs = ceilingMs * (0.5 + Math.random() / 2);
        if (!again || performance.now() + pauseMs >= end) throw error.coded;
        // An abort is seen above.
        await pause(pauseMs, signal).catch(() => {});
      }
    }
  }

  async #ask<T>(request: DatapathRequest, decode: (body: KvValue, protocol: number) => T): Promise<T> {
    const { body, protocol } = await this.#connection.call(request);
    try {
      return decode(body, protocol);
    } catch (error) {
      throw this.#failure("its answer is damaged", { doubtful: true }, error);
    }
  }

  #failure(detail: string, outlook: Outlook, cause?: unknown): RequestFailure {
    const hint = "Try again; if it persists, look at its server";
    return new RequestFailure(this.#connection.unavailable(detail, hint, cause), outlook);
  }
}

/** Whether a second copy of a change would see that the first one was there. */
function checksWhatItChanges({ checks = [], sets = [], deletes = [] }: KvChange): boolean {
  const written = new Set(sets.map(({ key }) => showKey(key)));
  const deleted = new Set(deletes.map(showKey));
  return checks.some(({ key, version }) =>
    // A check for nothing holds before a deletion and after it.
    written.has(showKey(key)) || version !== null && deleted.has(showKey(key))
  );
}

/** A value that is no bytes was not written through this port: it reads as empty, for its reader to find it damaged. */
function toEntry(key: KvKey, { value, version }: WireEntry): KvEntry {
  return { key, value: value ?? new Uint8Array(), version };
}

function sameBytes(a: KvValue | undefined, b: KvValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function cancelled({ reason }: AbortSignal): McpAuthError {
  return reason instanceof McpAuthError
    ? reason
    : new McpAuthError("AUTH_CANCELLED", "Cannot use the store: cancelled", { cause: reason });
}

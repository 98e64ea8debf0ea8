/**
 * The port to a transactional key-value store, as small as the product needs it: a consistent read of some keys, a
 * listing, and one atomic commit with checks. Values are bytes, the one kind whose stored size is known before the
 * write; whoever stores says what the bytes mean. The adapters (`local_kv.ts`, `memory_kv.ts` and, for a database that
 * many machines share, `../kv_connect/remote_kv.ts`) pass one contract suite.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { STORE_VALUE_MAX_BYTES } from "../limits.ts";

/** A key: parts from the general to the particular. At most 2,048 bytes in all. */
export type KvKey = readonly (string | number)[];

/** A value: at most {@linkcode STORE_VALUE_MAX_BYTES}. */
export type KvValue = Uint8Array<ArrayBuffer>;

/** A key with what it holds. */
export interface KvEntry {
  /** Where it is. */
  readonly key: KvKey;
  /** Undefined where nothing is stored. */
  readonly value: KvValue | undefined;
  /** Changes with every write of this key; null where nothing is stored. */
  readonly version: string | null;
}

/** Writes that happen together or not at all. */
export interface KvChange {
  /** What must still be stored: a version that was read, or null for nothing. */
  readonly checks?: readonly { readonly key: KvKey; readonly version: string | null }[];
  /** What to write. */
  readonly sets?: readonly { readonly key: KvKey; readonly value: KvValue }[];
  /** What to delete; nothing may be there. */
  readonly deletes?: readonly KvKey[];
}

/**
 * A transactional key-value store. Every method throws `McpAuthError` with `STORE_UNAVAILABLE` when the store cannot
 * do it or is closed, with `PERMISSION_DENIED` when the sandbox forbids it, and with `TIMEOUT` when a remote one does not
 * answer. A signal ends the wait for a store that is slow or that other processes keep busy; a commit that is given up,
 * by a signal or as busy, may still happen.
 */
export interface Kv extends Disposable {
  /**
   * Reads some keys in one consistent look.
   *
   * @param keys At most 10.
   * @returns One entry for each key, in the same order.
   */
  get(keys: readonly KvKey[], signal?: AbortSignal): Promise<readonly KvEntry[]>;
  /**
   * Reads every entry whose key begins with the prefix and is longer, ordered by key.
   *
   * @param prefix The first parts of the keys.
   */
  list(prefix: KvKey, signal?: AbortSignal): Promise<readonly KvEntry[]>;
  /**
   * Writes all of a change when all its checks hold.
   *
   * @returns The version of everything written; undefined when a check did not hold and nothing was written.
   */
  commit(change: KvChange, signal?: AbortSignal): Promise<string | undefined>;
  /** Ends the use of the store; a second call does nothing. */
  close(): void;
}

/** The most keys that one {@linkcode Kv.get} reads; Deno KV takes no more. */
export const KV_GET_MAX_KEYS = 10;

/**
 * Refuses what no adapter stores.
 *
 * @param change The change about to be committed.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` when a value is longer than {@linkcode STORE_VALUE_MAX_BYTES}.
 */
export function checkValueSizes(change: KvChange): void {
  for (const { key, value } of change.sets ?? []) {
    if (value.length <= STORE_VALUE_MAX_BYTES) continue;
    throw new McpAuthError(
      "STORE_UNAVAILABLE",
      `Cannot store ${
        showKey(key)
      }: ${value.length} bytes, while a record holds at most ${STORE_VALUE_MAX_BYTES}`,
    );
  }
}

/**
 * A key as messages show it and as additional data binds it: JSON, so that no two keys look alike.
 *
 * @param key Any key.
 */
export function showKey(key: KvKey): string {
  return JSON.stringify(key);
}

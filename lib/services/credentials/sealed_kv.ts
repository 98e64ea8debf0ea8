/**
 * Records in a key-value store, each sealed with the store's data key and bound to its own key: one that is moved to
 * another key does not open. The record of the data key is read along with every read and checked by every write, at
 * no cost, so that no process goes on with what it once knew of a store that has changed hands.
 *
 * @module
 */
import { type Bytes, seal, unseal } from "../../primitives/crypto/sealing.ts";
import { McpAuthError } from "../../primitives/errors.ts";
import { type Kv, type KvChange, type KvEntry, type KvKey, showKey } from "../../primitives/system/kv.ts";
import type { DataKey, DataKeys } from "./data_key.ts";
import { KEYSTORE_KEY } from "./keys.ts";
import type { KeystoreKind } from "./keystore.ts";
import type { Versioned } from "./records.ts";

/** A {@linkcode KvChange} with records in place of bytes. */
export interface SealedChange extends Omit<KvChange, "sets"> {
  /** Records are plain data and stored as JSON. */
  readonly sets?: readonly { readonly key: KvKey; readonly record: unknown }[];
}

/** Sealed records over a {@linkcode Kv} that is opened when it is first used. */
export class SealedKv implements Disposable {
  readonly #openKv: (signal?: AbortSignal) => Promise<Kv>;
  readonly #dataKeys: DataKeys;
  #kv: Promise<Kv> | undefined;

  /**
   * Puts sealed records on top of a store that is not opened yet.
   *
   * @param openKv Opens the store.
   * @param dataKeys The data key of that store.
   */
  constructor(openKv: (signal?: AbortSignal) => Promise<Kv>, dataKeys: DataKeys) {
    this.#openKv = openKv;
    this.#dataKeys = dataKeys;
  }

  /**
   * Reads some records in one consistent look.
   *
   * @param keys At most nine.
   * @param signal Ends the wait for a busy store.
   * @returns For each key its record, or undefined where nothing is stored.
   * @throws {McpAuthError} `STORE_UNAVAILABLE` when one is damaged, and what unlocking the store throws.
   */
  async read(
    keys: readonly KvKey[],
    signal?: AbortSignal,
  ): Promise<readonly (Versioned<unknown> | undefined)[]> {
    const kv = await this.#open(signal);
    const [keystore, ...entries] = await kv.get([KEYSTORE_KEY, ...keys], signal);
    return await this.#unsealAll(kv, entries, keystore!, signal);
  }

  /**
   * Reads all records whose keys begin with a prefix, ordered by key.
   *
   * @param prefix The first parts of the keys.
   * @param signal Ends the wait for a busy store.
   * @throws {McpAuthError} As {@linkcode read}.
   */
  async list(prefix: KvKey, signal?: AbortSignal): Promise<readonly Versioned<unknown>[]> {
    const kv = await this.#open(signal);
    const entries = await kv.list(prefix, signal);
    const [keystore] = await kv.get([KEYSTORE_KEY], signal);
    return (await this.#unsealAll(kv, entries, keystore!, signal)).filter((record) => record !== undefined);
  }

  /**
   * The keys that begin with a prefix; no record is opened, so damaged ones are listed too.
   *
   * @param prefix The first parts of the keys.
   * @param signal Ends the wait for a busy store.
   */
  async keys(prefix: KvKey, signal?: AbortSignal): Promise<readonly KvKey[]> {
    return (await (await this.#open(signal)).list(prefix, signal)).map(({ key }) => key);
  }

  /**
   * Writes all of a change when all its checks hold; the first write to a new store makes its data key.
   *
   * @param change What to check, write and delete.
   * @param signal Ends the wait for a busy store.
   * @returns The version of what was written; undefined when a check of the change did not hold.
   * @throws {McpAuthError} `STORE_UNAVAILABLE` when a record is too large, and what unlocking the store throws.
   */
  async commit(change: SealedChange, signal?: AbortSignal): Promise<string | undefined> {
    const kv = await this.#open(signal);
    let dataKey = this.#dataKeys.current ?? await this.#dataKeys.unlockOrCreate(kv, signal);
    for (;;) {
      const version = await kv.commit({
        checks: [{ key: KEYSTORE_KEY, version: dataKey.version }, ...change.checks ?? []],
        sets: await sealAll(change.sets ?? [], dataKey),
        deletes: change.deletes ?? [],
      }, signal);
      if (version !== undefined) return version;
      const now = await this.#dataKeys.unlockOrCreate(kv, signal);
      if (now.version === dataKey.version) return undefined;
      dataKey = now;
    }
  }

  /**
   * The kind of keystore that the store is sealed by; undefined for a store that is not made yet.
   *
   * @param signal Ends the wait for a busy store.
   */
  async keystoreKind(signal?: AbortSignal): Promise<KeystoreKind | undefined> {
    const kv = await this.#open(signal);
    const [keystore] = await kv.get([KEYSTORE_KEY], signal);
    return (await this.#dataKeys.unlock(keystore!, kv, signal))?.kind;
  }

  /**
   * What the records lie on: for who changes what the store is sealed by, and for nobody else.
   *
   * @param signal Ends the wait for a busy store.
   */
  async foundation(signal?: AbortSignal): Promise<{ readonly kv: Kv; readonly dataKeys: DataKeys }> {
    return { kv: await this.#open(signal), dataKeys: this.#dataKeys };
  }

  /** Closes the store where it was opened. */
  [Symbol.dispose](): void {
    this.#kv?.then((kv) => kv.close(), () => {});
    this.#kv = undefined;
  }

  #open(signal: AbortSignal | undefined): Promise<Kv> {
    return this.#kv ??= this.#openKv(signal).catch((error) => {
      this.#kv = undefined;
      throw error;
    });
  }

  async #unsealAll(
    kv: Kv,
    entries: readonly KvEntry[],
    keystore: KvEntry,
    signal: AbortSignal | undefined,
  ): Promise<(Versioned<unknown> | undefined)[]> {
    const dataKey = await this.#dataKeys.unlock(keystore, kv, signal);
    return await Promise.all(entries.map((entry) => unsealEntry(entry, dataKey)));
  }
}

/**
 * The error for a record that cannot be used; it stays where it is.
 *
 * @param key The record's key.
 */
export function damaged(key: KvKey): McpAuthError {
  return new McpAuthError(
    "STORE_UNAVAILABLE",
    `Cannot open the record ${showKey(key)}: it is damaged, or was sealed elsewhere`,
    { hint: "Restore the store from a backup, or remove the entry with: mcp-auth remove <name>" },
  );
}

function binding(key: KvKey): Bytes {
  return new TextEncoder().encode(showKey(key));
}

function sealAll(sets: NonNullable<SealedChange["sets"]>, { key: dataKey }: DataKey) {
  return Promise.all(sets.map(async ({ key, record }) => ({
    key,
    value: await seal(dataKey, new TextEncoder().encode(JSON.stringify(record)), binding(key)),
  })));
}

async function unsealEntry(
  { key, value, version }: KvEntry,
  dataKey: DataKey | undefined,
): Promise<Versioned<unknown> | undefined> {
  if (value === undefined || version === null) return undefined;
  const plain = dataKey === undefined ? undefined : await unseal(dataKey.key, value, binding(key));
  if (plain === undefined) throw damaged(key);
  return { record: JSON.parse(new TextDecoder().decode(plain)), version };
}

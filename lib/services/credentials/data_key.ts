/**
 * The data key of a store: made once with the store, kept in it wrapped by the keystore's key, and bound to the record
 * that names keystore, generation and schema. The record is the gate of the store: who cannot read it as it is writes
 * nothing, and every write names its version, so that a store that a newer program has taken over stays whole.
 *
 * @module
 */
import { importKey, newKey } from "../../primitives/crypto/sealing.ts";
import { McpAuthError } from "../../primitives/errors.ts";
import { waitFor } from "../../primitives/system/clock.ts";
import { type Kv, type KvEntry, type KvKey, showKey } from "../../primitives/system/kv.ts";
import {
  chooseKind,
  type Keystore,
  type KeystoreContext,
  type KeystoreKind,
  openKeystore,
} from "./keystore.ts";
import {
  encodeKeystoreRecord,
  type KeystoreRecord,
  parseKeystoreRecord,
  unlockRecord,
} from "./keystore_record.ts";
import { KEY_PREFIX, KEYSTORE_KEY, LEASES } from "./keys.ts";

/** A usable data key. */
export interface DataKey {
  /** What the keystore record calls it. */
  readonly id: string;
  /** Seals and opens records. */
  readonly key: CryptoKey;
  /** The version of the keystore record it came from; every write checks it. */
  readonly version: string;
  /** The keystore that the store is sealed by. */
  readonly kind: KeystoreKind;
}

/** What {@linkcode DataKeys} takes. */
export interface DataKeysOptions extends KeystoreContext {
  /** The keystore that the user asks for. */
  readonly asked: KeystoreKind | undefined;
}

/** Unlocks and makes the data key of one store, and keeps it for the life of the process. */
export class DataKeys {
  readonly #context: KeystoreContext;
  readonly #keystores = new Map<KeystoreKind, Promise<Keystore>>();
  /** The keystore that the user asks for. */
  readonly asked: KeystoreKind | undefined;
  #current: DataKey | undefined;
  #unlocking: { readonly version: string; readonly result: Promise<DataKey> } | undefined;

  /**
   * Prepares for one store; no keystore is touched yet.
   *
   * @param options The environment, the folder, and the keystore asked for.
   */
  constructor(options: DataKeysOptions) {
    this.#context = options;
    this.asked = options.asked;
  }

  /**
   * Returns the data key that a keystore record holds.
   *
   * @param entry What is stored at `KEYSTORE_KEY` now.
   * @param kv The store, to look again where another process changes the keystore at this moment.
   * @param signal Ends the wait for a keystore.
   * @returns The key; undefined where nothing is stored, as in a new store.
   * @throws {McpAuthError} `STORE_UNAVAILABLE` when the record is of a newer schema or damaged; `KEYSTORE_UNAVAILABLE`
   * when its key is missing or another, or when another keystore was asked for.
   */
  async unlock(entry: KvEntry, kv: Kv, signal?: AbortSignal): Promise<DataKey | undefined> {
    if (entry.value === undefined || entry.version === null) return undefined;
    if (this.#current?.version === entry.version) return this.#current;
    const record = parseKeystoreRecord(entry.value);
    // Wrapped anew by another process: the data key itself is still the one that is known here.
    if (this.#current?.id === record.dataKey) {
      return this.#current = { ...this.#current, version: entry.version };
    }
    try {
      return await waitFor(this.#unlockOnce(record, entry.version), signal);
    } catch (error) {
      signal?.throwIfAborted();
      // Another process may have changed the keystore since the record was read, and have removed the key it names.
      const [now] = await kv.get([KEYSTORE_KEY], signal).catch(() => [entry]);
      if (now === undefined || now.version === entry.version) throw error;
      return await this.unlock(now, kv, signal);
    }
  }

  /**
   * Returns the data key of a store, making it where the store is new. Processes that do so at once agree on one.
   *
   * @param kv The store.
   * @param signal Ends the waits for the store and the keystore.
   * @throws {McpAuthError} As {@linkcode unlock}; and `STORE_UNAVAILABLE` when the store holds records but no key for
   * them, which a new key would lock out for good.
   */
  async unlockOrCreate(kv: Kv, signal?: AbortSignal): Promise<DataKey> {
    const found = await this.#unlockStored(kv, signal);
    if (found !== undefined) return found;
    if ((await kv.list(KEY_PREFIX, signal)).some(({ key }) => isSealed(key))) {
      const meanwhile = await this.#unlockStored(kv, signal);
      if (meanwhile !== undefined) return meanwhile;
      throw new McpAuthError(
        "STORE_UNAVAILABLE",
        `Cannot write to the store: its record ${showKey(KEYSTORE_KEY)} is gone`,
        {
          hint: "Restore the store from a backup, or move it away to begin with an empty one",
        },
      );
    }
    const { firstKey } = await import("./keystore_choice.ts");
    const { keystore, made, notice } = await firstKey(
      this.asked,
      this.#context,
      (kind) => this.keystore(kind),
      signal,
    );
    const { slot, key: wrapping } = made;
    const raw = newKey();
    const id = crypto.randomUUID();
    const value = await encodeKeystoreRecord(
      { kind: keystore.kind, slot, generation: 1, dataKey: id },
      wrapping,
      raw,
    );
    const version = await kv.commit({
      checks: [{ key: KEYSTORE_KEY, version: null }],
      sets: [{ key: KEYSTORE_KEY, value }],
    }, signal);
    if (version === undefined) {
      // Another process was first. A key that cannot be removed now harms nobody: nothing is sealed by it.
      await keystore.remove(slot, signal).catch(() => {});
      return await this.unlockOrCreate(kv, signal);
    }
    if (notice !== undefined) this.#context.notice?.(notice);
    return this.#current = { id, key: await importKey(raw), version, kind: keystore.kind };
  }

  /**
   * A keystore as this store uses it; nothing is read yet.
   *
   * @param kind Which; not looked at is whether the store is sealed by it.
   */
  async keystore(kind: KeystoreKind): Promise<Keystore> {
    let keystore = this.#keystores.get(kind);
    if (keystore === undefined) {
      keystore = openKeystore(kind, this.#context);
      this.#keystores.set(kind, keystore);
    }
    return await keystore;
  }

  /**
   * The kind to use for a store that is made.
   *
   * @param recorded What it is sealed by, as recorded.
   * @throws {McpAuthError} `KEYSTORE_UNAVAILABLE` when another is asked for, or this version does not know it.
   */
  choose(recorded: string): KeystoreKind {
    return chooseKind(this.asked, recorded);
  }

  /** Whether other machines use the store as well. */
  get shared(): boolean {
    return this.#context.shared === true;
  }

  /** The key unlocked last, where there is one; it may have been wrapped anew since. */
  get current(): DataKey | undefined {
    return this.#current;
  }

  /** Asks the keystore; who wants the same while it is being asked waits for the same answer. */
  #unlockOnce(record: KeystoreRecord, version: string): Promise<DataKey> {
    if (this.#unlocking?.version === version) return this.#unlocking.result;
    const unlock = async () => {
      const keystore = await this.keystore(this.choose(record.kind));
      const dataKey = await unlockRecord(record, keystore);
      return this.#current = {
        id: record.dataKey,
        key: await importKey(dataKey),
        version,
        kind: keystore.kind,
      };
    };
    const unlocking = { version, result: unlock() };
    this.#unlocking = unlocking;
    unlocking.result.catch(() => {
      if (this.#unlocking === unlocking) this.#unlocking = undefined;
    });
    return unlocking.result;
  }

  async #unlockStored(kv: Kv, signal: AbortSignal | undefined): Promise<DataKey | undefined> {
    const [entry] = await kv.get([KEYSTORE_KEY], signal);
    return await this.unlock(entry!, kv, signal);
  }
}

/** Whether what is stored there is lost without the data key. */
function isSealed(key: KvKey): boolean {
  return showKey(key) !== showKey(KEYSTORE_KEY) && !LEASES.every((part, index) => part === key[index]);
}

/**
 * The data key of a store: made once with the store, kept in it wrapped by the keystore's key, and bound to the record
 * that names keystore, generation and schema. The record is the gate of the store: who cannot read it as it is writes
 * nothing, and every write names its version, so that a store that a newer program has taken over stays whole.
 *
 * @module
 */
import { unwrapKey, wrapKey } from "../../primitives/crypto/key_wrapping.ts";
import { type Bytes, importKey, newKey } from "../../primitives/crypto/sealing.ts";
import { McpAuthError } from "../../primitives/errors.ts";
import type { Env } from "../../primitives/system/env.ts";
import { type Kv, type KvEntry, showKey } from "../../primitives/system/kv.ts";
import { chooseKind, type KeystoreContext, type KeystoreKind, openKeystore } from "./keystore.ts";
import { KEY_PREFIX, KEYSTORE_KEY } from "./keys.ts";

/** The schema of the records that this version reads and writes. */
export const SCHEMA = 1;

/** A usable data key. */
export interface DataKey {
  /** Seals and opens records. */
  readonly key: CryptoKey;
  /** The version of the keystore record it came from; every write checks it. */
  readonly version: string;
  /** The keystore that the store is sealed by. */
  readonly kind: KeystoreKind;
}

/** What is stored at `KEYSTORE_KEY`, as JSON. */
interface KeystoreRecord {
  readonly schema: number;
  readonly kind: string;
  /** Grows when the data key is wrapped anew. */
  readonly generation: number;
  /** The wrapped data key as base64. */
  readonly wrapped: string;
}

/** What {@linkcode DataKeys} takes. */
export interface DataKeysOptions extends KeystoreContext {
  /** The keystore that the user asks for. */
  readonly asked: KeystoreKind | undefined;
}

/** Unlocks and makes the data key of one store, and keeps it for the life of the process. */
export class DataKeys {
  readonly #context: KeystoreContext;
  readonly #env: Env;
  readonly #asked: KeystoreKind | undefined;
  #current: DataKey | undefined;

  /**
   * Prepares for one store; no keystore is touched yet.
   *
   * @param options The environment, the folder, and the keystore asked for.
   */
  constructor(options: DataKeysOptions) {
    this.#context = options;
    this.#env = options.env;
    this.#asked = options.asked;
  }

  /**
   * Returns the data key that a keystore record holds.
   *
   * @param entry What is stored at `KEYSTORE_KEY` now.
   * @param signal Ends the wait for a keystore.
   * @returns The key; undefined where nothing is stored, as in a new store.
   * @throws {McpAuthError} `STORE_UNAVAILABLE` when the record is of a newer schema or damaged; `KEYSTORE_UNAVAILABLE`
   * when its key is missing or another, or when another keystore was asked for.
   */
  async unlock(entry: KvEntry, signal?: AbortSignal): Promise<DataKey | undefined> {
    if (entry.value === undefined || entry.version === null) return undefined;
    if (this.#current?.version === entry.version) return this.#current;
    const record = parseRecord(entry.value);
    const keystore = await openKeystore(chooseKind(this.#asked, record.kind, this.#env), this.#context);
    const wrapping = await keystore.read(signal);
    const hint =
      `Put back the key that this store was made with in ${keystore.place}; without it the store ` +
      "cannot be opened, and has to be moved away to begin with an empty one";
    if (wrapping === undefined) {
      throw new McpAuthError(
        "KEYSTORE_UNAVAILABLE",
        `Cannot open the store: its key is not in ${keystore.place}`,
        {
          hint,
        },
      );
    }
    const key = await unwrapKey(wrapping, Uint8Array.fromBase64(record.wrapped), binding(record));
    if (key === undefined) {
      throw new McpAuthError(
        "KEYSTORE_UNAVAILABLE",
        `Cannot open the store: the key in ${keystore.place} is another`,
        {
          hint,
        },
      );
    }
    return this.#current = { key, version: entry.version, kind: keystore.kind };
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
    if ((await kv.list(KEY_PREFIX, signal)).some(({ key }) => showKey(key) !== showKey(KEYSTORE_KEY))) {
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
    const keystore = await openKeystore(chooseKind(this.#asked, undefined, this.#env), this.#context);
    const wrapping = await keystore.create(signal);
    const raw = newKey();
    const description = { schema: SCHEMA, kind: keystore.kind, generation: 1 };
    const wrapped = (await wrapKey(wrapping, raw, binding(description))).toBase64();
    const value = new TextEncoder().encode(
      JSON.stringify({ ...description, wrapped } satisfies KeystoreRecord),
    );
    const version = await kv.commit({
      checks: [{ key: KEYSTORE_KEY, version: null }],
      sets: [{ key: KEYSTORE_KEY, value }],
    }, signal);
    if (version === undefined) return await this.unlockOrCreate(kv, signal);
    return this.#current = { key: await importKey(raw), version, kind: keystore.kind };
  }

  /** The key unlocked last, where there is one; it may have been wrapped anew since. */
  get current(): DataKey | undefined {
    return this.#current;
  }

  async #unlockStored(kv: Kv, signal: AbortSignal | undefined): Promise<DataKey | undefined> {
    const [entry] = await kv.get([KEYSTORE_KEY], signal);
    return await this.unlock(entry!, signal);
  }
}

function binding({ schema, kind, generation }: Omit<KeystoreRecord, "wrapped">): Bytes {
  return new TextEncoder().encode(JSON.stringify([...KEYSTORE_KEY, schema, kind, generation]));
}

function parseRecord(value: Bytes): KeystoreRecord {
  let record: Partial<Record<keyof KeystoreRecord, unknown>> | null = null;
  try {
    record = JSON.parse(new TextDecoder().decode(value));
  } catch {
    // Reported below with all else that is no record.
  }
  const { schema, kind, generation, wrapped } = record ?? {};
  if (typeof schema === "number" && schema > SCHEMA) {
    throw new McpAuthError(
      "STORE_UNAVAILABLE",
      `Cannot open the store: its schema is ${schema}, and ${SCHEMA} is known`,
      {
        hint: "Update mcp-auth; nothing was changed",
      },
    );
  }
  if (
    schema === SCHEMA && typeof kind === "string" && typeof generation === "number" &&
    typeof wrapped === "string" &&
    /^[A-Za-z0-9+/]{82}==$/.test(wrapped)
  ) return { schema, kind, generation, wrapped };
  throw new McpAuthError(
    "STORE_UNAVAILABLE",
    `Cannot open the store: its record ${showKey(KEYSTORE_KEY)} is damaged`,
    {
      hint: "Restore the store from a backup, or move it away to begin with an empty one",
    },
  );
}

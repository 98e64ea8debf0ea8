/**
 * The record that says how a store is sealed: which keystore holds the wrapping key, in which of its slots, and the data
 * key wrapped by it. It is the gate of the store: who cannot read it writes nothing, and every write names its version.
 *
 * @module
 */
import { unwrapKeyBytes, wrapKey } from "../../primitives/crypto/key_wrapping.ts";
import type { Bytes } from "../../primitives/crypto/sealing.ts";
import { McpAuthError } from "../../primitives/errors.ts";
import { showKey } from "../../primitives/system/kv.ts";
import type { Keystore } from "./keystore.ts";
import { KEYSTORE_KEY } from "./keys.ts";

/** The schema of the records that this version reads and writes. */
export const SCHEMA = 1;

/** What is stored at `KEYSTORE_KEY`, as JSON. */
export interface KeystoreRecord {
  readonly schema: number;
  /** The kind of keystore; one that this version may not know. */
  readonly kind: string;
  /** Which of the keystore's keys it is: what the keystore gave when it made the key. */
  readonly slot: string;
  /** Grows when the data key is wrapped anew. */
  readonly generation: number;
  /** Names the data key, whatever it is wrapped by: who has this one already need not ask a keystore again. */
  readonly dataKey: string;
  /** The wrapped data key as base64. */
  readonly wrapped: string;
}

/** Everything but the wrapped key, which is bound to it. */
export type KeystoreDescription = Omit<KeystoreRecord, "wrapped" | "schema">;

/**
 * Makes the stored form of a record.
 *
 * @param description What it says.
 * @param wrapping The key from the keystore, 32 bytes.
 * @param dataKey The data key, 32 bytes.
 */
export async function encodeKeystoreRecord(
  description: KeystoreDescription,
  wrapping: Bytes,
  dataKey: Bytes,
): Promise<Bytes> {
  const described = { schema: SCHEMA, ...description };
  const wrapped = (await wrapKey(wrapping, dataKey, binding(described))).toBase64();
  return new TextEncoder().encode(JSON.stringify({ ...described, wrapped } satisfies KeystoreRecord));
}

/**
 * Unlocks the data key of a record.
 *
 * @param record The record.
 * @param keystore The keystore that it names.
 * @param signal Ends the wait for the keystore.
 * @returns The raw data key, 32 bytes.
 * @throws {McpAuthError} `KEYSTORE_UNAVAILABLE` when the keystore cannot be reached, or its key is missing or another.
 */
export async function unlockRecord(
  record: KeystoreRecord,
  keystore: Keystore,
  signal?: AbortSignal,
): Promise<Bytes> {
  const wrapping = await keystore.read(record.slot, signal);
  const dataKey = wrapping === undefined ? undefined : await unwrapDataKey(record, wrapping);
  if (dataKey !== undefined) return dataKey;
  const { place, wrong = { detail: `the key in ${place} is another`, hint: undefined } } = keystore;
  throw new McpAuthError(
    "KEYSTORE_UNAVAILABLE",
    `Cannot open the store: ${wrapping === undefined ? `its key is not in ${place}` : wrong.detail}`,
    {
      hint: wrong.hint ??
        `Put back the key that this store was made with in ${place}; without it the store cannot be opened, ` +
          "and has to be moved away to begin with an empty one",
    },
  );
}

/**
 * Unwraps the data key of a record.
 *
 * @param record The record.
 * @param wrapping The key from the keystore, 32 bytes.
 * @returns The raw data key; undefined when the wrapping key is another.
 */
export async function unwrapDataKey(record: KeystoreRecord, wrapping: Bytes): Promise<Bytes | undefined> {
  return await unwrapKeyBytes(wrapping, Uint8Array.fromBase64(record.wrapped), binding(record));
}

/**
 * Reads a record.
 *
 * @param value What is stored at `KEYSTORE_KEY`.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` when it is of a newer schema or damaged.
 */
export function parseKeystoreRecord(value: Bytes): KeystoreRecord {
  let record: Partial<Record<keyof KeystoreRecord, unknown>> | null = null;
  try {
    record = JSON.parse(new TextDecoder().decode(value));
  } catch {
    // Reported below with all else that is no record.
  }
  const { schema, kind, slot, generation, dataKey, wrapped } = record ?? {};
  if (typeof schema === "number" && schema > SCHEMA) {
    throw new McpAuthError(
      "STORE_UNAVAILABLE",
      `Cannot open the store: its schema is ${schema}, and ${SCHEMA} is known`,
      { hint: "Update mcp-auth; nothing was changed" },
    );
  }
  if (
    schema === SCHEMA && typeof kind === "string" && typeof slot === "string" &&
    typeof generation === "number" && typeof dataKey === "string" && typeof wrapped === "string" &&
    /^[A-Za-z0-9+/]{82}==$/.test(wrapped)
  ) return { schema, kind, slot, generation, dataKey, wrapped };
  throw new McpAuthError(
    "STORE_UNAVAILABLE",
    `Cannot open the store: its record ${showKey(KEYSTORE_KEY)} is damaged`,
    { hint: "Restore the store from a backup, or move it away to begin with an empty one" },
  );
}

function binding({ schema, kind, slot, generation, dataKey }: Omit<KeystoreRecord, "wrapped">): Bytes {
  return new TextEncoder().encode(JSON.stringify([...KEYSTORE_KEY, schema, kind, slot, generation, dataKey]));
}

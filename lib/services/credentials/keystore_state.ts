/**
 * What a store is sealed by, and whether it can be opened now: as much as can be told even where it cannot.
 *
 * @module
 */
import { asMcpAuthError, type McpAuthError } from "../../primitives/errors.ts";
import { type KeystoreKind, recordedKind } from "./keystore.ts";
import { type KeystoreRecord, unlockRecord } from "./keystore_record.ts";
import { readSealing, type SealingPorts } from "./leftover_keys.ts";

/** The state of a store's keystore. */
export interface KeystoreState {
  /** As recorded; this version may not know it. */
  readonly kind: string;
  /** Where its keys are, for people; undefined where it cannot even be looked for. */
  readonly place: string | undefined;
  /** Grows when the data key is wrapped anew. */
  readonly generation: number;
  /** Why the store cannot be unlocked now; undefined where it can. */
  readonly error: McpAuthError | undefined;
  /** Kinds of the keystores that an interrupted change may have left a key in. */
  readonly leftIn: readonly string[];
}

/** What {@linkcode readKeystoreState} takes beside the store. */
export interface KeystoreStatePorts extends SealingPorts {
  /** The rule that says which keystore is used for the recorded kind. */
  readonly choose: (recorded: string) => KeystoreKind;
}

/**
 * Reads the state of a store's keystore, and unlocks the store to see that it works.
 *
 * @param ports The store and its keystores.
 * @param signal Ends the waits.
 * @returns Undefined for a store that is not made yet.
 * @throws {McpAuthError} What the store throws; what the keystore throws is part of the state.
 */
export async function readKeystoreState(
  ports: KeystoreStatePorts,
  signal?: AbortSignal,
): Promise<KeystoreState | undefined> {
  const { record, version, leftovers } = await readSealing(ports.kv, signal);
  if (record === undefined) return undefined;
  const tried = await tryOut(ports, record, signal);
  // A key that is not there may have been replaced since the record was read.
  if (tried.error !== undefined && (await readSealing(ports.kv, signal)).version !== version) {
    return await readKeystoreState(ports, signal);
  }
  return { kind: record.kind, generation: record.generation, leftIn: kindsOf(leftovers), ...tried };
}

/** The kinds of keystore that hold some keys, each once. */
export function kindsOf(keys: readonly { readonly kind: string }[]): readonly string[] {
  return [...new Set(keys.map(({ kind }) => kind))];
}

async function tryOut(
  { keystore, choose }: KeystoreStatePorts,
  record: KeystoreRecord,
  signal: AbortSignal | undefined,
): Promise<Pick<KeystoreState, "place" | "error">> {
  let place: string | undefined;
  try {
    const found = await keystore(recordedKind(record.kind));
    place = found.place;
    choose(record.kind);
    await unlockRecord(record, found, signal);
    return { place, error: undefined };
  } catch (error) {
    signal?.throwIfAborted();
    return { place, error: asMcpAuthError(error, "KEYSTORE_UNAVAILABLE", "read the key") };
  }
}

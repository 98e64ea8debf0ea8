/**
 * The keys that a change of keystore may leave behind. A change notes the slots of the old and of the new key before
 * there is a new one; whoever comes next removes every noted key but the one that the store is sealed by. So a change
 * that is killed at any instant leaves no key behind for good, and no key is removed that is needed.
 *
 * Every commit that makes a key the store's names the version of the note, and tidying up first gives the note another
 * version: a commit that was given up, or whose process slept through the loss of its lock, cannot happen any more by
 * the time its key is removed.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { STORE_CHANGE_TRIES_MAX } from "../../primitives/limits.ts";
import type { Kv, KvEntry } from "../../primitives/system/kv.ts";
import { KEYSTORE_CHANGE_KEY, KEYSTORE_KEY } from "./keys.ts";
import { type Keystore, KEYSTORE_KINDS, type KeystoreKind } from "./keystore.ts";
import { type KeystoreRecord, parseKeystoreRecord } from "./keystore_record.ts";

/** Where a key may be. */
export interface NotedKey {
  /** The kind of keystore; one that this version may not know. */
  readonly kind: string;
  /** The key's slot in it. */
  readonly slot: string;
}

/** What a store is sealed by, and what may lie about. */
export interface Sealing {
  /** The keystore record; undefined in a store that is not made yet. */
  readonly record: KeystoreRecord | undefined;
  /** The record's version, for checks. */
  readonly version: string | null;
  /** Noted keys other than the record's. */
  readonly leftovers: readonly NotedKey[];
  /** The note's version, for checks; null where there is none. */
  readonly noteVersion: string | null;
}

/** The store and the keystores that its keys may be in. */
export interface SealingPorts {
  readonly kv: Kv;
  /** A keystore as this store uses it. */
  readonly keystore: (kind: KeystoreKind) => Promise<Keystore>;
}

/**
 * Reads what a store is sealed by, and the note.
 *
 * @param kv The store.
 * @param signal Ends the wait for a busy store.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` when the keystore record is damaged or of a newer schema.
 */
export async function readSealing(kv: Kv, signal?: AbortSignal): Promise<Sealing> {
  const [entry, note] = await kv.get([KEYSTORE_KEY, KEYSTORE_CHANGE_KEY], signal);
  const record = entry?.value === undefined ? undefined : parseKeystoreRecord(entry.value);
  return {
    record,
    version: entry?.version ?? null,
    leftovers: parseNote(note).filter((noted) => !isKeyOf(record, noted)),
    noteVersion: note?.version ?? null,
  };
}

/**
 * Notes keys that a change is about to make or to replace, beside those noted already.
 *
 * @param kv The store.
 * @param sealing What was read; nothing is noted when it has changed since.
 * @param keys The keys.
 * @param signal Ends the wait for a busy store.
 * @returns The version of the note; undefined when something has changed.
 */
export async function noteKeys(
  kv: Kv,
  sealing: Sealing,
  keys: readonly NotedKey[],
  signal?: AbortSignal,
): Promise<string | undefined> {
  return await kv.commit({
    checks: checksOf(sealing),
    sets: [{ key: KEYSTORE_CHANGE_KEY, value: encodeNote([...sealing.leftovers, ...keys]) }],
  }, signal);
}

/**
 * Removes the noted keys that the store is not sealed by. A key whose keystore cannot be reached stays noted.
 *
 * @param ports The store and the keystores.
 * @param signal Ends the waits.
 * @returns What the store is sealed by, and what could not be removed.
 * @throws {McpAuthError} What the store throws; what a keystore throws counts as not removed.
 */
export async function removeLeftovers(ports: SealingPorts, signal?: AbortSignal): Promise<Sealing> {
  const claimed = await claim(ports.kv, signal);
  if (claimed.noteVersion === null) return claimed;
  const kept: NotedKey[] = [];
  for (const key of claimed.leftovers) if (!await isRemoved(ports, key, signal)) kept.push(key);
  const after = await ports.kv.commit({
    checks: [{ key: KEYSTORE_CHANGE_KEY, version: claimed.noteVersion }],
    ...(kept.length === 0
      ? { deletes: [KEYSTORE_CHANGE_KEY] }
      : { sets: [{ key: KEYSTORE_CHANGE_KEY, value: encodeNote(kept) }] }),
  }, signal);
  // Where the note is another by now, a change that has begun since goes on with it.
  if (after === undefined) return await readSealing(ports.kv, signal);
  return { ...claimed, leftovers: kept, noteVersion: kept.length === 0 ? null : after };
}

/** Gives the note a version that no commit under way names. */
async function claim(kv: Kv, signal: AbortSignal | undefined): Promise<Sealing> {
  for (let tries = 0; tries < STORE_CHANGE_TRIES_MAX; tries++) {
    const found = await readSealing(kv, signal);
    if (found.noteVersion === null) return found;
    const version = await noteKeys(kv, found, [], signal);
    if (version !== undefined) return { ...found, noteVersion: version };
  }
  throw changedMeanwhile();
}

/** The error for a keystore that another process changes at the same time, in spite of the lock. */
export function changedMeanwhile(): McpAuthError {
  return new McpAuthError(
    "STORE_UNAVAILABLE",
    "Cannot change the keystore: another process has changed it meanwhile",
    { hint: "See what it is now with: mcp-auth keystore status" },
  );
}

/** What a commit has to check that nothing of a sealing has changed. */
export function checksOf({ version, noteVersion }: Pick<Sealing, "version" | "noteVersion">) {
  return [{ key: KEYSTORE_KEY, version }, { key: KEYSTORE_CHANGE_KEY, version: noteVersion }];
}

async function isRemoved(
  { keystore }: SealingPorts,
  { kind, slot }: NotedKey,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const known = KEYSTORE_KINDS.find((each) => each === kind);
  if (known === undefined) return false;
  try {
    await (await keystore(known)).remove(slot, signal);
    return true;
  } catch {
    return false;
  }
}

function isKeyOf(record: KeystoreRecord | undefined, { kind, slot }: NotedKey): boolean {
  return record?.kind === kind && record.slot === slot;
}

function encodeNote(keys: readonly NotedKey[]): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(keys.map(({ kind, slot }) => ({ kind, slot }))));
}

/** What is no note says nothing: a key that it named stays where it is, and no other is touched. */
function parseNote(note: KvEntry | undefined): readonly NotedKey[] {
  if (note?.value === undefined) return [];
  try {
    const keys: unknown = JSON.parse(new TextDecoder().decode(note.value));
    return Array.isArray(keys) ? keys.filter(isNotedKey) : [];
  } catch {
    return [];
  }
}

function isNotedKey(value: unknown): value is NotedKey {
  const { kind, slot } = (value ?? {}) as Partial<Record<keyof NotedKey, unknown>>;
  return typeof kind === "string" && typeof slot === "string";
}

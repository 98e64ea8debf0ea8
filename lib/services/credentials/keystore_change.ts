/**
 * A change of what a store is sealed by: another keystore, or a renewed key in the same. Only the wrapping of the data
 * key changes, by one compare-and-set; the data key and all records stay, so that processes that run on notice nothing.
 * The new key is there and was read back before it counts, the old one goes after it has ceased to, and both are noted
 * before either (`leftover_keys.ts`), so that a kill at any instant costs nothing.
 *
 * @module
 */
import type { Bytes } from "../../primitives/crypto/sealing.ts";
import { McpAuthError } from "../../primitives/errors.ts";
import { KEYSTORE_CHANGE_WAIT_MS } from "../../primitives/limits.ts";
import type { Locks } from "../../primitives/system/lock.ts";
import { KEYSTORE_KEY } from "./keys.ts";
import { type Keystore, type KeystoreKind, type NewKeyOptions, recordedKind } from "./keystore.ts";
import {
  encodeKeystoreRecord,
  type KeystoreRecord,
  parseKeystoreRecord,
  unlockRecord,
  unwrapDataKey,
} from "./keystore_record.ts";
import { kindsOf } from "./keystore_state.ts";
import { newSlot } from "./keystores/key_text.ts";
import {
  changedMeanwhile,
  checksOf,
  noteKeys,
  removeLeftovers,
  type Sealing,
  type SealingPorts,
} from "./leftover_keys.ts";

/** What a change runs on. */
export interface KeystoreChangePorts extends SealingPorts {
  /** The locks that all processes with this store share. */
  readonly locks: Locks;
  /** Whether other machines use the store as well. */
  readonly shared: boolean;
}

/** What became of a change. */
export interface KeystoreChanged {
  /** The keystore before. */
  readonly from: KeystoreKind;
  /** The keystore now. */
  readonly to: KeystoreKind;
  /** Whether anything changed; not where the store was sealed by the wanted keystore already. */
  readonly changed: boolean;
  /** How often the data key was wrapped. */
  readonly generation: number;
  /** The keystores that hold keys which could not be removed; the next change tries again. */
  readonly leftIn: readonly string[];
}

/** The lock of a change; the locks of entries are named by hashes. */
const LOCK = "keystore";

/** Kinds whose key is given from outside: a renewed one is not in its place before its user puts it there. */
const GIVEN: ReadonlySet<KeystoreKind> = new Set(["env", "passphrase"]);

/**
 * Moves a store to a keystore, or renews the key in the one it has; first it tidies up after changes that were
 * interrupted.
 *
 * @param ports The store, its keystores and its locks.
 * @param wanted The keystore to move to; undefined renews the key in the present one.
 * @param signal Ends the change as long as it can be undone.
 * @throws {McpAuthError} `USAGE` for `memory`, and for what only one of several machines has; `CONFIG_MISSING` for a
 * store that is not made yet; `CONFIG_INVALID` when the new key is the old one; `KEYSTORE_UNAVAILABLE` when either
 * keystore cannot be used; `TIMEOUT` when another process changes it all the time; and what the store throws. The store
 * is sealed as before then.
 */
export async function changeKeystore(
  ports: KeystoreChangePorts,
  wanted: KeystoreKind | undefined,
  signal?: AbortSignal,
): Promise<KeystoreChanged> {
  checkWanted(wanted, ports.shared);
  await using lock = await ports.locks.acquire(LOCK, KEYSTORE_CHANGE_WAIT_MS, signal);
  const before = await removeLeftovers(ports, signal);
  const { record } = before;
  if (record === undefined) throw noStore();
  const from = recordedKind(record.kind);
  const outcome = (after: Sealing, to: KeystoreKind, changed: boolean): KeystoreChanged => ({
    from,
    to,
    changed,
    generation: after.record?.generation ?? record.generation,
    leftIn: kindsOf(after.leftovers),
  });
  if (wanted === from) return outcome(before, from, false);

  const present = await ports.keystore(from);
  const target = wanted === undefined ? present : await ports.keystore(wanted);
  const dataKey = await unlockRecord(record, present, signal);
  const slot = newSlot();
  const noted = [{ kind: from, slot: record.slot }, { kind: target.kind, slot }];
  const noteVersion = await noteKeys(ports.kv, before, noted, signal);
  if (noteVersion === undefined) throw changedMeanwhile();
  let next: Bytes | undefined;
  let failure: { readonly error: unknown } | undefined;
  try {
    next = await wrapAnew(target, { renewed: wanted === undefined, slot }, record, dataKey, signal);
    signal?.throwIfAborted();
    await lock.assertHeld();
    const stored = await ports.kv.commit({
      checks: checksOf({ version: before.version, noteVersion }),
      sets: [{ key: KEYSTORE_KEY, value: next }],
    });
    if (stored === undefined) throw changedMeanwhile();
  } catch (error) {
    failure = { error };
  }
  // From here on nothing is cut short: either the new key goes or the old one, as the record says.
  const after = await removeLeftovers(ports).catch(() => undefined);
  const written = next === undefined ? undefined : parseKeystoreRecord(next);
  // A commit that was given up may have happened all the same.
  const happened = written !== undefined && after?.record?.wrapped === written.wrapped;
  if (failure !== undefined && !happened) throw failure.error;
  return outcome(after ?? { ...before, record: written, leftovers: noted.slice(0, 1) }, target.kind, true);
}

/** Makes the new key, wraps the data key with it, and makes sure that the two will find each other again. */
async function wrapAnew(
  target: Keystore,
  options: NewKeyOptions,
  { dataKey: id, generation }: KeystoreRecord,
  dataKey: Bytes,
  signal: AbortSignal | undefined,
): Promise<Bytes> {
  const { kind, place } = target;
  const { slot, key } = await target.create(options, signal);
  const value = await encodeKeystoreRecord(
    { kind, slot, generation: generation + 1, dataKey: id },
    key,
    dataKey,
  );
  const found = await target.read(slot, signal);
  const opens = found !== undefined && await unwrapDataKey(parseKeystoreRecord(value), found) !== undefined;
  if (options.renewed && GIVEN.has(kind)) {
    // What is read there is still the old one.
    if (!opens) return value;
    const hint = kind === "env"
      ? "Set MCP_AUTH_NEW_KEY to another key; make one with: openssl rand -hex 32"
      : "Take another passphrase";
    throw new McpAuthError("CONFIG_INVALID", `Cannot renew ${place}: the new one is the old one`, { hint });
  }
  if (opens) return value;
  throw new McpAuthError(
    "KEYSTORE_UNAVAILABLE",
    `Cannot keep a key in ${place}: it did not come back from there`,
    { hint: "Choose another keystore; the store is sealed as before" },
  );
}

/** What ends with the process, or what only one of many machines has, opens no store. */
function checkWanted(wanted: KeystoreKind | undefined, shared: boolean): void {
  if (wanted === "memory") {
    throw new McpAuthError(
      "USAGE",
      'Cannot move a store to the keystore "memory": it ends with the process',
      { hint: "Run: mcp-auth keystore use --help" },
    );
  }
  if (shared && (wanted === "file" || wanted === "keychain")) {
    throw new McpAuthError(
      "USAGE",
      `Cannot move a store that machines share to the keystore "${wanted}": only this one would have the key`,
      { hint: "Use env or passphrase: every machine can be given the same" },
    );
  }
}

function noStore(): McpAuthError {
  return new McpAuthError("CONFIG_MISSING", "Cannot change the keystore: there is no store yet", {
    hint: "Add an entry first, and choose the keystore with it: mcp-auth add <url> --keystore <kind>",
  });
}

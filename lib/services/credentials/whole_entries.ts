/**
 * Entries with all that is theirs, as they go from one store to another: read in one look, and written together or not
 * at all. The registrations that an entry shares with others stay behind: its tokens name the client that they need.
 *
 * @module
 */
import { SEALING_OVERHEAD_BYTES } from "../../primitives/crypto/sealing.ts";
import { STORE_COMMIT_MAX_BYTES } from "../../primitives/limits.ts";
import { checkValueSizes, KV_GET_MAX_KEYS, type KvKey, showKey } from "../../primitives/system/kv.ts";
import { ownClientKeys } from "./entries.ts";
import { clientKey, credentialKey, serverKey } from "./keys.ts";
import type { ClientRecord, CredentialRecord, ServerRecord } from "./records.ts";
import type { SealedKv } from "./sealed_kv.ts";

/** An entry with all that is its own. */
export interface WholeEntry {
  readonly server: ServerRecord;
  /** Undefined where nobody is signed in. */
  readonly credential?: CredentialRecord | undefined;
  /** Its own client registrations: their redirect shape names it. */
  readonly clients: readonly ClientRecord[];
}

/** The versions that an entry is written over; null for what is not there. */
export interface EntryVersions {
  readonly server: string | null;
  readonly credential: string | null;
}

/** An entry to write, and what it is written over. */
export interface EntryWrite {
  readonly entry: WholeEntry;
  readonly expected: EntryVersions;
}

/**
 * Reads an entry with all that is its own.
 *
 * @param records Where it is.
 * @param name Its name.
 * @param signal Ends the wait for a busy store.
 * @returns The entry and its versions; undefined when there is none of that name.
 */
export async function readWholeEntry(
  records: SealedKv,
  name: string,
  signal?: AbortSignal,
): Promise<{ readonly entry: WholeEntry; readonly versions: EntryVersions } | undefined> {
  const own = await ownClientKeys(records, name, signal);
  const look = KV_GET_MAX_KEYS - 3; // The keystore's record, the entry and its tokens are read along.
  const found = await records.read([serverKey(name), credentialKey(name), ...own.slice(0, look)], signal);
  const [server, credential, ...clients] = found;
  if (server === undefined) return undefined;
  for (let at = look; at < own.length; at += look) {
    clients.push(...await records.read(own.slice(at, at + look), signal));
  }
  return {
    entry: {
      server: server.record as ServerRecord,
      credential: credential?.record as CredentialRecord | undefined,
      clients: clients.flatMap((client) => client === undefined ? [] : [client.record as ClientRecord]),
    },
    versions: { server: server.version, credential: credential?.version ?? null },
  };
}

/**
 * Writes entries, each with nothing left of what had its name before. They are written together where one commit holds
 * them, else in as few as can be, in order.
 *
 * @param records Where to.
 * @param writes The entries; no two of one name.
 * @param checksMax The most checks that a commit may have.
 * @param signal Ends the wait for a busy store; what was written stays.
 * @returns The names that were written. Where one is missing, another version than expected was stored, and nothing
 *   was written from there on.
 * @throws {McpAuthError} `STORE_UNAVAILABLE` when a record is too large, with nothing written.
 */
export async function writeWholeEntries(
  records: SealedKv,
  writes: readonly EntryWrite[],
  checksMax: number,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const written: string[] = [];
  for (const group of await groups(records, writes, checksMax, signal)) {
    const version = await records.commit({
      checks: group.flatMap(({ checks }) => checks),
      sets: group.flatMap(({ sets }) => sets),
      deletes: group.flatMap(({ deletes }) => deletes),
    }, signal);
    if (version === undefined) break;
    written.push(...group.map(({ name }) => name));
  }
  return written;
}

/**
 * Forgets the tokens of entries, of all or of none, as long as they are still the ones that were read.
 *
 * @param records Where they are.
 * @param tokens The entries with the versions of their tokens; at most as many as a commit may have checks.
 * @returns Whether they were forgotten.
 */
export async function forgetCredentials(
  records: SealedKv,
  tokens: readonly { readonly name: string; readonly version: string }[],
): Promise<boolean> {
  const version = await records.commit({
    checks: tokens.map(({ name, version }) => ({ key: credentialKey(name), version })),
    deletes: tokens.map(({ name }) => credentialKey(name)),
  });
  return version !== undefined;
}

interface Change {
  readonly name: string;
  readonly checks: readonly { readonly key: KvKey; readonly version: string | null }[];
  readonly sets: readonly { readonly key: KvKey; readonly record: unknown }[];
  readonly deletes: readonly KvKey[];
}

/** The changes, in as many commits as their sizes need. */
async function groups(
  records: SealedKv,
  writes: readonly EntryWrite[],
  checksMax: number,
  signal: AbortSignal | undefined,
): Promise<readonly (readonly Change[])[]> {
  const groups: Change[][] = [];
  let [bytes, checks] = [Infinity, Infinity];
  for (const write of writes) {
    const change = await changeOf(records, write, signal);
    // Here, so that a record that no store takes ends the whole before its first commit.
    checkValueSizes({
      sets: change.sets.map(({ key, record }) => ({ key, value: new Uint8Array(sealedSize(record)) })),
    });
    const size = sizeOf(change);
    bytes += size;
    checks += change.checks.length;
    if (bytes > STORE_COMMIT_MAX_BYTES || checks > checksMax) {
      groups.push([]);
      [bytes, checks] = [size, change.checks.length];
    }
    groups.at(-1)!.push(change);
  }
  return groups;
}

async function changeOf(
  records: SealedKv,
  { entry, expected }: EntryWrite,
  signal: AbortSignal | undefined,
): Promise<Change> {
  const { server, credential, clients } = entry;
  const sets = [
    { key: serverKey(server.name), record: server as unknown },
    ...(credential === undefined ? [] : [{ key: credentialKey(server.name), record: credential }]),
    ...await Promise.all(clients.map(async (client) => ({
      key: await clientKey(client.issuer, client.redirectShape),
      record: client,
    }))),
  ];
  const kept = new Set(sets.map(({ key }) => showKey(key)));
  const before = [credentialKey(server.name), ...await ownClientKeys(records, server.name, signal)];
  return {
    name: server.name,
    checks: [
      { key: serverKey(server.name), version: expected.server },
      { key: credentialKey(server.name), version: expected.credential },
    ],
    sets,
    deletes: before.filter((key) => !kept.has(showKey(key))),
  };
}

function sizeOf({ sets, deletes, checks }: Change): number {
  const encoder = new TextEncoder();
  const keys = [...sets, ...checks].map(({ key }) => key).concat(deletes);
  return keys.reduce((sum, key) => sum + encoder.encode(showKey(key)).length, 0) +
    sets.reduce((sum, { record }) => sum + sealedSize(record), 0);
}

function sealedSize(record: unknown): number {
  return new TextEncoder().encode(JSON.stringify(record)).length + SEALING_OVERHEAD_BYTES;
}

/**
 * The store of entries, client registrations and credentials. It knows which records belong together
 * and change together; what they mean is the business of its callers. Whoever changes a credential names the version
 * that it read, so that no write undoes another's.
 *
 * @module
 */
import { STORE_COMMIT_MAX_CHECKS, STORE_REMOTE_COMMIT_MAX_CHECKS } from "../../primitives/limits.ts";
import type { Locks } from "../../primitives/system/lock.ts";
import {
  attemptKey,
  clientKey,
  CLIENTS,
  credentialKey,
  CREDENTIALS,
  eraKey,
  LEASES,
  serverKey,
  SERVERS,
} from "./keys.ts";
import type { KeystoreKind } from "./keystore.ts";
import type { KeystoreChanged } from "./keystore_change.ts";
import type { KeystoreState } from "./keystore_state.ts";
import type { StoreLocation } from "./location.ts";
import type { ProviderRecords } from "./provider_records.ts";
import type { ClientRecord, CredentialRecord, ServerRecord, Versioned } from "./records.ts";
import { damaged, type SealedKv } from "./sealed_kv.ts";
import type { EntryVersions, EntryWrite, WholeEntry } from "./whole_entries.ts";

/** An entry and its tokens, as one consistent look found them. */
export interface ServerWithCredential {
  /** The entry. */
  readonly server: Versioned<ServerRecord>;
  /** Undefined where nobody is signed in. */
  readonly credential: Versioned<CredentialRecord> | undefined;
}

/** What a successful sign-in leaves behind; stored together or not at all. */
export interface SignedIn {
  /** The entry, new or as it was. */
  readonly server: ServerRecord;
  /** Its tokens. */
  readonly credential: CredentialRecord;
  /** The registration to reuse at the next sign-in. */
  readonly client: ClientRecord;
  /** The versions that must still be there; null for none. What is left out may have any. */
  readonly expected?: { readonly server?: string | null; readonly credential?: string | null };
}

/**
 * Which servers were found to know no `initialize`, by the entry's name: what a client of ours would otherwise ask again
 * each time. It is a guess for the next connection, and nothing depends on it.
 */
export interface RememberedEras {
  /** The stateless revision of the server at this URL; undefined where nothing is remembered of it. */
  read(name: string, url: string): Promise<string | undefined>;
  /** Remembers it; undefined forgets. */
  write(name: string, url: string, revision: string | undefined): Promise<void>;
}

/** The times of attempts, in ms since the epoch, oldest first, with the version that a write names. */
export interface AttemptTimes {
  /** The times of an entry; version null for none yet. */
  read(name: string): Promise<{ readonly times: readonly number[]; readonly version: string | null }>;
  /** Writes them, if the version is still that one; says whether it was. */
  write(name: string, times: readonly number[], version: string | null): Promise<boolean>;
}

/**
 * The store. Every method takes a signal that ends the wait for a store that other processes keep busy, and throws
 * `McpAuthError` with `STORE_UNAVAILABLE`, `KEYSTORE_UNAVAILABLE` or `PERMISSION_DENIED`. Reading a store that does not
 * exist yet finds nothing in it; the first write makes its key.
 */
export class CredentialStore implements Disposable {
  /** Where the records are. */
  readonly location: StoreLocation;
  readonly #records: SealedKv;

  /**
   * Puts a store on top of sealed records; `openStore` is what callers use.
   *
   * @param records Where the records are.
   * @param location Where that is.
   */
  constructor(records: SealedKv, location: StoreLocation) {
    this.#records = records;
    this.location = location;
  }

  /** Whether nothing outlives this process. */
  get inMemory(): boolean {
    return this.location === "memory";
  }

  /** How many records one change may check; servers of remote stores take fewer. */
  get checksMax(): number {
    return this.location === "remote" ? STORE_REMOTE_COMMIT_MAX_CHECKS : STORE_COMMIT_MAX_CHECKS;
  }

  /** An entry by its name. */
  async server(name: string, signal?: AbortSignal): Promise<Versioned<ServerRecord> | undefined> {
    const [found] = await this.#records.read([serverKey(name)], signal);
    return serverOf(found, name);
  }

  /** All entries, ordered by name. */
  async servers(signal?: AbortSignal): Promise<readonly Versioned<ServerRecord>[]> {
    return await this.#records.list(SERVERS, signal) as readonly Versioned<ServerRecord>[];
  }

  /**
   * Writes an entry.
   *
   * @param record The entry.
   * @param expected The version that was read; null for a new entry.
   * @returns The new version; undefined when another version is stored by now.
   */
  putServer(
    record: ServerRecord,
    expected: string | null,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const key = serverKey(record.name);
    return this.#records.commit({ checks: [{ key, version: expected }], sets: [{ key, record }] }, signal);
  }

  /** The tokens of an entry. */
  async credential(name: string, signal?: AbortSignal): Promise<Versioned<CredentialRecord> | undefined> {
    const [found] = await this.#records.read([credentialKey(name)], signal);
    return credentialOf(found, name);
  }

  /** The tokens of all entries that have some, ordered by name. */
  async credentials(signal?: AbortSignal): Promise<readonly Versioned<CredentialRecord>[]> {
    return await this.#records.list(CREDENTIALS, signal) as readonly Versioned<CredentialRecord>[];
  }

  /**
   * An entry and its tokens, in one consistent look: all that handing out a token needs.
   *
   * @returns Undefined when there is no such entry.
   */
  async serverWithCredential(name: string, signal?: AbortSignal): Promise<ServerWithCredential | undefined> {
    const found = await this.#records.read([serverKey(name), credentialKey(name)], signal);
    const server = serverOf(found[0], name);
    return server === undefined ? undefined : { server, credential: credentialOf(found[1], name) };
  }

  /**
   * Changes or deletes the tokens of an entry, if they are still the ones that were read.
   *
   * @param name The entry.
   * @param expected The version that was read; null where there was none.
   * @param next The new tokens; undefined deletes them.
   * @returns The new version; undefined when another version is stored by now, and nothing was written.
   */
  changeCredential(
    name: string,
    expected: string | null,
    next: CredentialRecord | undefined,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const key = credentialKey(name);
    return this.#records.commit({
      checks: [{ key, version: expected }],
      ...(next === undefined ? { deletes: [key] } : { sets: [{ key, record: { ...next, name } }] }),
    }, signal);
  }

  /**
   * Stores what a sign-in brought, together.
   *
   * @returns False when another version than expected is stored by now, and nothing was written.
   */
  async saveSignedIn(signedIn: SignedIn, signal?: AbortSignal): Promise<boolean> {
    const { server, credential, client, expected = {} } = signedIn;
    const [at, tokensAt] = [serverKey(server.name), credentialKey(server.name)];
    const version = await this.#records.commit({
      checks: [
        ...(expected.server === undefined ? [] : [{ key: at, version: expected.server }]),
        ...(expected.credential === undefined ? [] : [{ key: tokensAt, version: expected.credential }]),
      ],
      sets: [
        { key: at, record: server },
        { key: tokensAt, record: { ...credential, name: server.name } },
        { key: await clientKey(client.issuer, client.redirectShape), record: client },
      ],
    }, signal);
    return version !== undefined;
  }

  /**
   * Gives an entry another name, with its tokens and its own client registrations. The caller holds the entry's refresh
   * lock, since a refresh under way could not store its tokens under the old name.
   *
   * @throws {McpAuthError} `NOT_FOUND` when there is no such entry; `CONFIG_INVALID` when the new name is taken.
   */
  async rename(from: string, to: string, signal?: AbortSignal): Promise<void> {
    const { renameEntry } = await import("./entries.ts");
    await renameEntry(this.#records, from, to, signal);
  }

  /**
   * Removes an entry with its tokens and its own client registrations, also where they are damaged.
   *
   * @returns Whether there was such an entry.
   */
  async removeEntry(name: string, signal?: AbortSignal): Promise<boolean> {
    const { removeEntry } = await import("./entries.ts");
    return await removeEntry(this.#records, name, signal);
  }

  /**
   * The client registered at an issuer.
   *
   * @param issuer The issuer, byte for byte.
   * @param redirectShape What kind of redirect URI it is for.
   */
  async client(
    issuer: string,
    redirectShape: string,
    signal?: AbortSignal,
  ): Promise<ClientRecord | undefined> {
    const key = await clientKey(issuer, redirectShape);
    const [found] = await this.#records.read([key], signal);
    if (found === undefined) return undefined;
    const client = found.record as ClientRecord;
    if (client.issuer !== issuer || client.redirectShape !== redirectShape) throw damaged(key);
    return client;
  }

  /** All client registrations, in no order that means something. */
  async clients(signal?: AbortSignal): Promise<readonly Versioned<ClientRecord>[]> {
    return await this.#records.list(CLIENTS, signal) as readonly Versioned<ClientRecord>[];
  }

  /**
   * Changes or forgets a client registration, if it is still the one that was read.
   *
   * @param client The registration, as it was read; its issuer and redirect shape stay.
   * @param expected The version that was read.
   * @param next What takes its place; undefined forgets it.
   * @returns Whether it was; false when another version is stored by now, and nothing was written.
   */
  async changeClient(
    client: ClientRecord,
    expected: string,
    next: ClientRecord | undefined,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const key = await clientKey(client.issuer, client.redirectShape);
    const version = await this.#records.commit({
      checks: [{ key, version: expected }],
      ...(next === undefined ? { deletes: [key] } : { sets: [{ key, record: next }] }),
    }, signal);
    return version !== undefined;
  }

  /** Stores a client registration, in place of the one at the same issuer for the same redirect shape. */
  async putClient(client: ClientRecord, signal?: AbortSignal): Promise<void> {
    const key = await clientKey(client.issuer, client.redirectShape);
    await this.#records.commit({ sets: [{ key, record: client }] }, signal);
  }

  /** Forgets the client registration at an issuer for a redirect shape. */
  async deleteClient(issuer: string, redirectShape: string, signal?: AbortSignal): Promise<void> {
    await this.#records.commit({ deletes: [await clientKey(issuer, redirectShape)] }, signal);
  }

  /**
   * Forgets a dynamic registration, unless another has taken its place by now; one made by hand stays (row 9).
   *
   * @returns Whether it was there.
   */
  async forgetClient(client: ClientRecord, signal?: AbortSignal): Promise<boolean> {
    const { forgetClient } = await import("./entries.ts");
    return await forgetClient(this.#records, client, signal);
  }

  /** The providers that the user has defined. */
  async providers(): Promise<ProviderRecords> {
    const { providerRecords } = await import("./provider_records.ts");
    return providerRecords(this.#records);
  }

  /** When sign-ins to entries were attempted, by the entry's name; the entry need not be there yet. */
  get attempts(): AttemptTimes {
    return {
      read: async (name) => {
        const [found] = await this.#records.read([attemptKey(name)]);
        const { times } = (found?.record ?? { times: [] }) as { readonly times: readonly number[] };
        return { times, version: found?.version ?? null };
      },
      write: async (name, times, version) => {
        const key = attemptKey(name);
        return await this.#records.commit({
          checks: [{ key, version }],
          sets: [{ key, record: { times } }],
        }) !==
          undefined;
      },
    };
  }

  /** Which servers know no `initialize`. */
  get eras(): RememberedEras {
    return {
      read: async (name, url) => {
        const [found] = await this.#records.read([eraKey(name)]);
        const { url: at, revision } = (found?.record ?? {}) as {
          readonly url?: string;
          readonly revision?: string;
        };
        return at === url ? revision : undefined;
      },
      write: async (name, url, revision) => {
        const key = eraKey(name);
        await this.#records.commit(
          revision === undefined ? { deletes: [key] } : { sets: [{ key, record: { url, revision } }] },
        );
      },
    };
  }

  /** An entry with all that is its own, in one consistent look, and the versions that a write over it names. */
  async wholeEntry(
    name: string,
    signal?: AbortSignal,
  ): Promise<{ readonly entry: WholeEntry; readonly versions: EntryVersions } | undefined> {
    const { readWholeEntry } = await import("./whole_entries.ts");
    return await readWholeEntry(this.#records, name, signal);
  }

  /**
   * Writes entries in place of those that have their names, together where one commit holds them.
   *
   * @returns The names that were written: all, or those before the first that had another version than expected.
   */
  async putWholeEntries(writes: readonly EntryWrite[], signal?: AbortSignal): Promise<readonly string[]> {
    const { writeWholeEntries } = await import("./whole_entries.ts");
    return await writeWholeEntries(this.#records, writes, this.checksMax, signal);
  }

  /**
   * Forgets the tokens of some entries, at most {@linkcode checksMax}, of all or of none; says whether all still had the
   * versions that were read.
   */
  async forgetCredentials(
    tokens: readonly { readonly name: string; readonly version: string }[],
  ): Promise<boolean> {
    const { forgetCredentials } = await import("./whole_entries.ts");
    return await forgetCredentials(this.#records, tokens);
  }

  /** The kind of keystore that the store is sealed by; undefined for a store that is not made yet. */
  keystoreKind(signal?: AbortSignal): Promise<KeystoreKind | undefined> {
    return this.#records.keystoreKind(signal);
  }

  /**
   * What the store is sealed by, and whether it can be unlocked now.
   *
   * @returns Undefined for a store that is not made yet.
   */
  async keystoreState(signal?: AbortSignal): Promise<KeystoreState | undefined> {
    const { readKeystoreState } = await import("./keystore_state.ts");
    const { kv, dataKeys } = await this.#records.foundation(signal);
    return await readKeystoreState({
      kv,
      keystore: (kind) => dataKeys.keystore(kind),
      choose: (recorded) => dataKeys.choose(recorded),
    }, signal);
  }

  /**
   * Moves the store to another keystore, or renews its key in the one it has.
   *
   * @param locks The locks that all processes with this store share.
   * @param wanted The keystore to move to; undefined renews the key.
   * @param signal Ends the change as long as it can be undone.
   * @throws {McpAuthError} As `changeKeystore` says; the store is sealed as before then.
   */
  async changeKeystore(
    locks: Locks,
    wanted: KeystoreKind | undefined,
    signal?: AbortSignal,
  ): Promise<KeystoreChanged> {
    const { changeKeystore } = await import("./keystore_change.ts");
    const { kv, dataKeys } = await this.#records.foundation(signal);
    const { shared } = dataKeys;
    const ports = { kv, locks, shared, keystore: (kind: KeystoreKind) => dataKeys.keystore(kind) };
    return await changeKeystore(ports, wanted, signal);
  }

  /** The locks that all machines with this store share: leases in it. Where it is not remote, files do better. */
  async leases(): Promise<Locks> {
    const { leaseLocks } = await import("../../primitives/system/lease.ts");
    const kv = async (signal?: AbortSignal) => (await this.#records.foundation(signal)).kv;
    return leaseLocks({ kv, prefix: LEASES });
  }

  /** Ends the use of the store. */
  close(): void {
    this.#records[Symbol.dispose]();
  }

  /** Ends the use of the store. */
  [Symbol.dispose](): void {
    this.close();
  }
}

function serverOf(found: Versioned<unknown> | undefined, name: string): Versioned<ServerRecord> | undefined {
  const server = found as Versioned<ServerRecord> | undefined;
  if (server !== undefined && server.record.name !== name) throw damaged(serverKey(name));
  return server;
}

function credentialOf(
  found: Versioned<unknown> | undefined,
  name: string,
): Versioned<CredentialRecord> | undefined {
  const credential = found as Versioned<CredentialRecord> | undefined;
  if (credential !== undefined && credential.record.name !== name) throw damaged(credentialKey(name));
  return credential;
}
